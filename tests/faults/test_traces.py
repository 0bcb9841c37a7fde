"""Nothing that the fault tests left behind holds a secret: files, database, logs as Airflow shows them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, inspect, text

from tests.faults.cluster import ClusterHarness, TaskRun

pytestmark = pytest.mark.cluster


def forms(secret: str) -> set[bytes]:
    """How a secret may be written: as it is, percent-encoded, with JSON's escapes."""
    return {secret.encode(), quote(secret, safe="").encode(), secret.replace("/", "\\/").encode()}


@pytest.fixture(scope="module")
def hidden(harness: ClusterHarness) -> set[bytes]:
    """Everything that must not be anywhere."""
    return {form for secret in harness.secrets for form in forms(secret)}


@pytest.fixture(scope="module")
def deferred(harness: ClusterHarness) -> Iterator[TaskRun]:
    """A task_run whose trigger waits with temporary credentials."""
    task_run = harness.start("deferred", "echo begun; sleep 600", connection="pai_token").watched()
    yield task_run
    task_run.mark("failed")
    task_run.wait_statuses("Terminated")


def rows(harness: ClusterHarness) -> Iterator[tuple[str, bytes]]:
    """Every row of the metadata database, as text."""
    engine = create_engine(harness.database)
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for (row,) in connection.execute(text(f'select cast(t.* as text) from "{table}" t')):
                yield table, str(row).encode()
    engine.dispose()


def test_no_row_of_the_database_holds_a_secret(harness: ClusterHarness, deferred: TaskRun, hidden: set[bytes]) -> None:
    seen = list(rows(harness))
    tables = {table for table, _ in seen}
    assert {"xcom", "rendered_task_instance_fields", "task_instance", "log", "trigger"} <= tables
    assert [table for table, row in seen if any(secret in row for secret in hidden)] == []


def test_no_trigger_holds_a_secret(harness: ClusterHarness, deferred: TaskRun, hidden: set[bytes]) -> None:
    fernet = Fernet(harness.airflow.home.environment(0, (0, 0))["AIRFLOW__CORE__FERNET_KEY"])
    engine = create_engine(harness.database)
    with engine.connect() as connection:
        rows = connection.execute(text("select kwargs from trigger")).scalars()
        # Airflow stores most of them encrypted, and those of a deferral as they are.
        arguments = [row.encode() if row.startswith("{") else fernet.decrypt(row.encode()) for row in rows]
    engine.dispose()
    assert any(deferred.jobs[0].job_id.encode() in each for each in arguments)
    assert [each for each in arguments if any(secret in each for secret in hidden)] == []


def test_no_file_of_airflow_holds_a_secret(harness: ClusterHarness, hidden: set[bytes]) -> None:
    files = [path for path in harness.airflow.home.path.rglob("*") if path.is_file()]
    assert any(path.name.startswith("attempt=") for path in files)
    assert any(".trigger." in path.name for path in files)
    assert [str(path) for path in files if any(secret in path.read_bytes() for secret in hidden)] == []
