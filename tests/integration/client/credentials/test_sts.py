"""Key pairs from STS, through the vendor's library over real HTTP to a fake STS."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.factory import credentials_provider, request_credentials
from airflow_provider_pai.client.credentials.provider import CredentialsProvider
from airflow_provider_pai.client.credentials.sources import AssumedRole, CredentialsUri, KeySource, OidcRole
from airflow_provider_pai.client.credentials.sts import assume_role, assume_role_with_oidc
from airflow_provider_pai.errors import CredentialsError, PAIError, TransportError
from tests.support.stub import Answer, Asked, StubServer, key_document, nowhere

ROLE = "acs:ram::123456789012:role/airflow"
PROVIDER = "acs:ram::123456789012:oidc-provider/ack-rrsa-c1"
SOURCE = KeyPair("LTAI-source", "source-secret")
SECRETS = ("source-secret", "hunter2", "token-1", "oidc-token", "Signature=", "cross-account")


def good(_: Asked) -> Answer:
    return 200, {"RequestId": "ID", "Credentials": key_document()}


def role(url: str, **changed: Any) -> AssumedRole:
    return AssumedRole(ROLE, **{"source": SOURCE, "sts_url": url, **changed})


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library goes through the environment's proxy, wherever to."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("oidc-token")
    return path


def test_a_role_is_assumed_by_the_connections_key() -> None:
    with StubServer(good) as sts:
        temporary = request_credentials(role(sts.url))
    assert temporary.keys == KeyPair("STS.id", "hunter2", "token-1")
    assert temporary.expires == 4_070_908_800
    asked = sts.asked[0].query
    wanted = {
        "Action": "AssumeRole",
        "Version": "2015-04-01",
        "RoleArn": ROLE,
        "RoleSessionName": "airflow-provider-pai",
        "DurationSeconds": "3600",
        "AccessKeyId": "LTAI-source",
    }
    assert wanted.items() <= asked.items()
    assert not {"SecurityToken", "Policy", "ExternalId"} & asked.keys()


def test_everything_that_is_set_reaches_sts() -> None:
    policy = '{"Version": "1", "Statement": []}'
    source = KeyPair("LTAI-source", "source-secret", "source-token")
    with StubServer(good) as sts:
        request_credentials(
            role(sts.url, source=source, session_name="mine", duration=900, external_id="cross-account", policy=policy)
        )
    wanted = {
        "RoleSessionName": "mine",
        "DurationSeconds": "900",
        "ExternalId": "cross-account",
        "Policy": policy,
        "SecurityToken": "source-token",
    }
    assert wanted.items() <= sts.asked[0].query.items()


def test_a_role_is_assumed_with_a_token_that_is_read_anew_each_time(token_file: Path) -> None:
    with StubServer(good) as sts:
        wanted = OidcRole(sts.url, ROLE, PROVIDER, str(token_file))
        assert assume_role_with_oidc(wanted).keys == KeyPair("STS.id", "hunter2", "token-1")
        token_file.write_text("rotated")
        assume_role_with_oidc(wanted)
    assert [each.query["OIDCToken"] for each in sts.asked] == ["oidc-token", "rotated"]
    wanted_query = {"Action": "AssumeRoleWithOIDC", "RoleArn": ROLE, "OIDCProviderArn": PROVIDER}
    assert wanted_query.items() <= sts.asked[0].query.items()


def test_a_pods_variables_take_the_place_of_what_the_connection_leaves_out(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ROLE_ARN", ROLE)
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/other")
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(token_file))
    with StubServer(good) as sts:
        assume_role_with_oidc(OidcRole(sts.url, provider_arn=PROVIDER))
    wanted = {"RoleArn": ROLE, "OIDCProviderArn": PROVIDER, "OIDCToken": "oidc-token"}
    assert wanted.items() <= sts.asked[0].query.items()


def test_a_role_that_neither_connection_nor_pod_names_is_an_error(token_file: Path) -> None:
    with pytest.raises(CredentialsError, match=r"ALIBABA_CLOUD_ROLE_ARN.*Check role_arn and oidc_provider_arn of"):
        assume_role_with_oidc(OidcRole("http://127.0.0.1:1", token_file=str(token_file)))


def test_a_missing_token_file_is_an_error(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(CredentialsError, match=r"missing can't be read: No such file.*Check oidc_token_file"):
        assume_role_with_oidc(OidcRole("http://127.0.0.1:1", ROLE, PROVIDER, missing))


def refused(status: int, body: Any) -> PAIError:
    with StubServer(lambda _: (status, body)) as sts, pytest.raises(PAIError) as caught:
        request_credentials(role(sts.url, external_id="cross-account"))
    assert not [secret for secret in SECRETS if secret in str(caught.value)]
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "EntityNotExist.Role", "The role not exists: acs:ram::123456789012:role/airflow."),
        (403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM."),
        (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
        (400, "InvalidParameter.DurationSeconds", "The Min/Max value of DurationSeconds is 15min/1hr."),
    ],
)
def test_the_error_of_a_refusal_has_stss_message_and_the_fields_to_check(status: int, code: str, message: str) -> None:
    error = refused(status, {"RequestId": "REQUEST", "Code": code, "Message": message})
    assert isinstance(error, CredentialsError)
    assert (error.operation, error.status, error.code, error.request_id) == ("AssumeRole", status, code, "REQUEST")
    assert message in str(error)
    assert "Check role_arn, external_id, policy and the access key of the Airflow connection" in str(error)


def test_the_error_of_a_wrong_secret_does_not_show_what_was_signed() -> None:
    message = "Specified signature is not matched with our calculation. server string to sign is:GET&hunter2"
    error = refused(400, {"Code": "SignatureDoesNotMatch", "Message": message})
    assert isinstance(error, CredentialsError)
    assert "access_key_secret is probably wrong" in str(error)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"Code": "InternalError", "Message": "again, please"}),
        (503, "<html>hunter2</html>"),
        (400, {"Code": "Throttling.User", "Message": "Request was denied due to user flow control."}),
        (400, {"Code": "InvalidTimeStamp.Expired", "Message": "Specified time stamp or date value is expired."}),
        (403, "<html>a proxy says hunter2</html>"),
        (200, "<html>hunter2</html>"),
        (200, key_document()),
        (200, {"Credentials": {"AccessKeySecret": "hunter2"}}),
        (200, {"Credentials": key_document(Expiration=None)}),
        (200, {"Credentials": key_document(expires="2001-01-01T00:00:00Z")}),
    ],
)
def test_a_transient_refusal_is_a_transport_error_of_an_unsent_call(status: int, body: Any) -> None:
    error = refused(status, body)
    assert isinstance(error, TransportError)
    assert not error.sent, "the call itself was never sent"


def test_the_error_of_an_unreachable_sts_shows_no_secret(
    token_file: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(TransportError, match=r"no answer from 127") as caught:
        request_credentials(role(nowhere(), external_id="cross-account"))
    with caplog.at_level(logging.DEBUG), pytest.raises(TransportError) as other:
        assume_role_with_oidc(OidcRole(nowhere(), ROLE, PROVIDER, str(token_file)))
    output = f"{caught.value} {other.value} {caplog.text} {capfd.readouterr()}"
    assert not [secret for secret in SECRETS if secret in output]


def test_the_library_logs_no_answer(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    refused(200, {"Credentials": {"AccessKeySecret": "hunter2"}})
    output = f"{caplog.text} {capfd.readouterr()}"
    assert "hunter2" not in output


def test_an_expired_source_token_is_renewed_before_the_role_is_given_up() -> None:
    tokens = iter(["old", "new"])

    def sts_with_memory(asked: Asked) -> Answer:
        if asked.query["SecurityToken"] == "old":
            return 400, {"Code": "InvalidSecurityToken.Expired", "Message": "expired"}
        return good(asked)

    with StubServer(lambda _: (200, key_document(next(tokens)))) as source, StubServer(sts_with_memory) as sts:
        keys = credentials_provider(CredentialsUri(source.url))
        temporary = assume_role(role(sts.url), keys=keys)
    assert temporary.keys.access_key_id == "STS.id"
    assert [each.query["SecurityToken"] for each in sts.asked] == ["old", "new"]


def test_the_role_of_a_connection_is_asked_for_once(token_file: Path) -> None:
    with StubServer(good) as sts:
        sources: list[KeySource] = [role(sts.url), OidcRole(sts.url, ROLE, PROVIDER, str(token_file))]
        for source in sources:
            keys: CredentialsProvider = credentials_provider(source)
            assert {keys.current() for _ in range(3)} == {KeyPair("STS.id", "hunter2", "token-1")}
    assert [each.query["Action"] for each in sts.asked] == ["AssumeRole", "AssumeRoleWithOIDC"]
