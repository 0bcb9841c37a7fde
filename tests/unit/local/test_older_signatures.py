"""The signatures before ACS3, as the vendor's SDKs still make them: of REST and of RPC requests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from alibabacloud_tea_openapi.utils import Utils
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.api.signing import KeyPair, Request, SignatureError, signed_headers
from airflow_provider_pai.local.http import roa, rpc
from airflow_provider_pai.local.http.schemes import verify
from airflow_provider_pai.local.http.signed import Signed

KEY_ID = "LTAI-FAKE-0000000000000001"
SECRET = "fakeSecretDoNotUse000000000001"
TOKEN = "FAKE-STS-TOKEN/abc+def=="
NONCE = "0123456789abcdef0123456789abcdef"
NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
JOBS = "/api/v1/trainingjobs"

LIST_QUERY = {"WorkspaceId": "12345", "PageNumber": "1", "Labels": '{"a":"b c"}'}
LIST_HEADERS = {
    "date": "Thu, 02 Jan 2025 03:04:05 GMT",
    "accept": "application/json",
    "x-acs-action": "ListTrainingJobs",
    "x-acs-signature-method": "HMAC-SHA1",
    "x-acs-signature-nonce": NONCE,
    "x-acs-signature-version": "1.0",
    "x-acs-version": "2022-01-12",
}
LIST = Request("GET", JOBS, LIST_QUERY, LIST_HEADERS)
LIST_TEXT = """\
GET
application/json


Thu, 02 Jan 2025 03:04:05 GMT
x-acs-action:ListTrainingJobs
x-acs-signature-method:HMAC-SHA1
x-acs-signature-nonce:0123456789abcdef0123456789abcdef
x-acs-signature-version:1.0
x-acs-version:2022-01-12
/api/v1/trainingjobs?Labels={"a":"b c"}&PageNumber=1&WorkspaceId=12345"""
LIST_SIGNATURE = "lFfHGY0cw80vA0WIM2pHF9TvdnA="

ASSUME = {
    "Action": "AssumeRole",
    "Version": "2015-04-01",
    "Format": "JSON",
    "AccessKeyId": KEY_ID,
    "Timestamp": "2025-01-02T03:04:05Z",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0",
    "SignatureNonce": NONCE,
    "RoleArn": "acs:ram::1:role/é *~",
    "RoleSessionName": "",
}


def secret_of(access_key_id: str) -> str | None:
    return {KEY_ID: SECRET}.get(access_key_id)


def roa_signed(request: Request = LIST, *, secret: str = SECRET, **changed: str | None) -> Request:
    """Return a request signed by the vendor's signer; a header changed to None is left out."""
    headers = {**dict(request.headers), **{name.replace("_", "-"): value for name, value in changed.items()}}
    sent = {name: value for name, value in headers.items() if value is not None}
    query = dict(request.query)
    text = Utils.get_string_to_sign(
        SimpleNamespace(method=request.method, pathname=request.path, headers=sent, query=query)
    )
    return replace(request, headers={**sent, "authorization": f"acs {KEY_ID}:{Utils.get_roasignature(text, secret)}"})


def rpc_signed(method: str = "GET", *, secret: str = SECRET, **changed: str | None) -> Request:
    """Return a request signed by the vendor's signer; a parameter changed to None is left out."""
    query = {name: value for name, value in {**ASSUME, **changed}.items() if value is not None}
    return Request(method, "/", {**query, "Signature": Utils.get_rpcsignature(query, method, secret)})


def refusal(request: Request, now: datetime = NOW) -> tuple[int, str]:
    with pytest.raises(SignatureError) as raised:
        verify(request, secret_of, now)
    assert SECRET not in raised.value.message
    assert TOKEN not in raised.value.message
    return raised.value.status, raised.value.code


def test_the_text_of_a_rest_request_is_that_of_the_vector() -> None:
    assert roa.string_to_sign(LIST) == LIST_TEXT
    assert roa.sign(LIST_TEXT, SECRET) == LIST_SIGNATURE


def test_the_vector_of_a_rest_request_is_verified() -> None:
    request = replace(LIST, headers={**LIST_HEADERS, "Authorization": f"acs {KEY_ID}:{LIST_SIGNATURE}"})
    assert verify(request, secret_of, NOW) == Signed(KEY_ID, NONCE, "", "ListTrainingJobs", "2022-01-12")


