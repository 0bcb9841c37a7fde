"""Houses in which services run, in each way that keeps instances apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.machine import missing
from tests.support.serving import Build, ServingHouse


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python environments that all houses share."""
    return tmp_path_factory.mktemp("serving-cache")


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Iterator[Build]:
    """Builds houses in one folder; they are closed at the end."""
    houses: list[ServingHouse] = []

    def new(mode: Mode | None = None, **members: Any) -> ServingHouse:
        try:
            houses.append(ServingHouse(tmp_path / "home", mode, cache, **members))
        except RuntimeError as error:
            missing(str(mode), str(error))
        houses[-1].start()
        return houses[-1]

    yield new
    for house in houses:
        house.close()


@pytest.fixture
def house(build: Build) -> ServingHouse:
    """A house in the best way that works here."""
    return build()
