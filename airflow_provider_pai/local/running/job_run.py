"""The life of one local job: made ready, run, watched, its outputs stored."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.jobs.algorithm_checks import with_defaults
from airflow_provider_pai.local.jobs.channel_uris import stored_uris, with_uris
from airflow_provider_pai.local.jobs.metrics import progress_definitions
from airflow_provider_pai.local.jobs.recorder import JobRecorder
from airflow_provider_pai.local.jobs.transitions import Outcome, ReasonCode
from airflow_provider_pai.local.jobs.without_effect import as_run_here, lines_without_effect
from airflow_provider_pai.local.running.environments import EnvironmentFailed
from airflow_provider_pai.local.running.outputs import OutputsLost, store_outputs
from airflow_provider_pai.local.running.ports import LOOPBACK, Ports
from airflow_provider_pai.local.running.preparation import (
    PreparationFailed,
    input_path,
    prepare_folder,
)
from airflow_provider_pai.local.running.runner_context import CancellationToken, RunnerContext
from airflow_provider_pai.local.running.runtime import (
    CODE_REQUIREMENTS,
    ImageFailed,
    JobWorkspace,
    PreparedJob,
    RunningInstance,
)
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


class JobRun:
    """One job, from its first step to its end. Nothing else moves a job that has left the queue.

    Args:
        job_id: the job; in status Created.
        context: what it is run with.
        token: asks it to end.
        ports: where its rendezvous port comes from.
    """

    def __init__(self, job_id: str, context: RunnerContext, token: CancellationToken, ports: Ports) -> None:
        self._id = job_id
        self._context = context
        self._token = token
        self._ports = ports
        self._files = context.store.files(job_id)
        job = context.store.existing(job_id)
        self._spec = read_create_body(as_run_here(with_uris(with_defaults(job), stored_uris(job))))
        self._names = [instance_name(job_id, rank) for rank in range(self._spec.instance_count)]
        self._instances: list[dict[str, str]] = []
        self._announced = ""
        measured = [*self._spec.metric_definitions, *progress_definitions(job["AlgorithmSpec"])]
        self._recorder = JobRecorder(self._files, self._names, measured, context.now)

    def run(self) -> None:
        """Live; returns when the job has ended."""
        port = self._ports.take()
        try:
            outcome = self._outcome([self._plan(rank, port) for rank in range(len(self._names))])
        except OSError:
            logger.exception("training job %s fails, because its record can't be written", self._id)
            outcome = self._token.outcome or transitions.INTERNAL
        except Exception:
            self._end_with_retries(transitions.INTERNAL)
            raise
        finally:
            self._ports.give_back(port)
        self._end_with_retries(outcome)

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
        self._recorder.close_metrics()
        by_hand = outcome is self._token.outcome
        self._move(outcome.status, code=outcome.code, message=outcome.message, by_hand=by_hand)
        self._files.close()

    def save_outputs(self, outcome: Outcome) -> Outcome:
        """Store the outputs, whatever the outcome is: checkpoints of a failed job matter most.

        Returns:
            The outcome; a failure when all went well but for this.
        """
        try:
            for event in store_outputs(self._plan(0, 0), self._files.work, self._context.objects, self._recorder.say):
                self._recorder.add_event(event)
        except OutputsLost as error:
            # The folder stays: it has the only copy.
            self._recorder.add_event(f"{error}. They are kept in {self._files.work.ml / 'output'}")
            return transitions.output_failed(str(error)) if outcome.status is JobStatus.SUCCEED else outcome
        self._discard()
        return outcome

    def _end_with_retries(self, outcome: Outcome) -> None:
        """Move the job to its end as soon as that can be written; when the server ends before, its next start does."""
        while True:
            last = self._token.last_try.is_set()
            try:
                return self.end(outcome)
            except OSError as error:
                logger.warning("the end of training job %s (%s) can't be written: %s", self._id, outcome.status, error)
            if last:
                return None
            self._token.last_try.wait(_WRITE_AGAIN_SECONDS)

    def _outcome(self, plans: Sequence[RunPlan]) -> Outcome:
        self._note_instances(["Pending"] * len(self._names))
        self._move(JobStatus.INITIALIZING)
        try:
            workspace = self._prepare(plans)
        except (PreparationFailed, EnvironmentFailed, ImageFailed, OSError) as error:
            self._recorder.say(f"Preparation failed: {error}")
            reason = self._reason(error)
            self._discard()
            return transitions.preparation_failed(str(error), reason)
        if workspace is None:
            self._discard()
            return self._requested_outcome()
        with closing(workspace):
            return self._run_instances(plans, workspace)

    def _run_instances(self, plans: Sequence[RunPlan], workspace: JobWorkspace) -> Outcome:
        self._move(JobStatus.SUBMITTED)
        try:
            instances = self._start(plans, workspace)
        except OSError as error:
            return self.save_outputs(transitions.not_started(str(error)))
        try:
            self._note_instances(["Running"] * len(self._names))
            self._move(JobStatus.RUNNING)
            outcome = self._watch(instances)
        finally:
            self._end_instances(instances)
        return self.save_outputs(outcome)

    def _reason(self, error: Exception) -> ReasonCode:
        if isinstance(error, PreparationFailed):
            return error.code
        if isinstance(error, ImageFailed):
            return ReasonCode.IMAGE_FAILED
        asked = self._spec.requirements or (self._files.work.ml / CODE_REQUIREMENTS).exists()
        of_requirements = isinstance(error, EnvironmentFailed) and asked
        return ReasonCode.REQUIREMENTS_FAILED if of_requirements else ReasonCode.PREPARATION_FAILED

    def _prepare(self, plans: Sequence[RunPlan]) -> JobWorkspace | None:
        """Return where a job that is ready starts its instances; None when it was asked to end."""
        shown = self._shown(plans[0])
        cancelled = self._token.event
        for event in prepare_folder(plans[0], self._files.work, self._context.objects, shown, cancelled.is_set):
            self._recorder.add_event(event)
            if cancelled.is_set():
                return None
        for plan, name in zip(plans, self._names, strict=True):
            for line in launch_lines(plan):
                self._recorder.write_line(name, line)
        for line in lines_without_effect(self._context.store.existing(self._id)):
            self._recorder.say(line)
        runtime = self._context.runtime
        job = PreparedJob(plans[0], self._spec.image_uri or "", self._files.work, shown)
        workspace = runtime.prepare(job, self._recorder.say, cancelled)
        if workspace is not None and cancelled.is_set():
            workspace.close()
            return None
        if workspace is not None and runtime.note:
            self._recorder.say(runtime.note)
        return workspace

    def _shown(self, plan: RunPlan) -> dict[str, Path]:
        """Return what the job sees of this machine, by path below its root; where it has no own, it gets copies."""
        if self._context.runtime.root(self._files.work) != ROOT:
            return {}
        found = {input_path(mount): self._context.shown(mount.uri.bucket, mount.uri.key) for mount in plan.inputs}
        return {target: path for target, path in found.items() if path is not None}

    def _start(self, plans: Sequence[RunPlan], workspace: JobWorkspace) -> list[RunningInstance]:
        instances: list[RunningInstance] = []
        try:
            for plan, name in zip(plans, self._names, strict=True):
                for line in start_lines():
                    self._recorder.write_line(name, line)
                instances.append(workspace.start(plan, partial(self._recorder.write_output, name)))
                identities = [list(instance.identity) for instance in instances]
                self._context.store.change_local(self._id, Processes=identities)
                self._recorder.add_event(f"Instance {name} started", name)
        except Exception:
            self._end_instances(instances)
            raise
        return instances

    def _watch(self, instances: Sequence[RunningInstance]) -> Outcome:
        limit = self._spec.max_run_time
        deadline = self._context.monotonic() + limit if limit else float("inf")
        while True:
            codes = [instance.exit_code() for instance in instances]
            failed = [(name, code) for name, code in zip(self._names, codes, strict=True) if code]
            if failed:
                outcome = transitions.command_failed(*failed[0])
                return transitions.disk_full(outcome.message) if self._context.is_disk_full() else outcome
            if all(code == 0 for code in codes):
                return transitions.SUCCEEDED
            if limit and self._context.monotonic() >= deadline:
                return transitions.timed_out(limit)
            if self._context.is_disk_full():
                return transitions.disk_full("The command was ended")
            if self._token.event.wait(_LOOK_SECONDS):
                return self._requested_outcome()

    def _end_instances(self, instances: Sequence[RunningInstance]) -> None:
        running = [instance for instance in instances if instance.exit_code() is None]
        for instance in running:
            instance.terminate()
        patience = self._context.monotonic() + self._context.grace_seconds
        while any(instance.exit_code() is None for instance in running) and self._context.monotonic() < patience:
            time.sleep(_LOOK_SECONDS)
        for instance in running:
            instance.kill()
        self._context.runtime.end_survivors(self._id, ())
        for instance in instances:
            instance.close()
        self._recorder.finish_output()
        # Of several instances, those behind one that couldn't be started never were.
        never = [None] * (len(self._names) - len(instances))
        codes = [instance.exit_code() for instance in instances] + never
        for name, code in zip(self._names, codes, strict=True):
            self._recorder.add_event(f"Instance {name} ended with exit code {code}", name)
        self._note_instances(["Succeeded" if code == 0 else "Failed" for code in codes])

    def _plan(self, rank: int, port: int) -> RunPlan:
        root = self._context.runtime.root(self._files.work)
        plan = run_plan(self._spec, self._id, self._context.region_id, root=root, rank=rank, gpus=self._context.gpus)
        # In the cloud this is the master's host name, which no name server here knows.
        here = {"MASTER_ADDR": LOOPBACK, "MASTER_PORT": str(port)}
        return replace(plan, environment={**plan.environment, **here})

    def _discard(self) -> None:
        shutil.rmtree(self._files.work.path, ignore_errors=True)

    def _requested_outcome(self) -> Outcome:
        return self._token.outcome or transitions.STOPPED

    def _note_instances(self, statuses: Sequence[str]) -> None:
        """Keep the statuses of the instances for the job's next move: its own and theirs must never contradict."""
        roles = ["master"] + ["worker"] * (len(self._names) - 1)
        self._instances = [
            {"Name": name, "Role": role, "Status": status}
            for name, role, status in zip(self._names, roles, statuses, strict=True)
        ]

    def _move(self, status: JobStatus, **reason: Any) -> None:
        now = self._context.now()

        def change(record: Mapping[str, Any]) -> dict[str, Any]:
            members = transitions.transition_members(record, status, now, **reason)
            # After a restart of the server only the record knows them.
            instances = self._instances or record.get("Instances")
            return {**members, **transitions.instance_members(status, instances)}

        # Before the status shows it: who reads that a job has ended finds the event of its end. Once, also when the
        # record can't be written at first.
        event = f"{self._id} {status}" + (f": {reason['message']}" if reason.get("message") else "")
        if event != self._announced:
            self._announced = event
            self._recorder.add_event(event)
        self._context.store.change(self._id, change)
