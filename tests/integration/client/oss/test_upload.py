"""One object against local PAI's OSS: whole or not at all, whatever goes wrong."""

from __future__ import annotations

import io
import os
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
import requests
from oss2.exceptions import RequestError

from airflow_provider_pai.client.oss.body import Body, checksum
from airflow_provider_pai.client.oss.errors import oss_errors
from airflow_provider_pai.client.oss.upload import ObjectUpload
from airflow_provider_pai.errors import APIError, AuthError, ConflictError, PAIError, ServerError, TransportError
from airflow_provider_pai.local.http.faults import FaultKind
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PART, PASSING, OssBench
from tests.support.waits import PATIENCE

SMALL, LARGE = PART, 5 * PART + 1

T = TypeVar("T")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def fill(path: Path, size: int) -> bytes:
    content = os.urandom(size)
    path.write_bytes(content)
    return content


@pytest.mark.parametrize("size", [0, 1, SMALL])
def test_a_small_file_is_one_request(bench: OssBench, file: Path, size: int) -> None:
    content = fill(file, size)
    bench.storage.upload(file, bench.home)
    assert bench.counts() == {"PUT": 1}
    assert bench.there() == {"file": content}


@pytest.mark.parametrize(("size", "parts"), [(SMALL + 1, 2), (2 * PART, 2), (LARGE, 6)])
def test_a_large_file_is_sent_in_parts(bench: OssBench, file: Path, size: int, parts: int) -> None:
    content = fill(file, size)
    bench.storage.upload(file, bench.home)
    assert bench.counts() == {"PUT": parts, "POST": 2}
    assert bench.there() == {"file": content}
    assert bench.unfinished() == []


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_what_was_there_is_replaced(bench: OssBench, file: Path, size: int) -> None:
    for _ in range(2):
        content = fill(file, size)
        bench.storage.upload(file, bench.home)
        assert bench.there() == {"file": content}


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize(("method", "before"), [("POST", 0), ("PUT", 0), ("PUT", 3), ("PUT", 5), ("POST", 1)])
def test_a_passing_failure_costs_one_request_more(
    bench: OssBench, file: Path, kind: FaultKind, method: str, before: int
) -> None:
    content = fill(file, LARGE)
    if before:
        bench.pass_by(method, before)
    bench.fail(method, kind, times=2)
    bench.storage.upload(file, bench.home)
    assert len(bench.waits) == 2
    assert {"PUT": 6, "POST": 2, method: {"PUT": 8, "POST": 4}[method]}.items() <= bench.counts().items()
    assert bench.there() == {"file": content}


@pytest.mark.parametrize("kind", PASSING)
def test_a_small_file_is_sent_again(bench: OssBench, file: Path, kind: FaultKind) -> None:
    content = fill(file, SMALL)
    bench.fail("PUT", kind, times=3)
    bench.storage.upload(file, bench.home)
    assert bench.counts() == {"PUT": 4}
    assert bench.there() == {"file": content}


@pytest.mark.parametrize("code", ["InvalidDigest", "RequestTimeout"])
def test_a_body_that_did_not_arrive_as_it_was_sent_is_sent_again(bench: OssBench, file: Path, code: str) -> None:
    content = fill(file, LARGE)
    bench.fail("PUT", FaultKind.ERROR, status=400, code=code)
    bench.storage.upload(file, bench.home)
    assert bench.counts()["PUT"] == 7
    assert bench.there() == {"file": content}


@pytest.mark.parametrize(
    ("kind", "error"), [(FaultKind.ERROR, ServerError), (FaultKind.DROP_BEFORE, TransportError)], ids=str
)
@pytest.mark.parametrize(("method", "before"), [("POST", 0), ("PUT", 0), ("PUT", 3), ("POST", 1)])
def test_an_upload_that_fails_for_good_leaves_nothing(
    bench: OssBench, file: Path, kind: FaultKind, error: type[PAIError], method: str, before: int
) -> None:
    fill(file, LARGE)
    if before:
        bench.pass_by(method, before)
    bench.fail(method, kind, times=4)
    with pytest.raises(error, match=str(bench.home.child("file"))):
        bench.storage.upload(file, bench.home)
    assert bench.there() == {}
    assert bench.unfinished() == []


def test_an_upload_that_can_not_even_be_given_up_leaves_nothing_under_the_name(bench: OssBench, file: Path) -> None:
    content = fill(file, LARGE)
    bench.pass_by("PUT", 3)
    bench.fail("PUT", FaultKind.DROP_BEFORE, times=4)
    bench.fail("DELETE", FaultKind.DROP_BEFORE, times=4)
    with pytest.raises(TransportError):
        bench.storage.upload(file, bench.home)
    assert bench.there() == {}
    assert bench.unfinished() == [f"{bench.home.key}file"]
    bench.storage.upload(file, bench.home)
    assert bench.there() == {"file": content}


def test_what_was_there_stays_until_all_has_arrived(bench: OssBench, file: Path) -> None:
    content = fill(file, LARGE)
    bench.storage.upload(file, bench.home)
    fill(file, LARGE)
    bench.pass_by("PUT", 5)
    bench.fail("PUT", FaultKind.ERROR, times=4)
    with pytest.raises(ServerError):
        bench.storage.upload(file, bench.home)
    assert bench.there() == {"file": content}


def test_an_older_object_of_the_same_size_is_not_taken_for_the_one_that_was_written(
    bench: OssBench, file: Path
) -> None:
    older = fill(file, LARGE)
    bench.storage.upload(file, bench.home)
    fill(file, LARGE)
    bench.pass_by("POST")
    bench.fail("POST", FaultKind.ERROR, status=404, code="NoSuchUpload")
    with pytest.raises(APIError, match="NoSuchUpload"):
        bench.storage.upload(file, bench.home)
    assert bench.there() == {"file": older}


