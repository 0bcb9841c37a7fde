"""One Airflow with two triggerers on PostgreSQL for all fault tests, and clouds that fail on demand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from devtools.cluster import AirflowCluster
from devtools.postgres import PostgreSQL, find_programs
from tests.faults.cluster import SCHEDULER_THRESHOLD, TRIGGERER_THRESHOLD, ClusterHarness
from tests.faults.tokens import connection_uri, temporary_keys
from tests.support.machine import missing

TRIGGERERS = ("triggerer", "triggerer-2")
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "24",
    # On a busy machine a heartbeat takes a quarter of a minute; Airflow would end tasks, and their tries are counted.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": f"{TRIGGERER_THRESHOLD:g}",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": f"{SCHEDULER_THRESHOLD:g}",
}
CONNECTIONS = (
    "pai_default", "pai_held_before", "pai_held_during", "pai_held_after", "pai_outage", "pai_deletion", "pai_expiry",
    "pai_last_try", "pai_token", "pai_detached", "pai_dead_triggerer", "pai_no_triggerer", "pai_chaos",
)  # fmt: skip
"""Each leads to a cloud of its own: where one fails, or where the janitor must find exactly one job."""
TOKEN_CONNECTIONS = ("pai_expiry", "pai_token")
"""These hold temporary credentials."""
AT_A_TIME = int(os.environ.get("FAULTS_AT_A_TIME", "8"))

OUTCOME = pytest.StashKey[Future[None]]()


@pytest.fixture(scope="package")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """Everything, started once."""
    if find_programs() is None:
        missing("postgresql", "no PostgreSQL server here; Debian's package is postgresql")
    with ExitStack() as stack:
        cache = tmp_path_factory.mktemp("environments")
        clouds = {
            name: stack.enter_context(
                LocalPAI(tmp_path_factory.mktemp(name), cache=cache, slots=40, sandbox=Mode.PLAIN)
            )
            for name in CONNECTIONS
        }
        keys = {name: temporary_keys(clouds[name].ready) for name in TOKEN_CONNECTIONS}
        uris = {name: pai.ready.airflow_conn_uri for name, pai in clouds.items()}
        uris |= {name: connection_uri(clouds[name].ready, pair) for name, pair in keys.items()}
        uris["pai_expiry_renewed"] = clouds["pai_expiry"].ready.airflow_conn_uri
        secrets = {pai.ready.access_key_secret for pai in clouds.values()}
        secrets |= {text for pair in keys.values() for text in (pair.access_key_secret, str(pair.security_token))}
        database = stack.enter_context(PostgreSQL())
        cluster = AirflowCluster(
            tmp_path_factory.mktemp("airflow"),
            Path(__file__).parent / "dags",
            {f"AIRFLOW_CONN_{name.upper()}": uri for name, uri in uris.items()},
            settings=SETTINGS,
            sql_alchemy_conn=database.url,
            timeout=300,
        )
        stack.enter_context(cluster)
        # One after the other: the jobs of two that start at the same time can't be told apart.
        cluster.start_component(TRIGGERERS[1])
        cluster.wait_ready(TRIGGERERS[1])
        yield ClusterHarness(cluster, clouds, database.url, frozenset(secrets))


ORDER = (
    "test_database",
    "test_cloud",
    "test_tasks",
    "test_people",
    "test_scheduler",
    "test_triggerers",
    "test_chaos",
    "test_traces",
)
"""First what runs side by side and disturbs no other, last what looks at the traces of all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the fault tests into their order; others keep their places."""
    mine = [index for index, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ordered = sorted((items[index] for index in mine), key=lambda item: ORDER.index(item.path.stem))
    for index, item in zip(mine, ordered, strict=True):
        items[index] = item


@pytest.fixture(scope="package")
def together(request: pytest.FixtureRequest, harness: ClusterHarness) -> Iterator[dict[str, Future[None]]]:
    """The tests marked ``together``: all that were selected run side by side, since each mostly waits."""
    items = [item for item in request.session.items if item.get_closest_marker("together")]
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        yield {
            item.nodeid: threads.submit(
                item.obj, harness, **(item.callspec.params if hasattr(item, "callspec") else {})
            )
            for item in items
            if isinstance(item, pytest.Function)
        }


@pytest.fixture(autouse=True)
def _beside(request: pytest.FixtureRequest) -> None:
    """Let a test that runs beside others know where its outcome comes from."""
    if request.node.get_closest_marker("together"):
        request.node.stash[OUTCOME] = request.getfixturevalue("together")[request.node.nodeid]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Take the outcome of a test that runs beside others, instead of running it now."""
    outcome = pyfuncitem.stash.get(OUTCOME, None)
    if outcome is None or getattr(pyfuncitem, "execution_count", 1) > 1:
        # A flaky one that is run again runs by itself.
        return None
    outcome.result()
    return True
