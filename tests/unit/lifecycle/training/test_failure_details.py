from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.errors import AuthError, PAIError, ProtocolError, TransportError
from airflow_provider_pai.lifecycle.training.failure_details import read_failure_details
from airflow_provider_pai.model.training.failure_details import ErrorInfo
from airflow_provider_pai.model.training.status import JobSnapshot

JOB = JobSnapshot("train1", "Failed")
INFO = {"Code": "OOM", "Message": "no memory"}
FAILURES = [
    TransportError("no answer", sent=True),
    AuthError("ListTrainingJobEvents", 403, "Forbidden", "no"),
    ProtocolError("not JSON", "<html>"),
]


class Service:
    """Answers with error information and pages of events; an operation that is to fail raises its error."""

    def __init__(self, events: int = 0, cap: int = 1000, **failures: PAIError) -> None:
        self.events = [f"event {number}" for number in range(events)]
        self.warnings: list[str] = []
        self._cap = cap
        self._failures = failures

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        assert attempts == 2, "the task has failed: what can't be read soon is left out"
        if error := self._failures.get(call.action):
            raise error
        body: dict[str, Any] = {"ErrorInfo": INFO}
        if call.action == "ListTrainingJobEvents":
            number, size = int(call.query["PageNumber"]), min(int(call.query["PageSize"]), self._cap)
            body = {"Events": self.events[(number - 1) * size : number * size], "TotalCount": str(len(self.events))}
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def warn(self, text: str, *values: object) -> None:
        self.warnings.append(text % values)


def test_all_that_is_known_is_gathered() -> None:
    service = Service(events=2)
    details = read_failure_details(service, JOB, ("the last line",), service.warn)
    assert details.job is JOB
    assert details.error == ErrorInfo("OOM", "no memory")
    assert details.events == ("event 0", "event 1")
    assert details.log_tail == ("the last line",)
    assert service.warnings == []


@pytest.mark.parametrize("cap", [7, 100, 1000])
@pytest.mark.parametrize("count", [99, 100, 101, 250, 1234])
def test_the_last_events_are_among_them_however_many_there_are(count: int, cap: int) -> None:
    service = Service(events=count, cap=cap)
    events = read_failure_details(service, JOB, (), service.warn).events
    assert events[0] == "event 0"
    assert list(events[-7:]) == service.events[-7:]
    assert len(set(events)) == len(events)


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_unreadable_details_are_left_out_with_a_warning(error: PAIError) -> None:
    service = Service(events=2, GetTrainingJobErrorInfo=error)
    details = read_failure_details(service, JOB, (), service.warn)
    assert (details.error, details.events) == (ErrorInfo(), ("event 0", "event 1"))
    service = Service(ListTrainingJobEvents=error)
    details = read_failure_details(service, JOB, (), service.warn)
    assert (details.error, details.events) == (ErrorInfo("OOM", "no memory"), ())
    (warning,) = service.warnings
    assert "events of job train1" in warning
