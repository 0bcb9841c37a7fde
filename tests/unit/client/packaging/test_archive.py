"""The archive is the one that Python's own library would write."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.client.packaging.archive import TarStream, compress
from airflow_provider_pai.client.packaging.files import LocalFile, local_files

NAMES = st.sampled_from(
    [
        "train.py",
        "é.py",
        "a/x",
        "a/b/x",
        "x" * 99,
        "x" * 100,
        "x" * 101,
        "d/" * 100 + "x",
        "d/" * 40 + "x" * 20,
        "\udcff",
    ]
)
FILES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=2000), st.booleans()))


def by_tarfile(files: list[LocalFile]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            member = tarfile.TarInfo(file.name)
            member.size = file.path.stat().st_size
            member.mode = 0o755 if os.access(file.path, os.X_OK) else 0o644
            with file.path.open("rb") as stream:
                archive.addfile(member, stream)
    return content.getvalue()


@settings(deadline=None)
@given(FILES)
def test_it_is_byte_for_byte_what_tarfile_writes(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, tuple[bytes, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for name, (content, executable) in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if executable else 0o644)
    files = local_files(folder).files
    stream = TarStream(files)
    written = b"".join(map(bytes, stream))
    assert written == by_tarfile(files)
    assert stream.size == len(written)
    assert stream.sizes == [len(contents[file.name][0]) for file in files]


def test_what_is_compressed_is_what_gzip_reads() -> None:
    content = io.BytesIO()
    compress([b"abc" * 1000, memoryview(b""), memoryview(b"de")], content)
    assert gzip.decompress(content.getvalue()) == b"abc" * 1000 + b"de"


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(1 << 20) * 40)
    files = local_files(tmp_path).files
    tracemalloc.start()
    try:
        with (tmp_path / "archive").open("wb") as content:
            compress(TarStream(files), content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20
