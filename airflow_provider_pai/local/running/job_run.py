"""The life of one local job: made ready, run, watched, its outputs stored."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.jobs.algorithm_checks import with_defaults
from airflow_provider_pai.local.jobs.metrics import progress_definitions
from airflow_provider_pai.local.jobs.places import located, own_places
from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.local.jobs.recorder import Journal
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.jobs.transitions import Outcome, Reason
from airflow_provider_pai.local.running.environments import EnvironmentFailed
from airflow_provider_pai.local.running.ports import LOOPBACK, Ports
from airflow_provider_pai.local.running.preparation import (
    Objects,
    OutputsLost,
    PreparationFailed,
    input_path,
    steps,
    store_outputs,
)
from airflow_provider_pai.local.running.runtime import ImageFailed, Ready, RunningInstance, Runtime, Workplace
from airflow_provider_pai.model.training.container import (
    ROOT,
    RunPlan,
    instance_name,
    launch_lines,
    run_plan,
    start_lines,
)
from airflow_provider_pai.model.training.request import read_create_body
from airflow_provider_pai.model.training.status import JobStatus

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_WRITE_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Workshop:
    """What all jobs of a server are run with.

    Attributes:
        store: where jobs are kept.
        objects: where code, data and outputs are.
        runtime: runs their commands.
        region_id: the region the server claims to be.
        now: the server's time, in UTC.
        gpus: GPUs that an instance is told it has.
        grace_seconds: from SIGTERM to SIGKILL.
        shown: returns the file or folder of this machine that a job can be shown in the place of an input.
        quota: the resource quota that jobs may name.
    """

    store: JobStore
    objects: Objects
    runtime: Runtime
    region_id: str
    now: Callable[[], datetime]
    gpus: int = 0
    grace_seconds: float = 5.0
    shown: Callable[[str, str], Path | None] = lambda *_: None
    quota: Quota = field(default_factory=Quota)


class Halt:
    """Tells a running job, once, that it must end, and how.

    Attributes:
        event: set when it must end.
        outcome: how; None as long as it need not.
        last_try: set when nobody waits any more for a disk to have space again.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.last_try = threading.Event()
        self.outcome: Outcome | None = None
        self._lock = threading.Lock()

    def ask(self, outcome: Outcome) -> None:
        """Ask for an end; only the first one counts."""
        with self._lock:
            if self.outcome is None:
                self.outcome = outcome
                self.event.set()


