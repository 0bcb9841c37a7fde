"""Harnesses in which services run, in each way that keeps instances apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.machine import missing
from tests.support.serving import Build, LocalServingHarness


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python environments that all harnesses share."""
    return tmp_path_factory.mktemp("serving-cache")


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Iterator[Build]:
    """Builds harnesses in one folder; they are closed at the end."""
    harnesses: list[LocalServingHarness] = []

    def new(mode: Mode | None = None, **members: Any) -> LocalServingHarness:
        try:
            harnesses.append(LocalServingHarness(tmp_path / "home", mode, cache, **members))
        except RuntimeError as error:
            missing(str(mode), str(error))
        harnesses[-1].start()
        return harnesses[-1]

    yield new
    for harness in harnesses:
        harness.close()


@pytest.fixture
def harness(build: Build) -> LocalServingHarness:
    """A harness in the best way that works here."""
    return build()
