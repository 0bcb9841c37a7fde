"""Objects as they are: stored bytes, one walker for all uploads, large files in parts."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import oss2
import pytest

from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PART, OssBench

PACKED = gzip.compress(b"stored and sent as it is" * 1000)


def put(bench: OssBench, name: str, content: bytes, encoding: str) -> OssUri:
    ready = bench.pai.ready
    bucket = oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
    uri = bench.home.child(name)
    bucket.put_object(uri.key, content, headers={"Content-Encoding": encoding})
    return uri


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("content", [PACKED, b"not packed at all", b""], ids=["packed", "plain", "empty"])
def test_the_stored_bytes_are_read_and_downloaded_whatever_their_encoding_is_called(
    bench: OssBench, tmp_path: Path, content: bytes, encoding: str
) -> None:
    uri = put(bench, "data.csv", content, encoding)
    assert bench.storage.read(uri) == content
    (path,) = bench.storage.download(uri, tmp_path)
    assert path.read_bytes() == content


def test_two_keys_that_are_one_file_here_are_named_and_neither_is_taken_for_the_other(
    bench: OssBench, tmp_path: Path
) -> None:
    for name in ("Model/weights", "model/weights"):
        bench.storage.write(bench.home.child(*name.split("/")), name.encode())
    # As a file system does for which upper and lower case are the same.
    (tmp_path / "Model").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "Model")
    with pytest.raises(PAIError, match=r"the keys '.*Model/weights' and '.*model/weights' .* are one file"):
        bench.storage.download(bench.home, tmp_path)
    assert (tmp_path / "Model" / "weights").read_bytes() == b"Model/weights"
    found = bench.storage.download(bench.home, tmp_path / "other")
    assert [path.read_bytes() for path in found] == [b"Model/weights", b"model/weights"]


def test_keys_that_are_no_paths_are_named_and_nothing_is_downloaded(bench: OssBench, tmp_path: Path) -> None:
    bench.storage.write(bench.home.child("a"), b"1")
    bench.storage.write(bench.home.child("b", "", "c"), b"2")
    with pytest.raises(PAIError, match="has an empty part"):
        bench.storage.download(bench.home, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_upload_follows_links_and_leaves_out_what_inputs_leave_out(bench: OssBench, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "ck-5").mkdir(parents=True)
    (folder / "ck-5" / "weights").write_bytes(b"w")
    (folder / "last").symlink_to("ck-5")
    (folder / "notes.tmp").write_text("x")
    (folder / ".paiignore").write_text("*.tmp\n")
    os.mkfifo(folder / "pipe")
    (folder / "dangling").symlink_to("nothing")
    assert bench.storage.upload(folder, bench.home, bench.log) == bench.home
    assert bench.there() == {"ck-5/weights": b"w", "last/weights": b"w"}
    assert bench.lines == ["Not uploaded, for they are neither files nor folders: 'dangling', 'pipe'"]


def test_an_upload_refuses_links_that_lead_out(bench: OssBench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link").symlink_to("../secret")
    with pytest.raises(ValueError, match="leads out of the folder"):
        bench.storage.upload(folder, bench.home)
    assert bench.there() == {}


def test_an_upload_refuses_names_that_are_no_utf_8_and_names_them(bench: OssBench, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "good").write_text("x")
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xff")).write_text("x")
    with pytest.raises(SpecError, match=r"the name of 'b\\udcff' is no UTF-8"):
        bench.storage.upload(folder, bench.home)
    assert bench.there() == {}


def test_a_large_input_is_sent_in_parallel_parts(bench: OssBench, tmp_path: Path) -> None:
    content = os.urandom(9 * PART + 5)
    (tmp_path / "large.bin").write_bytes(content)
    target = bench.storage.upload_input(tmp_path / "large.bin", bench.home, bench.log)
    assert bench.storage.read(target) == content
    counts = bench.counts()
    assert (counts["POST"], counts["PUT"]) == (2, 10)
    assert bench.unfinished() == []


def test_a_large_input_that_changes_between_reading_and_sending_is_not_stored(bench: OssBench, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(4 * PART))

    def log(text: str, *values: object) -> None:
        if text.startswith("Uploading"):
            path.write_bytes(os.urandom(4 * PART))

    with pytest.raises(PAIError, match="changed while it was uploaded"):
        bench.storage.upload_input(path, bench.home, log)
    assert bench.there() == {}
    assert bench.unfinished() == []


def test_no_checksum_is_computed_by_the_library_in_python(
    bench: OssBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_: object) -> None:
        raise AssertionError("computed in Python, while all other threads wait")

    monkeypatch.setattr(oss2.utils.Crc64, "__init__", compute)
    monkeypatch.setattr(oss2.utils.Crc64, "combine", compute)
    (tmp_path / "large").write_bytes(b"x" * (3 * PART))
    (tmp_path / "small").write_bytes(b"x")
    bench.storage.upload(tmp_path, bench.home)
    bench.storage.write(bench.home.child("written"), b"y")
    assert bench.storage.read(bench.home.child("written")) == b"y"
    assert bench.there().keys() == {"large", "small", "written"}
