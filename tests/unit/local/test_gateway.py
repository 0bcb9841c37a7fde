from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.api import signing
from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.eas.control import ControlPlane, ServiceLocation
from airflow_provider_pai.local.http import roa
from airflow_provider_pai.local.http.gateway import MAX_BODY, Nonces, pai_app
from airflow_provider_pai.local.http.operations import operations_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.keys import KeyRing

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEYS = signing.KeyPair("LTAI-test", "not-a-real-secret")
JOBS = "/api/v1/trainingjobs"
Answer = httpx.Response


async def echo(request: Request) -> Response:
    body = await request.body()
    return json_response({"Method": request.method, "Length": len(body), "Query": dict(request.query_params)})


def refusing(_: Request) -> Response:
    raise ErrorResponse(404, "TrainingJobNotFound", "no such job")


def failing(_: Request) -> Response:
    raise ZeroDivisionError("an internal detail")


@dataclass
class Sender:
    """Sends what it is given, signed with our own signer."""

    app: Starlette
    keys: signing.KeyPair = KEYS
    numbers: Iterator[int] = field(default_factory=count)

    def headers(
        self,
        action: str,
        method: str = "GET",
        path: str = JOBS,
        query: Mapping[str, str] | None = None,
        content: bytes = b"",
        *,
        version: str = "2022-01-12",
        date: datetime = NOW,
    ) -> dict[str, str]:
        return signing.signed_headers(
            signing.Request(method, path, query or {}, {}, content),
            action=action,
            version=version,
            host="testserver",
            keys=self.keys,
            date=date.strftime("%Y-%m-%dT%H:%M:%SZ"),
            nonce=f"nonce-{next(self.numbers)}",
        )

    def send(
        self, action: str, method: str = "GET", path: str = JOBS, content: bytes = b"", *, version: str = "2022-01-12"
    ) -> Answer:
        headers = self.headers(action, method, path, content=content, version=version)
        return self.raw(method, path, headers, content)

    def raw(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] = b"",
        *,
        raising: bool = False,
    ) -> Answer:
        async def send() -> Answer:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=raising)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, url, headers=headers, content=content)

        return asyncio.run(send())


@pytest.fixture
def clock() -> Clock:
    return Clock(lambda: NOW)


@pytest.fixture
def ring(clock: Clock) -> KeyRing:
    return KeyRing(KEYS, clock.now)


@pytest.fixture
def sender(ring: KeyRing, clock: Clock) -> Sender:
    routes = [
        Route(JOBS, echo, methods=["GET", "POST"]),
        Route(JOBS + "/{TrainingJobId}", refusing, methods=["GET"]),
        Route(JOBS + "/{TrainingJobId}/stop", failing, methods=["PUT"]),
    ]
    return Sender(pai_app(routes, ring, clock.now))


def assert_refused(answer: Answer, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["Code"]) == (status, code)
    assert body["HostId"] == "testserver"
    assert body["RequestId"] == answer.headers["x-acs-request-id"]
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert KEYS.access_key_secret not in answer.text


def test_a_signed_request_passes_with_its_body(sender: Sender) -> None:
    body = sender.send("CreateTrainingJob", "POST", content=b"12345").json()
    assert (body["Method"], body["Length"]) == ("POST", 5)


def test_a_space_of_the_query_may_arrive_as_a_plus(sender: Sender) -> None:
    headers = sender.headers("ListTrainingJobs", query={"Labels": '{"a":"b c"}', "Status": ""})
    answer = sender.raw("GET", f"{JOBS}?Labels=%7B%22a%22:%22b+c%22%7D&Status=", headers)
    assert answer.json()["Query"] == {"Labels": '{"a":"b c"}', "Status": ""}


def test_a_parameter_that_comes_twice_is_refused_by_its_name(sender: Sender) -> None:
    query = [("PageSize", "1"), ("PageSize", "2")]
    headers = sender.headers("ListTrainingJobs", query=query)
    answer = sender.raw("GET", f"{JOBS}?{signing.canonical_query(query)}", headers)
    assert_refused(answer, 400, "InvalidParameter")
    assert "PageSize" in answer.json()["Message"]


@pytest.mark.parametrize(
    ("action", "method", "path"),
    [
        ("ListTrainingJobs", "GET", JOBS),
        ("StopTrainingJob", "PUT", f"{JOBS}/x/stop"),
        ("DeleteTrainingJob", "DELETE", f"{JOBS}/x"),
    ],
)
def test_a_body_that_nothing_reads_is_refused(sender: Sender, action: str, method: str, path: str) -> None:
    assert_refused(sender.send(action, method, path, content=b'{"Zzz": 1}'), 400, "InvalidParameter")


