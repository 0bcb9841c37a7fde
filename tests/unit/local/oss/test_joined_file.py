from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.oss.joined_file import JoinedFile


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@given(
    parts=st.lists(st.binary(max_size=20), min_size=1, max_size=5),
    steps=st.lists(st.tuples(st.integers(0, 110), st.integers(-1, 40)), max_size=6),
)
def test_files_read_as_one_are_what_they_are_behind_one_another(
    folder: Path, parts: list[bytes], steps: list[tuple[int, int]]
) -> None:
    paths = [folder / str(number) for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part)
    whole = io.BytesIO(b"".join(parts))
    with io.BufferedReader(JoinedFile(paths), 8) as joined:
        for place, count in steps:
            assert joined.seek(place) == whole.seek(place)
            assert joined.read(count) == whole.read(count)
        assert joined.seek(-1, io.SEEK_END) == len(whole.getvalue()) - 1 if whole.getvalue() else True
        joined.seek(0)
        assert joined.read() == whole.getvalue()


def test_files_that_were_opened_stay_readable_when_they_are_removed(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(3000)
    paths = [tmp_path / str(number) for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(content[1000 * number : 1000 * (number + 1)])
    with JoinedFile(paths) as joined:
        for path in paths:
            path.unlink()
        assert joined.read() == content
        assert joined.closed is False
    assert joined.closed


def test_of_files_of_which_one_is_missing_none_stays_open(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"x")
    with pytest.raises(FileNotFoundError):
        JoinedFile([tmp_path / "there", tmp_path / "missing"])
