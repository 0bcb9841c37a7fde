"""OSS signatures equal the vendor's."""

from __future__ import annotations

import hashlib
import time
from urllib.parse import parse_qsl, urlsplit

import oss2
import oss2.http
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.oss.auth import verify
from airflow_provider_pai.local.oss.signing import (
    OSSRequest,
    Scope,
    v1_signature,
    v1_string_to_sign,
    v4_canonical_request,
    v4_signature,
    v4_string_to_sign,
)
from airflow_provider_pai.local.oss.subresources import SUBRESOURCES

# oss2 2.19.1 signs V4 with datetime.utcnow(), deprecated since Python 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:oss2.auth")

VECTOR_SECRET = "fakeSecretDoNotUse000000000001"
DATE = "Thu, 02 Jan 2025 03:04:05 GMT"


def request(method: str, query: dict[str, str], headers: dict[str, str]) -> OSSRequest:
    return OSSRequest(method, "bkt", "dir/a b.txt", query, headers)


def test_the_v1_vector_is_reproduced():
    text = v1_string_to_sign(request("PUT", {}, {"content-type": "text/plain"}), DATE)
    assert text == b"PUT\n\ntext/plain\nThu, 02 Jan 2025 03:04:05 GMT\n/bkt/dir/a b.txt"
    assert v1_signature(VECTOR_SECRET, text) == "XZFuzhrzqqsV+vR7ZVr7/9VJMEo="


def test_the_v1_vector_with_a_token_and_a_subresource_is_reproduced():
    headers = {"content-type": "text/plain", "x-oss-security-token": "FAKE-STS-TOKEN"}
    text = v1_string_to_sign(request("POST", {"uploads": "", "encoding-type": "url"}, headers), DATE)
    assert text.endswith(b"\nx-oss-security-token:FAKE-STS-TOKEN\n/bkt/dir/a b.txt?uploads")
    assert v1_signature(VECTOR_SECRET, text) == "mBzaZs4srhHFmzKTcc/H851fSD0="


def test_the_v4_vector_is_reproduced():
    headers = {
        "content-type": "text/plain",
        "host": "not signed",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-date": "20250102T030405Z",
    }
    canonical = v4_canonical_request(request("PUT", {}, headers))
    assert canonical.decode() == (
        "PUT\n/bkt/dir/a%20b.txt\n\ncontent-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\n"
        "x-oss-date:20250102T030405Z\n\n\nUNSIGNED-PAYLOAD"
    )
    digest = "31531270e71df6981e702032991e6f95f9c7fdf90d375f802a8dbb78f75ed8e8"
    assert hashlib.sha256(canonical).hexdigest() == digest
    scope = Scope("20250102", "cn-hangzhou")
    text = v4_string_to_sign(canonical, scope, "20250102T030405Z")
    expected = "26be693ab7433bd0874db4fa06837a7cbb538e2dea92d867e33d5b65229583d2"
    assert v4_signature(VECTOR_SECRET, scope, text) == expected


def test_v1_signs_the_subresources_that_the_vendor_signs():
    assert oss2.ProviderAuth._subresource_key_set == SUBRESOURCES


KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
QUERIES = st.dictionaries(
    st.sampled_from(["prefix", "uploads", "uploadId", "marker", "response-content-type", "a b"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Content-MD5", "x-oss-meta-B", "x-oss-meta-a", "Range"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
)


@pytest.mark.parametrize("vendor", [oss2.Auth, oss2.AuthV4])
@given(key=KEYS, query=QUERIES, headers=HEADERS)
def test_whatever_the_vendor_signs_in_headers_is_verified(vendor, key, query, headers):
    signed = oss2.http.Request("PUT", "http://host", params=dict(query), headers=headers, region="r", product="oss")
    vendor("id", "secret")._sign_request(signed, "bkt", key)
    sent = {name.lower(): value for name, value in signed.headers.items() if value is not None}
    claimed = OSSRequest("PUT", "bkt", key, signed.params, sent)
    assert verify(claimed, {"id": "secret"}.get, "r", time.time()) == "id"


@pytest.mark.parametrize("vendor", [oss2.Auth, oss2.AuthV4])
@given(key=KEYS, query=QUERIES, headers=HEADERS)
def test_whatever_the_vendor_presigns_is_verified(vendor, key, query, headers):
    signed = oss2.http.Request("GET", "http://host", params=dict(query), headers=headers, region="r", product="oss")
    url = vendor("id", "secret")._sign_url(signed, "bkt", key, 60)
    sent = {name.lower(): value for name, value in headers.items()}
    parameters = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    assert verify(OSSRequest("GET", "bkt", key, parameters, sent), {"id": "secret"}.get, "r", time.time()) == "id"
