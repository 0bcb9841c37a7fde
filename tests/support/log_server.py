"""A job as its log's readers see it, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.logs.reader import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.errors import APIError, PAIError
from airflow_provider_pai.model.training.response import snapshot
from airflow_provider_pai.model.training.status import JobSnapshot

JOB = "train1"


class LogServer:
    """A job whose log grows and is read in pages.

    Args:
        lines: how many lines there are, of each instance.
        instances: number of instances.
        cap: the most lines the service puts on a page, whatever it is asked for.
        refused_above: the largest page that may be asked for; None for any.
        growth: lines that come during each further request for lines: after the page was taken, before the total is
            counted.
        errors: for each further request for lines the error it ends with; None for an answer.
        points: what is known of the job's metrics.

    Attributes:
        requests: queries of the requests for lines.
        answered: number of lines in each answer to them.
        totals: whether the answers tell how many lines there are.
    """

    def __init__(
        self,
        lines: int = 0,
        *,
        instances: int = 1,
        cap: int = 1000,
        refused_above: int | None = None,
        growth: Iterable[int] = (),
        errors: Iterable[PAIError | None] = (),
        points: Sequence[dict[str, Any]] = (),
    ) -> None:
        names = [f"{JOB}-master-0", *(f"{JOB}-worker-{number}" for number in range(instances - 1))]
        self.logs: dict[str, list[str]] = {name: [] for name in names}
        self.status = "Running"
        self.labels: dict[str, str] = {}
        self.members: dict[str, Any] = {}
        self.requests: list[dict[str, str]] = []
        self.actions: list[str] = []
        self.config = ClientConfig("cn-hangzhou", "12345", KeyPair("key", "secret"))
        self.answered: list[int] = []
        self.totals = True
        self._cap = cap
        self._refused_above = refused_above
        self._growth = iter(growth)
        self._errors = iter(errors)
        self._points = points
        for name in names:
            self.grow(lines, name)

    @property
    def lines(self) -> list[str]:
        """The log of a job with one instance."""
        return self.logs[f"{JOB}-master-0"]

    @lines.setter
    def lines(self, lines: list[str]) -> None:
        self.logs[f"{JOB}-master-0"] = lines

    def grow(self, count: int, name: str = f"{JOB}-master-0") -> None:
        """Add lines to the log of an instance."""
        log = self.logs[name]
        log += [f"line {number}" for number in range(len(log), len(log) + count)]

    def got(self) -> JobSnapshot:
        """The job as GetTrainingJob answers it."""
        return snapshot({**self._listed(), **self._details()})

    def listed(self) -> JobSnapshot:
        """The job as ListTrainingJobs lists it."""
        return snapshot(self._listed())

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        assert attempts is not None
        self.actions.append(call.action)
        body: dict[str, Any]
        if call.action == "GetTrainingJob":
            body = {**self._listed(), **self._details()}
        elif call.action == "UpdateTrainingJobLabels":
            assert call.body is not None
            self.labels |= {label["Key"]: label["Value"] for label in call.body["Labels"]}
            body = {}
        elif call.action == "ListTrainingJobMetrics":
            body = {"Metrics": self._page(list(self._points), call.query), "TotalCount": len(self._points)}
        else:
            assert (call.action, call.path) == ("ListTrainingJobLogs", f"/api/v1/trainingjobs/{JOB}/logs")
            body = self._log_page(call.query)
        return decode_answer(call, 200, {}, json.dumps({"RequestId": "ID", **body}).encode())

    def close(self) -> None:
        """There is nothing to give back."""

    def _log_page(self, query: Any) -> dict[str, Any]:
        self.requests.append(dict(query))
        name = query.get("InstanceId", f"{JOB}-master-0")
        if error := next(self._errors, None):
            self.grow(next(self._growth, 0), name)
            raise error
        if self._refused_above and int(query["PageSize"]) > self._refused_above:
            raise APIError("ListTrainingJobLogs", 400, "InvalidParameter", "The parameter PageSize is invalid.")
        page = self._page(self.logs[name], query)
        self.answered.append(len(page))
        self.grow(next(self._growth, 0), name)
        total = {"TotalCount": str(len(self.logs[name]))} if self.totals else {}
        return {"Logs": page, **total}

    def _page(self, items: list[Any], query: Any) -> list[Any]:
        number, size = int(query["PageNumber"]), min(int(query["PageSize"]), self._cap)
        return items[(number - 1) * size : number * size]

    def _listed(self) -> dict[str, Any]:
        labels = [{"Key": key, "Value": value} for key, value in self.labels.items()]
        compute = {"EcsCount": len(self.logs), "EcsSpec": "ecs.c6.large"}
        return {"TrainingJobId": JOB, "Status": self.status, "ComputeResource": compute, "Labels": labels}

    def _details(self) -> dict[str, Any]:
        return {"Instances": [{"Name": name, "Status": "Running"} for name in self.logs], **self.members}


class Warnings(list[str]):
    """What was warned of; called as a logger's ``warning``."""

    def __call__(self, text: str, *values: Any) -> None:
        self.append(text % values)


class Reads:
    """A reader of a server's job that is asked for one job at a time."""

    def __init__(
        self, server: LogServer, warnings: Warnings | None = None, shown: dict[str, int] | None = None
    ) -> None:
        self.server = server
        self.reader = LogReader(server, JOB, Warnings() if warnings is None else warnings, shown)

    def read(self, pages: int = PAGES_PER_READ) -> list[str]:
        return self.reader.read(self.server.got(), pages)

    @property
    def behind(self) -> bool:
        return self.reader.behind


def until_caught_up(reads: Reads) -> Iterator[str]:
    while lines := reads.read():
        yield from lines
