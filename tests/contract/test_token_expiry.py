"""What is signed with temporary keys stays signed when they end: calls, waits, uploads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import create_training_job, get_training_job
from airflow_provider_pai.api.workspaces import get_workspace
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.credentials.provider import (
    RefreshingCredentials,
    StaticCredentials,
    TemporaryCredentials,
)
from airflow_provider_pai.client.credentials.sources import AssumedRole, CredentialsUri
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.oss.upload import PART_SIZE
from airflow_provider_pai.client.polling.registry import subscribe
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import AuthError, TransportError
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.uri import OssUri
from tests.support.stub import StubServer
from tests.support.tokens import Cloud, tokens

# oss2 2.19.1 signs V4 with datetime.utcnow(), deprecated since Python 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:oss2.auth")

log = logging.getLogger(__name__)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def server(cloud: Cloud) -> Iterator[StubServer]:
    with StubServer(cloud) as running:
        yield running


@pytest.fixture
def config(server: StubServer) -> ClientConfig:
    uri = CredentialsUri(f"{server.url}/keys")
    return ClientConfig("cn-hangzhou", "12345", uri, endpoint=server.url, oss_endpoint=server.url)


def never(_: float) -> None:
    pytest.fail("there is nothing to wait for")


def test_even_a_create_is_sent_once_more_when_its_token_had_expired(
    config: ClientConfig, server: StubServer, cloud: Cloud
) -> None:
    client = PAIClient(config, sleep=never)
    client.send(get_training_job("train1"))
    cloud.good = 2
    assert client.send(create_training_job({"a": "b"})) == "train1"
    assert tokens(server) == ["token-1", "token-1", "token-2"]
    assert [each.method for each in server.asked if each.path != "/keys"] == ["GET", "POST", "POST"]


def test_clients_of_one_identity_share_its_keys(config: ClientConfig, cloud: Cloud) -> None:
    for client in (PAIClient(config), PAIClient(replace(config, workspace_id="6789"))):
        client.send(get_training_job("train1"))
    assert cloud.handed_out == 1


def test_an_expired_token_without_a_source_is_an_error_at_once(
    config: ClientConfig, server: StubServer, cloud: Cloud
) -> None:
    client = PAIClient(replace(config, credentials=KeyPair("id", "hunter2", "token-0")), sleep=never)
    with pytest.raises(AuthError, match=r"InvalidSecurityToken\.Expired.*Check access_key_id"):
        client.send(get_training_job("train1"))
    assert tokens(server) == ["token-0"]


def test_a_create_waits_for_a_key_service_that_fails_for_a_moment(config: ClientConfig, cloud: Cloud) -> None:
    cloud.keys_fail = 2
    waits: list[float] = []
    keys = RefreshingCredentials(lambda: _asked(config), now=lambda: float(len(waits)))
    assert PAIClient(config, keys=keys, sleep=waits.append).send(create_training_job({})) == "train1"
    assert len(waits) == 2


def _asked(config: ClientConfig) -> TemporaryCredentials:
    from airflow_provider_pai.client.credentials.metadata import request_from_uri

    assert isinstance(config.credentials, CredentialsUri)
    return request_from_uri(config.credentials)


def test_an_unavailable_key_service_is_named_in_the_error(
    config: ClientConfig, cloud: Cloud, server: StubServer
) -> None:
    cloud.keys_fail = 1000
    with pytest.raises(TransportError, match="credentials_uri: HTTP 503"):
        PAIClient(config, sleep=lambda _: None).send(create_training_job({}))
    assert tokens(server) == []


def test_a_job_that_outlives_its_token_is_watched_to_its_end(
    config: ClientConfig, server: StubServer, cloud: Cloud
) -> None:
    cloud.ends_after = 3

    async def to_the_end() -> list[str]:
        watching = subscribe(config, "train1", interval=0.05, warn=log.warning, outage_limit=0.0, logs=False)
        return [progress.snapshot.status async for progress in watching]

    statuses = asyncio.run(to_the_end())
    assert statuses[-1] == "Succeed"
    assert tokens(server) == ["token-1"] * 4 + ["token-2"]


def test_an_object_is_written_although_its_token_had_expired(
    config: ClientConfig, server: StubServer, cloud: Cloud
) -> None:
    storage = ObjectStorage(config)
    storage.write(OssUri("bucket", "one"), b"x")
    cloud.good = 2
    storage.write(OssUri("bucket", "two"), b"x")
    assert tokens(server, "x-oss-security-token") == ["token-1", "token-1", "token-2"]


def test_a_token_that_can_not_be_replaced_ends_an_upload_at_once(config: ClientConfig, server: StubServer) -> None:
    storage = ObjectStorage(replace(config, credentials=KeyPair("id", "hunter2", "token-0")))
    with pytest.raises(AuthError, match="SecurityTokenExpired"):
        storage.write(OssUri("bucket", "one"), b"x")
    assert tokens(server, "x-oss-security-token") == ["token-0"]


class Counting(StaticCredentials):
    signed = 0

    def current(self) -> KeyPair:
        self.signed += 1
        return super().current()


def test_each_part_of_a_long_upload_is_signed_with_the_keys_of_its_moment(pai: LocalPAI, tmp_path: Path) -> None:
    ready = pai.ready
    keys = Counting(KeyPair(ready.access_key_id, ready.access_key_secret))
    config = ClientConfig(ready.region_id, ready.workspace_id, keys.current(), oss_endpoint=ready.oss)
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(PART_SIZE + 1)
    keys.signed = 0
    ObjectStorage(config, keys=keys).upload(big, OssUri(ready.bucket, "tests/big"))
    assert keys.signed >= 4, "begin, two parts or more, end"


@pytest.fixture
def moved(pai: LocalPAI) -> Iterator[LocalPAI]:
    """Local PAI whose clock is put right again afterwards."""
    yield pai
    pai.clock.move_to(timedelta())


@pytest.mark.parametrize("service", ["pai", "oss"])
def test_a_role_is_assumed_again_when_local_pai_says_that_its_token_is_over(moved: LocalPAI, service: str) -> None:
    ready = moved.ready
    source = KeyPair(ready.access_key_id, ready.access_key_secret)
    role = AssumedRole("acs:ram::1234567890123456:role/airflow", source, ready.api, service, duration=900)
    config = ClientConfig(ready.region_id, ready.workspace_id, role, endpoint=ready.api, oss_endpoint=ready.oss)
    client, storage = PAIClient(config, sleep=never), ObjectStorage(config)

    def ask() -> object:
        if service == "pai":
            return client.send(get_workspace(ready.workspace_id))
        return storage.write(OssUri(ready.bucket, "tests/expiry"), b"x")

    # A request's own time may be 15 minutes off, a token's end not by a second: so the server lags, then leads.
    moved.clock.move_to(timedelta(seconds=-850))
    ask()
    first = credentials_provider(role).current()
    moved.clock.move_to(timedelta(seconds=100))
    ask()
    assert first.security_token
    assert credentials_provider(role).current() != first
