"""One changed line sends one changed member; whatever goes wrong, packages are whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.client.oss.delta import LEAST_PART, PackageMap, map_place
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.packaging.source import read_source
from airflow_provider_pai.local.http.faults import FaultKind
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PASSING, OssBench

FILES = 120
LINES = 600
FROM = 1024 * 1024


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Some megabytes that compress as source code does."""
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdefghij_", k=rng.randint(3, 9))) for _ in range(4000)]
    return ["\n".join(" ".join(rng.choices(words, k=8)) for _ in range(LINES)) for _ in range(FILES)]


@pytest.fixture
def folder(tmp_path: Path, texts: list[str]) -> Path:
    source = tmp_path / "code"
    for number, text in enumerate(texts):
        path = source / module(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return source


def module(number: int) -> str:
    return f"package{number % 7}/module{number:03}.py"


@pytest.fixture
def storage(bench: OssBench) -> Iterator[ObjectStorage]:
    with closing(ObjectStorage(bench.config, delta_from=FROM, sleep=bench.waits.append)) as storage:
        yield storage


def upload(bench: OssBench, storage: ObjectStorage, folder: Path) -> OssUri:
    code = storage.upload_source(read_source(str(folder)), bench.home, bench.log)
    return OssUri(code.bucket, code.key)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unpacked(storage: ObjectStorage, package: OssUri) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(storage.read(package)), mode="r:gz") as files:
        return {
            member.name: file.read() for member in files.getmembers() if (file := files.extractfile(member)) is not None
        }


def change_a_line(folder: Path, number: int = 3) -> None:
    path = folder / module(number)
    path.write_text(path.read_text() + "\nx = 1")


def sent_bytes(bench: OssBench) -> int:
    """Return how many packed bytes the last upload sent, by what it said."""
    line = next(line for line in reversed(bench.lines) if "packed bytes are unchanged" in line)
    copied, size = int(line.split()[0]), int(line.split()[2])
    return size - copied


def test_one_changed_line_sends_little_in_few_requests(bench: OssBench, storage: ObjectStorage, folder: Path) -> None:
    upload(bench, storage, folder)
    bench.counts()
    change_a_line(folder)
    package = upload(bench, storage, folder)
    counts = bench.counts()
    assert sum(counts.values()) <= 10, counts
    assert sent_bytes(bench) < 2_000_000
    assert not [line for line in bench.lines if line.startswith("Uploaded") and "100 %" not in line]
    assert unpacked(storage, package) == contents(folder)


def test_the_archive_is_an_ordinary_one_with_the_digest_of_its_bytes(
    bench: OssBench, storage: ObjectStorage, folder: Path
) -> None:
    (folder / "empty").mkdir()
    upload(bench, storage, folder)
    change_a_line(folder)
    content = storage.read(upload(bench, storage, folder))
    source = read_source(str(folder))
    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == source.digest
    with source.packed() as (_, size):
        assert len(content) < 1.01 * size


def add(folder: Path) -> None:
    (folder / "package3" / "new.py").write_text("x = 1\n" * 50_000)


def remove(folder: Path) -> None:
    (folder / "package5" / "module005.py").unlink()


def grow(folder: Path) -> None:
    (folder / "package0" / "module000.py").write_bytes(random.Random(1).randbytes(3_000_000))


def rename(folder: Path) -> None:
    (folder / "package1").rename(folder / "package9")


def change_all(folder: Path) -> None:
    for path in folder.rglob("*.py"):
        path.write_text(path.read_text()[::-1])


def change_first_and_last(folder: Path) -> None:
    change_a_line(folder, 0)
    change_a_line(folder, FILES - 1)


@pytest.mark.parametrize("change", [add, remove, grow, rename, change_all, change_first_and_last])
def test_whatever_changes_the_package_holds_the_folder(
    bench: OssBench, storage: ObjectStorage, folder: Path, change: Callable[[Path], None]
) -> None:
    upload(bench, storage, folder)
    change(folder)
    assert unpacked(storage, upload(bench, storage, folder)) == contents(folder)
    change_a_line(folder, 4)
    assert unpacked(storage, upload(bench, storage, folder)) == contents(folder)


def delete_the_package(bench: OssBench, last: OssUri, _: OssUri) -> None:
    bucket = bench.storage._bucket(last, bench.storage._keys.current())
    bucket.delete_object(last.key).resp.read()


def replace_the_package(bench: OssBench, last: OssUri, _: OssUri) -> None:
    bench.storage.write(last, bench.storage.read(last)[::-1])


def garble_the_map(bench: OssBench, _: OssUri, place: OssUri) -> None:
    bench.storage.write(place, b'{"members": 5}')


