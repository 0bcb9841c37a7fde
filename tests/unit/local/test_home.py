"""The folder of a local PAI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "pai")
    yield home
    home.release()


def test_what_is_kept_already_is_not_written_again(home: Home) -> None:
    file = home.path / "models.json"
    home.remember("models", ["ü"])
    first = file.stat()
    home.remember("models", ["ü"])
    assert file.stat().st_ino == first.st_ino
    assert file.stat().st_mtime_ns == first.st_mtime_ns


def test_what_differs_takes_its_place(home: Home) -> None:
    home.remember("models", ["a"])
    home.remember("models", ["b"])
    assert home.recall("models", []) == ["b"]
    assert not list(home.path.glob("*.new"))


def test_a_damaged_file_is_written_anew(home: Home) -> None:
    (home.path / "models.json").write_text("[")
    home.remember("models", ["a"])
    assert home.recall("models", []) == ["a"]
    assert (home.path / "models.json").stat().st_mode & 0o777 == 0o600
