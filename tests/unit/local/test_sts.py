from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette

from airflow_provider_pai.api.signing import KeyPair, Request, signed_headers
from airflow_provider_pai.local.catalogs import sts
from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.http import rpc
from airflow_provider_pai.local.http.gateway import pai_app
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.keys import KeyRing

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OWN = KeyPair("LTAI-own", "not-a-real-secret")
ROLE = "acs:ram::1234567890123456:role/Trainer-1"
ASSUME = {"RoleArn": ROLE, "RoleSessionName": "airflow"}


@dataclass
class Asker:
    """Asks STS with RPC requests."""

    app: Starlette
    clock: Clock
    nonces: count[int] = field(default_factory=count)

    def ask(
        self, action: str, asked: Mapping[str, str] | None = None, keys: KeyPair = OWN, *, method: str = "GET"
    ) -> httpx.Response:
        """Send a request whose parameters are all in the query, or with POST all in a form."""
        parameters = {
            "Action": action,
            "Version": "2015-04-01",
            "Format": "JSON",
            "AccessKeyId": keys.access_key_id,
            "Timestamp": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": str(next(self.nonces)),
            **({"SecurityToken": keys.security_token} if keys.security_token else {}),
            **(asked or {}),
        }
        parameters["Signature"] = rpc.sign(rpc.string_to_sign(method, parameters), keys.access_key_secret)
        return self.send(method, **({"params": parameters} if method == "GET" else {"data": parameters}))

    def send(self, method: str, **options: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, "/", **options)

        return asyncio.run(sent())

    def assume(self, keys: KeyPair = OWN, **changed: str) -> KeyPair:
        """Assume a role and return its credentials."""
        given = self.ask("AssumeRole", {**ASSUME, **changed}, keys).json()["Credentials"]
        return KeyPair(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])


@pytest.fixture
def asker() -> Asker:
    clock = Clock(lambda: NOW)
    ring = KeyRing(OWN, clock.now)
    return Asker(pai_app(sts.routes(ring), ring, clock.now), clock)


def assert_refused(answer: httpx.Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["Code"]) == (status, code)
    assert body["HostId"] == "testserver"
    assert body["RequestId"] == answer.headers["x-acs-request-id"]


def test_who_assumes_a_role_gets_credentials_for_an_hour(asker: Asker) -> None:
    body = asker.ask("AssumeRole", ASSUME).json()
    given = body["Credentials"]
    assert set(given) == {"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"}
    assert given["AccessKeyId"].startswith("STS.")
    assert given["Expiration"] == "2026-11-24T13:00:00Z"
    assert body["AssumedRoleUser"]["Arn"] == "acs:sts::1234567890123456:assumed-role/Trainer-1/airflow"
    assert body["AssumedRoleUser"]["AssumedRoleId"].endswith(":airflow")


def test_the_server_s_clock_ends_temporary_credentials(asker: Asker) -> None:
    keys = asker.assume(DurationSeconds="900")
    asker.clock.move_to(timedelta(seconds=899))
    assert asker.ask("GetCallerIdentity", keys=keys).status_code == 200
    asker.clock.move_to(timedelta(seconds=900))
    assert_refused(asker.ask("GetCallerIdentity", keys=keys), 400, "InvalidSecurityToken.Expired")


def test_the_own_key_belongs_to_a_ram_user(asker: Asker) -> None:
    body = asker.ask("GetCallerIdentity").json()
    assert (body["IdentityType"], body["AccountId"]) == ("RAMUser", OWNER)
    assert body["Arn"] == f"acs:ram::{OWNER}:user/local-pai"
    assert body["UserId"] == body["PrincipalId"] != OWNER


def test_temporary_credentials_belong_to_their_role(asker: Asker) -> None:
    assumed = asker.ask("AssumeRole", ASSUME).json()["AssumedRoleUser"]
    body = asker.ask("GetCallerIdentity", keys=asker.assume()).json()
    assert (body["IdentityType"], body["AccountId"]) == ("AssumedRoleUser", "1234567890123456")
    assert (body["PrincipalId"], body["Arn"]) == (assumed["AssumedRoleId"], assumed["Arn"])
    assert body["PrincipalId"] == f"{body['RoleId']}:airflow"
    assert "UserId" not in body


def test_a_role_may_assume_a_role(asker: Asker) -> None:
    chained = asker.assume(asker.assume(), RoleSessionName="chained")
    assert asker.ask("GetCallerIdentity", keys=chained).json()["Arn"].endswith("/chained")


