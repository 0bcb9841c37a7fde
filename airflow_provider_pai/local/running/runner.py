"""The queue of local jobs and their slots; it and the lives it starts are the only writers of job state."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.jobs.quota_usage import Amount, demand
from airflow_provider_pai.local.jobs.store import LOCAL, Record
from airflow_provider_pai.local.jobs.transitions import Outcome, is_terminal
from airflow_provider_pai.local.running.job_run import Halt, Life, Workshop
from airflow_provider_pai.local.running.ports import Ports
from airflow_provider_pai.local.running.queue import Queue
from airflow_provider_pai.model.training.status import JobStatus

logger = logging.getLogger(__name__)

_SPARE_SECONDS = 30.0


class Runner:
    """Runs jobs, a limited number at a time, in the order of their queue. Any thread may call it.

    Args:
        workshop: what jobs are run with.
        slots: how many run at a time; a job takes one whatever its number of instances. Default: the number of
            processors, at least 2.
    """

    def __init__(self, workshop: Workshop, slots: int | None = None) -> None:
        self._shop = workshop
        self._slots = slots or max(2, os.cpu_count() or 1)
        self._ports = Ports()
        self._lock = threading.RLock()
        self._queue = Queue(workshop.quota.total)
        self._halts: dict[str, Halt] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._open = False
        self._resets = 0

    def start(self) -> None:
        """Begin to run jobs: those that waited go on waiting, those that were under way when the server ended fail."""
        for record in self._shop.store.all():
            if record["Status"] in (JobStatus.CREATING, JobStatus.CREATED):
                self.submit(record["TrainingJobId"])
            elif not is_terminal(record):
                self._bury(record)
        with self._lock:
            self._open = True
            self._fill()

    def submit(self, job_id: str) -> None:
        """Put a job that was just created into the queue.

        Raises:
            OSError: its record can't be written; the job is forgotten.
        """
        with self._lock:
            if self._shop.store.get(job_id) is None:
                # A reset came between its creation and now.
                return
            created = self._shop.store.existing(job_id)["Status"] == JobStatus.CREATING
            try:
                if created:
                    self._life(job_id, Halt()).accept()
                self._enqueue(job_id)
            except OSError:
                if created:
                    # Whoever creates it learns that there is none; it must not stay behind as one that never begins.
                    self._shop.store.delete(job_id)
                raise
            self._fill()

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
            OSError: its record can't be written; the job goes on.
        """
        with self._lock:
            if is_terminal(self._shop.store.existing(job_id)):
                return False
            if job_id in self._halts:
                if outcome is transitions.STOPPED:
                    self._shop.store.change_local(job_id, StopRequested=True)
                self._halts[job_id].ask(outcome)
                return True
            halt = Halt()
            halt.ask(outcome)
            self._life(job_id, halt).end(outcome)
            self._queue.remove(job_id)
            return True

    def reset(self) -> None:
        """End and forget all jobs, those too that are created meanwhile: none of them starts."""
        with self._lock:
            self._resets += 1
            threads = self._halt_all(transitions.STOPPED)
        try:
            self._join(threads)
            with self._lock:
                self._queue.clear()
                self._shop.store.clear()
        finally:
            with self._lock:
                self._resets -= 1
                self._fill()

    def close(self) -> None:
        """End running jobs, which fail; jobs in the queue wait for the next start."""
        with self._lock:
            self._open = False
            threads = self._halt_all(transitions.SERVER_STOPPED)
        self._join(threads)

    def _enqueue(self, job_id: str) -> None:
        """Let a job wait; one that asks for more than its quota has would do so for ever, and ends."""
        job, quota = self._shop.store.existing(job_id), self._shop.quota
        share = demand(job)
        if share is None or share.fits(Amount(), quota.total):
            self._queue.put(job_id, job)
        else:
            self._life(job_id, Halt()).reject(transitions.over_quota(quota.quota_id, share, quota.total))

    def _fill(self) -> None:
        while self._open and not self._resets and len(self._halts) < self._slots:
            job_id = self._queue.take()
            if job_id is None:
                return
            halt = self._halts[job_id] = Halt()
            # The thread lives as long as its job: bubblewrap kills a job whose starter is gone.
            thread = threading.Thread(target=self._live, args=(job_id, halt), name=job_id, daemon=True)
            self._threads[job_id] = thread
            thread.start()

    def _live(self, job_id: str, halt: Halt) -> None:
        try:
            self._life(job_id, halt).run()
        finally:
            with self._lock:
                del self._halts[job_id], self._threads[job_id]
                self._queue.give_back(job_id)
                self._fill()

    def _bury(self, record: Record) -> None:
        """Bring a job to its end that was under way when the server ended."""
        job_id = record["TrainingJobId"]
        local: Mapping[str, Any] = record[LOCAL]
        ended = self._shop.runtime.end_survivors(job_id, local.get("Processes", ()))
        logger.warning("training job %s was under way when the server ended; %d survivors ended", job_id, ended)
        outcome = transitions.STOPPED if local.get("StopRequested") else transitions.SERVER_DIED
        life = self._life(job_id, Halt())
        if record["Status"] in (JobStatus.SUBMITTED, JobStatus.RUNNING):
            # Submitted, too: the command may have begun before the next status was written.
            life.save_outputs(outcome)
        life.end(outcome)

    def _halt_all(self, outcome: Outcome) -> list[threading.Thread]:
        for halt in self._halts.values():
            halt.ask(outcome)
            halt.last_try.set()
        return list(self._threads.values())

    def _join(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join(self._shop.grace_seconds + _SPARE_SECONDS)

    def _life(self, job_id: str, halt: Halt) -> Life:
        return Life(job_id, self._shop, halt, self._ports)
