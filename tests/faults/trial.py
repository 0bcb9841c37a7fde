"""One trial on a real Airflow: a task, and what a random moment does to it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from airflow_provider_pai.model.training.status import JobSnapshot
from devtools.rest import AirflowAPIError
from devtools.runs import RUN_ENDED, TASK_ENDED
from devtools.waits import WaitTimeoutError, wait_for
from tests.faults.cluster import ClusterHarness
from tests.faults.schedule import FaultSchedule
from tests.support.exactly_one import doubles, wrong_value
from tests.support.waits import PATIENCE

_DAGS = ("sync_retried", "sync_retried", "deferred_retried", "deferred_retried", "sync", "deferred")
_SHORT = ("sleep 1", "sleep 5", "sleep 15", "exit 3")
_GATED = "until [ -e {gate} ]; do sleep 0.5; done"
"""A job that doesn't end by itself before its gate is opened: if it ends, it was stopped."""
_LATEST = 25.0
"""Seconds after which an event comes, at most."""
_LATE = 90.0
"""Seconds in which an older job must have been stopped."""
_LONGEST = 400.0
"""Seconds in which a task_run ends: heartbeats of dead tasks and triggerers are missed for a while first."""


class Event(StrEnum):
    """What happens to one task."""

    NOTHING = "nothing"
    KILLED = "its process is killed"
    TERMINATED = "its process gets SIGTERM"
    FAILED = "it is marked failed"
    SUCCESS = "it is marked success"
    RUN_FAILED = "its run is marked failed"
    CLEARED = "it is cleared"


_MARKS = {Event.FAILED: "failed", Event.SUCCESS: "success"}


@dataclass
class Trial:
    """A task_run and what was seen of it.

    Attributes:
        seed: repeats its choices; moments depend on the machine.
        history: what happened, in order, for people.
        task_run: its task.
        alone: why no process of ours may be left to stop its job; empty when one must.
        calm: whether no two copies of the task can have been alive, and none was told to end.
    """

    seed: str
    harness: ClusterHarness
    schedule: FaultSchedule
    gate: Path
    history: list[str] = field(default_factory=list)
    alone: str = ""
    calm: bool = True
    end: str = ""

    def run(self) -> None:
        """Live."""
        chance = random.Random(self.seed)
        begin = time.monotonic()
        dag_id, later = chance.choice(_DAGS), chance.choice(_SHORT)
        first = chance.choice((*_SHORT, *[_GATED.format(gate=self.gate)] * 5))
        self.task_run = self.harness.start(dag_id, f"echo begun; {first}", later, connection="pai_chaos")
        self.history.append(f"{dag_id} {self.task_run.run.run_id}: {first!r}, later {later!r}")
        events = [chance.choice(list(Event)) for _ in range(chance.choice((0, 1, 1, 2)))]
        for event in events:
            time.sleep(chance.uniform(0, _LATEST))
            self._happen(event)
        if Event.CLEARED not in events:
            self._open_unless_ended()
        self.end = self._wait_end()
        if not self.schedule.was_calm(begin, time.monotonic()):
            self.calm = False
            self.alone = self.alone or "a component was disturbed"
        self.history.append(f"the run ends: {self.end}")

    def _open_unless_ended(self) -> None:
        """Let the job end by itself, but for one whose task is over: that one must be stopped."""
        if self.task_run.now.state not in TASK_ENDED:
            self.history.append("the gate opens")
            self.gate.touch()

    def _wait_end(self) -> str:
        """Wait for the run's end; a closed gate opens late: an older job has to be stopped before."""
        begin = time.monotonic()
        while (state := self.harness.airflow.api.dag_run(self.task_run.run).state) not in RUN_ENDED:
            waited = time.monotonic() - begin
            if waited > _LATE and not self.gate.exists():
                self._open_unless_ended()
            assert waited < _LONGEST, f"still {state} after {waited:.0f} s: {self.history}"
            time.sleep(1)
        return state

    def violations(self) -> Iterator[str]:
        """Yield what was broken; call it when nothing is disturbed any more and the janitor has come by."""
        jobs = self._settled()
        if active := [job.job_id for job in jobs if not job.is_terminal]:
            yield f"still active after the task's end: {active}"
        newest_first = list(reversed(jobs))
        yield from doubles(newest_first, calm=self.calm)
        if self.task_run.now.state == "success" and (value := self._result()) is not None:
            yield from wrong_value(value, newest_first)

    def left_behind(self) -> list[str]:
        """Return the jobs that are active although the task has ended, after the time in which they must be stopped."""
        return [job.job_id for job in self._settled() if not job.is_terminal]

    def _settled(self) -> list[JobSnapshot]:
        try:
            return wait_for(
                lambda: self.task_run.jobs,
                lambda jobs: all(job.is_terminal for job in jobs),
                "the end of all jobs",
                timeout=PATIENCE,
                interval=0.5,
            )
        except WaitTimeoutError:
            return self.task_run.jobs

    def _result(self) -> Any:
        try:
            return self.task_run.result()
        except AirflowAPIError as error:
            if error.status == 404:
                return None
            raise

    def _happen(self, event: Event) -> None:
        task = self.task_run.now
        self.history.append(f"{event}, at try {task.try_number} ({task.state})")
        if event in (Event.KILLED, Event.TERMINATED):
            self._kill(signal.SIGKILL if event is Event.KILLED else signal.SIGTERM)
        elif event is not Event.NOTHING:
            self.calm = False
            self._note_unwatched(task.state, task.try_number)
            if event in _MARKS:
                self.task_run.mark(_MARKS[event])
            elif event is Event.RUN_FAILED:
                self.task_run.mark_run("failed")
            else:
                self.task_run.clear()

    def _kill(self, number: signal.Signals) -> None:
        task = self.task_run.now
        if task.state != "running" or task.pid is None:
            self.history.append("  it has no process")
            return
        try:
            os.kill(task.pid, number)
        except ProcessLookupError:
            self.history.append("  its process has just ended")
            return
        self.calm = self.calm and number == signal.SIGKILL
        if number == signal.SIGKILL and task.try_number > task.max_tries:
            self.alone = "the last try was killed"

    def _note_unwatched(self, state: str | None, try_number: int) -> None:
        """Between two tries no process of ours is alive, nor right after a deferral, before a triggerer takes it up."""
        if state == "deferred" and "begun" not in self.task_run.log(try_number):
            self.alone = "it was deferred, but no triggerer had taken it up for sure"
        elif state not in ("running", "deferred", *RUN_ENDED):
            self.alone = f"it was {state}"