def test_parameters_may_come_in_a_form(asker: Asker) -> None:
    assert asker.ask("AssumeRole", ASSUME, method="POST").json()["Credentials"]["AccessKeyId"]


def test_acs3_signs_sts_too(asker: Asker) -> None:
    headers = signed_headers(
        Request("POST", "/", ASSUME),
        action="AssumeRole",
        version="2015-04-01",
        host="testserver",
        keys=OWN,
        date="2026-11-24T12:00:00Z",
        nonce="nonce",
    )
    assert asker.send("POST", params=ASSUME, headers=headers).json()["Credentials"]["AccessKeyId"]


def test_acs3_covers_a_form(asker: Asker) -> None:
    content = urlencode(ASSUME).encode()
    headers = signed_headers(
        Request("POST", "/", headers={"content-type": "application/x-www-form-urlencoded"}, content=content),
        action="AssumeRole",
        version="2015-04-01",
        host="testserver",
        keys=OWN,
        date="2026-11-24T12:00:00Z",
        nonce="nonce",
    )
    assert asker.send("POST", content=content, headers=headers).json()["Credentials"]["AccessKeyId"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"RoleArn": ""}, "MissingRoleArn"),
        ({"RoleArn": "trainer"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": "acs:ram::me:role/trainer"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": "acs:ram::1:user/trainer"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": "acs:ram::1:role/"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": f"acs:ram::1:role/{'a' * 65}"}, "InvalidParameter.RoleArn"),
        ({"RoleSessionName": ""}, "MissingRoleSessionName"),
        ({"RoleSessionName": "a"}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a" * 65}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a*b"}, "InvalidParameter.RoleSessionName"),
        ({"DurationSeconds": "899"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "43201"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "an hour"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "-3600"}, "InvalidParameter.DurationSeconds"),
        ({"Policy": "everything"}, "InvalidParameter.PolicyGrammar"),
        ({"Policy": "[]"}, "InvalidParameter.PolicyGrammar"),
        ({"Policy": '{"Statement": []' + " " * 2048 + "}"}, "InvalidParameter.Policy"),
        ({"ExternalId": "a"}, "InvalidParameter.ExternalId"),
        ({"ExternalId": "a b"}, "InvalidParameter.ExternalId"),
        ({"SourceIdentity": "alice"}, "InvalidParameter.SourceIdentity"),
        ({"Format": "XML"}, "InvalidParameter"),
    ],
)
def test_a_parameter_that_sts_would_not_take_is_refused(asker: Asker, changed: dict[str, str], code: str) -> None:
    assert_refused(asker.ask("AssumeRole", {**ASSUME, **changed}), 400, code)


@pytest.mark.parametrize(
    "given",
    [
        {"DurationSeconds": "43200"},
        {"Policy": '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'},
        {"ExternalId": "abc=,.@:/-_123"},
        {"RoleSessionName": "A.b@c-d_9"},
    ],
)
def test_a_parameter_that_sts_takes_is_taken(asker: Asker, given: dict[str, str]) -> None:
    assert asker.ask("AssumeRole", {**ASSUME, **given}).status_code == 200


def test_another_version_or_action_is_not_found(asker: Asker) -> None:
    assert_refused(asker.ask("AssumeRole", {**ASSUME, "Version": "2014-05-26"}), 404, "InvalidVersion")
    assert_refused(asker.ask("AssumeEverything", ASSUME), 404, "InvalidAction.NotFound")


def test_a_wrong_signature_is_refused_as_everywhere(asker: Asker) -> None:
    wrong = KeyPair(OWN.access_key_id, "wrong")
    assert_refused(asker.ask("AssumeRole", ASSUME, wrong), 400, "SignatureDoesNotMatch")
    unknown = KeyPair("LTAI-other", "wrong")
    assert_refused(asker.ask("AssumeRole", ASSUME, unknown), 404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["Zzz", "policy", "rolearn", "PageSize"])
def test_a_parameter_that_there_is_not_is_refused_by_its_name(asker: Asker, method: str, name: str) -> None:
    answer = asker.ask("AssumeRole", {**ASSUME, name: "x"}, method=method)
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidParameter")
    assert f"The parameter {name} is not supported" in answer.json()["Message"]


def test_a_parameter_in_query_and_form_is_refused_by_its_name() -> None:
    received = [("RoleArn", "a")], "application/x-www-form-urlencoded", b"RoleArn=b"
    with pytest.raises(ErrorResponse, match="RoleArn is invalid: it may be given once"):
        rpc.check_names(*received, ["RoleArn"])
