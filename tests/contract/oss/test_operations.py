"""Every sub-resource that clients know, with each method, on each level: it is served, or refused and nothing else.

A request whose sub-resource local OSS does not know once ran the operation of the same method without it: DELETE of a
bucket's setting deleted the bucket.
"""

from __future__ import annotations

import sqlite3
from xml.etree import ElementTree as ET

import oss2
import pytest
from oss2 import http

from airflow_provider_pai.local.oss.operation import Level, OssOperation
from airflow_provider_pai.local.oss.operations import OPERATIONS
from tests.contract.oss.subresources import ALL_NAMES
from tests.support.oss import RunningOSS, connect
from tests.support.waits import PATIENCE

_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
_REFUSED = {"NotImplemented", "MethodNotAllowed"}


def _served(level: Level, method: str, name: str) -> list[OssOperation]:
    """Return the operations of a level and method that read a parameter beside nothing else."""
    return [
        operation
        for operation in OPERATIONS
        if (operation.level, operation.method) == (level, method)
        and not operation.source
        and set(operation.selectors) <= {name}
        and name in {*operation.selectors, *operation.parameters}
    ]


def _rows(server: RunningOSS) -> list[tuple[object, ...]]:
    """Return all that is recorded about buckets, objects and uploads."""
    with sqlite3.connect(server.home / "index.sqlite3") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in sorted(tables) for row in db.execute(f"SELECT * FROM {table}")]
    db.close()
    return rows


class _Sender:
    def __init__(self, server: RunningOSS, auth: oss2.auth.AuthBase, session: oss2.Session, bucket: str) -> None:
        self.server, self.auth, self.session, self.bucket = server, auth, session, bucket

    def send(
        self, level: Level, method: str, params: dict[str, str], headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a request without a body; return status and error code, empty when there is none."""
        bucket = "" if level is Level.SERVICE else self.bucket
        key = "kept" if level is Level.OBJECT else ""
        url = "/".join(part for part in (self.server.endpoint, bucket, key) if part)
        sent = {"Content-Length": "0"} if method in ("PUT", "POST") else {}
        request = http.Request(method, url, params=params, headers={**sent, **(headers or {})}, region="cn-hangzhou")
        request.product = "oss"
        self.auth._sign_request(request, bucket, key)
        response = self.session.do_request(request, timeout=PATIENCE)
        body = response.read()
        code = ET.fromstring(body).findtext("Code") if body.startswith(b"<?xml") and response.status >= 400 else ""
        if method == "HEAD" and response.status >= 400:
            code = "NotImplemented" if response.status == 400 else "MethodNotAllowed"
        return response.status, code or ""


@pytest.fixture
def sender(server: RunningOSS, auth: oss2.auth.AuthBase, session: oss2.Session) -> _Sender:
    names = [bucket.name for bucket in server.store.buckets()]
    bucket = connect(server, auth, f"operations-{len(names)}", session)
    bucket.create_bucket()
    bucket.put_object("kept", b"bytes", headers={"x-oss-tagging": "a=b"})
    bucket.init_multipart_upload("under-way")
    empty = connect(server, auth, f"empty-{len(names)}", session)
    empty.create_bucket()
    return _Sender(server, auth, session, bucket.bucket_name)


@pytest.mark.parametrize("level", list(Level))
def test_an_unknown_subresource_is_refused_by_name_and_changes_nothing(sender, level):
    before = _rows(sender.server)
    tried = 0
    for name in ALL_NAMES:
        for method in _METHODS:
            if _served(level, method, name):
                continue
            value = "value" if isinstance(sender.auth, oss2.AuthV4) else ""
            status, code = sender.send(level, method, {name: value})
            assert (400 <= status < 500, code in _REFUSED) == (True, True), (level, method, name, status, code)
            tried += 1
    assert _rows(sender.server) == before
    assert tried > 500


@pytest.mark.parametrize("name", ["overwriteConfig", "accessmonitor", "userDefinedLogFieldsConfig", "x", "policy"])
def test_deleting_a_setting_of_an_empty_bucket_leaves_the_bucket(sender, name):
    sender.bucket = sender.bucket.replace("operations", "empty")
    assert sender.send(Level.BUCKET, "DELETE", {name: ""})[1] == "NotImplemented"
    assert sender.bucket in {bucket.name for bucket in sender.server.store.buckets()}


def test_each_served_subresource_is_answered_by_its_own_operation(sender):
    for operation in OPERATIONS:
        if operation.method == "GET" and not operation.selectors.keys() & {"uploadId", "symlink"}:
            params = {name: value or "" for name, value in operation.selectors.items()}
            assert sender.send(operation.level, "GET", params)[0] == 200, operation.name


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.name}-{operation.method}")
def test_a_header_or_parameter_that_an_operation_does_not_read_is_refused(sender, operation):
    params = {name: value or "1" for name, value in operation.selectors.items()}
    headers = {"x-oss-copy-source": f"/{sender.bucket}/kept"} if operation.source else {}
    before = _rows(sender.server)
    for extra in ({"x-oss-unknown": "1"}, {"x-oss-server-side-encryption": "AES256"}):
        assert sender.send(operation.level, operation.method, params, {**headers, **extra})[1] == "NotImplemented"
    for name in ("x", "versionId", "x-oss-process"):
        assert sender.send(operation.level, operation.method, {**params, name: "1"}, headers)[1] == "NotImplemented"
    assert _rows(sender.server) == before


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_condition_on_a_change_is_refused_and_not_ignored(sender, method, header):
    before = _rows(sender.server)
    assert sender.send(Level.OBJECT, method, {}, {header: "*"})[1] == "NotImplemented"
    assert _rows(sender.server) == before
