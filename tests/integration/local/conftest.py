"""A local PAI without its HTTP server, whose jobs are processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.machine import missing
from tests.support.process_jobs import process_harness


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Iterator[Callable[..., LocalRuntimeHarness]]:
    harnesses: list[LocalRuntimeHarness] = []

    def new(
        mode: Mode | None = None, slots: int = 2, grace: float = 0.5, home: Path = tmp_path / "home"
    ) -> LocalRuntimeHarness:
        try:
            harnesses.append(process_harness(home, cache, mode, slots, grace))
        except RuntimeError as error:
            missing(str(mode), str(error))
        return harnesses[-1]

    yield new
    for harness in harnesses:
        harness.close()


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[LocalRuntimeHarness]:
    harness = process_harness(tmp_path_factory.mktemp("home"), cache)
    yield harness
    harness.close()
