"""Waits for a job that has ended and left very many lines, from a service without a network; run by the logs benchmark.

The lines are not kept: it is measured what reading them takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.blocking import wait_for_end
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.transport.config import ClientConfig
from benchmarks.peers import answer, asked
from benchmarks.usage import forget_peak, usage

JOB = "train1"


class EndedJob:
    """A service with one job, which has ended."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self.calls = 0
        self.config = ClientConfig("cn-hangzhou", "12345", KeyPair("key", "secret"))

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:  # noqa: ARG002
        """Answer, as text that is then read."""
        self.calls += 1
        body: dict[str, object] = {"TrainingJobId": JOB, "Status": "Succeed"}
        if call.action == "ListTrainingJobLogs":
            size = int(call.query["PageSize"])
            begin = (int(call.query["PageNumber"]) - 1) * size
            body = {"Logs": [f"line {n}" for n in range(begin, min(begin + size, self._lines))]}
            body["TotalCount"] = self._lines
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def close(self) -> None:
        """There is nothing to give back."""


class Counting:
    """Takes lines and keeps none of them."""

    def __init__(self) -> None:
        self.count = 0
        self.wrong = 0

    def __call__(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.startswith("line "):
                self.wrong += line != f"line {self.count}"
                self.count += 1


def main() -> None:
    """Answer how many lines were wrong, and what they took."""
    question = asked()
    service, counting = EndedJob(question["lines"]), Counting()
    log = TaskLog(LogReader(service, JOB, print), Checkpoint(), delay=0.0)
    forget_peak()
    before = usage()
    wait_for_end(
        service,
        JOB,
        interval=1.0,
        outage=OutagePolicy(print),
        log=log,
        show=counting,
        notify=counting,
        sleep=lambda _: None,
    )
    after = usage()
    wrong = counting.wrong + abs(question["lines"] - counting.count)
    peak = after.peak_rss_mib - before.rss_mib
    answer(wrong=wrong, calls=service.calls, cpu_s=after.cpu_s - before.cpu_s, peak_mib=peak)


if __name__ == "__main__":
    main()
