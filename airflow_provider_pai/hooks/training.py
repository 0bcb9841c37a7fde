"""Training jobs: everything a task does to its job, each one method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow_provider_pai.api import training as calls
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.endpoints import console_url
from airflow_provider_pai.client.http import is_passing, utc_now
from airflow_provider_pai.client.logs import LogReader, log_tail
from airflow_provider_pai.client.patience import OUTAGE_LIMIT, Patience
from airflow_provider_pai.client.waiting import wait_for_end
from airflow_provider_pai.errors import APIError, NotFoundError, PAIError, ProtocolError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.preparation import JobPreparation
from airflow_provider_pai.model.create_body import create_body
from airflow_provider_pai.model.identity import (
    GENERATION_LABEL,
    STOPPING_LABEL,
    TRY_LABEL,
    JobIdentity,
    held,
    number,
    plan,
)
from airflow_provider_pai.model.masking import masked
from airflow_provider_pai.model.spec import TrainingJobSpec
from airflow_provider_pai.model.status import JobSnapshot, JobStatus, moment

LOOK_BACK = timedelta(days=30)
"""How far back a task looks for a job of its own."""
LIST_LAG_PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each further look after a lost answer: a list may lag behind a create [inferred]."""
PREVIEW_KEY = "preview"
"""Stands in the outputs of a preview for what tells a task's jobs from those of others."""
_TAIL_LINES = 50