class Life:
    """One job, from its first step to its end. Nothing else moves a job that has left the queue.

    Args:
        job_id: the job; in status Created.
        workshop: what it is run with.
        halt: asks it to end.
        ports: where its rendezvous port comes from.
    """

    def __init__(self, job_id: str, workshop: Workshop, halt: Halt, ports: Ports) -> None:
        self._id = job_id
        self._shop = workshop
        self._halt = halt
        self._ports = ports
        self._files = workshop.store.files(job_id)
        job = workshop.store.existing(job_id)
        self._spec = read_create_body(located(with_defaults(job), own_places(job)))
        self._names = [instance_name(job_id, rank) for rank in range(self._spec.instance_count)]
        self._instances: list[dict[str, str]] = []
        measured = [*self._spec.metric_definitions, *progress_definitions(job["AlgorithmSpec"])]
        self._journal = Journal(self._files, self._names, measured, workshop.now)

    def run(self) -> None:
        """Live; returns when the job has ended."""
        port = self._ports.take()
        try:
            outcome = self._outcome([self._plan(rank, port) for rank in range(len(self._names))])
        except OSError:
            logger.exception("training job %s fails, because its record can't be written", self._id)
            outcome = self._halt.outcome or transitions.INTERNAL
        except Exception:
            self._end_patiently(transitions.INTERNAL)
            raise
        finally:
            self._ports.give_back(port)
        self._end_patiently(outcome)

    def accept(self) -> None:
        """Move the job, which was just created, into the queue.

        Raises:
            OSError: its record can't be written.
        """
        self._move(JobStatus.CREATED)

    def reject(self, outcome: Outcome) -> None:
        """Move the job, which is in the queue, to the end of one that can't be made ready.

        Raises:
            OSError: its record can't be written.
        """
        self._move(JobStatus.INITIALIZING)
        self.end(outcome)

    def end(self, outcome: Outcome) -> None:
        """Move the job to its end.

        Raises:
            OSError: its record can't be written; the job is where it was.
        """
        self._journal.close_metrics()
        by_hand = outcome is self._halt.outcome
        self._move(outcome.status, code=outcome.code, message=outcome.message, by_hand=by_hand)
        self._files.close()

    def save_outputs(self, outcome: Outcome) -> Outcome:
        """Store the outputs, whatever the outcome is: checkpoints of a failed job matter most.

        Returns:
            The outcome; a failure when all went well but for this.
        """
        try:
            for event in store_outputs(self._plan(0, 0), self._files.work, self._shop.objects):
                self._journal.event(event)
        except OutputsLost as error:
            # The folder stays: it has the only copy.
            self._journal.event(f"{error}. They are kept in {self._files.work.ml / 'output'}")
            self._journal.say(str(error))
            return transitions.output_failed(str(error)) if outcome.status is JobStatus.SUCCEED else outcome
        self._discard()
        return outcome

    def _end_patiently(self, outcome: Outcome) -> None:
        """Move the job to its end as soon as that can be written; when the server ends before, its next start does."""
        while True:
            last = self._halt.last_try.is_set()
            try:
                return self.end(outcome)
            except OSError as error:
                logger.warning("the end of training job %s (%s) can't be written: %s", self._id, outcome.status, error)
            if last:
                return None
            self._halt.last_try.wait(_WRITE_AGAIN_SECONDS)

    def _outcome(self, plans: Sequence[RunPlan]) -> Outcome:
        self._set_instances(["Pending"] * len(self._names))
        self._move(JobStatus.INITIALIZING)
        try:
            place = self._prepare(plans)
        except (PreparationFailed, EnvironmentFailed, ImageFailed, OSError) as error:
            self._journal.say(f"Preparation failed: {error}")
            self._discard()
            return transitions.preparation_failed(str(error), self._reason(error))
        if place is None:
            self._discard()
            return self._asked()
        with closing(place):
            return self._ran(plans, place)

    def _ran(self, plans: Sequence[RunPlan], place: Workplace) -> Outcome:
        self._move(JobStatus.SUBMITTED)
        try:
            instances = self._start(plans, place)
        except OSError as error:
            return self.save_outputs(transitions.not_started(str(error)))
        try:
            self._set_instances(["Running"] * len(self._names))
            self._move(JobStatus.RUNNING)
            outcome = self._watch(instances)
        finally:
            self._end_instances(instances)
        return self.save_outputs(outcome)

    def _reason(self, error: Exception) -> Reason:
        if isinstance(error, PreparationFailed):
            return error.code
        if isinstance(error, ImageFailed):
            return Reason.IMAGE_FAILED
        of_requirements = isinstance(error, EnvironmentFailed) and self._spec.requirements
        return Reason.REQUIREMENTS_FAILED if of_requirements else Reason.PREPARATION_FAILED

    def _prepare(self, plans: Sequence[RunPlan]) -> Workplace | None:
        """Return where a job that is ready starts its instances; None when it was asked to end."""
        shown = self._shown(plans[0])
        for event in steps(plans[0], self._files.work, self._shop.objects, shown):
            self._journal.event(event)
            if self._halt.event.is_set():
                return None
        for plan, name in zip(plans, self._names, strict=True):
            for line in launch_lines(plan):
                self._journal.line(name, line)
        runtime, halted = self._shop.runtime, self._halt.event
        job = Ready(plans[0], self._spec.image_uri or "", self._files.work, shown)
        place = runtime.prepare(job, self._journal.say, halted)
        if place is not None and halted.is_set():
            place.close()
            return None
        if place is not None and runtime.note:
            self._journal.say(runtime.note)
        return place

    def _shown(self, plan: RunPlan) -> dict[str, Path]:
        """Return what the job sees of this machine, by path below its root; where it has no own, it gets copies."""
        if self._shop.runtime.root(self._files.work) != ROOT:
            return {}
        found = {input_path(mount): self._shop.shown(mount.uri.bucket, mount.uri.key) for mount in plan.inputs}
        return {target: path for target, path in found.items() if path is not None}

    def _start(self, plans: Sequence[RunPlan], place: Workplace) -> list[RunningInstance]:
        instances: list[RunningInstance] = []
        try:
            for plan, name in zip(plans, self._names, strict=True):
                for line in start_lines():
                    self._journal.line(name, line)
                instances.append(place.start(plan, partial(self._journal.command_line, name)))
                identities = [list(instance.identity) for instance in instances]
                self._shop.store.change_local(self._id, Processes=identities)
                self._journal.event(f"Instance {name} started", name)
        except Exception:
            self._end_instances(instances)
            raise
        return instances

    def _watch(self, instances: Sequence[RunningInstance]) -> Outcome:
        limit = self._spec.max_run_time
        deadline = time.monotonic() + limit if limit else float("inf")
        while True:
            codes = [instance.exit_code() for instance in instances]
            failed = [(name, code) for name, code in zip(self._names, codes, strict=True) if code]
            if failed:
                return transitions.command_failed(*failed[0])
            if all(code == 0 for code in codes):
                return transitions.SUCCEEDED
            if limit and time.monotonic() >= deadline:
                return transitions.timed_out(limit)
            if self._halt.event.wait(_LOOK_SECONDS):
                return self._asked()

    def _end_instances(self, instances: Sequence[RunningInstance]) -> None:
        running = [instance for instance in instances if instance.exit_code() is None]
        for instance in running:
            instance.terminate()
        patience = time.monotonic() + self._shop.grace_seconds
        while any(instance.exit_code() is None for instance in running) and time.monotonic() < patience:
            time.sleep(_LOOK_SECONDS)
        for instance in running:
            instance.kill()
        self._shop.runtime.end_survivors(self._id, ())
        for instance in instances:
            instance.close()
        # Of several instances, those behind one that couldn't be started never were.
        never = [None] * (len(self._names) - len(instances))
        codes = [instance.exit_code() for instance in instances] + never
        for name, code in zip(self._names, codes, strict=True):
            self._journal.event(f"Instance {name} ended with exit code {code}", name)
        try:
            self._set_instances(["Succeeded" if code == 0 else "Failed" for code in codes])
        except OSError as error:
            # The move to the job's end writes them again.
            logger.warning("the instances of training job %s can't be written: %s", self._id, error)

    def _plan(self, rank: int, port: int) -> RunPlan:
        root = self._shop.runtime.root(self._files.work)
        plan = run_plan(self._spec, self._id, self._shop.region_id, root=root, rank=rank, gpus=self._shop.gpus)
        # In the cloud this is the master's host name, which no name server here knows.
        here = {"MASTER_ADDR": LOOPBACK, "MASTER_PORT": str(port)}
        return replace(plan, environment={**plan.environment, **here})

    def _discard(self) -> None:
        shutil.rmtree(self._files.work.path, ignore_errors=True)

    def _asked(self) -> Outcome:
        return self._halt.outcome or transitions.STOPPED

    def _set_instances(self, statuses: Sequence[str]) -> None:
        roles = ["master"] + ["worker"] * (len(self._names) - 1)
        self._instances = [
            {"Name": name, "Role": role, "Status": status}
            for name, role, status in zip(self._names, roles, statuses, strict=True)
        ]
        self._shop.store.change(self._id, lambda _: {"Instances": self._instances})

    def _move(self, status: JobStatus, **reason: Any) -> None:
        now = self._shop.now()

        def change(record: Mapping[str, Any]) -> dict[str, Any]:
            instances = {"Instances": self._instances} if self._instances else {}
            return {**transitions.moved(record, status, now, **reason), **instances}

        self._shop.store.change(self._id, change)
        self._journal.event(f"{self._id} {status}" + (f": {reason['message']}" if reason.get("message") else ""))
