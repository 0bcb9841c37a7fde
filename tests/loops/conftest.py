"""An Airflow 3.4 against local PAI; an older Airflow collects none of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import task_group

from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI

REPOSITORY = Path(__file__).resolve().parents[2]
collect_ignore_glob = [] if hasattr(task_group(lambda: None), "loop") else ["test_*.py"]


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI whose jobs start at once."""
    cache = REPOSITORY / ".demo" / "cache" / "environments"
    with LocalPAI(tmp_path_factory.mktemp("loops"), cache=cache, slots=4, sandbox=Mode.PLAIN) as pai:
        yield pai
