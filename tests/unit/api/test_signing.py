from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from alibabacloud_tea_openapi.utils import Utils  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.api.signing import KeyPair, Request, SignatureError, canonical_query, signed_headers, verify

KEY_ID = "LTAI-FAKE-0000000000000001"
SECRET = "fakeSecretDoNotUse000000000001"
TOKEN = "FAKE-STS-TOKEN/abc+def=="
KEYS = KeyPair(KEY_ID, SECRET)
HOST = "pai.cn-hangzhou.aliyuncs.com"
DATE = "2025-01-02T03:04:05Z"
NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
JOBS = "/api/v1/trainingjobs"
LIST = Request(
    "GET",
    JOBS,
    {
        "WorkspaceId": "12345",
        "PageNumber": "1",
        "PageSize": "50",
        "Status": "Running",
        "SortBy": "GmtCreateTime",
        "Order": "DESC",
        "Labels": '{"airflow.dag":"a b/c~d*","k":"é"}',
    },
)
CREATE = Request(
    "POST",
    JOBS,
    content=(
        '{"WorkspaceId":"12345","TrainingJobName":"demo","HyperParameters":[{"Name":"lr","Value":"0.1"}],'
        '"Labels":[{"Key":"owner","Value":"é"}]}'
    ).encode(),
)
STOP = Request(
    "PUT",
    "/api/v1/trainingjobs/train1a2b3c4d5e6/stop",
    headers={
        "accept": "application/json",
        "user-agent": "airflow-pai/1.0",
        "x-acs-credentials-provider": "static_ak",
    },
)


def sign(request: Request, action: str = "GetTrainingJob", keys: KeyPair = KEYS, date: str = DATE) -> dict[str, str]:
    return signed_headers(
        request,
        action=action,
        version="2022-01-12",
        host=HOST,
        keys=keys,
        date=date,
        nonce="0123456789abcdef0123456789abcdef",
    )


def received(request: Request, headers: Mapping[str, str]) -> Request:
    """What arrives at the server: the request with the headers that were sent, and some that weren't signed."""
    return replace(request, headers=[*headers.items(), ("Accept-Encoding", "gzip"), ("Connection", "keep-alive")])


def secret_of(access_key_id: str) -> str | None:
    return {KEY_ID: SECRET}.get(access_key_id)


def refusal(request: Request, now: datetime = NOW) -> SignatureError:
    with pytest.raises(SignatureError) as caught:
        verify(request, secret_of, now)
    return caught.value


@pytest.mark.parametrize(
    ("request_", "action", "keys", "signature"),
    [
        (LIST, "ListTrainingJobs", KEYS, "dd3726f89da4dd79c145f18e8560f8fbbe18642827db28ddc86c1c71fe07d8c9"),
        (CREATE, "CreateTrainingJob", KEYS, "3c18ed0970addd987f112dc76ed41aa7ab74dc89dd8ebd0680c6505eb505b527"),
        (
            CREATE,
            "CreateTrainingJob",
            KeyPair(KEY_ID, SECRET, TOKEN),
            "03a93d8e1834008dc1224758330e81cef5bb475e7330b7c4dff1133b90aaede5",
        ),
        (STOP, "StopTrainingJob", KEYS, "25e5c30ea02619c45eff0e31c082db28f1ba9db67e23a189e55ca39f8b635385"),
    ],
    ids=["get with query", "post with body", "post with token", "put without body"],
)
def test_signs_as_the_vendors_signer_was_seen_to(request_: Request, action: str, keys: KeyPair, signature: str) -> None:
    assert sign(request_, action, keys)["Authorization"].endswith(f",Signature={signature}")


def test_authorization_has_the_vendors_form() -> None:
    assert sign(LIST, "ListTrainingJobs")["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=LTAI-FAKE-0000000000000001,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=dd3726f89da4dd79c145f18e8560f8fbbe18642827db28ddc86c1c71fe07d8c9"
    )


def test_query_on_the_wire_is_sorted_and_percent_encoded() -> None:
    assert canonical_query({"b": "a b/c~d*", "a": "", "Z": "é"}) == "Z=%C3%A9&a=&b=a%20b%2Fc~d%2A"


