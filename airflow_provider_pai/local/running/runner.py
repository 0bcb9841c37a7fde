"""The queue of local jobs and their slots; it and the lives it starts are the only writers of job state."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.jobs.quota_usage import Amount, requested_amount
from airflow_provider_pai.local.jobs.store import LOCAL, Record
from airflow_provider_pai.local.jobs.transitions import Outcome, is_terminal
from airflow_provider_pai.local.running.ports import Ports
from airflow_provider_pai.local.running.queue import Queue
from airflow_provider_pai.local.running.runner_context import CancellationToken, RunnerContext
from airflow_provider_pai.model.training.status import JobStatus

if TYPE_CHECKING:
    from airflow_provider_pai.local.running.job_run import JobRun

logger = logging.getLogger(__name__)

_SPARE_SECONDS = 30.0


class Runner:
    """Runs jobs, a limited number at a time, in the order of their queue. Any thread may call it.

    Args:
        context: what jobs are run with.
        slots: how many run at a time; a job takes one whatever its number of instances. Default: the number of
            processors, at least 2.
    """

    def __init__(self, context: RunnerContext, slots: int | None = None) -> None:
        self._context = context
        self._slots = slots or max(2, os.cpu_count() or 1)
        self._ports = Ports()
        self._lock = threading.RLock()
        self._queue = Queue(context.quota.total)
        self._tokens: dict[str, CancellationToken] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._open = False
        self._resets = 0

    def start(self) -> None:
        """Begin to run jobs: those that waited keep waiting, those that were under way when the server ended fail."""
        for record in self._context.store.all():
            if record["Status"] in (JobStatus.CREATING, JobStatus.CREATED):
                self.submit(record["TrainingJobId"])
            elif not is_terminal(record):
                self._fail_interrupted(record)
        with self._lock:
            self._open = True
            self._start_next()

    def submit(self, job_id: str) -> None:
        """Put a job that was just created into the queue.

        Raises:
            OSError: its record can't be written; the job is forgotten.
        """
        with self._lock:
            if self._context.store.get(job_id) is None:
                # A reset came between its creation and now.
                return
            created = self._context.store.existing(job_id)["Status"] == JobStatus.CREATING
            try:
                if created:
                    self._job_run(job_id, CancellationToken()).accept()
                self._enqueue(job_id)
            except OSError:
                if created:
                    # Who creates it learns that there is none; it must not stay behind as one that never begins.
                    self._context.store.delete(job_id)
                raise
            self._start_next()

    def stop(self, job_id: str) -> bool:
        """Ask a job to end, as StopTrainingJob does. A job that runs ends a little later.

        Returns:
            False when it has ended already.

        Raises:
            KeyError: there is no such job.
        """
        return self.move(job_id, transitions.STOPPED)

    def move(self, job_id: str, outcome: Outcome) -> bool:
        """End a job by hand, in any way; what runs of it is ended first.

        Args:
            job_id: the job.
            outcome: how it ends.

        Returns:
            False when it has ended already.

        Raises:
            KeyError: there is no such job.
            OSError: its record can't be written; the job keeps running.
        """
        with self._lock:
            if is_terminal(self._context.store.existing(job_id)):
                return False
            if job_id in self._tokens:
                if outcome is transitions.STOPPED:
                    self._context.store.change_local(job_id, StopRequested=True)
                self._tokens[job_id].cancel(outcome)
                return True
            token = CancellationToken()
            token.cancel(outcome)
            self._job_run(job_id, token).end(outcome)
            self._queue.remove(job_id)
            return True

    def reset(self) -> None:
        """End and forget all jobs, those too that are created meanwhile: none of them starts."""
        with self._lock:
            self._resets += 1
            threads = self._cancel_all(transitions.STOPPED)
        try:
            self._join(threads)
            with self._lock:
                self._queue.clear()
                self._context.store.clear()
        finally:
            with self._lock:
                self._resets -= 1
                self._start_next()

    def close(self) -> None:
        """End running jobs, which fail; jobs in the queue wait for the next start."""
        with self._lock:
            self._open = False
            threads = self._cancel_all(transitions.SERVER_STOPPED)
        self._join(threads)

    def _enqueue(self, job_id: str) -> None:
        """Let a job wait; one that asks for more than its quota has would do so for ever, and ends."""
        job, quota = self._context.store.existing(job_id), self._context.quota
        share = requested_amount(job)
        if share is None or share.fits(Amount(), quota.total):
            self._queue.put(job_id, job)
        else:
            self._job_run(job_id, CancellationToken()).reject(
                transitions.over_quota(quota.quota_id, share, quota.total)
            )

    def _start_next(self) -> None:
        while self._open and not self._resets and len(self._tokens) < self._slots:
            job_id = self._queue.take()
            if job_id is None:
                return
            token = self._tokens[job_id] = CancellationToken()
            thread = threading.Thread(target=self._run_job, args=(job_id, token), name=job_id, daemon=True)
            self._threads[job_id] = thread
            thread.start()

    def _run_job(self, job_id: str, token: CancellationToken) -> None:
        try:
            self._job_run(job_id, token).run()
        finally:
            with self._lock:
                del self._tokens[job_id], self._threads[job_id]
                self._queue.give_back(job_id)
                self._start_next()

    def _fail_interrupted(self, record: Record) -> None:
        """Bring a job to its end that was under way when the server ended."""
        job_id = record["TrainingJobId"]
        local: Mapping[str, Any] = record[LOCAL]
        ended = self._context.runtime.end_survivors(job_id, local.get("Processes", ()))
        logger.warning("training job %s was under way when the server ended; %d survivors ended", job_id, ended)
        outcome = transitions.STOPPED if local.get("StopRequested") else transitions.SERVER_DIED
        run = self._job_run(job_id, CancellationToken())
        if record["Status"] in (JobStatus.SUBMITTED, JobStatus.RUNNING):
            # Submitted, too: the command may have begun before the next status was written.
            run.save_outputs(outcome)
        run.end(outcome)

    def _cancel_all(self, outcome: Outcome) -> list[threading.Thread]:
        for token in self._tokens.values():
            token.cancel(outcome)
            token.last_try.set()
        return list(self._threads.values())

    def _join(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join(self._context.grace_seconds + _SPARE_SECONDS)

    def _job_run(self, job_id: str, token: CancellationToken) -> JobRun:
        # Loaded with the first job: the server's start must not wait for it.
        from airflow_provider_pai.local.running.job_run import JobRun

        return JobRun(job_id, self._context, token, self._ports)
