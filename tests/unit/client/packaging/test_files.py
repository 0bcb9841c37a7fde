from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pai.client.packaging.files import LocalFile, local_files, unchanging
from airflow_provider_pai.errors import PAIError

CHANGED = "train.py changed while it was read; try again when nothing writes to it, or name it in .paiignore"


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    (tmp_path / "train.py").write_text("x = 1\n")
    return LocalFile("train.py", tmp_path / "train.py")


def grow(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("y = 2\n")


def rewrite(path: Path) -> None:
    path.write_text("x = 2\n")
    os.utime(path, ns=(0, 1))


def shrink(path: Path) -> None:
    os.truncate(path, 1)


@pytest.mark.parametrize("change", [grow, rewrite, shrink])
def test_a_file_that_is_written_to_while_it_is_read_is_named(file: LocalFile, change: Callable[[Path], None]) -> None:
    def read() -> None:
        with unchanging(file) as (stream, status):
            stream.read(status.st_size)
            change(file.path)

    with pytest.raises(PAIError, match=CHANGED):
        read()


def test_an_error_caused_by_a_change_of_the_file_names_the_change(file: LocalFile) -> None:
    def read() -> None:
        with unchanging(file):
            shrink(file.path)
            raise OSError("unexpected end of data")

    with pytest.raises(PAIError, match=CHANGED):
        read()


def test_another_error_stays_what_it_is(file: LocalFile) -> None:
    with pytest.raises(OSError, match="the disk is gone"), unchanging(file):
        raise OSError("the disk is gone")


def test_a_file_that_stays_is_read(file: LocalFile) -> None:
    with unchanging(file) as (stream, status):
        assert len(stream.read()) == status.st_size == 6


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    "other", [lambda _: None, os.mkfifo, os.mkdir, link], ids=["nothing", "pipe", "folder", "link"]
)
def test_something_else_in_a_files_place_is_not_read_and_does_not_hang(
    file: LocalFile, other: Callable[[Path], None]
) -> None:
    file.path.unlink()
    other(file.path)
    with pytest.raises(PAIError, match=CHANGED), unchanging(file):
        pass


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/z", "a", "b.py", "b/a", "c/x", "é", "Z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [file.name for file in local_files(tmp_path).files] == ["Z", "a", "b.py", "b/a", "b/z", "c/x", "é"]
