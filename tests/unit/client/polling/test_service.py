from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.polling.service import ServiceWatcher
from airflow_provider_pai.errors import AuthError, NotFoundError, PAIError, ServerError
from airflow_provider_pai.model.serving.status import ServiceSnapshot
from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult


class AnsweringClient:
    """Answers one thing after the other, the last one again and again; a second passes with each."""

    def __init__(self, *answers: ServiceSnapshot | PAIError) -> None:
        self._answers: Iterator[ServiceSnapshot | PAIError] = iter(answers)
        self._last = answers[-1]
        self.now = 0.0

    def send(self, call: Call[Any], *, attempts: int | None = None) -> Any:
        assert (call.action, attempts) == ("DescribeService", 1)
        self.now += 1
        answer = next(self._answers, self._last)
        if isinstance(answer, PAIError):
            raise answer
        return answer


def service(status: str, current: int = 1, latest: int = 1, **members: Any) -> ServiceSnapshot:
    return ServiceSnapshot("iris", status, current_version=current, latest_version=latest, **members)


def watch(client: AnsweringClient, awaited: WaitCondition, log: list[str] | None = None) -> ServiceWatcher:
    lines = [] if log is None else log
    return ServiceWatcher(
        *(client, "cn-hangzhou", "iris", awaited),
        log=lambda text, *arguments: lines.append(text % arguments),
        warn=lambda text, *arguments: lines.append(text % arguments),
        outage_limit=30.0,
        clock=lambda: client.now,
    )


def looks(watched: ServiceWatcher, count: int) -> list[WaitResult]:
    return [watched.look() for _ in range(count)]


def test_a_version_is_waited_for_and_each_change_is_logged_once() -> None:
    log: list[str] = []
    client = AnsweringClient(
        service("Updating", 1, 2, running_instances=1, total_instances=1),
        service("Updating", 1, 2, running_instances=1, total_instances=1),
        service("Running", 2, 2, running_instances=1, total_instances=1, reason="RUNNING", message="well"),
    )
    assert looks(watch(client, WaitCondition(2), log), 3) == [
        WaitResult.PENDING,
        WaitResult.PENDING,
        WaitResult.REACHED,
    ]
    assert log == [
        "Service iris is Updating, version 1 answers, 1 of 1 instances ready",
        "Service iris is Running, version 2 answers, 1 of 1 instances ready (RUNNING: well)",
    ]


def test_what_lags_is_waited_for_a_while_and_then_taken_as_it_is() -> None:
    client = AnsweringClient(service("Running", 1, 1))
    verdicts = looks(watch(client, WaitCondition(2)), 20)
    assert verdicts[:15] == [WaitResult.PENDING] * 15
    assert verdicts[-1] is WaitResult.FAILED
    again = AnsweringClient(
        *[service("Running", 1, 1)] * 10, service("Updating", 1, 2), *[service("Running", 1, 1)] * 10
    )
    assert set(looks(watch(again, WaitCondition(2)), 21)) == {WaitResult.PENDING}


def test_a_service_that_is_gone_is_seen_as_deleted() -> None:
    client = AnsweringClient(NotFoundError("DescribeService", 404, "NotFound", "gone"))
    watched = watch(client, WaitCondition())
    assert watched.look() is WaitResult.REACHED
    assert watched.seen == ServiceSnapshot("iris", "Deleted")


def test_passing_errors_are_borne_for_a_while_and_others_not_at_all() -> None:
    down = ServerError("DescribeService", 503, "ServiceUnavailable", "later")
    client = AnsweringClient(down, down, service("Running", 2, 2))
    assert looks(watch(client, WaitCondition(2)), 3) == [WaitResult.PENDING, WaitResult.PENDING, WaitResult.REACHED]
    with pytest.raises(ServerError):
        looks(watch(AnsweringClient(down), WaitCondition(2)), 40)
    with pytest.raises(AuthError):
        watch(AnsweringClient(AuthError("DescribeService", 403, "NoPermission", "no")), WaitCondition(2)).look()


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (service("Waiting", 1, 1, total_instances=1), "Service iris is Waiting, 0 of 1 instances ready"),
        (service("Failed", 1, 2, running_instances=2, total_instances=2), "version 1 answers, 2 of 2 instances ready"),
        (service("Running", 1, 1), "Service iris is Running, version 1 answers"),
    ],
    ids=["none", "the previous version", "not client how many"],
)
def test_a_version_answers_only_where_an_instance_is_ready(seen: ServiceSnapshot, line: str) -> None:
    log: list[str] = []
    watch(AnsweringClient(seen), WaitCondition(2), log).look()
    assert line in log[0]
    assert ("answers" in log[0]) is seen.answers
