"""What fsspec's own tests leave out: parts, faults, odd keys, and what must not happen."""

from __future__ import annotations

import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_pai.client.oss.body import checksum
from airflow_provider_pai.fs.file import LEAST_PART
from airflow_provider_pai.fs.filesystem import PAIOSSFileSystem
from airflow_provider_pai.local.http.faults import FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.testing.local_pai import PAITestServer
from tests.support.oss import ODD_KEYS
from tests.support.oss_bench import OssBench

CONTENT = bytes(range(256)) * 1600  # four parts of the least size


def written(fs: PAIOSSFileSystem, path: str, content: bytes = b"hello") -> str:
    fs.pipe_file(path, content)
    return path


def test_a_large_file_is_sent_and_read_in_parts(fs: PAIOSSFileSystem, fs_path: str, bench: OssBench) -> None:
    bench.counts()
    with fs.open(f"{fs_path}/large", "wb", block_size=LEAST_PART) as file:
        for start in range(0, len(CONTENT), 1000):
            file.write(CONTENT[start : start + 1000])
            assert file.buffer.getbuffer().nbytes < 2 * LEAST_PART
    assert bench.counts() == {"POST": 2, "PUT": 4}
    with fs.open(f"{fs_path}/large", "rb", block_size=LEAST_PART) as file:
        assert file.read(10) == CONTENT[:10]
        file.seek(-5, 2)
        assert file.read() == CONTENT[-5:]
    assert fs.cat_file(f"{fs_path}/large") == CONTENT
    assert fs.cat_file(f"{fs_path}/large", start=-7) == CONTENT[-7:]
    assert fs.checksum(f"{fs_path}/large") == checksum(CONTENT)


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("size", [10, len(CONTENT)])
def test_what_a_failed_block_has_written_is_no_object(
    fs: PAIOSSFileSystem, fs_path: str, bench: OssBench, mode: str, size: int
) -> None:
    written(fs, f"{fs_path}/kept")
    for name in ("kept", "new"):
        with suppress(ZeroDivisionError), fs.open(f"{fs_path}/{name}", mode, block_size=LEAST_PART) as file:
            file.write(CONTENT[:size] if mode == "wb" else "x" * size)
            _ = 1 / 0
    assert fs.ls(fs_path, detail=False) == [f"{fs_path}/kept"]
    assert fs.cat_file(f"{fs_path}/kept") == b"hello"
    assert bench.unfinished() == []


def test_a_refused_part_leaves_nothing_behind(fs: PAIOSSFileSystem, fs_path: str, bench: OssBench) -> None:
    bench.fail("PUT", FaultKind.ERROR, status=403, code="AccessDenied")
    with pytest.raises(PermissionError, match="AccessDenied"), fs.open(f"{fs_path}/a", "wb", block_size=1) as file:
        file.write(CONTENT)
    assert not fs.exists(f"{fs_path}/a")
    assert bench.unfinished() == []


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(fs: PAIOSSFileSystem, fs_path: str) -> None:
    written(fs, f"{fs_path}/a", CONTENT)
    with fs.open(f"{fs_path}/a", "rb", block_size=1000, cache_type="none") as file:
        file.read(10)
        written(fs, f"{fs_path}/a", CONTENT[::-1])
        with pytest.raises(OSError, match="PreconditionFailed"):
            file.read(10)


@pytest.mark.parametrize("ask", ["exists", "isfile", "isdir", "info", "ls", "find"])
def test_no_answer_is_no_absence(fs: PAIOSSFileSystem, fs_path: str, pai: LocalPAI, ask: str) -> None:
    method = "GET" if ask in ("ls", "find") else "HEAD"
    PAITestServer(pai, "pai_default").fail(f"oss:{method}", "error", status=403, code="AccessDenied")
    with pytest.raises(PermissionError):
        getattr(fs, ask)(f"{fs_path}/a")
    assert not fs.exists(f"{fs_path}/a")


