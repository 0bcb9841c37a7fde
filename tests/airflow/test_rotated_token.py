"""An STS token in the connection that a secrets backend rotates: the connection is looked up again when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.errors import AuthError, TransportError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.stub import StubServer
from tests.support.tokens import Cloud, tokens


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def server(cloud: Cloud) -> Iterator[StubServer]:
    with StubServer(cloud) as running:
        yield running


@pytest.fixture
def connect(server: StubServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a token into the connection, as a secrets backend would that rotates it."""

    def with_token(token: str) -> None:
        place = {"region_id": "cn-hangzhou", "workspace_id": "12345", "endpoint": server.url}
        extra = urlencode({**place, "security_token": token})
        monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", f"pai://id:hunter2@/?{extra}")

    return with_token


def test_a_token_that_was_rotated_in_the_connection_is_looked_up_again(
    server: StubServer, cloud: Cloud, connect: Any
) -> None:
    connect("token-1")
    hook = PAITrainingHook()
    hook.get("train1")
    cloud.good = 2
    with pytest.raises(AuthError):
        hook.get("train1")
    connect("token-2")
    assert hook.get("train1").status == "Running"
    assert tokens(server) == ["token-1", "token-1", "token-1", "token-2"]


async def outcome(trigger: PAITrainingTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        return dict(event.payload)
    raise AssertionError("a trigger ends with an event")


def test_a_deferred_job_outlives_the_connections_token(server: StubServer, cloud: Cloud, connect: Any) -> None:
    connect("token-1")
    cloud.ends_after = 2
    cloud.rotated = lambda: connect(cloud.token)
    payload = asyncio.run(outcome(PAITrainingTrigger("train1", poll_interval=0.05, show_logs=False)))
    assert payload["error"] is None
    assert payload["status"] == "Succeed"
    assert tokens(server) == ["token-1", "token-1", "token-1", "token-2"]


def test_a_deferred_job_is_given_up_when_the_connection_holds_the_same_token(
    server: StubServer, cloud: Cloud, connect: Any
) -> None:
    connect("token-1")
    cloud.ends_after = 2
    payload = asyncio.run(outcome(PAITrainingTrigger("train1", poll_interval=0.05, show_logs=False)))
    assert "InvalidSecurityToken.Expired" in payload["error"]
    assert "hunter2" not in payload["error"]
    assert tokens(server) == ["token-1"] * 3


def test_a_connection_that_can_not_be_looked_up_again_is_an_outage_not_the_end(
    server: StubServer, cloud: Cloud, connect: Any
) -> None:
    connect("token-1")

    class Failing(PAITrainingHook):
        @classmethod
        def get_connection(cls, conn_id: str) -> Any:
            raise RuntimeError("the backend is down; hunter2")

    hook = Failing()
    hook.config = PAITrainingHook().config
    cloud.good = 2
    with pytest.raises(TransportError, match=r"'pai_default' can't be looked up again \(RuntimeError\)") as caught:
        hook.client.send(get_training_job("train1"), attempts=1)
    assert "hunter2" not in str(caught.value)