class PAITrainingHook(PAIBaseHook):
    """Submits, adopts, watches and stops training jobs.

    Args:
        pai_conn_id: id of the Airflow connection. Default ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        pai_conn_id: str = PAIBaseHook.default_conn_name,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(pai_conn_id, region_id=region_id, workspace_id=workspace_id)
        self._sleep = sleep

    def problems(self, spec: TrainingJobSpec, known: Sequence[str] = ()) -> list[str]:
        """Return what is wrong with a job beyond its spec, see :meth:`JobPreparation.problems`."""
        return self._preparation.problems(spec, known)

    def preview(
        self, spec: TrainingJobSpec, job_name: str | None = None, identity: JobIdentity | None = None
    ) -> dict[str, Any]:
        """Return the request that would create a job; values whose names look secret are masked.

        Nothing is uploaded and nothing submitted; look-ups are made as for a submission.

        Args:
            spec: the job.
            job_name: its name. Default: the spec's ``base_job_name``.
            identity: the attempt that would submit it; adds its labels.

        Returns:
            ``action``, ``method``, ``url`` and ``body``.

        Raises:
            SpecError: the job can't work.
        """
        key = identity.key if identity else PREVIEW_KEY
        prepared = self._preparation.prepared(spec, job_name or spec.base_job_name, key, upload=False)
        call = self._create_call(_labelled(prepared, identity) if identity else prepared)
        url = self.config.url(call.service) + call.path
        return {"action": call.action, "method": call.method, "url": url, "body": masked(call.body)}

    def submit_or_adopt(self, spec: TrainingJobSpec, identity: JobIdentity, job_name: str) -> tuple[JobSnapshot, bool]:
        """Make sure that exactly one job of this task attempt exists.

        Args:
            spec: the job.
            identity: the attempt; its labels are put on the job.
            job_name: name of the job, if one must be submitted.

        Returns:
            The job, and whether it existed already.

        Raises:
            SpecError: the job can't work; nothing was submitted.
        """
        jobs = self._jobs_of(identity)
        if adopted := self._adopt(identity, jobs):
            return adopted, True
        if spec.image and (image_uri := self._earlier_image(identity, jobs)):
            self.log.info("The image of the earlier try is kept: %s", image_uri)
            spec = replace(spec, image_uri=image_uri, image=None)
        prepared = self._preparation.prepared(spec, job_name, identity.key)
        return self._create(_labelled(prepared, identity), identity), False

    def adopt(self, identity: JobIdentity) -> JobSnapshot | None:
        """Return the job of this attempt when there is one, and stop jobs that older generations left behind."""
        return self._adopt(identity, self._jobs_of(identity))

    def _adopt(self, identity: JobIdentity, jobs: Sequence[JobSnapshot]) -> JobSnapshot | None:
        decision = plan(identity, jobs)
        for job_id in decision.stop:
            self.log.warning("Stopping job %s, which an earlier attempt of this task left behind", job_id)
            self.stop(job_id)
        if newer := decision.superseded_by:
            raise PAIError(f"this attempt is over: the task was cleared since, and job {newer.job_id} is the new one's")
        if decision.adopt and number(decision.adopt, TRY_LABEL) < identity.try_number:
            # From now on an earlier try that is still alive leaves the job alone.
            self._label(decision.adopt.job_id, {TRY_LABEL: str(identity.try_number)})
        return decision.adopt

    def _earlier_image(self, identity: JobIdentity, jobs: Sequence[JobSnapshot]) -> str:
        """Return the image an earlier try of this generation ran with: a retry must not run another one."""
        earlier = [job for job in jobs if number(job, GENERATION_LABEL) == identity.generation]
        if not earlier:
            return ""
        try:
            return self.get(max(earlier, key=lambda job: (job.created, job.job_id)).job_id).image_uri
        except PAIError as error:
            self.log.warning("The image of the earlier try can't be read (%s); choosing one anew", error)
            return ""

    def stop_own(self, identity: JobIdentity, job_id: str | None = None) -> None:
        """Stop what an attempt has running, but for a job that a later try has taken.

        Args:
            identity: the attempt.
            job_id: its job, when it is known; a list may lag behind its creation.
        """
        jobs = self._jobs_of(identity)
        if job_id is not None and job_id not in {job.job_id for job in jobs}:
            jobs.append(self.get(job_id))
        for job in held(identity, jobs):
            self.stop(job.job_id)

    def get(self, job_id: str) -> JobSnapshot:
        """Return a job as it is now.

        Raises:
            NotFoundError: there is no such job.
        """
        return self.client.send(calls.get_training_job(job_id))

    def stop(self, job_id: str) -> None:
        """Stop a job; one that has ended, or is gone, is left as it is."""
        self._label(job_id, {STOPPING_LABEL: "true"})
        try:
            self.client.send(calls.stop_training_job(job_id))
        except NotFoundError:
            self.log.info("Job %s is gone; there is nothing to stop", job_id)
        except APIError as error:
            # What PAI answers when the job has ended already is not documented, so its status decides [inferred].
            if is_passing(error) or not self.get(job_id).is_terminal:
                raise

    def wait(
        self,
        job_id: str,
        *,
        interval: float,
        show: Callable[[Iterable[str]], None],
        outage_limit: float = OUTAGE_LIMIT,
    ) -> JobSnapshot:
        """Wait in this process until a job has ended.

        Args:
            job_id: the job.
            interval: seconds between two looks.
            show: is given the job's log lines as they come.
            outage_limit: seconds that PAI may be unreachable.
        """
        return wait_for_end(
            self.client,
            job_id,
            interval=interval,
            patience=Patience(self.log.warning, outage_limit),
            logs=LogReader(self.client, job_id, self.log.warning),
            show=show,
            changed=lambda job: self.log.info("Job %s is %s", job_id, describe(job)),
            sleep=self._sleep,
        )

    def log_tail(self, job_id: str, count: int = _TAIL_LINES) -> tuple[str, ...]:
        """Return a job's last log lines, oldest first; empty when they can't be read."""
        return log_tail(self.client, job_id, count)

    def console_url(self, job_id: str) -> str:
        """Return the page of a job in PAI's console."""
        return console_url(self.config.region_id, self.config.workspace_id, job_id)

    def _jobs_of(self, identity: JobIdentity) -> list[JobSnapshot]:
        since = utc_now() - LOOK_BACK
        found: list[JobSnapshot] = []
        page = 1
        while True:
            call = calls.list_training_jobs(
                self.config.workspace_id, start_time=since, labels=identity.filter(), page=page
            )
            answer = self.client.send(call)
            found += answer.jobs
            if not answer.jobs or len(found) >= answer.total:
                return found
            page += 1

    def _label(self, job_id: str, labels: Mapping[str, str]) -> None:
        """Put labels on a job; they make races rarer, so a failure is told and nothing more."""
        try:
            self.client.send(calls.update_training_job_labels(job_id, labels), attempts=2)
        except PAIError as error:
            self.log.info("Job %s could not be labelled (%s)", job_id, error)

    @cached_property
    def _preparation(self) -> JobPreparation:
        return JobPreparation(self)

    def _create_call(self, spec: TrainingJobSpec) -> Call[str]:
        return calls.create_training_job(create_body(spec, self.config.workspace_id))

    def _create(self, spec: TrainingJobSpec, identity: JobIdentity) -> JobSnapshot:
        try:
            job_id = self.client.send(self._create_call(spec))
        except PAIError as error:
            return self._after_lost_answer(error, identity, spec.job_name)
        return JobSnapshot(
            job_id,
            JobStatus.CREATING,
            name=spec.job_name,
            workspace_id=self.config.workspace_id,
            labels=spec.labels,
            outputs=spec.outputs,
            image_uri=spec.image_uri or "",
            code_uri=spec.code.uri if spec.code else "",
        )

    def _after_lost_answer(self, error: PAIError, identity: JobIdentity, job_name: str) -> JobSnapshot:
        """The create may have happened although no good answer came: look, with patience, before saying so.

        The name holds the moment of the submission, so it tells this job from those of other tries.
        """
        if not _may_have_happened(error):
            raise error
        self.log.warning("No usable answer to CreateTrainingJob (%s); looking whether the job exists", error)
        for pause in LIST_LAG_PAUSES:
            self._sleep(pause)
            if created := next((job for job in self._jobs_of(identity) if job.name == job_name), None):
                return created
        raise error


def _labelled(spec: TrainingJobSpec, identity: JobIdentity) -> TrainingJobSpec:
    return replace(spec, labels={**spec.labels, **identity.labels()})


def describe(job: JobSnapshot) -> str:
    """Return a job's status with its reason and, for a new status, since when."""
    since = moment(job.transitions[-1].start) if job.transitions else None
    details = [part for part in (job.reason, f"since {since:%H:%M:%S} UTC" if since else "") if part]
    return f"{job.status} ({', '.join(details)})" if details else job.status


def _may_have_happened(error: PAIError) -> bool:
    return getattr(error, "sent", True) and (is_passing(error) or isinstance(error, ProtocolError))