def test_the_vector_of_the_vendors_rpc_page_is_met() -> None:
    asked = {
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "Format": "XML",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "SignatureVersion": "1.0",
        "Timestamp": "2016-02-23T12:46:24Z",
        "Version": "2014-05-26",
    }
    text = rpc.string_to_sign("GET", {**asked, "Signature": "is not signed"})
    assert text.startswith("GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26")
    assert rpc.sign(text, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def test_an_rpc_request_names_its_sender_in_its_parameters() -> None:
    assert verify(rpc_signed(), secret_of, NOW) == Signed(KEY_ID, NONCE, "", "AssumeRole", "2015-04-01")


def test_parameters_of_an_rpc_request_may_come_in_a_form() -> None:
    query = dict(rpc_signed("POST").query)
    form = {name: query.pop(name) for name in ("RoleArn", "RoleSessionName", "Signature")}
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = Request("POST", "/", query, headers, urlencode(form).encode())
    assert verify(request, secret_of, NOW).action == "AssumeRole"
    assert refusal(replace(request, content=b"RoleArn=another")) == (400, "MissingSignature")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(st.sampled_from("abcXYZ019-_."), min_size=1, max_size=10)


@given(st.dictionaries(names, texts, max_size=5))
def test_any_query_that_the_vendor_signs_is_verified(query: Mapping[str, str]) -> None:
    assert verify(roa_signed(replace(LIST, query=query)), secret_of, NOW).access_key_id == KEY_ID


@given(st.dictionaries(names, texts, max_size=5))
def test_any_parameters_that_the_vendor_signs_are_verified(asked: Mapping[str, str]) -> None:
    extra = {f"My{name}": value for name, value in asked.items()}
    assert verify(rpc_signed(**extra), secret_of, NOW).access_key_id == KEY_ID


def test_the_scheme_is_chosen_by_authorization() -> None:
    keys = KeyPair(KEY_ID, SECRET)
    rest = Request("GET", JOBS)
    acs3 = signed_headers(
        rest, action="A", version="V", host="h", keys=keys, date="2025-01-02T03:04:05Z", nonce="another"
    )
    assert verify(replace(rest, headers=acs3), secret_of, NOW).nonce == "another"
    assert verify(roa_signed(), secret_of, NOW).nonce == NONCE
    # Parameters of an RPC signature mean nothing where there is no RPC operation.
    assert refusal(replace(rpc_signed(), path=JOBS)) == (400, "IncompleteSignature")
    assert refusal(Request("GET", JOBS)) == (400, "IncompleteSignature")
    assert refusal(Request("GET", "/")) == (400, "MissingAction")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"path": JOBS + "/train1"},
        {"query": {**LIST_QUERY, "PageNumber": "2"}},
        {"query": {}},
        {"headers": {**dict(roa_signed().headers), "x-acs-action": "StopTrainingJob"}},
        {"headers": {**dict(roa_signed().headers), "x-acs-more": "was not signed"}},
        {"headers": {**dict(roa_signed().headers), "accept": "application/xml"}},
    ],
    ids=["method", "path", "query", "no query", "action", "further header", "accept"],
)
def test_a_changed_rest_request_is_refused(change: Mapping[str, object]) -> None:
    assert refusal(replace(roa_signed(), **change)) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("name", ["RoleArn", "SignatureNonce", "Action"])
def test_a_changed_rpc_request_is_refused(name: str) -> None:
    request = rpc_signed()
    assert refusal(replace(request, query={**dict(request.query), name: "other"})) == (400, "SignatureDoesNotMatch")
    assert refusal(replace(request, method="POST")) == (400, "SignatureDoesNotMatch")


def test_content_md5_covers_the_body() -> None:
    content = b'{"a": 1}'
    digest = base64.b64encode(hashlib.md5(content).digest()).decode()
    request = roa_signed(replace(LIST, method="POST", content=content), content_md5=digest)
    assert verify(request, secret_of, NOW).access_key_id == KEY_ID
    assert refusal(replace(request, content=b'{"a": 2}')) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("signed", [roa_signed, rpc_signed])
def test_a_wrong_secret_is_refused(signed: Callable[..., Request]) -> None:
    assert refusal(signed(secret="wrong")) == (400, "SignatureDoesNotMatch")


