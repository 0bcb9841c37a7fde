from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.http.faults import ANY, OSS, Fault, FaultInjector, FaultKind, Faults
from airflow_provider_pai.local.http.listener import Listener
from airflow_provider_pai.local.http.response import json_response
from tests.support.waits import LONGER, PATIENCE, wait_until

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GET_JOB = "GetTrainingJob"


class Service:
    """A served application that remembers which requests were executed."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.executed: list[bytes] = []
        inner = Starlette(routes=[Route("/", self._execute, methods=["GET", "POST"])])
        self._pai, self._oss = FaultInjector(inner, self.faults), FaultInjector(inner, self.faults, OSS)
        self._pai_listener, self._oss_listener = Listener("pai", 0), Listener("oss", 0)

    def start(self) -> None:
        self._pai_listener.start(self._pai, lambda: NOW)
        self._oss_listener.start(self._oss, lambda: NOW)

    def close(self) -> None:
        self._pai_listener.close()
        self._oss_listener.close()

    async def _execute(self, request: Request) -> Response:
        self.executed.append(await request.body())
        return json_response({"Done": True})

    def send(self, action: str = GET_JOB, body: bytes = b"") -> requests.Response:
        with requests.Session() as session:
            return self.send_on(session, action, body)

    def send_on(self, session: requests.Session, action: str = GET_JOB, body: bytes = b"") -> requests.Response:
        return session.post(self._pai_listener.url, body, headers={"x-acs-action": action}, timeout=PATIENCE)

    def send_oss(self, method: str) -> requests.Response:
        return requests.request(method, self._oss_listener.url, timeout=PATIENCE)


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    service = Service()
    service.start()
    yield service
    service.close()


@pytest.fixture
def service(served: Service) -> Iterator[Service]:
    yield served
    served.faults.clear()
    served.faults.reset_counts()
    served.executed.clear()


def test_the_bytes_of_bodies_are_counted_whatever_comes_of_them(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.ERROR))
    for body in (b"12345", b"", b"678"):
        service.send(body=body)
    service.send_oss("GET")
    assert service.faults.sizes() == {GET_JOB: 8}


def test_without_a_fault_requests_are_answered(service: Service) -> None:
    assert service.send().json()["Done"] is True


def test_the_server_dates_its_answers_by_its_own_clock(service: Service) -> None:
    assert service.send().headers["date"] == "Tue, 24 Nov 2026 12:00:00 GMT"


def test_a_throttled_answer_looks_like_the_gateways(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.THROTTLE, retry_after_ms=1500))
    throttled = service.send()
    assert (throttled.status_code, throttled.json()["Code"]) == (400, "Throttling.User")
    assert throttled.headers["x-acs-retry-after"] == "1500"
    assert service.executed == []


def test_a_throttled_answer_may_be_a_429_without_a_hint(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.THROTTLE, status=429))
    throttled = service.send()
    assert throttled.status_code == 429
    assert "x-acs-retry-after" not in throttled.headers


def test_an_error_has_the_status_and_the_code_it_was_given(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.ERROR, status=500, code="InternalError"))
    refused = service.send()
    assert (refused.status_code, refused.json()["Code"]) == (500, "InternalError")
    assert service.executed == []


def test_an_html_answer_is_that_of_a_proxy(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.HTML))
    page = service.send()
    assert page.status_code == 502
    assert page.headers["content-type"].startswith("text/html")


def test_a_slow_answer_comes_late_and_complete(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.SLOW, delay_s=0.2))
    start = time.monotonic()
    assert service.send().json()["Done"] is True
    assert time.monotonic() - start >= 0.2


def test_a_slow_answer_holds_up_no_other() -> None:
    service = Service()
    service.start()
    service.faults.add(Fault(GET_JOB, FaultKind.SLOW, delay_s=LONGER))

    def send_slowly() -> None:
        # It ends when the service does.
        with suppress(requests.ConnectionError):
            service.send()

    slow = threading.Thread(target=send_slowly)
    slow.start()
    wait_until(service.faults.counts)
    assert service.send("StopTrainingJob").ok
    assert slow.is_alive()
    service.close()
    slow.join()


def test_a_connection_dropped_before_leaves_nothing_done(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.DROP_BEFORE))
    with pytest.raises(requests.ConnectionError):
        service.send(body=b"x" * 1_000_000)
    assert service.executed == []


def test_a_connection_dropped_after_leaves_the_operation_done(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.DROP_AFTER))
    with pytest.raises(requests.ConnectionError):
        service.send(body=b"once")
    assert service.executed == [b"once"]


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_a_kept_connection_is_dropped_and_the_next_request_gets_a_new_one(service: Service, kind: FaultKind) -> None:
    with requests.Session() as session:
        assert service.send_on(session).ok
        service.faults.add(Fault(GET_JOB, kind))
        with pytest.raises(requests.ConnectionError):
            service.send_on(session)
        assert service.send_on(session).ok


def test_a_dropped_connection_is_no_error_of_the_server(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.DROP_AFTER))
    with pytest.raises(requests.ConnectionError):
        service.send()
    assert service.send().ok
    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_a_fault_comes_as_often_as_it_was_asked_for(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.ERROR, times=2))
    assert [service.send().status_code for _ in range(3)] == [503, 503, 200]
    assert service.faults.pending() == ()


def test_a_fault_concerns_its_operation_only(service: Service) -> None:
    service.faults.add(Fault("CreateTrainingJob", FaultKind.ERROR))
    assert service.send(GET_JOB).ok
    assert service.faults.pending() == (Fault("CreateTrainingJob", FaultKind.ERROR),)


def test_a_fault_for_any_operation_meets_the_next_one(service: Service) -> None:
    service.faults.add(Fault(ANY, FaultKind.ERROR))
    assert service.send("AnyOther").status_code == 503


def test_faults_of_one_operation_come_in_their_order(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.ERROR))
    service.faults.add(Fault(GET_JOB, FaultKind.HTML))
    assert [service.send().status_code for _ in range(3)] == [503, 502, 200]


def test_oss_requests_are_named_by_their_method(service: Service) -> None:
    service.faults.add(Fault("oss:GET", FaultKind.ERROR))
    assert service.send_oss("POST").ok
    assert service.send_oss("GET").status_code == 503
    assert service.faults.counts() == {"oss:POST": 1, "oss:GET": 1}


def test_oss_is_refused_in_its_own_shape(service: Service) -> None:
    service.faults.add(Fault("oss:GET", FaultKind.THROTTLE))
    throttled = service.send_oss("GET")
    assert throttled.status_code == 503
    assert "<Code>DownloadTrafficRateLimitExceeded</Code>" in throttled.text


def test_a_refused_head_request_of_oss_has_the_error_in_a_header(service: Service) -> None:
    service.faults.add(Fault("oss:HEAD", FaultKind.ERROR))
    refused = service.send_oss("HEAD")
    assert (refused.status_code, refused.content) == (503, b"")
    assert b"<Code>ServiceUnavailable</Code>" in base64.b64decode(refused.headers["x-oss-err"])


def test_requests_are_counted_whatever_comes_of_them(service: Service) -> None:
    service.faults.add(Fault(GET_JOB, FaultKind.ERROR))
    service.faults.add(Fault(GET_JOB, FaultKind.DROP_BEFORE))
    service.send()
    with pytest.raises(requests.ConnectionError):
        service.send()
    service.send()
    assert service.faults.counts() == {GET_JOB: 3}


def test_each_fault_meets_one_request_however_many_come_at_once() -> None:
    faults = Faults()
    faults.add(Fault(GET_JOB, FaultKind.ERROR, times=50))
    met: list[Fault | None] = []

    def meet() -> None:
        met.extend(faults.record_request(GET_JOB) for _ in range(20))

    threads = [threading.Thread(target=meet) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fault is not None for fault in met) == 50
    assert faults.counts() == {GET_JOB: 100}


def test_a_port_that_is_taken_is_an_error_and_stays_with_its_owner(service: Service) -> None:
    listener = Listener("first", 0)
    try:
        with pytest.raises(OSError, match="in use"):
            Listener("second", listener.port)
    finally:
        listener.close()
