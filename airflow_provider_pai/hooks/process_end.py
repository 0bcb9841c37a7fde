"""Signals that end ``dag.test()``: what a task has begun ends with the process, and no next try begins.

In a worker Airflow itself ends tasks. In ``dag.test()`` and ``airflow tasks test`` Airflow 3 answers SIGTERM with the
operator's ``on_kill``, SIGHUP, which closing a terminal sends, not at all, and takes ``KeyboardInterrupt`` and
``SystemExit`` for failures: the next try submits a job that the SIGKILL which follows leaves behind.

A handler runs between any two steps of the program, which may hold any lock. So it ends nothing itself: it interrupts
what is under way, or leaves the work to the next step of the task.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class _UnderWay(Enum):
    """What a signal meets."""

    IDLE = "nothing of ours is under way"
    WORKING = "an operator works"
    DEFERRED = "a task is deferred"


@dataclass
class _Process:
    """How far the task of this process is, and which signals have come."""

    pid: int = 0
    end: Callable[[], None] = lambda: None
    under_way: _UnderWay = _UnderWay.IDLE
    trigger: asyncio.Task[Any] | None = None
    seen: list[int] = field(default_factory=list)


_process = _Process()


def in_dag_test() -> bool:
    """Whether Airflow 3 runs this task in ``dag.test()`` or ``airflow tasks test``: without a supervisor's process.

    False on Airflow 2, which ends the process itself (read in 2.11, and in 3.3).
    """
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return type(getattr(runner, "SUPERVISOR_COMMS", None)).__name__ == "InProcessSupervisorComms"


def is_signalled() -> bool:
    """Whether a signal is ending this ``dag.test()``."""
    return bool(_process.seen)


def watch_signals(end: Callable[[], None]) -> None:
    """From now on let a signal that ends ``dag.test()`` end a task's work first; anywhere else this does nothing.

    It holds until Airflow runs the next task: a deferred task waits in the same process after ``execute``.

    Args:
        end: ends what this task has begun; called where a signal came between its steps.
    """
    if not in_dag_test() or threading.current_thread() is not threading.main_thread():
        return
    _process.pid, _process.end = os.getpid(), end
    _end_if_signalled()
    for number in _SIGNALS:
        # What nohup has made the process ignore, it ignores.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def watch_trigger() -> None:
    """Let a signal cancel the current task, a trigger that runs in ``dag.test()``."""
    if in_dag_test() and (task := asyncio.current_task()):
        _process.trigger = task
        if is_signalled():
            task.cancel()


@contextmanager
def interruptible() -> Iterator[None]:
    """Run the work of an operator, outside of everything that it opens.

    Raises:
        AirflowFailException: Ctrl-C in ``dag.test()``, after which another try would submit another job.
    """
    _process.under_way = _UnderWay.WORKING
    _end_if_signalled()
    after = _UnderWay.IDLE
    try:
        yield
    except TaskDeferred:
        after = _UnderWay.DEFERRED
        raise
    except SystemExit:
        if is_signalled():
            _end_process()
        raise
    except KeyboardInterrupt as error:
        if in_dag_test():
            raise AirflowFailException("Interrupted; dag.test() begins no next try of this task") from error
        raise
    finally:
        _process.under_way = after


def _end_if_signalled() -> None:
    """End what the task had begun before a signal came between two of its steps, and this process."""
    if is_signalled():
        _process.end()
        _end_process()


def _interrupt(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of a handler
    # A second one ends the process at once.
    signal.signal(number, signal.SIG_DFL)
    _process.seen.append(number)
    trigger = _process.trigger
    if os.getpid() != _process.pid:
        # A forked child has nothing to end but itself.
        _end_process()
    elif trigger and not trigger.done():
        trigger.get_loop().call_soon_threadsafe(trigger.cancel)
    elif _process.under_way is _UnderWay.WORKING:
        raise SystemExit(128 + number)
    elif _process.under_way is _UnderWay.IDLE:
        _end_process()


def _end_process() -> None:
    """End this process as the signal would have ended it."""
    number = _process.seen[-1]
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
