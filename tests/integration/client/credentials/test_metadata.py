"""Key pairs from the ECS metadata service and from a service of one's own, asked over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.metadata import request_ecs_role, request_from_uri
from airflow_provider_pai.client.credentials.sources import CredentialsUri, EcsRole
from airflow_provider_pai.errors import CredentialsError, PAIError, TransportError
from tests.support.stub import Answer, Asked, StubServer, key_document, nowhere

ROLES = "/latest/meta-data/ram/security-credentials/"
TOKEN = "/latest/api/token"
HEADER = "x-aliyun-ecs-metadata-token"
EXPIRES = datetime(2099, 1, 1, tzinfo=UTC).timestamp()


def metadata_service(role: str = "worker", token: Answer = (200, "metadata-token")) -> Callable[[Asked], Answer]:
    """Answer as the metadata service of an instance with a role does; without a token when that isn't given out."""

    def answer(asked: Asked) -> Answer:
        if asked.path == TOKEN:
            return token if asked.method == "PUT" else (405, "")
        if asked.headers.get(HEADER) != (token[1] if token[0] == 200 else None):
            return 403, ""
        if asked.path == ROLES:
            return (200, role) if role else (404, "not found")
        return (200, key_document()) if role and asked.path == ROLES + role else (404, "not found")

    return answer


def test_the_attached_role_is_found_with_a_token_of_imdsv2() -> None:
    with StubServer(metadata_service()) as server:
        lease = request_ecs_role(EcsRole(), server.url)
    assert lease.keys == KeyPair("STS.id", "hunter2", "token-1")
    assert lease.expires == EXPIRES
    assert [(each.method, each.path) for each in server.asked] == [
        ("PUT", TOKEN),
        ("GET", ROLES),
        ("GET", ROLES + "worker"),
    ]
    assert server.asked[0].headers["x-aliyun-ecs-metadata-token-ttl-seconds"] == "21600"


def test_a_role_that_is_named_is_not_looked_for() -> None:
    with StubServer(metadata_service()) as server:
        request_ecs_role(EcsRole("worker"), server.url)
    assert ROLES not in [each.path for each in server.asked]


def test_without_a_token_the_older_service_will_do() -> None:
    with StubServer(metadata_service(token=(404, ""))) as server:
        assert request_ecs_role(EcsRole(), server.url).keys.access_key_id == "STS.id"


def test_without_a_token_nothing_is_asked_where_the_older_service_is_disabled() -> None:
    with (
        StubServer(metadata_service(token=(404, ""))) as server,
        pytest.raises(CredentialsError, match=r"IMDSv1 is disabled.*Check disable_imdsv1"),
    ):
        request_ecs_role(EcsRole(imdsv1=False), server.url)
    assert [each.path for each in server.asked] == [TOKEN]


def test_an_instance_without_a_role_is_an_error() -> None:
    with StubServer(metadata_service(role="")) as server, pytest.raises(CredentialsError, match="no RAM role is att"):
        request_ecs_role(EcsRole(), server.url)


def test_the_error_of_a_role_that_is_not_attached_names_it() -> None:
    with (
        StubServer(metadata_service()) as server,
        pytest.raises(CredentialsError, match=r"no RAM role 'other'.*Check role_name"),
    ):
        request_ecs_role(EcsRole("other"), server.url)


def from_uri(status: int, body: Any) -> PAIError:
    with StubServer(lambda _: (status, body)) as server, pytest.raises(PAIError) as caught:
        request_from_uri(CredentialsUri(f"{server.url}/path?token=hunter2"))
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_a_service_of_ones_own_is_asked_with_path_and_query() -> None:
    with StubServer(lambda _: (200, key_document())) as server:
        lease = request_from_uri(CredentialsUri(f"{server.url}/path?a=b"))
    assert lease.keys == KeyPair("STS.id", "hunter2", "token-1")
    assert (server.asked[0].method, server.asked[0].path, server.asked[0].query) == ("GET", "/path", {"a": "b"})


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_comes_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, nowhere())
    with StubServer(metadata_service()) as server:
        assert request_ecs_role(EcsRole(), server.url).expires == EXPIRES
    with StubServer(lambda _: (200, key_document())) as server:
        assert request_from_uri(CredentialsUri(server.url)).expires == EXPIRES


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_service_that_fails_may_be_asked_again(status: int) -> None:
    error = from_uri(status, key_document())
    assert isinstance(error, TransportError)
    assert not error.sent, "the call itself was never sent"


@pytest.mark.parametrize("status", [302, 401, 403, 404])
def test_a_service_that_refuses_is_not_asked_again(status: int) -> None:
    error = from_uri(status, key_document())
    assert isinstance(error, CredentialsError)
    assert "Check credentials_uri" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        "<html>hunter2</html>",
        [],
        key_document(Code="Failed"),
        key_document(AccessKeyId=""),
        key_document(SecurityToken=None),
        key_document(Expiration="soon"),
        key_document(Expiration="2099-01-01T00:00:00"),
        key_document(Expiration=1),
        {"Code": "Success", "AccessKeySecret": "hunter2"},
    ],
)
def test_the_error_of_an_answer_without_a_key_pair_does_not_show_the_answer(body: Any) -> None:
    error = from_uri(200, body)
    assert isinstance(error, TransportError)
    assert "AccessKeyId, AccessKeySecret, SecurityToken and Expiration" in str(error)


def test_the_error_of_an_unreachable_service_does_not_show_the_url() -> None:
    with pytest.raises(TransportError, match=r"no answer from 127\.0\.0\.1 \(ConnectionError\)") as caught:
        request_from_uri(CredentialsUri(f"{nowhere()}/?token=hunter2"))
    assert "hunter2" not in str(caught.value)
    assert not caught.value.sent
    with pytest.raises(TransportError):
        request_ecs_role(EcsRole(), nowhere())
