from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.client.packaging.files import local_files


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with one file far down in it, and the file's name."""
    folder = tmp_path / "deep"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("train.py", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    yield folder, "d/" * depth + "train.py"
    # Python's own way to remove a folder is not up to it, nor is pytest, which uses that.
    subprocess.run(["rm", "-r", str(folder)], check=True)


def test_a_folder_may_be_deeper_than_functions_can_call_each_other(deep: tuple[Path, str]) -> None:
    folder, name = deep
    assert [file.name for file in local_files(folder).files] == [name]