def test_content_type_is_sent_only_with_a_body() -> None:
    assert "content-type" not in sign(LIST)
    assert sign(CREATE)["content-type"] == "application/json; charset=utf-8"


def test_the_requests_own_headers_are_sent_and_signed() -> None:
    headers = sign(replace(LIST, headers={"Accept": "application/json"}))
    assert headers["accept"] == "application/json"
    assert "SignedHeaders=accept;host;" in headers["Authorization"]


@dataclass
class VendorRequest:
    method: str
    pathname: str
    query: dict[str, str]
    headers: dict[str, str]


TEXT = st.text(max_size=20)
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=20)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.sampled_from([JOBS, "/", "/api/v1/images/a%2Fb", "/api/v1/image/labels"]),
    query=st.dictionaries(NAMES, TEXT, max_size=5),
    extra=st.dictionaries(NAMES.map(lambda name: f"X-{name}"), VALUES, max_size=4),
    content=st.binary(max_size=60),
    token=st.none() | st.just(TOKEN),
)
def test_signature_equals_the_vendors_for_any_request(
    method: str, path: str, query: dict[str, str], extra: dict[str, str], content: bytes, token: str | None
) -> None:
    headers = sign(Request(method, path, query, extra, content), keys=KeyPair(KEY_ID, SECRET, token))
    authorization = headers.pop("Authorization")
    vendors = VendorRequest(method, path, query, headers)
    payload = sha256(content).hexdigest()
    assert authorization == Utils.get_authorization(vendors, "ACS3-HMAC-SHA256", payload, KEY_ID, SECRET)


@given(
    query=st.dictionaries(TEXT, TEXT, max_size=5),
    extra=st.dictionaries(NAMES.map(lambda name: f"x-{name.lower()}"), VALUES, max_size=4),
    content=st.binary(max_size=60),
)
def test_a_signed_request_is_accepted(query: dict[str, str], extra: dict[str, str], content: bytes) -> None:
    request = Request("POST", JOBS, query, extra, content)
    headers = sign(request)
    shuffled = replace(request, query=list(reversed(query.items())))
    assert verify(received(shuffled, headers), secret_of, NOW) == KEY_ID


def test_a_repeated_header_is_signed_as_the_vendor_signs_it() -> None:
    # The vendor sorts the values of a repeated name and joins them with a comma.
    headers = sign(replace(LIST, headers={"x-tag": "a,b"}))
    headers.pop("x-tag")
    twice = replace(LIST, headers=[*headers.items(), ("X-Tag", "b"), ("x-tag", " a")])
    assert verify(twice, secret_of, NOW) == KEY_ID


def flip(value: str, at: int) -> str:
    """Change one character."""
    at %= len(value)
    return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]


@given(at=st.integers(0, 200), part=st.sampled_from(["path", "query value", "query name", "content", "method"]))
def test_any_change_of_the_request_is_refused(at: int, part: str) -> None:
    original = replace(CREATE, query={"Name": "value", "Other": "x"})
    changed = {
        "path": replace(original, path=flip(original.path, at)),
        "query value": replace(original, query={"Name": flip("value", at), "Other": "x"}),
        "query name": replace(original, query={flip("Name", at): "value", "Other": "x"}),
        "content": replace(original, content=flip(original.content.decode("latin-1"), at).encode("latin-1")),
        "method": replace(original, method="PUT"),
    }[part]
    headers = sign(original, "CreateTrainingJob")
    assert verify(received(original, headers), secret_of, NOW) == KEY_ID
    assert (refusal(received(changed, headers)).status, refusal(received(changed, headers)).code) == (
        400,
        "SignatureDoesNotMatch",
    )


@pytest.mark.parametrize("name", sorted(sign(STOP)))
def test_any_change_of_a_signed_header_is_refused(name: str) -> None:
    headers = sign(STOP, "StopTrainingJob")
    for at in range(len(headers[name])):
        refusal(received(STOP, {**headers, name: flip(headers[name], at)}))


def test_a_changed_body_with_a_matching_hash_header_is_refused() -> None:
    headers = {**sign(CREATE), "x-acs-content-sha256": sha256(b"{}").hexdigest()}
    assert refusal(received(replace(CREATE, content=b"{}"), headers)).code == "SignatureDoesNotMatch"


