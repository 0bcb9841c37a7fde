"""Exactly one job per task attempt: look, create, look again. PAI's create call has no client token."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial

from airflow_provider_pai.client.logs.checkpoint import constant_labels
from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
from airflow_provider_pai.errors import (
    APIError,
    PAIError,
    ProtocolError,
    ServerError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.training.adoption_warnings import warn_of_adoption
from airflow_provider_pai.lifecycle.training.job_finder import JobFinder
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs
from airflow_provider_pai.lifecycle.training.preparation import NOTHING_BEGUN, JobPreparation
from airflow_provider_pai.model.training.additions import NOTHING_ADDED, JobAdditions
from airflow_provider_pai.model.training.fingerprint import FINGERPRINT_LABEL
from airflow_provider_pai.model.training.ownership import (
    KEY_LABEL,
    MAX_TRIES_LABEL,
    TRY_LABEL,
    JobOwner,
    jobs_to_stop,
    label_number,
    plan_adoption,
)
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus, moment

DUPLICATE_WINDOW = timedelta(hours=1)
"""How much older a copy's job may be than this attempt's; an older success is of a deleted run."""
LOOK_AGAIN_SECONDS = 1.0
"""After so long a preparation another look is worth a request before the job is created."""
DUPLICATES_LIMIT = 120.0
"""Seconds that an outage may keep the look for duplicates away; meanwhile no person sees the job."""
NONCE_USED = "SignatureNonceUsed"
"""PAI has seen this very request already: something on the way has sent it twice, and the first may have worked."""


class Submission:
    """Submits, adopts and gives up the jobs of task attempts.

    Args:
        jobs: the workspace's jobs.
        preparation: makes a job ready to be created.
        workspace_id: the workspace.
        log: takes what a person should know.
        sleep: waits, in seconds.

    Attributes:
        unsettled: whether a create was sent and its job handed to no task yet: there may be one without an owner.
        unstopped: ids of jobs that could not be stopped.
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
        self._finder = JobFinder(jobs, log, sleep)
        self.unsettled = False
        self.unstopped: set[str] = set()

    def submit_or_adopt(
        self,
        spec: TrainingJobSpec,
        owner: JobOwner,
        job_name: str,
        outage_limit: float = OUTAGE_LIMIT,
        added: JobAdditions = NOTHING_ADDED,
    ) -> tuple[JobSnapshot, bool]:
        """Make sure that exactly one job of a task attempt exists.

        Args:
            spec: the job.
            owner: the attempt; its labels are put on the job.
            job_name: name of the job, if one must be created.
            outage_limit: seconds that PAI may be unreachable.
            added: what a new job gets beside that.

        Returns:
            The job, and whether it existed already.

        Raises:
            SpecError: the job can't work; nothing was submitted.
        """
        self._finder.outage_limit = outage_limit
        # A later try may find a job to adopt, and then has no need of anything else.
        with self._preparation.start(spec) if owner.is_first_try else nullcontext(NOTHING_BEGUN) as begun:
            found = self._finder.first_look(owner)
            began = time.time()
            self._stop_left_behind(owner, found)
            if adopted := self._adopt(owner, found):
                warn_of_adoption(self._log, self._preparation, spec, owner, adopted)
                return adopted, True
            known = {job.job_id for job in found}
            wanted = self._keep_image(spec, owner, found)
            ready = self._finder.ask(owner, lambda: self._preparation.prepare(wanted, job_name, owner.key, begun=begun))
            is_slow = time.time() - began > LOOK_AGAIN_SECONDS
            # While the code was uploaded, or this process slept, another copy of the attempt may have been quicker.
            if is_slow and (adopted := self._adopt(owner, self._finder.look(owner), known)):
                return adopted, True
            labels = {FINGERPRINT_LABEL: self._preparation.fingerprint(spec, owner), **owner.labels()}
            ready = added.applied(ready)
            created = self._create(replace(ready, labels={**ready.labels, **labels}), owner)
            kept = self._resolve_duplicates(created, owner, known)
            self.unsettled = False
            return kept, kept.job_id != created.job_id

    def adopt(self, owner: JobOwner) -> JobSnapshot | None:
        """Return the job of this attempt when there is one, and stop jobs that older generations left behind."""
        return self._adopt(owner, self._finder.look(owner))

    def adopt_duplicate(self, owner: JobOwner, job_id: str) -> JobSnapshot | None:
        """Return the job that a live copy of this attempt has kept, after it has stopped this one's.

        Args:
            owner: the attempt.
            job_id: the job that was stopped.
        """
        jobs = self._finder.look(owner)
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
        self._finder.end(owner)
        if job_id is not None:
            # First, since a list may be slow, and Airflow gives little time.
            self._stop_own(owner, self._get_if_possible(job_id))
        jobs = self._finder.list(owner)
        if not self._stop_own(owner, jobs) and self.unsettled:
            # Killed in the middle of a create, which PAI may carry out nevertheless.
            any(self._stop_own(owner, later) for later in self._finder.later_looks(owner))

    def _get_if_possible(self, job_id: str) -> list[JobSnapshot]:
        try:
            return [self._jobs.get(job_id)]
        except PAIError as error:
            self._log.warning("Job %s can't be read (%s); looking for it in the list", job_id, error)
            return []

    def stop_remaining(self) -> tuple[str, ...]:
        """Stop the jobs that could not be stopped before; return the ids of those that still can't."""
        for job_id in sorted(self.unstopped):
            self._stop(job_id)
        return tuple(sorted(self.unstopped))

    def jobs_of(self, owner: JobOwner) -> list[JobSnapshot]:
        """Return the jobs of a task instance, of all generations."""
        return self._finder.list(owner)

    def _stop_own(self, owner: JobOwner, jobs: Sequence[JobSnapshot]) -> bool:
        """Stop those of the jobs that are this attempt's; tell whether there were any."""
        own = jobs_to_stop(owner, jobs)
        for job in own:
            self._jobs.stop(job.job_id)
        return bool(own)

    def _stop(self, job_id: str) -> bool:
        """Stop a job; one that can't be stopped is kept in mind."""
        try:
            self._jobs.stop(job_id)
        except PAIError as error:
            self._log.warning("Job %s could not be stopped (%s)", job_id, error)
            self.unstopped.add(job_id)
            return False
        self.unstopped.discard(job_id)
        return True

    def _stop_left_behind(self, owner: JobOwner, jobs: Sequence[JobSnapshot]) -> None:
        """Stop what other generations of the task left running, before a job is submitted beside it.

        Raises:
            PAIError: one can't be stopped; nothing was submitted.
        """
        decision = plan_adoption(owner, jobs)
        for job_id in () if decision.superseded_by else decision.stop:
            self._log.warning("Stopping job %s, which another attempt or a deleted run of this task left", job_id)
            try:
                self._finder.ask(owner, partial(self._jobs.stop, job_id), DUPLICATES_LIMIT)
            except PAIError as error:
                raise PAIError(
                    f"job {job_id}, which another attempt of this task left, could not be stopped, and nothing was "
                    f"submitted beside it; stop it in PAI's console, or let the task be retried ({error})"
                ) from error

    def _adopt(
        self, owner: JobOwner, jobs: Sequence[JobSnapshot], known: Collection[str] | None = None
    ) -> JobSnapshot | None:
        """Adopt one of the jobs, if any; ``known`` are those that were there at the first look, None at that look."""
        appeared = [] if known is None else [job.job_id for job in jobs if job.job_id not in known]
        decision = plan_adoption(owner, jobs, appeared)
        if known is not None or decision.superseded_by:
            for job_id in decision.stop:
                self._log.warning("Stopping job %s, which another copy of this attempt left", job_id)
                self._stop(job_id)
        if newer := decision.superseded_by:
            raise PAIError(f"Superseded: the task was cleared, and job {newer.job_id} belongs to the newer attempt")
        if decision.adopt:
            self._claim(owner, decision.adopt)
        return decision.adopt

    def _claim(self, owner: JobOwner, job: JobSnapshot) -> None:
        """Take a job: from now on an earlier try that is still alive leaves it alone."""
        is_known = job.labels.get(KEY_LABEL) == owner.key and MAX_TRIES_LABEL in job.labels
        if is_known and label_number(job, TRY_LABEL) >= owner.try_number:
            return
        # All constant labels go along, should an update replace what was there.
        labels = {**constant_labels(job), **owner.claim()}
        self._jobs.label(
            job.job_id, labels, "an earlier copy of this task that is still alive may stop it when it ends"
        )

    def _keep_image(self, spec: TrainingJobSpec, owner: JobOwner, jobs: Sequence[JobSnapshot]) -> TrainingJobSpec:
        """Return the job with the image an earlier try of this generation ran with: a retry must not run another."""
        earlier = [job for job in jobs if owner.owns(job) and owner.is_of_generation(job)]
        if not earlier or not spec.image or owner.is_first_try:
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
        # Looked at after that, so that whatever ends the attempt from now on looks for the job.
        try:
            job_id = self._finder.ask(owner, lambda: self._create_once(spec, owner))
        except PAIError as error:
            unknown = error.__cause__ if isinstance(error, _UnknownOutcome) else None
            if not isinstance(unknown, PAIError):
                self.unsettled = False
                raise
            return self._look_after(unknown, owner, spec.job_name)
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

    def _create_once(self, spec: TrainingJobSpec, owner: JobOwner) -> str:
        """Create the job.

        Raises:
            _UnknownOutcome: the create may have happened; the one error that must not lead to another create.
        """
        self._finder.check(owner)
        try:
            return self._jobs.create(spec)
        except PAIError as error:
            if may_have_happened(error):
                raise _UnknownOutcome(str(error)) from error
            raise

    def _look_after(self, error: PAIError, owner: JobOwner, job_name: str) -> JobSnapshot:
        """The create may have happened although no usable answer came: look, with patience, before saying so.

        The name holds the moment of the submission, so it tells this job from those of other tries.
        """
        self._log.warning("No usable answer to CreateTrainingJob (%s); looking whether the job exists", error)
        for jobs in self._finder.later_looks(owner):
            if created := next((job for job in jobs if job.name == job_name), None):
                return created
        raise error

    def _resolve_duplicates(self, created: JobSnapshot, owner: JobOwner, known: Collection[str]) -> JobSnapshot:
        """Look once more: two live copies of one attempt may both have looked before either created its job.

        Both see both jobs now, choose the same one and stop the other.
        """
        try:
            listed, jobs = self._see_in_list(created, owner)
        except PAIError as error:
            if not (may_have_happened(error) or isinstance(error, ThrottledError)):
                raise
            # The job is there; that PAI can't be asked for others now is no reason to give it up.
            self._log.warning("Can't look for copies of job %s (%s)", created.job_id, error)
            return created
        if listed is None:
            self._log.warning("The list of jobs lags: it does not show job %s yet", created.job_id)
            return created
        chosen = self._adopt(owner, jobs, known) or listed
        return replace(created, status=listed.status) if chosen is listed else chosen

    def _see_in_list(self, created: JobSnapshot, owner: JobOwner) -> tuple[JobSnapshot | None, Sequence[JobSnapshot]]:
        """Return a job as the list has it, and the list; None when the list lags behind for too long."""
        jobs = self._finder.look(owner, DUPLICATES_LIMIT)
        later = self._finder.later_looks(owner, DUPLICATES_LIMIT)
        while not (listed := next((job for job in jobs if job.job_id == created.job_id), None)):
            if (more := next(later, None)) is None:
                return None, jobs
            jobs = more
        return listed, jobs


class _UnknownOutcome(PAIError):
    """A create that may have happened; its cause is the error itself."""


def may_have_happened(error: PAIError) -> bool:
    """Whether a create that failed so may have made a job nevertheless."""
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, APIError):
        is_server = isinstance(error, ServerError) and not isinstance(error, ThrottledError)
        return is_server or error.code == NONCE_USED
    return isinstance(error, ProtocolError)
