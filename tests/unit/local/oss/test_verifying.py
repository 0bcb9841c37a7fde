"""Requests are refused for the reason OSS would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from airflow_provider_pai.local.keys import TokenProblem
from airflow_provider_pai.local.oss import signing
from airflow_provider_pai.local.oss.auth import verify
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.signing import OSSRequest, Scope

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
STAMP = "20250102T030405Z"
SCOPE = Scope("20250102", "cn-hangzhou")
PLAIN = OSSRequest("GET", "bkt", "key", {}, {})


def v1(request: OSSRequest = PLAIN, date: str = formatdate(NOW, usegmt=True), **headers: str) -> OSSRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"date": date}
    unsigned = replace(request, headers=named)
    signature = signing.v1_signature("secret", signing.v1_string_to_sign(unsigned, date))
    return replace(unsigned, headers={**named, "authorization": f"OSS id:{signature}"})


def v4(scope: Scope = SCOPE, stamp: str = STAMP, payload: str = signing.UNSIGNED_PAYLOAD) -> OSSRequest:
    headers = {"x-oss-date": stamp, "x-oss-content-sha256": payload, "host": "bkt.example"}
    canonical = signing.v4_canonical_request(replace(PLAIN, headers=headers), ["host"])
    signature = signing.v4_signature("secret", scope, signing.v4_string_to_sign(canonical, scope, stamp))
    claim = f"Credential=id/{scope},AdditionalHeaders=host,Signature={signature}"
    return replace(PLAIN, headers={**headers, "authorization": f"OSS4-HMAC-SHA256 {claim}"})


def v4_url(**changed: str) -> OSSRequest:
    query = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"id/{SCOPE}",
        "x-oss-date": STAMP,
        "x-oss-expires": "60",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    canonical = signing.v4_canonical_request(replace(PLAIN, query=query))
    signature = signing.v4_signature("secret", SCOPE, signing.v4_string_to_sign(canonical, SCOPE, STAMP))
    return replace(PLAIN, query={**query, "x-oss-signature": signature})


def check(request: OSSRequest, now: float = NOW, **options: object) -> str:
    return verify(request, {"id": "secret"}.get, "cn-hangzhou", now, **options)


def refusal(request: OSSRequest, now: float = NOW) -> tuple[int, str]:
    with pytest.raises(OSSErrorResponse) as raised:
        check(request, now)
    assert "secret" not in str(raised.value.details)
    return raised.value.status, raised.value.code


def test_right_signatures_name_their_key():
    assert check(v1()) == check(v4()) == check(v4_url()) == "id"


@pytest.mark.parametrize("request_", [v1(), v4(), v4_url()])
@pytest.mark.parametrize("change", [{"method": "PUT"}, {"key": "other"}, {"bucket": "other"}])
def test_a_changed_request_is_refused(request_, change):
    assert refusal(replace(request_, **change)) == (403, "SignatureDoesNotMatch")


def test_a_changed_signed_header_is_refused():
    for name, request in (("x-oss-meta-a", v1(x_oss_meta_a="b")), ("host", v4())):
        assert refusal(replace(request, headers={**request.headers, name: "c"})) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("request_", [v1(), v4()])
def test_signatures_in_headers_are_good_for_fifteen_minutes_either_way(request_):
    for offset in (-900, 900):
        assert check(request_, NOW + offset) == "id"
    for offset in (-901, 901):
        assert refusal(request_, NOW + offset) == (403, "RequestTimeTooSkewed")


def test_a_presigned_url_is_good_for_as_long_as_it_says():
    assert check(v4_url(), NOW + 60) == "id"
    assert refusal(v4_url(), NOW + 61) == (403, "AccessDenied")
    assert refusal(v4_url(x_oss_expires=str(7 * 86400 + 1))) == (400, "InvalidArgument")
    assert refusal(v4_url(x_oss_expires="0")) == (400, "InvalidArgument")


def test_anonymous_and_undated_requests_are_denied():
    assert refusal(PLAIN) == (403, "AccessDenied")
    assert refusal(v1(date="yesterday")) == (403, "AccessDenied")
    assert refusal(v4(stamp="")) == (403, "AccessDenied")


def test_a_v4_signature_must_be_for_this_day_region_product_and_an_unsigned_payload():
    for scope in (Scope("20250101", "cn-hangzhou"), Scope("20250102", "cn-beijing"), replace(SCOPE, product="s3")):
        assert refusal(v4(scope=scope)) == (400, "InvalidArgument")
    assert refusal(v4(payload="0" * 64)) == (400, "InvalidArgument")


@pytest.mark.parametrize("header", ["Bearer x", "OSS id", "OSS4-HMAC-SHA256 Signature=x"])
def test_an_authorization_that_cannot_be_read_is_refused(header):
    headers = {"x-oss-date": STAMP, "x-oss-content-sha256": "UNSIGNED-PAYLOAD", "authorization": header}
    assert refusal(replace(PLAIN, headers=headers)) == (400, "InvalidArgument")


def test_signature_version_2_is_refused_by_name():
    assert refusal(replace(PLAIN, headers={"authorization": "OSS2 AccessKeyId:id"})) == (400, "NotImplemented")


def test_a_security_token_is_good_only_when_it_is_known():
    request = v1(x_oss_security_token="token")
    assert refusal(request) == (403, "InvalidSecurityToken")
    known = {("id", "token"): None}
    assert check(request, token_problem=lambda key, token: known[key, token]) == "id"


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (TokenProblem.MISSING, "InvalidAccessKeyId"),
        (TokenProblem.UNKNOWN, "InvalidSecurityToken"),
        (TokenProblem.MISMATCHED, "InvalidSecurityToken"),
        (TokenProblem.EXPIRED, "SecurityTokenExpired"),
    ],
)
def test_a_security_token_is_refused_for_what_is_wrong_with_it(problem, code):
    with pytest.raises(OSSErrorResponse) as raised:
        check(v1(x_oss_security_token="token"), token_problem=lambda _key, _token: problem)
    assert (raised.value.status, raised.value.code) == (403, code)


def test_an_error_never_echoes_a_security_token():
    request = replace(v1(x_oss_security_token="hidden"), key="other")
    with pytest.raises(OSSErrorResponse) as raised:
        check(request, token_problem=lambda _key, _token: None)
    assert raised.value.code == "SignatureDoesNotMatch"
    assert "hidden" not in str(raised.value.details)
