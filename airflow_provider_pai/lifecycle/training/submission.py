"""Exactly one job per task attempt: look, create, look again. PAI's create call has no client token."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

from airflow_provider_pai.client.logs.checkpoint import constant_labels
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import PAIError, ProtocolError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs
from airflow_provider_pai.lifecycle.training.preparation import NOTHING_BEGUN, JobPreparation
from airflow_provider_pai.model.training.ownership import (
    GENERATION_LABEL,
    TRY_LABEL,
    JobOwner,
    jobs_being_stopped,
    jobs_to_stop,
    label_number,
    plan_adoption,
)
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus, moment

LIST_LAG_PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each further look for a job that may just have been created: a list may lag behind [inferred]."""


STOP_LOOKS, STOP_PAUSE, STOP_AGAIN = 30, 2.0, 10
"""How often, and every how many seconds, a job that is being stopped is looked at before another one is submitted; and
after how many looks it is stopped once more."""
DUPLICATE_WINDOW = timedelta(hours=1)
"""How much older a copy's job may be than this attempt's; an older success is of a deleted run."""
LOOK_AGAIN_SECONDS = 1.0
"""After so long a preparation another look is worth a request before the job is created."""


class Submission:
    """Submits, adopts and gives up the jobs of task attempts.

    Args:
        jobs: the workspace's jobs.
        preparation: makes a job ready to be created.
        workspace_id: the workspace.
        log: takes what a person should know.
        sleep: waits, in seconds.

    Attributes:
        unsettled: whether a create was sent and its job given to nobody yet: there may be one that nobody looks after.
    """

    def __init__(
        self,
        jobs: TrainingJobs,
        preparation: JobPreparation,
        workspace_id: str,
        log: Log,
        sleep: Callable[[float], None],
    ) -> None:
        self._jobs = jobs
        self._preparation = preparation
        self._workspace_id = workspace_id
        self._log = log
        self._sleep = sleep
        self._over: set[JobOwner] = set()
        self.unsettled = False

    def submit_or_adopt(self, spec: TrainingJobSpec, owner: JobOwner, job_name: str) -> tuple[JobSnapshot, bool]:
        """Make sure that exactly one job of a task attempt exists.

        Args:
            spec: the job.
            owner: the attempt; its labels are put on the job.
            job_name: name of the job, if one must be created.

        Returns:
            The job, and whether it existed already.

        Raises:
            SpecError: the job can't work; nothing was submitted.
        """
        # A later try may find a job to adopt, and then has no need of anything else.
        with self._preparation.start(spec) if owner.is_first_try else nullcontext(NOTHING_BEGUN) as begun:
            found = self._wait_for_stops(owner)
            began = time.time()
            if adopted := self._adopt(owner, found):
                return adopted, True
            known = {job.job_id for job in found}
            wanted = self._keep_image(spec, owner, found)
            ready = self._preparation.prepare(wanted, job_name, owner.key, begun=begun)
            if time.time() - began > LOOK_AGAIN_SECONDS and (adopted := self._adopt(owner, self.jobs_of(owner), known)):
                # While the code was uploaded, or this process slept, another copy of the attempt was quicker.
                return adopted, True
            created = self._create(replace(ready, labels={**ready.labels, **owner.labels()}), owner)
            kept = self._resolve_duplicates(created, owner, known)
            self.unsettled = False
            return kept, kept.job_id != created.job_id

    def adopt(self, owner: JobOwner) -> JobSnapshot | None:
        """Return the job of this attempt when there is one, and stop jobs that older generations left behind."""
        return self._adopt(owner, self.jobs_of(owner))

    def adopt_duplicate(self, owner: JobOwner, job_id: str) -> JobSnapshot | None:
        """Return the job that a live copy of this attempt has kept, after it has stopped this one's.

        Args:
            owner: the attempt.
            job_id: the job that was stopped.
        """
        jobs = self.jobs_of(owner)
        mine = next((moment(job.created) for job in jobs if job.job_id == job_id), None)
        since = mine - DUPLICATE_WINDOW if mine else None
        old = {job.job_id for job in jobs if since is None or (moment(job.created) or since) < since}
        return self._adopt(owner, jobs, old)

    def stop_own(self, owner: JobOwner, job_id: str | None) -> None:
        """Stop what an attempt has running, but for a job that a later try has taken.

        Args:
            owner: the attempt.
            job_id: its job, when it is known; a list may lag behind its creation.
        """
        self._over.add(owner)
        if job_id is not None:
            # First, since a list may be slow, and Airflow gives little time.
            self._stop_own(owner, [self._jobs.get(job_id)])
        jobs = self.jobs_of(owner)
        if not self._stop_own(owner, jobs) and self.unsettled:
            # Killed in the middle of a create, which PAI may carry out all the same.
            any(self._stop_own(owner, later) for later in self._later_looks(owner))

    def _stop_own(self, owner: JobOwner, jobs: Sequence[JobSnapshot]) -> bool:
        """Stop those of the jobs that are this attempt's; tell whether there were any."""
        own = jobs_to_stop(owner, jobs)
        for job in own:
            self._jobs.stop(job.job_id)
        return bool(own)

    def jobs_of(self, owner: JobOwner) -> list[JobSnapshot]:
        """Return the jobs of a task instance, of all generations."""
        return self._jobs.list(owner.filter())

    def _wait_for_stops(self, owner: JobOwner) -> list[JobSnapshot]:
        """Return the jobs when none of this generation is being stopped any more.

        Until then both would be paid for, and the one that is being stopped may still be quicker and succeed.
        """
        jobs = self.jobs_of(owner)
        for look in range(STOP_LOOKS):
            leaving = jobs_being_stopped(owner, jobs)
            if not leaving:
                break
            if look % STOP_AGAIN == 0:
                self._stop_again(leaving)
            self._sleep(STOP_PAUSE)
            jobs = self.jobs_of(owner)
        return jobs

    def _stop_again(self, jobs: Sequence[JobSnapshot]) -> None:
        """Stop jobs that are marked as being stopped: the mark may be all that has arrived."""
        for job in jobs:
            self._log.info("Waiting until job %s, which is being stopped, has ended", job.job_id)
            try:
                self._jobs.stop(job.job_id)
            except PAIError as error:
                self._log.warning("Job %s could not be stopped (%s)", job.job_id, error)

    def _adopt(
        self, owner: JobOwner, jobs: Sequence[JobSnapshot], known: Collection[str] | None = None
    ) -> JobSnapshot | None:
        """Adopt one of the jobs, if any; ``known`` are those that were there at the first look, None at that look."""
        appeared = [] if known is None else [job.job_id for job in jobs if job.job_id not in known]
        decision = plan_adoption(owner, jobs, appeared)
        for job_id in decision.stop:
            self._log.warning("Stopping job %s, which another attempt of this task left behind", job_id)
            self._jobs.stop(job_id)
        if newer := decision.superseded_by:
            raise PAIError(f"this attempt is over: the task was cleared since, and job {newer.job_id} is the new one's")
        if decision.adopt and label_number(decision.adopt, TRY_LABEL) < owner.try_number:
            # From now on an earlier try that is still alive leaves the job alone.
            # All constant labels go along, should an update replace what was there.
            labels = constant_labels(decision.adopt)
            self._jobs.label(decision.adopt.job_id, {**labels, TRY_LABEL: str(owner.try_number)})
        return decision.adopt

    def _keep_image(self, spec: TrainingJobSpec, owner: JobOwner, jobs: Sequence[JobSnapshot]) -> TrainingJobSpec:
        """Return the job with the image an earlier try of this generation ran with: a retry must not run another."""
        earlier = [job for job in jobs if label_number(job, GENERATION_LABEL) == owner.generation]
        if not earlier or not spec.image:
            return spec
        latest = max(earlier, key=lambda job: (job.created, job.job_id))
        try:
            image_uri = self._jobs.get(latest.job_id).image_uri
        except PAIError as error:
            self._log.warning("The image of the earlier try can't be read (%s); choosing one anew", error)
            return spec
        if not image_uri:
            return spec
        self._log.info("The image of the earlier try is kept: %s", image_uri)
        return replace(spec, image_uri=image_uri, image=None)

    def _create(self, spec: TrainingJobSpec, owner: JobOwner) -> JobSnapshot:
        self.unsettled = True
        # Looked at after that, so that whoever ends the attempt from now on looks for the job.
        if owner in self._over:
            self.unsettled = False
            raise PAIError("the task is being ended; nothing was submitted")
        try:
            job_id = self._jobs.create(spec)
        except PAIError as error:
            if not may_have_happened(error):
                self.unsettled = False
                raise
            return self._look_after(error, owner, spec.job_name)
        return JobSnapshot(
            job_id,
            JobStatus.CREATING,
            name=spec.job_name,
            workspace_id=self._workspace_id,
            labels=spec.labels,
            outputs=spec.outputs,
            image_uri=spec.image_uri or "",
            code_uri=spec.code.uri if spec.code else "",
        )

    def _look_after(self, error: PAIError, owner: JobOwner, job_name: str) -> JobSnapshot:
        """The create may have happened although no good answer came: look, with patience, before saying so.

        The name holds the moment of the submission, so it tells this job from those of other tries.
        """
        self._log.warning("No usable answer to CreateTrainingJob (%s); looking whether the job exists", error)
        for jobs in self._later_looks(owner):
            if created := next((job for job in jobs if job.name == job_name), None):
                return created
        raise error

    def _resolve_duplicates(self, created: JobSnapshot, owner: JobOwner, known: Collection[str]) -> JobSnapshot:
        try:
            return self._keep_one(created, owner, known)
        except PAIError as error:
            if not may_have_happened(error):
                raise
            # The job is there; that PAI can't be asked for others now is no reason to give it up.
            self._log.warning("Can't look for copies of job %s (%s)", created.job_id, error)
            return created

    def _keep_one(self, created: JobSnapshot, owner: JobOwner, known: Collection[str]) -> JobSnapshot:
        """Look once more: two live copies of one attempt may both have looked before either created its job.

        Both see both jobs now, choose the same one and stop the other.
        """
        for jobs in self._looks(owner):
            listed = next((job for job in jobs if job.job_id == created.job_id), None)
            if listed is not None:
                chosen = self._adopt(owner, jobs, known) or listed
                return replace(created, status=listed.status) if chosen is listed else chosen
        self._log.warning("The list of jobs lags: it does not show job %s yet", created.job_id)
        return created

    def _looks(self, owner: JobOwner) -> Iterator[list[JobSnapshot]]:
        yield self.jobs_of(owner)
        yield from self._later_looks(owner)

    def _later_looks(self, owner: JobOwner) -> Iterator[list[JobSnapshot]]:
        for pause in LIST_LAG_PAUSES:
            self._sleep(pause)
            yield self.jobs_of(owner)


def may_have_happened(error: PAIError) -> bool:
    """Whether a create that failed so may have made a job all the same."""
    return getattr(error, "sent", True) and (is_passing(error) or isinstance(error, ProtocolError))
