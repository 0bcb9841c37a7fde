from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_pai.client.packaging.source import (
    SMALL,
    read_source,
    source_location,
)
from airflow_provider_pai.errors import ConflictError, TransportError
from airflow_provider_pai.local.http.faults import FaultKind
from airflow_provider_pai.model.training.spec import CodeLocation
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PART, PASSING, OssBench
from tests.support.source_code import archive, digest


def upload(bench: OssBench, folder: Path) -> CodeLocation:
    return bench.storage.upload_source(read_source(str(folder)), bench.home, bench.log)


class TestUpload:
    def test_the_archive_lies_under_the_digest(self, bench: OssBench, folder: Path) -> None:
        code = upload(bench, folder)
        name = f"pai/training_src/{digest(folder)}/source.tar.gz"
        assert (code.bucket, code.key) == (bench.home.bucket, bench.home.key + name)
        assert bench.there() == {name: archive(folder)}
        assert len(bench.lines) == 1
        assert bench.lines[0].startswith(f"Uploaded source code of {folder} (3 file(s), 24 bytes, packed ")

    def test_the_place_is_known_before_anything_is_sent(self, bench: OssBench, folder: Path) -> None:
        location = source_location(str(folder), bench.home, bench.config.code_endpoint)
        assert bench.counts() == {}
        assert upload(bench, folder) == location

    def test_unchanged_code_sends_no_body(self, bench: OssBench, folder: Path) -> None:
        (folder / "table.bin").write_bytes(os.urandom(SMALL))
        code = upload(bench, folder)
        bench.counts()
        os.utime(folder / "train.py", (1, 1))
        assert upload(bench, folder) == code
        assert bench.counts() == {"HEAD": 1}
        assert bench.lines[-1].startswith(f"Source code of {folder} is in OSS already (4 file(s), ")

    def test_very_little_code_takes_one_request_whether_it_is_there_or_not(self, bench: OssBench, folder: Path) -> None:
        code = upload(bench, folder)
        assert bench.counts() == {"PUT": 1}
        assert upload(bench, folder) == code
        assert bench.counts() == {"PUT": 1}
        assert bench.lines[-1].startswith(f"Source code of {folder} is in OSS already (3 file(s), 24 bytes, packed ")
        assert list(bench.there().values()) == [archive(folder)]

    def test_a_large_archive_is_sent_in_parts(self, bench: OssBench, folder: Path) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(3 * PART))
        code = upload(bench, folder)
        assert bench.counts() == {"HEAD": 1, "PUT": 4, "POST": 2}
        assert bench.storage.read(OssUri(code.bucket, code.key)) == archive(folder)

    @pytest.mark.parametrize("size", [0, 3 * PART])
    def test_an_archive_that_another_task_has_uploaded_first_is_used(
        self, bench: OssBench, folder: Path, size: int
    ) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(size))
        target = bench.home.child("pai", "training_src", digest(folder), "source.tar.gz")
        bench.storage.write(target, b"theirs")
        if size:
            # The look that came before they were done.
            bench.fail("HEAD", FaultKind.ERROR, status=404, code="NoSuchKey")
        upload(bench, folder)
        assert bench.storage.read(target) == b"theirs"
        assert bench.unfinished() == []

    @pytest.mark.parametrize("size", [0, 3 * PART])
    def test_another_conflict_is_an_error(self, bench: OssBench, folder: Path, size: int) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(size))
        bench.fail("PUT", FaultKind.ERROR, status=409, code="FileImmutable")
        with pytest.raises(ConflictError, match="FileImmutable"):
            upload(bench, folder)

    @pytest.mark.parametrize("kind", PASSING)
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "POST"])
    def test_a_passing_failure_stops_nothing(self, bench: OssBench, folder: Path, kind: FaultKind, method: str) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(3 * PART))
        bench.fail(method, kind, times=2)
        code = upload(bench, folder)
        assert len(bench.waits) == 2
        assert bench.storage.read(OssUri(code.bucket, code.key)) == archive(folder)

    def test_an_upload_that_fails_half_way_does_not_count(self, bench: OssBench, folder: Path) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(3 * PART))
        bench.pass_by("PUT", 2)
        # As many as the parts that are sent at a time can meet before one of them is given up.
        bench.fail("PUT", FaultKind.DROP_BEFORE, times=16)
        with pytest.raises(TransportError):
            upload(bench, folder)
        bench.pai.faults.clear()
        assert bench.there() == {}
        code = upload(bench, folder)
        assert bench.storage.read(OssUri(code.bucket, code.key)) == archive(folder)

    def test_hints_are_logged_before_the_upload(self, bench: OssBench, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        (folder / "table.bin").write_bytes(os.urandom(SMALL))
        upload(bench, folder)
        assert [line.split()[0] for line in bench.lines] == ["Not", "Uploading"]