def test_levels_files_and_times(fs: PAIOSSFileSystem, fs_path: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    for name in ("a", "dir/b", "dir/deep/c", "dir2/d"):
        written(fs, f"{fs_path}/{name}", name.encode())
    assert fs.ls(f"oss://{fs_path}/", detail=False) == [f"{fs_path}/{name}" for name in ("a", "dir", "dir2")]
    assert fs.ls(f"{fs_path}/a", detail=False) == [f"{fs_path}/a"]
    assert fs.find(f"{fs_path}/dir") == [f"{fs_path}/dir/b", f"{fs_path}/dir/deep/c"]
    assert fs.find(f"{fs_path}/a") == [f"{fs_path}/a"]
    assert fs.find(f"{fs_path}/none") == []
    assert fs.glob(f"{fs_path}/d*/?") == [f"{fs_path}/dir/b", f"{fs_path}/dir2/d"]
    walked = [(root.removeprefix(fs_path), dirs, files) for root, dirs, files in fs.walk(fs_path)]
    assert walked == [
        ("", ["dir", "dir2"], ["a"]), ("/dir", ["deep"], ["b"]), ("/dir/deep", [], ["c"]), ("/dir2", [], ["d"]),
    ]  # fmt: skip
    assert fs.du(fs_path) == sum(map(len, ("a", "dir/b", "dir/deep/c", "dir2/d")))
    assert before <= fs.modified(f"{fs_path}/a") == fs.created(f"{fs_path}/a") <= datetime.now(UTC)
    assert fs.isdir(f"{fs_path}/dir")
    assert not fs.isfile(f"{fs_path}/dir")
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{fs_path}/none")
    with pytest.raises(IsADirectoryError):
        fs.open(f"{fs_path}/dir")


def test_odd_keys_are_files_like_others(fs: PAIOSSFileSystem, fs_path: str) -> None:
    keys = [key for key in ODD_KEYS if not key.endswith("/") and len(key) < 900]
    for key in keys:
        written(fs, f"{fs_path}/{key}", key.encode())
    assert {name.removeprefix(f"{fs_path}/") for name in fs.find(fs_path)} == set(keys)
    assert fs.cat(fs.find(fs_path)) == {f"{fs_path}/{key}": key.encode() for key in keys}
    fs.rm(fs_path, recursive=True)
    assert not fs.exists(fs_path)


def test_a_walk_ends_where_a_folder_has_no_name(
    fs: PAIOSSFileSystem, fs_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("a//b", "a/c"):
        written(fs, f"{fs_path}/{key}")
    assert [files for _, _, files in fs.walk(f"{fs_path}/a")] == [["c"]]
    assert "has no name, and is left out" in caplog.text


def test_deleting_takes_what_was_named_and_nothing_else(fs: PAIOSSFileSystem, fs_path: str, pai: LocalPAI) -> None:
    for key in ("a", "ab", "dir/b", "dir/", "dir.txt"):
        fs.storage.write(fs._uri(f"{fs_path}/{key}"), b"x")
    with pytest.raises(IsADirectoryError):
        fs.rm(f"{fs_path}/dir")
    fs.rm(f"{fs_path}/a")
    fs.rm(f"{fs_path}/dir", recursive=True)
    assert fs.find(fs_path) == [f"{fs_path}/ab", f"{fs_path}/dir.txt"]
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{fs_path}/a")
    with pytest.raises(ValueError, match="whole bucket"):
        fs.rm(pai.ready.bucket, recursive=True)


def test_more_files_than_one_request_deletes(fs: PAIOSSFileSystem, fs_path: str, bench: OssBench) -> None:
    uri = fs._uri(f"{fs_path}/")
    fs.storage.files.delete(uri.bucket, (f"{uri.key}{number}" for number in range(1001)))
    assert bench.counts()["POST"] == 2


def test_an_empty_folder_can_be_removed_and_no_other(fs: PAIOSSFileSystem, fs_path: str) -> None:
    fs.storage.write(fs._uri(f"{fs_path}/dir/"), b"")
    assert fs.isdir(f"{fs_path}/dir")
    assert fs.ls(f"{fs_path}/dir") == []
    fs.rmdir(f"{fs_path}/dir")
    assert not fs.exists(f"{fs_path}/dir")
    written(fs, f"{fs_path}/dir/a")
    with pytest.raises(OSError, match="not empty"):
        fs.rmdir(f"{fs_path}/dir")


def test_a_large_object_is_copied_by_parts(bench: OssBench) -> None:
    from dataclasses import replace

    source, target = bench.home.child("source"), bench.home.child("target")
    bench.storage.write(source, CONTENT)
    bench.counts()
    replace(bench.storage.files, whole_copy=LEAST_PART).copy(source, target)
    assert bench.counts() == {"HEAD": 1, "POST": 2, "PUT": 4}
    assert bench.storage.read(target) == CONTENT
    bench.pass_by("PUT")
    bench.fail("PUT", FaultKind.ERROR, status=403, code="AccessDenied")
    with pytest.raises(Exception, match="AccessDenied"):
        replace(bench.storage.files, whole_copy=LEAST_PART).copy(source, bench.home.child("other"))
    assert bench.unfinished() == []


def test_a_bucket_that_is_not_there(fs: PAIOSSFileSystem) -> None:
    assert not fs.exists("no-such-bucket-here/a")
    assert not fs.exists("no-such-bucket-here")
    with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
        fs.ls("no-such-bucket-here")


def test_an_endpoint_in_the_path_is_no_part_of_the_bucket(fs: PAIOSSFileSystem, fs_path: str, pai: LocalPAI) -> None:
    written(fs, f"{fs_path}/a")
    host, _, key = fs_path.partition("/")
    assert fs.cat_file(f"oss://{host}.oss-cn-hangzhou.aliyuncs.com/{key}/a") == b"hello"


def test_the_file_system_travels_without_a_secret(fs: PAIOSSFileSystem, fs_path: str, pai: LocalPAI) -> None:
    written(fs, f"{fs_path}/a")
    sent = pickle.dumps(fs)
    assert pai.ready.access_key_secret.encode() not in sent
    assert pickle.loads(sent).cat_file(f"{fs_path}/a") == b"hello"
    assert pai.ready.access_key_secret not in f"{fs!r} {fs.to_json()}"


DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task


@task
def keep(bucket):
    base = ObjectStoragePath(f"oss://pai_default@{bucket}/paths")
    (base / "report.txt").write_text("fine")
    default = ObjectStoragePath(f"oss://{bucket}/paths/report.txt")
    print("DEFAULT", default.read_text())
    with (base / "rows.csv").open("w") as file:
        file.write("1,2,3")
    return base / "report.txt"


@task
def read(path):
    names = sorted(each.name for each in path.parent.iterdir())
    print("READ", path.read_text(), names, path.stat().st_size, path.exists())
    path.replace(path.parent / "moved.txt")
    return [path.exists(), (path.parent / "moved.txt").read_text()]


with DAG("paths", schedule=None):
    read(keep("a-bucket"))
"""


def test_a_task_uses_paths_of_object_storage(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "paths.py").write_text(DAG_FILE.replace("a-bucket", pai.ready.bucket))
    run = PAITestServer(pai, "pai_default").run_dag(tmp_path / "paths.py")
    assert run.state == "success", run.output
    assert "DEFAULT fine" in run.output
    assert "READ fine ['report.txt', 'rows.csv'] 4 True" in run.output
    assert run.xcom("read") == [False, "fine"]