def lie_in_the_map(bench: OssBench, _: OssUri, place: OssUri) -> None:
    """Name other checksums than the bytes have: OSS's own tells."""
    known = PackageMap.from_json(bench.storage.read(place))
    assert known is not None
    members = tuple(replace(member, crc=member.crc ^ 1) for member in known.members)
    bench.storage.write(place, replace(known, members=members).to_json())


@pytest.mark.parametrize("spoil", [delete_the_package, replace_the_package, garble_the_map])
def test_a_last_package_that_is_not_what_it_was_is_not_copied_from(
    bench: OssBench, storage: ObjectStorage, folder: Path, spoil: Callable[..., None]
) -> None:
    last = upload(bench, storage, folder)
    spoil(bench, last, map_place(read_source(str(folder)), bench.home))
    change_a_line(folder)
    assert unpacked(storage, upload(bench, storage, folder)) == contents(folder)
    assert bench.unfinished() == []


def test_a_package_that_oss_put_together_otherwise_is_deleted(
    bench: OssBench, storage: ObjectStorage, folder: Path
) -> None:
    last = upload(bench, storage, folder)
    lie_in_the_map(bench, last, map_place(read_source(str(folder)), bench.home))
    change_a_line(folder)
    package = upload(bench, storage, folder)
    assert [line for line in bench.lines if "it is deleted" in line], bench.lines
    assert unpacked(storage, package) == contents(folder)


def test_another_bucket_knows_nothing_of_the_last_package(
    bench: OssBench, storage: ObjectStorage, folder: Path
) -> None:
    upload(bench, storage, folder)
    change_a_line(folder)
    elsewhere = bench.home.child("elsewhere", "")
    code = storage.upload_source(read_source(str(folder)), elsewhere, bench.log)
    assert unpacked(storage, OssUri(code.bucket, code.key)) == contents(folder)


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_a_failure_at_any_request_is_got_over(
    bench: OssBench, storage: ObjectStorage, folder: Path, method: str, kind: FaultKind
) -> None:
    upload(bench, storage, folder)
    change_a_line(folder)
    bench.fail(method, kind, times=1)
    assert unpacked(storage, upload(bench, storage, folder)) == contents(folder)


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_at_each_request_leaves_whole_packages_only(bench: OssBench, folder: Path) -> None:
    class Ended(ObjectStorage):
        """Ends at a request, before or after it was carried out."""

        end_at = 0
        is_after = False
        numbers = count(1)

        def _ask(self, verb: str, uri: OssUri, request: Callable[[Any], Any]) -> Any:
            is_the_end = next(self.numbers) == self.end_at
            if is_the_end and not self.is_after:
                raise Killed
            answer = super()._ask(verb, uri, request)
            if is_the_end:
                raise Killed
            return answer

    with closing(Ended(bench.config, delta_from=FROM, sleep=bench.waits.append)) as storage:
        upload(bench, storage, folder)
        end_at_each_request(bench, storage, folder)


def end_at_each_request(bench: OssBench, storage: Any, folder: Path) -> None:
    for at in range(1, 30):
        change_a_line(folder)
        storage.numbers, storage.end_at, storage.is_after = count(1), at, bool(at % 2)
        try:
            upload(bench, storage, folder)
        except Killed:
            package = read_source(str(folder)).uri(bench.home)
            if bench.storage.exists(package):
                assert unpacked(bench.storage, package) == contents(folder)
        else:
            break
    assert 8 < at < 29, "it was ended at each request there is"
    storage.end_at = 0
    assert unpacked(bench.storage, upload(bench, storage, folder)) == contents(folder)


def test_a_service_that_is_not_known_to_unpack_members_gets_one(bench: OssBench, folder: Path) -> None:
    cloud = replace(bench.config, package_members=False)
    with closing(ObjectStorage(cloud, delta_from=FROM)) as storage:
        package = upload(bench, storage, folder)
    assert bench.storage.read(package).count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00") == 1
    assert list(bench.there()) == [package.key.removeprefix(bench.home.key)]
    assert not replace(
        cloud, endpoint="https://pai.cn-hangzhou.aliyuncs.com", package_members=None
    ).takes_package_members


def test_every_part_but_the_last_is_as_large_as_oss_demands(
    bench: OssBench, storage: ObjectStorage, folder: Path
) -> None:
    (folder / "aaa").mkdir()
    (folder / "aaa" / "small.py").write_text("x = 1")
    upload(bench, storage, folder)
    (folder / "aaa" / "small.py").write_text("x = 2")
    upload(bench, storage, folder)
    assert sent_bytes(bench) >= LEAST_PART
