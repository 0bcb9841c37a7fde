from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.http.admin import Controls, admin_route, is_loopback
from airflow_provider_pai.local.http.faults import Fault, FaultKind, Faults
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.model.training.status import JobStatus

TOKEN = "the-token"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Server:
    """The admin routes, and what they did."""

    def __init__(self) -> None:
        self.clock = Clock(lambda: NOW)
        self.faults = Faults()
        self.done: list[tuple[Any, ...]] = []
        self._app = Starlette(routes=[admin_route(Controls(self.clock, self.faults, *self._acts()), TOKEN)])

    def _acts(self) -> tuple[Any, ...]:
        def move(job_id: str, status: JobStatus, code: str, message: str) -> None:
            if job_id == "unknown":
                raise ErrorResponse(404, "TRAINING_JOB_NOT_FOUND", "no such job")
            self.done.append(("move", job_id, status, code, message))

        return (
            lambda: {"version": "1.2.3"},
            lambda: [{"TrainingJobId": "train1"}],
            lambda: [{"ServiceName": "score"}],
            lambda: self.done.append(("reset",)),
            lambda seconds: self.done.append(("lag", seconds)),
            move,
            lambda: self,
        )

    def table(self) -> list[dict[str, str]]:
        return [{"ModelName": "churn"}]

    def shown(self, name: str) -> dict[str, Any]:
        return {"model": {"ModelName": name}}

    def decide(self, name: str, version_name: str, status: str, *, by: str, reason: str) -> dict[str, Any]:
        self.done.append(("decide", name, version_name, status, by, reason))
        return {}

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
        content: str | None = None,
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, client=(client, 12345))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as http:
                shown = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
                return await http.request(method, f"/_local/{path}", json=body, content=content, headers=shown)

        return asyncio.run(send())


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer other", "the-token", "Basic the-token", "Bearer the-token2"])
@pytest.mark.parametrize(("method", "path"), [("GET", "health"), ("POST", "reset"), ("GET", "jobs"), ("GET", "none")])
def test_nothing_is_answered_or_done_without_the_token(server: Server, shown: str, method: str, path: str) -> None:
    answer = server.ask(method, path, headers={"Authorization": shown})
    assert (answer.status_code, answer.json()["Code"], server.done) == (401, "Unauthorized", [])


@pytest.mark.parametrize("content", ["[" * 50_000, "9" * 5000, '{"seconds": 1e999}', '{"seconds": NaN}', "{" * 101])
def test_a_body_of_any_depth_is_refused_and_no_failure(server: Server, content: str) -> None:
    assert server.ask("POST", "list-lag", content=content).status_code == 400


def test_health_is_answered_without_a_signature(server: Server) -> None:
    assert server.ask("GET", "health").json()["version"] == "1.2.3"


def test_jobs_are_listed_in_short(server: Server) -> None:
    assert server.ask("GET", "jobs").json()["jobs"] == [{"TrainingJobId": "train1"}]


def test_services_are_listed_in_short(server: Server) -> None:
    assert server.ask("GET", "services").json()["services"] == [{"ServiceName": "score"}]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost:8080", "[::1]:8080"])
def test_any_loopback_host_is_answered(server: Server, host: str) -> None:
    assert server.ask("GET", "health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[broken"])
def test_a_page_of_a_rebound_host_name_is_refused(server: Server, host: str) -> None:
    answer = server.ask("POST", "reset", headers={"host": host})
    assert (answer.status_code, answer.json()["Code"]) == (403, "Forbidden")
    assert server.done == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8080"])
def test_a_web_page_is_refused(server: Server, origin: str) -> None:
    assert server.ask("POST", "reset", headers={"origin": origin}).status_code == 403
    assert server.done == []


def test_another_machine_is_refused(server: Server) -> None:
    assert server.ask("POST", "reset", client="10.0.0.7").status_code == 403
    assert server.done == []


def test_only_literal_loopback_names_are_loopback() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.3.2.1", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("localhost.evil", "0.0.0.0", "::", "")] == [False] * 4


def test_reset_resets(server: Server) -> None:
    assert server.ask("POST", "reset").status_code == 200
    assert server.done == [("reset",)]


def test_a_fault_is_added_shown_and_cleared(server: Server) -> None:
    body = {"operation": "GetTrainingJob", "kind": "throttle", "times": 3, "retry_after_ms": 1500, "status": 429}
    assert server.ask("POST", "faults", body).status_code == 200
    fault = Fault("GetTrainingJob", FaultKind.THROTTLE, times=3, retry_after_ms=1500, status=429)
    assert server.faults.pending() == (fault,)
    shown = server.ask("GET", "faults").json()["faults"]
    assert [{name: one[name] for name in body} for one in shown] == [body]
    assert server.ask("DELETE", "faults").status_code == 200
    assert server.faults.pending() == ()


