"""Very many deferred tasks in one process, as a triggerer has them: run by :mod:`benchmarks.triggers`, anywhere.

It imports what the environments of all peers have.
"""

from __future__ import annotations

import asyncio
import gc
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from benchmarks.loop_lag import LoopLag
from benchmarks.peers import answer, asked, now
from benchmarks.usage import usage

_IDLE_SECONDS = 2.0


def job_id(number: int) -> str:
    """Return the id of a job."""
    return f"train{number:011d}"


class Idle(BaseTrigger):
    """Waits for nothing: what any trigger costs."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield nothing, for ever."""
        await asyncio.get_running_loop().create_future()
        yield TriggerEvent(None)  # type: ignore[no-untyped-call]


def ours(number: int, interval: float, logs: bool) -> BaseTrigger:
    """Return this package's trigger."""
    from airflow_provider_pai.triggers.training import PAITrainingTrigger

    return PAITrainingTrigger(job_id(number), poll_interval=interval, show_logs=logs, try_number=1)


def sagemaker(number: int, interval: float, _: bool) -> BaseTrigger:
    """Return Amazon's trigger."""
    from airflow.providers.amazon.aws.triggers.sagemaker import SageMakerTrigger

    made: BaseTrigger = SageMakerTrigger(job_id(number), "Training", poke_interval=interval, max_attempts=10**6)
    return made


def databricks(number: int, interval: float, _: bool) -> BaseTrigger:
    """Return Databricks' trigger."""
    from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger

    made: BaseTrigger = DatabricksExecutionTrigger(number, "databricks_default", interval)
    return made


def idle(*_: object) -> BaseTrigger:
    """Return a trigger that does nothing."""
    return Idle()  # type: ignore[no-untyped-call]


MAKERS: dict[str, Callable[[int, float, bool], BaseTrigger]] = {
    made.__name__: made for made in (ours, sagemaker, databricks, idle)
}


async def event_of(trigger: BaseTrigger) -> float:
    """Wait for a trigger's event and return when it came; what went wrong is raised."""
    async for event in trigger.run():
        at = now()
        if isinstance(event.payload, dict) and event.payload.get("error"):
            raise RuntimeError(event.payload["error"])
        return at
    raise RuntimeError("a trigger without an event")


def plan(url: str, count: int, first: float, last: float) -> None:
    """Let the server begin with new jobs."""
    body = json.dumps({"count": count, "first": first, "last": last}).encode()
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/_bench/plan", body, timeout=60).close()


async def main(url: str, who: str, count: int, interval: float, logs: bool, first: float, last: float) -> None:
    """Wait for jobs."""
    make = MAKERS[who]
    if make is not idle:
        # What is loaded once, whatever the number of triggers, is no cost of theirs.
        plan(url, 1, 0.0, 0.0)
        await event_of(make(0, 0.5, logs))
    gc.collect()
    # Nor is what the garbage collector spends on it.
    gc.freeze()
    before = usage()
    plan(url, count, first, last)
    async with LoopLag() as lag:
        waiting = []
        for number in range(count):
            waiting.append(asyncio.create_task(event_of(make(number, interval, logs))))
            # As Airflow's triggerer does.
            await asyncio.sleep(0)
        await asyncio.wait(waiting, timeout=_IDLE_SECONDS if make is idle else None)
        after = usage()
    for each in waiting:
        each.cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    answer(
        before=asdict(before),
        after=asdict(after),
        lag=asdict(lag.spread),
        events={job_id(number): at for number, at in enumerate(found) if isinstance(at, float)},
        failures=sorted({repr(each) for each in found if isinstance(each, Exception)})[:3],
    )


if __name__ == "__main__":
    asyncio.run(main(**asked()))