def test_a_hash_header_that_is_not_the_bodys_is_refused_though_the_signature_fits() -> None:
    headers = {**sign(CREATE), "x-acs-content-sha256": sha256(b"{}").hexdigest()}
    del headers["Authorization"]
    vendors = VendorRequest(CREATE.method, CREATE.path, {}, headers)
    payload = sha256(CREATE.content).hexdigest()
    headers["Authorization"] = Utils.get_authorization(vendors, "ACS3-HMAC-SHA256", payload, KEY_ID, SECRET)
    error = refusal(received(CREATE, headers))
    assert (error.status, error.code) == (400, "SignatureDoesNotMatch")
    assert "x-acs-content-sha256" in error.message


def test_a_wrong_secret_is_answered_with_the_servers_string_to_sign() -> None:
    headers = sign(LIST, "ListTrainingJobs", KeyPair(KEY_ID, "another secret"))
    error = refusal(received(LIST, headers))
    assert (error.status, error.code) == (400, "SignatureDoesNotMatch")
    assert "ACS3-HMAC-SHA256\n15c80ca0d3a1b213b0571dbc0248fdb1ddef753c4cbb17f1680a12075d1e65ba" in error.message
    assert SECRET not in str(error)


def test_an_unknown_access_key_is_not_found() -> None:
    error = refusal(received(LIST, sign(LIST, keys=KeyPair("LTAI-unknown", SECRET))))
    assert (error.status, error.code) == (404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize("seconds", [-901, 901])
def test_a_date_more_than_fifteen_minutes_away_is_expired(seconds: int) -> None:
    error = refusal(received(LIST, sign(LIST)), NOW + timedelta(seconds=seconds))
    assert (error.status, error.code) == (400, "InvalidTimeStamp.Expired")


@pytest.mark.parametrize("seconds", [-900, 900])
def test_a_date_fifteen_minutes_away_is_accepted(seconds: int) -> None:
    assert verify(received(LIST, sign(LIST)), secret_of, NOW + timedelta(seconds=seconds)) == KEY_ID


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "2025-01-02T03:04:05", "2025-01-02T03:04:05+08:00", "2025-13-02T03:04:05Z", "20250102T030405Z"],
)
def test_a_date_in_another_form_is_refused(date: str) -> None:
    error = refusal(received(LIST, sign(LIST, date=date)))
    assert (error.status, error.code) == (400, "InvalidTimeStamp.Format")


@pytest.mark.parametrize(
    "authorization",
    ["", "acs LTAI:c2lnbmF0dXJl", "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host", "Bearer token"],
)
def test_an_unreadable_authorization_is_incomplete(authorization: str) -> None:
    error = refusal(received(LIST, {**sign(LIST), "Authorization": authorization}))
    assert (error.status, error.code) == (400, "IncompleteSignature")


def test_a_request_without_authorization_is_incomplete() -> None:
    assert refusal(LIST).code == "IncompleteSignature"


def test_a_signature_that_is_not_ascii_is_refused() -> None:
    headers = sign(LIST)
    headers["Authorization"] = headers["Authorization"].rpartition("=")[0] + "=é"
    assert refusal(received(LIST, headers)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-security-token",
        "x-acs-signature-nonce",
        "x-acs-version",
    ],
)
def test_headers_that_say_what_is_asked_and_by_whom_must_be_signed(name: str) -> None:
    headers = sign(LIST, keys=KeyPair(KEY_ID, SECRET, TOKEN))
    headers["Authorization"] = headers["Authorization"].replace(f"{name};", "").replace(f";{name},", ",")
    error = refusal(received(LIST, headers))
    assert (error.status, error.code) == (400, "IncompleteSignature")
    assert name in error.message


def test_a_signed_header_that_did_not_come_is_refused() -> None:
    headers = sign(STOP)
    del headers["accept"]
    assert refusal(received(STOP, headers)).code == "IncompleteSignature"


def test_secrets_never_show_in_a_repr() -> None:
    keys = KeyPair(KEY_ID, SECRET, TOKEN)
    request = received(CREATE, sign(CREATE, keys=keys))
    assert SECRET not in repr(keys)
    assert TOKEN not in repr(keys) + repr(request)
    assert KEY_ID in repr(keys)
