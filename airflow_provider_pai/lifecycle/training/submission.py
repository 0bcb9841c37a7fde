"""Exactly one job per task attempt: look, create, look again. PAI's create call has no client token."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_pai.api.training import create_training_job
from airflow_provider_pai.client.logs.checkpoint import constant_labels
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import PAIError, ProtocolError
from airflow_provider_pai.model.training.ownership import (
    GENERATION_LABEL,
    TRY_LABEL,
    JobIdentity,
    ending,
    held,
    number,
    plan,
)
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus, moment

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.training import PAITrainingHook

LIST_LAG_PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each further look for a job that may just have been created: a list may lag behind [inferred]."""


STOP_LOOKS, STOP_PAUSE, STOP_AGAIN = 30, 2.0, 10
"""How often, and every how many seconds, a job that is being stopped is looked at before another one is submitted; and
after how many looks it is stopped once more."""
TWIN_WINDOW = timedelta(hours=1)
"""How much older a copy's job may be than this attempt's; an older success is of a deleted run."""
LOOK_AGAIN_SECONDS = 1.0
"""After so long a preparation another look is worth a request before the job is created."""
EarlierImage = Callable[[], str | None]


class Submission:
    """Submits, adopts and gives up the jobs of task attempts.

    Args:
        hook: does what is done to a single job.
        sleep: waits, in seconds.

    Attributes:
        unsettled: whether a create was sent and its job given to nobody yet: there may be one that nobody looks after.
    """

    def __init__(self, hook: PAITrainingHook, sleep: Callable[[float], None]) -> None:
        self._hook = hook
        self._sleep = sleep
        self._over: set[JobIdentity] = set()
        self.unsettled = False

    def submit_or_adopt(
        self, identity: JobIdentity, prepared: Callable[[EarlierImage], TrainingJobSpec]
    ) -> tuple[JobSnapshot, bool]:
        """Make sure that exactly one job of a task attempt exists.

        Args:
            identity: the attempt; its labels are put on the job.
            prepared: makes the job ready to be submitted; is given what tells the image of an earlier try.

        Returns:
            The job, and whether it existed already.
        """
        jobs = self._jobs_at_rest(identity)
        began = time.time()
        if adopted := self._adopt(identity, jobs):
            return adopted, True
        known = {job.job_id for job in jobs}
        spec = prepared(partial(self._earlier_image, identity, jobs))
        if time.time() - began > LOOK_AGAIN_SECONDS and (adopted := self._adopt_new(identity, known)):
            # While the code was uploaded, or this process slept, another copy of the attempt was quicker.
            return adopted, True
        created = self._create(replace(spec, labels={**spec.labels, **identity.labels()}), identity)
        settled = self._settled(created, identity, known)
        self.unsettled = False
        return settled, settled.job_id != created.job_id

    def adopt(self, identity: JobIdentity) -> JobSnapshot | None:
        """Return the job of this attempt when there is one, and stop jobs that older generations left behind."""
        return self._adopt(identity, self.jobs_of(identity))

    def adopt_twin(self, identity: JobIdentity, job_id: str) -> JobSnapshot | None:
        """Return the job that a live copy of this attempt has kept, after it has stopped this one's.

        Args:
            identity: the attempt.
            job_id: the job that was stopped.
        """
        jobs = self.jobs_of(identity)
        mine = next((moment(job.created) for job in jobs if job.job_id == job_id), None)
        since = mine - TWIN_WINDOW if mine else None
        old = {job.job_id for job in jobs if since is None or (moment(job.created) or since) < since}
        return self._adopt(identity, jobs, old)

    def stop_own(self, identity: JobIdentity, job_id: str | None) -> None:
        """Stop what an attempt has running, but for a job that a later try has taken.

        Args:
            identity: the attempt.
            job_id: its job, when it is known; a list may lag behind its creation.
        """
        self._over.add(identity)
        if job_id is not None:
            # First, since a list may be slow, and Airflow gives little time.
            self._stop_held(identity, [self._hook.get(job_id)])
        jobs = self.jobs_of(identity)
        if not self._stop_held(identity, jobs) and self.unsettled:
            # Killed in the middle of a create, which PAI may carry out all the same.
            any(self._stop_held(identity, later) for later in self._later_looks(identity))

    def _stop_held(self, identity: JobIdentity, jobs: Sequence[JobSnapshot]) -> bool:
        """Stop those of the jobs that are this attempt's; tell whether there were any."""
        own = held(identity, jobs)
        for job in own:
            self._hook.stop(job.job_id)
        return bool(own)

    def jobs_of(self, identity: JobIdentity) -> list[JobSnapshot]:
        """Return the jobs of a task instance, of all generations."""
        return self._hook.jobs(identity.filter())

    def _jobs_at_rest(self, identity: JobIdentity) -> list[JobSnapshot]:
        """Return the jobs when none of this generation is being stopped any more.

        Until then both would be paid for, and the one that is being stopped may still be quicker and succeed.
        """
        jobs = self.jobs_of(identity)
        for look in range(STOP_LOOKS):
            leaving = ending(identity, jobs)
            if not leaving:
                break
            if look % STOP_AGAIN == 0:
                self._stop_again(leaving)
            self._sleep(STOP_PAUSE)
            jobs = self.jobs_of(identity)
        return jobs

    def _stop_again(self, jobs: Sequence[JobSnapshot]) -> None:
        """Stop jobs that are marked as being stopped: the mark may be all that has arrived."""
        for job in jobs:
            self._hook.log.info("Waiting until job %s, which is being stopped, has ended", job.job_id)
            try:
                self._hook.stop(job.job_id)
            except PAIError as error:
                self._hook.log.warning("Job %s could not be stopped (%s)", job.job_id, error)

    def _adopt_new(self, identity: JobIdentity, known: Collection[str]) -> JobSnapshot | None:
        return self._adopt(identity, self.jobs_of(identity), known)

    def _adopt(
        self, identity: JobIdentity, jobs: Sequence[JobSnapshot], known: Collection[str] | None = None
    ) -> JobSnapshot | None:
        """Adopt one of the jobs, if any; ``known`` are those that were there at the first look, None at that look."""
        appeared = [] if known is None else [job.job_id for job in jobs if job.job_id not in known]
        decision = plan(identity, jobs, appeared)
        for job_id in decision.stop:
            self._hook.log.warning("Stopping job %s, which another attempt of this task left behind", job_id)
            self._hook.stop(job_id)
        if newer := decision.superseded_by:
            raise PAIError(f"this attempt is over: the task was cleared since, and job {newer.job_id} is the new one's")
        if decision.adopt and number(decision.adopt, TRY_LABEL) < identity.try_number:
            # From now on an earlier try that is still alive leaves the job alone.
            # All constant labels go along, should an update replace what was there.
            labels = constant_labels(decision.adopt)
            self._hook.label(decision.adopt.job_id, {**labels, TRY_LABEL: str(identity.try_number)})
        return decision.adopt

    def _earlier_image(self, identity: JobIdentity, jobs: Sequence[JobSnapshot]) -> str | None:
        """Return the image an earlier try of this generation ran with: a retry must not run another one."""
        earlier = [job for job in jobs if number(job, GENERATION_LABEL) == identity.generation]
        if not earlier:
            return None
        try:
            return self._hook.get(max(earlier, key=lambda job: (job.created, job.job_id)).job_id).image_uri or None
        except PAIError as error:
            self._hook.log.warning("The image of the earlier try can't be read (%s); choosing one anew", error)
            return None

    def _create(self, spec: TrainingJobSpec, identity: JobIdentity) -> JobSnapshot:
        self.unsettled = True
        # Looked at after that, so that whoever ends the attempt from now on looks for the job.
        if identity in self._over:
            self.unsettled = False
            raise PAIError("the task is being ended; nothing was submitted")
        try:
            job_id = self._hook.client.send(create_training_job(create_body(spec, self._hook.config.workspace_id)))
        except PAIError as error:
            if not may_have_happened(error):
                self.unsettled = False
                raise
            return self._found_after(error, identity, spec.job_name)
        return JobSnapshot(
            job_id,
            JobStatus.CREATING,
            name=spec.job_name,
            workspace_id=self._hook.config.workspace_id,
            labels=spec.labels,
            outputs=spec.outputs,
            image_uri=spec.image_uri or "",
            code_uri=spec.code.uri if spec.code else "",
        )

    def _found_after(self, error: PAIError, identity: JobIdentity, job_name: str) -> JobSnapshot:
        """The create may have happened although no good answer came: look, with patience, before saying so.

        The name holds the moment of the submission, so it tells this job from those of other tries.
        """
        self._hook.log.warning("No usable answer to CreateTrainingJob (%s); looking whether the job exists", error)
        for jobs in self._later_looks(identity):
            if created := next((job for job in jobs if job.name == job_name), None):
                return created
        raise error

    def _settled(self, created: JobSnapshot, identity: JobIdentity, known: Collection[str]) -> JobSnapshot:
        try:
            return self._settle(created, identity, known)
        except PAIError as error:
            if not may_have_happened(error):
                raise
            # The job is there; that PAI can't be asked for others now is no reason to give it up.
            self._hook.log.warning("Can't look for copies of job %s (%s)", created.job_id, error)
            return created

    def _settle(self, created: JobSnapshot, identity: JobIdentity, known: Collection[str]) -> JobSnapshot:
        """Look once more: two live copies of one attempt may both have looked before either created its job.

        Both see both jobs now, choose the same one and stop the other.
        """
        for jobs in self._looks(identity):
            listed = next((job for job in jobs if job.job_id == created.job_id), None)
            if listed is not None:
                chosen = self._adopt(identity, jobs, known) or listed
                return replace(created, status=listed.status) if chosen is listed else chosen
        self._hook.log.warning("The list of jobs lags: it does not show job %s yet", created.job_id)
        return created

    def _looks(self, identity: JobIdentity) -> Iterator[list[JobSnapshot]]:
        yield self.jobs_of(identity)
        yield from self._later_looks(identity)

    def _later_looks(self, identity: JobIdentity) -> Iterator[list[JobSnapshot]]:
        for pause in LIST_LAG_PAUSES:
            self._sleep(pause)
            yield self.jobs_of(identity)


def may_have_happened(error: PAIError) -> bool:
    """Whether a create that failed so may have made a job all the same."""
    return getattr(error, "sent", True) and (is_passing(error) or isinstance(error, ProtocolError))
