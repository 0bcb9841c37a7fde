"""The training jobs of one workspace: each operation one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_pai.api import training as calls
from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call, text_of
from airflow_provider_pai.client.transport.http import is_passing, utc_now
from airflow_provider_pai.client.transport.listing import list_all
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import APIError, AuthError, NotFoundError, PAIError, ProtocolError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.model.training.owner_labels import readable
from airflow_provider_pai.model.training.ownership import LOOK_BACK, STOPPED_BY_LABEL, STOPPING, STOPPING_LABEL
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec

if TYPE_CHECKING:
    import builtins

    from airflow_provider_pai.model.training.status import JobSnapshot

LABEL_RIGHT = "pai:UpdateTrainingJobLabels"
"""RAM action of the call that labels a job [inferred: the name of the operation]."""

MOST_BARE_JOBS = 20
"""Jobs without labels that are asked for one by one after a list by labels; more mean that the list is not that one."""


class TrainingJobs:
    """Reads, creates, labels and stops the training jobs of a workspace.

    Args:
        client: sends the calls.
        workspace_id: the workspace.
        log: takes what a person should know.
    """

    def __init__(self, client: Sender, workspace_id: str, log: Log) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._log = log

    def create(self, spec: TrainingJobSpec) -> str:
        """Create a job and return its id. PAI has no client token: sent twice, it makes two.

        Args:
            spec: the job, with nothing left to fill in.
        """
        return self._client.send(calls.create_training_job(create_body(spec, self._workspace_id)))

    def get(self, job_id: str) -> JobSnapshot:
        """Return a job as it is now.

        Raises:
            NotFoundError: there is no such job.
        """
        return self._client.send(calls.get_training_job(job_id))

    def list(self, labels: Mapping[str, str], *, status: str | None = None) -> builtins.list[JobSnapshot]:
        """Return the jobs of the last 30 days that carry all labels, newest first.

        Args:
            labels: names and values.
            status: only jobs in this status.

        Raises:
            ProtocolError: the list is incomplete; "there is no job" leads to a new one, so it must be certain.
        """
        since = utc_now() - LOOK_BACK

        def page(number: int) -> Call[Page[JobSnapshot]]:
            return calls.list_training_jobs(
                self._workspace_id, start_time=since, labels=labels, status=status, page=number
            )

        found = list_all(self._client, page, key=lambda job: job.job_id)
        return self._with_labels(found) if labels else found

    def _with_labels(self, found: Sequence[JobSnapshot]) -> builtins.list[JobSnapshot]:
        """Ask for jobs that were listed by their labels and show none: they are not another task's for that."""
        bare = [job for job in found if not job.labels]
        if len(bare) > MOST_BARE_JOBS:
            raise ProtocolError(f"ListTrainingJobs: {len(bare)} of the jobs that were listed by labels show none")
        return [job if job.labels else self.get(job.job_id) for job in found]

    def stop(self, job_id: str, *, by: str = "") -> None:
        """Stop a job; one that has ended, or is gone, is left as it is.

        Args:
            job_id: the job.
            by: who wants it, when that is a person: then its task fails with the error for a stop by a person.
                Default: Airflow does, for an attempt that is over.
        """
        if text_of("by", by):
            self.label(job_id, {STOPPED_BY_LABEL: readable(by)}, "its task can't tell who stopped it")
        else:
            self.label(job_id, {STOPPING_LABEL: STOPPING}, "another copy of the task may adopt it while it ends")
        try:
            self._client.send(calls.stop_training_job(job_id))
        except NotFoundError:
            self._log.info("Job %s is gone; there is nothing to stop", job_id)
        except APIError as error:
            # What PAI answers when the job has ended already is not documented, so its status decides [inferred].
            if is_passing(error) or not self.get(job_id).is_terminal:
                raise

    def label(self, job_id: str, labels: Mapping[str, str], risk: str) -> bool:
        """Put labels on a job; tell whether they are there now.

        Labels make races rarer, so a failure is logged and nothing more.

        Args:
            job_id: the job.
            labels: names and values.
            risk: what may happen without them.
        """
        call = calls.update_training_job_labels(job_id, labels)
        try:
            self._client.send(call, attempts=2)
        except PAIError as error:
            advice = f". Give the RAM user the right {LABEL_RIGHT}" if isinstance(error, AuthError) else ""
            self._log.warning("Job %s could not be labelled, so %s%s (%s)", job_id, risk, advice, error)
            return False
        return True
