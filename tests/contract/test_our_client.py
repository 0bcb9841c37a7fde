"""Our client against local PAI: signatures, retries, lost answers, errors in words."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import (
    create_training_job,
    get_training_job,
    list_training_jobs,
    stop_training_job,
)
from airflow_provider_pai.api.workspaces import get_default_storage, get_workspace
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient, utc_now
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    NotFoundError,
    ProtocolError,
    ServerError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from tests.support.stub import StubServer

WORKSPACE = "GetWorkspace"


@pytest.fixture
def config(pai: LocalPAI) -> ClientConfig:
    ready = pai.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    return ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(config: ClientConfig, waits: list[float]) -> PAIClient:
    return PAIClient(config, sleep=waits.append)


def test_a_signed_call_is_answered(client: PAIClient, pai: LocalPAI) -> None:
    assert client.send(get_default_storage(pai.ready.workspace_id)) == (
        f"oss://{pai.ready.bucket}.{pai.ready.oss.removeprefix('http://')}/"
    )


@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.ERROR, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_an_idempotent_call_is_sent_again_with_a_new_signature(
    client: PAIClient, pai: LocalPAI, waits: list[float], kind: FaultKind
) -> None:
    # Local PAI refuses a nonce it has seen, so a second good answer proves a second signature.
    pai.faults.add(Fault(WORKSPACE, kind, times=3))
    client.send(get_workspace(pai.ready.workspace_id))
    assert pai.faults.counts()[WORKSPACE] == 4
    assert len(waits) == 3


def test_retries_end_with_the_last_error(client: PAIClient, pai: LocalPAI, config: ClientConfig) -> None:
    pai.faults.add(Fault(WORKSPACE, FaultKind.ERROR, times=100, status=503, code="ServiceUnavailable"))
    with pytest.raises(ServerError, match=r"GetWorkspace was refused: ServiceUnavailable.*HTTP 503, request id \w"):
        client.send(get_workspace(pai.ready.workspace_id))
    assert pai.faults.counts()[WORKSPACE] == config.attempts


def test_the_service_says_how_long_to_wait(client: PAIClient, pai: LocalPAI, waits: list[float]) -> None:
    pai.faults.add(Fault(WORKSPACE, FaultKind.THROTTLE, retry_after_ms=1500))
    client.send(get_workspace(pai.ready.workspace_id))
    assert waits == [1.5]


@pytest.mark.parametrize("status", [400, 429])
def test_throttling_is_known_by_its_code_at_any_status(client: PAIClient, pai: LocalPAI, status: int) -> None:
    pai.faults.add(Fault(WORKSPACE, FaultKind.THROTTLE, status=status))
    with pytest.raises(ThrottledError):
        client.send(get_workspace(pai.ready.workspace_id), attempts=1)


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.ERROR])
def test_a_create_without_a_known_outcome_is_never_sent_twice(
    client: PAIClient, pai: LocalPAI, kind: FaultKind
) -> None:
    pai.faults.add(Fault("CreateTrainingJob", kind, times=5))
    with pytest.raises((TransportError, ServerError)) as failure:
        client.send(create_training_job({}))
    assert pai.faults.counts()["CreateTrainingJob"] == 1
    assert getattr(failure.value, "sent", True)


def test_a_create_that_never_left_is_sent_again(config: ClientConfig, waits: list[float]) -> None:
    unreachable = PAIClient(replace(config, endpoint="http://127.0.0.1:1"), sleep=waits.append)
    with pytest.raises(TransportError, match=r"no answer from 127\.0\.0\.1:1") as failure:
        unreachable.send(create_training_job({}))
    assert not failure.value.sent
    assert len(waits) == config.attempts - 1


def test_a_proxys_page_is_no_answer(client: PAIClient, pai: LocalPAI) -> None:
    pai.faults.add(Fault(WORKSPACE, FaultKind.HTML, status=404))
    with pytest.raises((ProtocolError, APIError), match=WORKSPACE):
        client.send(get_workspace(pai.ready.workspace_id), attempts=1)


def test_an_answer_that_comes_too_late_is_no_answer(config: ClientConfig, pai: LocalPAI) -> None:
    pai.faults.add(Fault(WORKSPACE, FaultKind.SLOW, delay_s=60))
    hasty = PAIClient(replace(config, read_timeout=0.2))
    with pytest.raises(TransportError) as failure:
        hasty.send(get_workspace(pai.ready.workspace_id), attempts=1)
    assert failure.value.sent


def test_a_clock_that_is_wrong_is_corrected_by_the_services(
    config: ClientConfig, pai: LocalPAI, waits: list[float]
) -> None:
    late = PAIClient(config, now=lambda: utc_now() - timedelta(hours=5), sleep=waits.append)
    late.send(get_workspace(pai.ready.workspace_id))
    assert pai.faults.counts()[WORKSPACE] == 2
    late.send(get_workspace(pai.ready.workspace_id))
    assert pai.faults.counts()[WORKSPACE] == 3


def test_a_wrong_secret_is_an_auth_error_that_shows_no_secret(config: ClientConfig, pai: LocalPAI) -> None:
    wrong = PAIClient(replace(config, credentials=KeyPair(pai.ready.access_key_id, "not-the-secret", "a-token")))
    with pytest.raises(AuthError, match="access_key_secret") as failure:
        wrong.send(get_workspace(pai.ready.workspace_id))
    assert "not-the-secret" not in str(failure.value)
    assert "a-token" not in str(failure.value)
    assert "not-the-secret" not in repr(wrong.config)


def test_what_is_not_there_is_a_not_found_error(client: PAIClient, pai: LocalPAI) -> None:
    with pytest.raises(NotFoundError):
        client.send(get_training_job("train00000000000"))
    assert pai.faults.counts()["GetTrainingJob"] == 1


def test_an_id_can_not_change_the_path(client: PAIClient, pai: LocalPAI) -> None:
    with pytest.raises(NotFoundError):
        client.send(stop_training_job("../../workspaces/1?x=y"))
    assert pai.faults.counts() == {"StopTrainingJob": 1}


@pytest.mark.parametrize("content", ["<html>please log in</html>", {}, {"TotalCount": 1, "TrainingJobs": []}], ids=repr)
def test_an_answer_that_says_nothing_is_asked_for_again(content: Any) -> None:
    answers = iter([content, {"RequestId": "ID", "TotalCount": 0}])
    with StubServer(lambda _: (200, next(answers))) as server:
        config = ClientConfig("cn-hangzhou", "12345", KeyPair("id", "secret"), endpoint=server.url)
        call = list_training_jobs("12345", start_time=datetime.now(UTC))
        with closing(PAIClient(config, sleep=lambda _: None)) as client:
            assert client.send(call).items == ()
    assert len(server.asked) == 2


def test_a_create_with_an_unreadable_answer_is_sent_once() -> None:
    with StubServer(lambda _: (200, {"RequestId": "ID"})) as server:
        config = ClientConfig("cn-hangzhou", "12345", KeyPair("id", "secret"), endpoint=server.url)
        with closing(PAIClient(config, sleep=lambda _: None)) as client, pytest.raises(ProtocolError):
            client.send(create_training_job({}))
    assert len(server.asked) == 1