def test_an_empty_body_is_none(sender: Sender) -> None:
    assert sender.send("ListTrainingJobs", content=b"{}").json()["Length"] == 2


def test_an_anonymous_request_is_refused(sender: Sender) -> None:
    assert_refused(sender.raw("GET", JOBS), 400, "IncompleteSignature")


def test_an_unknown_key_is_refused(sender: Sender) -> None:
    sender.keys = signing.KeyPair("LTAI-other", KEYS.access_key_secret)
    assert_refused(sender.send("ListTrainingJobs"), 404, "InvalidAccessKeyId.NotFound")


def test_a_wrong_secret_is_refused(sender: Sender) -> None:
    sender.keys = signing.KeyPair(KEYS.access_key_id, "wrong")
    assert_refused(sender.send("ListTrainingJobs"), 400, "SignatureDoesNotMatch")


def test_another_query_than_the_signed_one_is_refused(sender: Sender) -> None:
    headers = sender.headers("ListTrainingJobs", query={"PageNumber": "1"})
    assert_refused(sender.raw("GET", f"{JOBS}?PageNumber=2", headers), 400, "SignatureDoesNotMatch")


def test_a_request_of_another_time_is_refused_by_the_servers_clock(sender: Sender, clock: Clock) -> None:
    clock.move_to(timedelta(minutes=16))
    assert_refused(sender.send("ListTrainingJobs"), 400, "InvalidTimeStamp.Expired")


def test_a_replayed_request_is_refused(sender: Sender) -> None:
    headers = sender.headers("ListTrainingJobs")
    assert sender.raw("GET", JOBS, headers).status_code == 200
    assert_refused(sender.raw("GET", JOBS, headers), 400, "SignatureNonceUsed")


def test_a_refused_signature_does_not_use_up_its_nonce(sender: Sender) -> None:
    headers = sender.headers("ListTrainingJobs")
    forged = {**headers, "Authorization": headers["Authorization"][:-4] + "0000"}
    assert sender.raw("GET", JOBS, forged).status_code == 400
    assert sender.raw("GET", JOBS, headers).status_code == 200


def temporary_keys(ring: KeyRing, **changed: str | None) -> signing.KeyPair:
    key = ring.issue("acs:ram::1:role/trainer", "tests", timedelta(hours=1))
    return replace(signing.KeyPair(key.access_key_id, key.access_key_secret, key.security_token), **changed)


def test_temporary_credentials_pass_until_they_end(sender: Sender, ring: KeyRing, clock: Clock) -> None:
    sender.keys = temporary_keys(ring)
    assert sender.send("ListTrainingJobs").status_code == 200
    clock.move_to(timedelta(hours=1))
    answer = sender.raw("GET", JOBS, sender.headers("ListTrainingJobs", date=clock.now()))
    assert_refused(answer, 400, "InvalidSecurityToken.Expired")


def test_temporary_credentials_without_their_token_are_refused(sender: Sender, ring: KeyRing) -> None:
    sender.keys = temporary_keys(ring, security_token=None)
    assert_refused(sender.send("ListTrainingJobs"), 400, "MissingSecurityToken")


def test_a_token_that_was_never_issued_is_refused(sender: Sender, ring: KeyRing) -> None:
    for keys in (temporary_keys(ring, security_token="made up"), replace(KEYS, security_token="made up")):
        sender.keys = keys
        answer = sender.send("ListTrainingJobs")
        assert_refused(answer, 400, "InvalidSecurityToken.Malformed")
        assert "made up" not in answer.text


def test_a_token_of_another_key_is_refused(sender: Sender, ring: KeyRing) -> None:
    other = temporary_keys(ring).security_token
    for keys in (temporary_keys(ring, security_token=other), replace(KEYS, security_token=other)):
        sender.keys = keys
        assert_refused(sender.send("ListTrainingJobs"), 400, "InvalidSecurityToken.MismatchWithAccessKey")


def older_headers(nonce: str = "older") -> dict[str, str]:
    """Sign a list of jobs with the scheme before ACS3."""
    headers = {
        "date": NOW.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "accept": "application/json",
        "x-acs-action": "ListTrainingJobs",
        "x-acs-signature-method": "HMAC-SHA1",
        "x-acs-signature-nonce": nonce,
        "x-acs-signature-version": "1.0",
        "x-acs-version": "2022-01-12",
    }
    text = roa.string_to_sign(signing.Request("GET", JOBS, {"Status": "a b"}, headers))
    return {**headers, "authorization": f"acs {KEYS.access_key_id}:{roa.sign(text, KEYS.access_key_secret)}"}


