"""Waits for a job as the operator does, in this thread or deferred; run by :mod:`benchmarks.logs`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.polling.registry import subscribe
from airflow_provider_pai.client.transport.config import LOG_DELAY
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.training.log_cursor import LogCursor
from benchmarks.peers import answer, asked, now
from benchmarks.usage import forget_peak, usage

Shown = list[tuple[float, str]]


class Waiter:
    """Waits for a job of a local PAI, which it takes for the cloud: its log may grow after its end."""

    def __init__(self, question: dict[str, Any]) -> None:
        ready = question["ready"]
        names = {"region_id": "region_id", "workspace_id": "workspace_id", "api": "endpoint", "oss": "oss_endpoint"}
        extra = {name: ready[key] for key, name in names.items()} | {"log_delay": LOG_DELAY}
        self._fields = ConnectionFields("benchmark", ready["access_key_id"], ready["access_key_secret"], extra)
        self._job_id = question["job_id"]
        self._interval = question["interval"]
        self.shown: Shown = []

    def wait(self) -> None:
        """Wait in this thread."""
        self._wait(None)

    async def wait_deferred(self) -> None:
        """Wait on this event loop, as the trigger does, and then in a thread for the log's end, as the worker does."""
        config, checkpoint = read_config(self._fields), Checkpoint()
        watching = subscribe(
            config, self._job_id, interval=self._interval, warn=print, outage_limit=60.0, checkpoint=checkpoint
        )
        async for progress in watching:
            if progress.snapshot.is_terminal:
                break
            self._show(progress.lines)
        await watching.aclose()
        await asyncio.to_thread(self._wait, checkpoint.cursor)

    def _wait(self, shown: LogCursor | None) -> None:
        hook = PAITrainingHook("benchmark")
        hook.config = read_config(self._fields)
        known = None if shown is None else shown.to_json()
        hook.wait(self._job_id, interval=self._interval, show=self._show, shown=known)

    def _show(self, lines: Iterable[str]) -> None:
        self.shown += [(now(), line) for line in lines]


def main() -> None:
    """Answer what was shown when."""
    question = asked()
    waiter = Waiter(question)
    forget_peak()
    before = usage()
    if question["deferred"]:
        asyncio.run(waiter.wait_deferred())
    else:
        waiter.wait()
    after, ended = usage(), now()
    peak = after.peak_rss_mib - before.rss_mib
    answer(shown=waiter.shown, ended=ended, cpu_s=after.cpu_s - before.cpu_s, peak_mib=peak)


if __name__ == "__main__":
    main()
