"""Requests that no client of the vendor sends: each is answered, in the service's form, and never by a failure."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator
from email.utils import formatdate
from urllib.parse import quote, urlsplit

import oss2
import pytest
import requests

from airflow_provider_pai.local.http.operations import OPERATIONS
from airflow_provider_pai.local.oss.operations import OPERATIONS as OSS_OPERATIONS
from airflow_provider_pai.local.oss.signing import OSSRequest, v1_signature, v1_string_to_sign
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.local.server_info import ServerInfo
from airflow_provider_pai.local.verify.endpoint import Target
from airflow_provider_pai.local.verify.requests import ProbeCall
from tests.support.waits import PATIENCE

ODD = (
    "",
    "0",
    "-1",
    "9" * 5000,
    "1e400",
    "NaN",
    "٣",
    "\x00",
    "a\r\nX-Evil: 1",
    "a\n",
    "../../etc/passwd",
    "%0a",
    "\N{ROCKET}",
    "é",
    "9999-12-31T23:59:59Z",
    "[" * 900,
    "a" * 20_000,
)
BODIES = (None, True, -1, 2**200, 1e308, "\x00", "\ud800", [], [None], [[[]]], {}, {"": {}}, "9" * 5000)
DOCUMENTS = (
    b"",
    b"<",
    b"<Delete/>",
    b"<a>" * 20_000,
    b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
    b"<?xml version='1.0' encoding='utf-99'?><Delete/>",
    b"<Delete><Object><Key/></Object></Delete>",
    b"\xff\xfe\x00",
)
KEYS = ("", "k", "a/b", "\N{ROCKET}", "a b+c", "\x00", "a\nb", "../..", "/lead", "%2F", "x" * 1024)
BUCKETS = ("pai-local", "pai-local", "pai-local", "", "absent-bucket", "UPPER")
OSS_REQUESTS = 600


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.action}")
def test_each_operation_answers_odd_paths_parameters_and_bodies(local_pai: LocalPAI, operation: object) -> None:
    target = Target.of(local_pai.ready.airflow_conn_uri)
    for path, query, body in odd_requests(operation):
        answer = target.send(ProbeCall(operation.service, operation.action, path, operation.method, query, body))
        assert answer.status < 500, (path, query, body)
        assert answer.status < 400 or answer.code, (path, query, body)


def odd_requests(operation: object) -> Iterator[tuple[str, dict[str, str], object]]:
    sends = operation.method in ("POST", "PUT")
    for odd in ODD:
        if "{}" in operation.path and odd:
            yield operation.path.replace("{}", quote(odd, safe="")[:4000]), {}, {} if sends else None
        yield operation.path.replace("{}", "absent"), {"PageSize": odd, odd or "Zzz": odd}, {} if sends else None
    for body in BODIES if sends else ():
        yield operation.path.replace("{}", "absent"), {}, body


def test_oss_answers_odd_requests(local_pai: LocalPAI) -> None:
    rng, ready = random.Random("odd"), local_pai.ready
    connection = http.client.HTTPConnection(urlsplit(ready.oss).netloc, timeout=PATIENCE)
    try:
        for _ in range(OSS_REQUESTS):
            method, url, body, headers = odd_oss_request(rng, ready)
            connection.request(method, url, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 500, (method, url, body[:50], headers)
            assert answer.status < 400 or method == "HEAD" or b"<Code>" in content, (method, url, body[:50], headers)
    finally:
        connection.close()


def odd_oss_request(rng: random.Random, ready: ServerInfo) -> tuple[str, str, bytes, dict[str, bytes]]:
    """Return a request that is signed well, and odd in all else."""
    names = sorted({name for each in OSS_OPERATIONS for name in (*each.selectors, *each.parameters)})
    said = sorted({name for each in OSS_OPERATIONS for name in each.headers} | {"range", "content-md5", "if-match"})
    method, bucket = rng.choice(("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH")), rng.choice(BUCKETS)
    key = rng.choice(KEYS) if bucket else ""
    query = {rng.choice(names): rng.choice(ODD) for _ in range(rng.randrange(3))}
    odd = [text for text in ODD if "\n" not in text and "\x00" not in text]
    headers = {rng.choice(said): rng.choice(odd).encode("latin-1", "replace") for _ in range(rng.randrange(3))}
    headers = {name: value[:6000] for name, value in headers.items()} | {"date": formatdate(usegmt=True).encode()}
    read = {name: value.decode("latin-1") for name, value in headers.items()}
    signed = v1_string_to_sign(OSSRequest(method, bucket, key, query, read), read["date"])
    signature = f"OSS {ready.access_key_id}:{v1_signature(ready.access_key_secret, signed)}"
    path = f"/{quote(bucket)}/{quote(key, safe='')}" if bucket else "/"
    text = "&".join(f"{quote(name)}={quote(value, safe='')}" if value else quote(name) for name, value in query.items())
    body = rng.choice(DOCUMENTS) if method in ("PUT", "POST", "PATCH") else b""
    return method, f"{path}?{text}" if text else path, body, {**headers, "authorization": signature.encode()}


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "\x00", "\x7f", "\N{ROCKET}"])
def test_a_parameter_writes_no_header_but_its_own(local_pai: LocalPAI, value: str) -> None:
    ready = local_pai.ready
    bucket = oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
    bucket.put_object("odd-header", b"x")
    url = bucket.sign_url("GET", "odd-header", 60, params={"response-content-type": value})
    answer = requests.get(url, timeout=PATIENCE)
    assert (answer.status_code, "X-Evil" in answer.headers) == (400, False)
    assert "<Code>InvalidArgument</Code>" in answer.text
    bucket.delete_object("odd-header")