def test_an_unknown_key_is_refused() -> None:
    other = {**dict(roa_signed().headers), "authorization": f"acs LTAI-OTHER:{LIST_SIGNATURE}"}
    assert refusal(replace(LIST, headers=other)) == (404, "InvalidAccessKeyId.NotFound")
    assert refusal(rpc_signed(AccessKeyId="LTAI-OTHER")) == (404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize("signed", [roa_signed, rpc_signed])
def test_a_request_is_in_time_for_fifteen_minutes_either_way(signed: Callable[..., Request]) -> None:
    for seconds in (-900, 900):
        assert verify(signed(), secret_of, NOW + timedelta(seconds=seconds)).access_key_id == KEY_ID
    for seconds in (-901, 901):
        assert refusal(signed(), NOW + timedelta(seconds=seconds)) == (400, "InvalidTimeStamp.Expired")


@pytest.mark.parametrize(
    "date", ["2025-01-02T03:04:05Z", "Thu, 2 Jan 2025 03:04:05 GMT", "Thu, 32 Jan 2025 03:04:05 GMT", "yesterday"]
)
def test_a_date_of_another_form_is_refused(date: str) -> None:
    assert refusal(roa_signed(date=date)) == (400, "InvalidTimeStamp.Format")


@pytest.mark.parametrize("stamp", ["Thu, 02 Jan 2025 03:04:05 GMT", "2025-13-02T03:04:05Z", "2025-01-02 03:04:05"])
def test_a_time_stamp_of_another_form_is_refused(stamp: str) -> None:
    assert refusal(rpc_signed(Timestamp=stamp)) == (400, "InvalidTimeStamp.Format")


@pytest.mark.parametrize(
    "name",
    ["date", "x_acs_action", "x_acs_version", "x_acs_signature_nonce", "x_acs_signature_method"],
)
def test_a_rest_request_without_a_required_header_is_refused(name: str) -> None:
    assert refusal(roa_signed(**{name: None})) == (400, "IncompleteSignature")


@pytest.mark.parametrize("changed", [{"x_acs_signature_method": "HMAC-SHA256"}, {"x_acs_signature_version": "2.0"}])
def test_a_rest_request_with_another_method_of_signing_is_refused(changed: Mapping[str, str]) -> None:
    assert refusal(roa_signed(**changed)) == (400, "IncompleteSignature")


@pytest.mark.parametrize("header", ["acs", "acs ", f"acs {KEY_ID}", f"acs {KEY_ID}:", "acs a:b c"])
def test_an_authorization_that_can_not_be_read_is_refused(header: str) -> None:
    assert refusal(replace(LIST, headers={**LIST_HEADERS, "authorization": header})) == (400, "IncompleteSignature")


@pytest.mark.parametrize(
    "name", ["Action", "Version", "AccessKeyId", "Timestamp", "SignatureNonce", "SignatureMethod", "SignatureVersion"]
)
def test_an_rpc_request_without_a_required_parameter_is_refused(name: str) -> None:
    assert refusal(rpc_signed(**{name: None})) == (400, f"Missing{name}")


@pytest.mark.parametrize("changed", [{"SignatureMethod": "HMAC-SHA256"}, {"SignatureVersion": "2.0"}])
def test_an_rpc_request_with_another_method_of_signing_is_refused(changed: Mapping[str, str]) -> None:
    assert refusal(rpc_signed(**changed)) == (400, "InvalidParameter")


def test_a_refusal_shows_what_was_signed_but_no_security_token() -> None:
    headers = roa_signed(x_acs_security_token=TOKEN)
    parameters = rpc_signed(SecurityToken=TOKEN)
    for request, shown in (
        (replace(headers, path="/other"), "x-acs-security-token:***"),
        (replace(parameters, method="POST"), "SecurityToken%3D***"),
    ):
        with pytest.raises(SignatureError) as raised:
            verify(request, secret_of, NOW)
        assert raised.value.code == "SignatureDoesNotMatch"
        assert shown in raised.value.message
        assert "FAKE-STS-TOKEN" not in raised.value.message


def test_the_security_token_is_handed_on() -> None:
    assert verify(roa_signed(x_acs_security_token=TOKEN), secret_of, NOW).security_token == TOKEN
    assert verify(rpc_signed(SecurityToken=TOKEN), secret_of, NOW).security_token == TOKEN