def test_the_signature_before_acs3_passes_too(sender: Sender) -> None:
    assert sender.raw("GET", f"{JOBS}?Status=a+b", older_headers()).json()["Query"] == {"Status": "a b"}
    assert_refused(sender.raw("GET", f"{JOBS}?Status=ab", older_headers("other")), 400, "SignatureDoesNotMatch")


def test_a_nonce_is_used_once_whatever_the_scheme(sender: Sender) -> None:
    assert sender.raw("GET", f"{JOBS}?Status=a+b", older_headers("nonce-0")).status_code == 200
    assert_refused(sender.raw("GET", f"{JOBS}?Status=a+b", older_headers("nonce-0")), 400, "SignatureNonceUsed")
    assert_refused(sender.send("ListTrainingJobs"), 400, "SignatureNonceUsed")


def test_the_version_must_be_that_of_the_product(sender: Sender) -> None:
    assert_refused(sender.send("ListTrainingJobs", version="2021-02-04"), 404, "InvalidVersion")


@pytest.mark.parametrize(
    ("action", "method", "path"),
    [
        ("GetTrainingJob", "GET", JOBS),
        ("ListTrainingJobs", "GET", "/api/v1/unknown"),
        ("ListTrainingJobs", "DELETE", JOBS),
        ("ListTrainingJobs", "GET", JOBS + "/"),
        ("ListTrainingJobLogs", "GET", JOBS + "/train1/logs"),
    ],
    ids=["other action", "unknown path", "unknown method", "trailing slash", "known but not served"],
)
def test_what_is_no_operation_is_not_found(sender: Sender, action: str, method: str, path: str) -> None:
    assert_refused(sender.send(action, method, path), 404, "InvalidAction.NotFound")


def test_a_refusal_of_a_route_has_the_services_shape(sender: Sender) -> None:
    assert_refused(sender.send("GetTrainingJob", path=JOBS + "/train1"), 404, "TrainingJobNotFound")


def test_an_unexpected_error_shows_nothing_of_itself(sender: Sender) -> None:
    answer = sender.send("StopTrainingJob", "PUT", JOBS + "/train1/stop")
    assert_refused(answer, 500, "InternalError")
    assert "detail" not in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_an_unexpected_error_reaches_the_servers_log(sender: Sender) -> None:
    path = JOBS + "/train1/stop"
    with pytest.raises(ZeroDivisionError):
        sender.raw("PUT", path, sender.headers("StopTrainingJob", "PUT", path), raising=True)


def test_a_body_of_the_limit_passes(sender: Sender) -> None:
    assert sender.send("CreateTrainingJob", "POST", content=b" " * MAX_BODY).json()["Length"] == MAX_BODY


def test_a_larger_body_is_refused(sender: Sender) -> None:
    answer = sender.send("CreateTrainingJob", "POST", content=b" " * (MAX_BODY + 1))
    assert_refused(answer, 413, "RequestEntityTooLarge")


def test_a_larger_body_is_refused_when_its_length_is_not_announced(sender: Sender) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b" " * MAX_BODY

    assert_refused(sender.raw("POST", JOBS, content=parts()), 413, "RequestEntityTooLarge")


def test_nonces_belong_to_their_key() -> None:
    nonces = Nonces()
    assert nonces.use("a", "1", NOW)
    assert nonces.use("b", "1", NOW)
    assert not nonces.use("a", "1", NOW)


def test_a_nonce_is_remembered_until_its_date_can_not_be_in_time_any_more() -> None:
    nonces = Nonces()
    assert nonces.use("a", "1", NOW)
    assert not nonces.use("a", "1", NOW + timedelta(minutes=30))
    assert nonces.use("a", "1", NOW + timedelta(minutes=31))


def test_the_memory_of_nonces_is_bounded() -> None:
    nonces = Nonces(limit=2)
    assert all(nonces.use("a", str(number), NOW) for number in range(3))
    assert not nonces.use("a", "2", NOW)
    assert nonces.use("a", "0", NOW)


def test_every_route_of_eas_is_an_operation_that_the_gateway_lets_pass() -> None:
    nothing: Any = None
    place = ServiceLocation("cn-hangzhou", "1", "2", "http://127.0.0.1:1")
    routes = ControlPlane(nothing, nothing, nothing, place, nothing, nothing).routes()
    assert routes
    for route in routes:
        for method in (route.methods or set()) - {"HEAD"}:
            assert operations_of(method, re.sub(r"\{[^}]+\}", "x", route.path)), (method, route.path)
