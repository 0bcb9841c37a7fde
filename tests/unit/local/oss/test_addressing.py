"""Paths and hosts name buckets and keys."""

from __future__ import annotations

import pytest

from airflow_provider_pai.local.oss.addressing import base_hosts, read_request
from airflow_provider_pai.local.oss.errors import OSSErrorResponse

HOSTS = base_hosts("cn-hangzhou")


def scope(raw_path: str, host: str = "127.0.0.1:8080", query: str = "") -> dict[str, object]:
    return {
        "type": "http",
        "method": "GET",
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", host.encode())],
    }


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("127.0.0.1:80", "/", ("", "")),
        ("127.0.0.1:80", "/bkt", ("bkt", "")),
        ("127.0.0.1:80", "/bkt/", ("bkt", "")),
        ("127.0.0.1:80", "/bkt/a%2Fb", ("bkt", "a/b")),
        ("127.0.0.1:80", "/bkt/a/b", ("bkt", "a/b")),
        ("127.0.0.1:80", "/bkt/a%252Fb", ("bkt", "a%2Fb")),
        ("127.0.0.1:80", "/bkt/a+b", ("bkt", "a+b")),
        ("[::1]:80", "/bkt/k", ("bkt", "k")),
        ("container", "/bkt/k", ("bkt", "k")),
        ("localhost:80", "/bkt/k", ("bkt", "k")),
        ("bkt.localhost:80", "/a%2Fb", ("bkt", "a/b")),
        ("oss.localhost", "/bkt/k", ("bkt", "k")),
        ("bkt.oss.localhost", "/", ("bkt", "")),
        ("oss-cn-hangzhou.aliyuncs.com", "/", ("", "")),
        ("bkt.oss-cn-hangzhou.aliyuncs.com", "/k", ("bkt", "k")),
        ("bkt.oss-cn-hangzhou-internal.aliyuncs.com", "/k", ("bkt", "k")),
    ],
)
def test_both_styles_are_understood(host, path, expected):
    request = read_request(scope(path, host), HOSTS)
    assert (request.bucket, request.key) == expected


def test_a_query_is_decoded_with_plus_as_space():
    assert read_request(scope("/bkt", query="prefix=a+b%2B&uploads&x="), HOSTS).query == {
        "prefix": "a b+",
        "uploads": "",
        "x": "",
    }


def test_a_parameter_that_comes_twice_is_refused_by_its_name():
    with pytest.raises(OSSErrorResponse, match="InvalidArgument") as refused:
        read_request(scope("/bkt", query="prefix=a&prefix=b"), HOSTS)
    assert refused.value.details["ArgumentName"] == "prefix"


@pytest.mark.parametrize(("path", "code"), [("/BKT/k", "InvalidBucketName"), ("/bkt/%FF", "InvalidObjectName")])
def test_invalid_names_are_refused(path, code):
    with pytest.raises(OSSErrorResponse, match=code):
        read_request(scope(path), HOSTS)
