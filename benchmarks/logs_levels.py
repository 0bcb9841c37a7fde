"""Reads a job's log and shows it in a task's log, line by line as it is and with levels; run by the logs benchmark.

Both take turns in one process, each reading the same lines, so that their ratio holds on a busy machine, too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from itertools import cycle, islice
from pathlib import Path
from typing import TextIO

from airflow.sdk import BaseOperator

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.display import LogDisplay
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.blocking import wait_for_end
from airflow_provider_pai.client.polling.outage import OutagePolicy
from benchmarks.peers import answer, asked
from benchmarks.usage import forget_peak, usage

JOB = "train1"
_TURNS = 5
_LINES = (
    *("2026-11-30 10:00:00,123 - trainer - INFO - step 1200 loss 0.1873 lr 0.0003 1.2 it/s",) * 6,
    *("epoch 3: accuracy=0.91 validation error=0.12",) * 6,
    *(" 45%|████▌     | 9/20 [00:01<00:01,  8.00it/s, loss=0.187]",) * 3,
    "train.py:3: UserWarning: few rows",
    "W1130 10:00:00.123456 140 loader.cc:1] slow disk",
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in load',
    "ValueError: no such column",
)
"""Lines as jobs print them; they come again and again."""
Show = Callable[[Iterable[str]], None]


class TalkingJob:
    """A service with one job, which has ended.

    Args:
        lines: how many lines its log has.
    """

    def __init__(self, lines: int) -> None:
        preamble = ["TrainingJob launch starting", "HOME=/root", "User program launching", 65 * "-"]
        self._log = [*preamble, *islice(cycle(_LINES), lines - len(preamble))]

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:  # noqa: ARG002
        """Answer, as text that is then read."""
        body: dict[str, object] = {"TrainingJobId": JOB, "Status": "Succeed"}
        if call.action == "ListTrainingJobLogs":
            size = int(call.query["PageSize"])
            begin = (int(call.query["PageNumber"]) - 1) * size
            body = {"Logs": self._log[begin : begin + size], "TotalCount": len(self._log)}
        return decode_answer(call, 200, {}, json.dumps(body).encode())


def main() -> None:
    """Answer what each way takes, in seconds of CPU, and in MiB over what was there before."""
    lines = asked()["lines"] // _TURNS
    task = BaseOperator(task_id="train")

    def plain(new: Iterable[str]) -> None:
        for line in new:
            task.log.info("%s", line)

    ways: dict[str, Callable[[], Show]] = {"plain": lambda: plain, "levels": lambda: LogDisplay(task.log).show}
    taken, peaks = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    with Path(os.devnull).open("w") as nothing:
        for _ in range(_TURNS):
            for name, way in ways.items():
                seconds, peak = _measured(lines, way(), nothing)
                taken[name] += seconds
                peaks[name] = max(peaks[name], peak)
    answer(cpu_s=taken, peak_mib=peaks)


def _measured(lines: int, show: Show, nothing: TextIO) -> tuple[float, float]:
    service = TalkingJob(lines)
    log = TaskLog(LogReader(service, JOB, lambda *_: None), Checkpoint(), delay=0.0)
    forget_peak()
    before, begun = usage(), time.process_time()
    with redirect_stdout(nothing):
        wait_for_end(
            service,
            JOB,
            interval=1.0,
            outage=OutagePolicy(lambda *_: None),
            log=log,
            show=show,
            notify=lambda _: None,
            sleep=lambda _: None,
        )
    sys.stdout.flush()
    return time.process_time() - begun, usage().peak_rss_mib - before.rss_mib


if __name__ == "__main__":
    main()
