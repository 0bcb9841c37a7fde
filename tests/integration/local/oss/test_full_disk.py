"""On a full disk a write says so, what was there stays, and deleting works and makes room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import oss2
import pytest

from tests.support.machine import missing
from tests.support.oss import KEY_ID, SECRET, RunningOSS, connect, read

SMALL = 4 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        missing("unshare", "no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(bucket: oss2.Bucket, size: int) -> Iterator[str]:
    """Put objects until one is refused, and yield their keys; the refusal says that the disk is full."""
    for number in range(1000):
        try:
            bucket.put_object(f"{size}-{number}", b"x" * size)
        except oss2.exceptions.ServerError as error:
            if (error.status, error.code) != (507, "DiskFull"):
                raise
            return
        yield f"{size}-{number}"
    raise AssertionError("the disk was never full")


def test_a_full_disk_is_called_so_and_deleting_works_on_it(small_disk: Path) -> None:
    session = oss2.Session()
    with RunningOSS(small_disk / "oss") as server:
        bucket = connect(server, oss2.Auth(KEY_ID, SECRET), "bkt", session)
        bucket.create_bucket()
        bucket.put_object("kept", b"bytes")
        # First large pieces, then small ones, until not even the record of an object has room.
        filler = [key for size in (400_000, 20_000, 2_000) for key in _fill(bucket, size)]
        assert read(bucket, "kept") == b"bytes"
        for key in filler:
            bucket.delete_object(key)
        bucket.put_object("after", b"x" * 400_000)
        assert read(bucket, "after") == b"x" * 400_000
    session.session.close()