@pytest.mark.parametrize(("status", "error"), [(403, AuthError), (409, ConflictError)])
def test_a_refusal_is_not_asked_for_twice(bench: OssBench, file: Path, status: int, error: type[APIError]) -> None:
    fill(file, SMALL)
    bench.fail("PUT", FaultKind.ERROR, status=status, code="FileImmutable")
    with pytest.raises(error, match="FileImmutable"):
        bench.storage.upload(file, bench.home)
    assert bench.counts() == {"PUT": 1}
    assert bench.waits == []


class NoBucket:
    """Takes parts as OSS does, and keeps nothing of them but their sizes."""

    def __init__(self) -> None:
        self.parts: list[int] = []
        self.wrong: list[int] = []
        self.completed: list[int] = []
        self.given_up = False

    def ask(self, verb: str, uri: OssUri, request: Callable[[Any], T]) -> T:
        with oss_errors(verb, uri):
            return request(self)

    def init_multipart_upload(self, key: str) -> Any:
        return SimpleNamespace(upload_id="id")

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Any:
        self.parts.append(len(body))
        crc = self.wrong.pop() if self.wrong else checksum(body)
        return SimpleNamespace(etag="etag", crc=crc, request_id="id")

    def complete_multipart_upload(self, key: str, upload_id: str, parts: list[Any], headers: Any) -> Any:
        self.completed = [part.part_number for part in parts]
        return SimpleNamespace(crc=None, etag="etag", resp=io.BytesIO())

    def abort_multipart_upload(self, key: str, upload_id: str) -> None:
        self.given_up = True


class SlowBucket(NoBucket):
    """Refuses the second part while others are on their way; tells what happened in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self._under_way = threading.Event()

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Any:
        self.events.append("part begins")
        if number == 2:
            assert self._under_way.wait(PATIENCE)
            self.events.append("part ends")
            raise RequestError(OSError("refused"))
        self._under_way.set()
        time.sleep(0.2)
        self.events.append("part ends")
        return super().upload_part(key, upload_id, number, body)

    def abort_multipart_upload(self, key: str, upload_id: str) -> None:
        self.events.append("given up")
        time.sleep(0.2)
        super().abort_multipart_upload(key, upload_id)


def test_an_upload_is_given_up_when_no_part_is_on_its_way_any_more(tmp_path: Path) -> None:
    bucket = SlowBucket()
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(50 * PART)
        upload = ObjectUpload(bucket.ask, OssUri("bucket", "key"), part_size=PART)
        with pytest.raises(TransportError, match="refused"):
            upload.write_file(file, 50 * PART)
    assert bucket.events[-1] == "given up"
    assert bucket.events.count("part begins") == bucket.events.count("part ends") <= 8


class Zeros(io.RawIOBase):
    def __init__(self, reads: int) -> None:
        self.reads: list[int] = []
        self._left = reads

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "a read of everything would need memory for all of it"
        self.reads.append(size)
        self._left -= 1
        return bytes(size) if self._left >= 0 else b""


def test_memory_does_not_grow_with_the_file() -> None:
    bucket = NoBucket()
    tracemalloc.start()
    try:
        ObjectUpload(bucket.ask, OssUri("bucket", "key"), part_size=PART).write(Zeros(1000), 1000 * PART)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(bucket.parts) == 1000 * PART
    assert peak < 10 * PART


def test_memory_does_not_grow_with_a_file_either(tmp_path: Path) -> None:
    bucket = NoBucket()
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(50 * 10 * PART)
        tracemalloc.start()
        try:
            assert ObjectUpload(bucket.ask, OssUri("bucket", "key"), part_size=10 * PART).write_file(
                file, 50 * 10 * PART
            )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert bucket.parts == [10 * PART] * 50
    assert bucket.completed == list(range(1, 51))
    assert peak < 4 * 10 * PART


@pytest.mark.parametrize("name", ["write", "write_file"])
def test_a_part_that_arrived_otherwise_is_not_put_together(tmp_path: Path, name: str) -> None:
    bucket = NoBucket()
    bucket.wrong = [1]
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(3 * PART)
        upload = ObjectUpload(bucket.ask, OssUri("bucket", "key"), part_size=PART)
        with pytest.raises(TransportError, match="other bytes arrived than were sent"):
            getattr(upload, name)(file, 3 * PART)
    assert bucket.completed == []
    assert bucket.given_up


@pytest.mark.parametrize(("parts", "size"), [(10_000, PART), (10_001, 2 * PART), (50_000, 8 * PART)])
def test_an_object_of_more_than_10_000_parts_gets_larger_ones(parts: int, size: int) -> None:
    stream = Zeros(1)
    upload = ObjectUpload(NoBucket().ask, OssUri("bucket", "key"), part_size=PART)
    with pytest.raises(PAIError, match="changed while"):
        upload.write(stream, parts * PART)
    assert stream.reads[0] == size


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("missing", [1, PART])
def test_a_stream_that_ends_early_writes_nothing(size: int, missing: int) -> None:
    bucket = NoBucket()
    upload = ObjectUpload(bucket.ask, OssUri("bucket", "key"), part_size=PART)
    with pytest.raises(PAIError, match="changed while it was uploaded to oss://bucket/key"):
        upload.write(io.BytesIO(bytes(size - missing)), size)
    assert bucket.completed == []
    assert bucket.given_up == (size > PART)


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with (
        pytest.raises(TransportError, match="oss://bucket/key") as failure,
        oss_errors("read", OssUri("bucket", "key")),
    ):
        raise requests.exceptions.ChunkedEncodingError("broke off")
    assert failure.value.sent