@pytest.mark.parametrize(
    "body",
    [
        {"operation": "GetTrainingJob"},
        {"kind": "slow"},
        {"operation": "", "kind": "slow"},
        {"operation": "*", "kind": "explode"},
        {"operation": "*", "kind": "slow", "delay": 1},
        {"operation": "*", "kind": "slow", "delay_s": -1},
        {"operation": "*", "kind": "slow", "delay_s": "1"},
        {"operation": "*", "kind": "slow", "times": 0},
        {"operation": "*", "kind": "slow", "times": True},
        {"operation": "*", "kind": "error", "status": 200},
        {"operation": "*", "kind": "throttle", "retry_after_ms": 0.5},
        [],
    ],
)
def test_a_fault_that_can_not_be_understood_is_refused(server: Server, body: Any) -> None:
    answer = server.ask("POST", "faults", body)
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidParameter")
    assert server.faults.pending() == ()


def test_counters_are_shown_and_cleared(server: Server) -> None:
    server.faults.record_request("GetTrainingJob")
    server.faults.record_request("oss:PUT", 7)
    server.faults.record_request("oss:PUT", 3)
    shown = server.ask("GET", "counters").json()
    assert shown["counters"] == {"GetTrainingJob": 1, "oss:PUT": 2}
    assert shown["bytes"] == {"oss:PUT": 10}
    assert server.ask("DELETE", "counters").status_code == 200
    assert server.faults.counts() == server.faults.sizes() == {}


def test_the_clock_is_moved_from_real_time(server: Server) -> None:
    server.ask("POST", "clock", {"offset_seconds": 60})
    answer = server.ask("POST", "clock", {"offset_seconds": -3600})
    assert answer.json()["now"] == "2026-11-24T11:00:00+00:00"
    assert server.clock.now() == NOW - timedelta(hours=1)


@pytest.mark.parametrize("seconds", [None, "60", True, 1e300])
def test_a_time_that_is_no_number_of_seconds_is_refused(server: Server, seconds: Any) -> None:
    assert server.ask("POST", "clock", {"offset_seconds": seconds}).status_code == 400
    assert server.clock.now() == NOW


def test_the_list_of_jobs_may_lag(server: Server) -> None:
    assert server.ask("POST", "list-lag", {"seconds": 2.5}).status_code == 200
    assert server.ask("POST", "list-lag", {"seconds": -1}).status_code == 400
    assert server.done == [("lag", 2.5)]


def test_a_job_is_moved_by_hand(server: Server) -> None:
    body = {"Status": "Failed", "ReasonCode": "NodeLost", "ReasonMessage": "gone"}
    assert server.ask("POST", "jobs/train1/status", body).status_code == 200
    assert server.ask("POST", "jobs/train1/status", {"Status": "Terminated"}).status_code == 200
    assert server.done == [
        ("move", "train1", JobStatus.FAILED, "NodeLost", "gone"),
        ("move", "train1", JobStatus.TERMINATED, "", ""),
    ]


@pytest.mark.parametrize(
    "body", [{}, {"Status": "Lost"}, {"Status": ["Failed"]}, {"Status": "Failed", "ReasonCode": 1}]
)
def test_a_status_that_can_not_be_understood_is_refused(server: Server, body: Any) -> None:
    assert server.ask("POST", "jobs/train1/status", body).status_code == 400
    assert server.done == []


def test_a_refusal_of_an_act_is_answered(server: Server) -> None:
    answer = server.ask("POST", "jobs/unknown/status", {"Status": "Failed"})
    assert (answer.status_code, answer.json()["Code"]) == (404, "TRAINING_JOB_NOT_FOUND")


def test_an_unknown_control_is_not_found(server: Server) -> None:
    assert server.ask("GET", "secrets").status_code == 404


def test_models_are_listed_shown_and_decided_on(server: Server) -> None:
    assert server.ask("GET", "models").json()["models"] == [{"ModelName": "churn"}]
    assert server.ask("GET", "model?name=a%2Fb%20c").json()["model"] == {"ModelName": "a/b c"}
    decision = {"model": "churn", "version": "0.1.0", "status": "Rejected", "by": "me", "reason": "too slow"}
    assert server.ask("POST", "model/decision", decision).status_code == 200
    assert server.done == [("decide", "churn", "0.1.0", "Rejected", "me", "too slow")]
    assert server.ask("POST", "model/decision", {"model": ["churn"]}).json()["Code"] == "InvalidParameter"
