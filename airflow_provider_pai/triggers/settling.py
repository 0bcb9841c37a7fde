"""A deferral lasts some seconds at least: Airflow 3 may fail a task that is resumed sooner.

The executor's report of the process that has deferred the task may come after the task has been resumed, and is taken
for the end of the resumed one (read and reported for 3.3.0 to 3.3.2: apache/airflow issues 71580 and 72716).
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from airflow_provider_pai.configuration import deferral_settle_time
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.process_end import is_signalled

log = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
"""The default of ``[pai] deferral_settle_time``."""


async def settle(begun: float, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> None:
    """Wait until a trigger that is about to fire has run for ``[pai] deferral_settle_time``, where it matters.

    Args:
        begun: when the trigger began, in the event loop's time.
        sleep: waits, in seconds.
    """
    if is_inline():
        return
    left = begun + _seconds() - asyncio.get_running_loop().time()
    if left > 0:
        await sleep(left)


def _seconds() -> float:
    try:
        return deferral_settle_time(SETTLE_SECONDS)
    except SpecError as error:
        # A wrong option must not keep a trigger from firing.
        log.warning("%s; waiting %g s", error, SETTLE_SECONDS)
        return SETTLE_SECONDS


def is_inline() -> bool:
    """Whether the trigger is the main task of its event loop, as in ``dag.test()``: in a triggerer it never is.

    ``asyncio.Runner`` handles SIGINT with a partial that names the task (read in Python 3.11 to 3.13).
    """
    handler = signal.getsignal(signal.SIGINT)
    return isinstance(handler, partial) and handler.keywords.get("main_task") is asyncio.current_task()


def is_interrupted() -> bool:
    """Whether Ctrl-C or a signal has cancelled the trigger in ``dag.test()``.

    How often Ctrl-C came ``asyncio.Runner`` counts.
    """
    handler: Any = signal.getsignal(signal.SIGINT)
    return is_signalled() or (
        is_inline() and bool(getattr(getattr(handler.func, "__self__", None), "_interrupt_count", 0))
    )
