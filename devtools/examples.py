"""An Airflow with the example DAGs beside a local PAI: what is demonstrated, clicked through and pictured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from devtools.cluster import COMPONENTS, AirflowCluster
from devtools.local_pai import LocalServer
from devtools.processes import Processes
from devtools.sessions import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / ".demo"
"""Folder of all that these leave behind: it is made by them and may be deleted."""


def start_local_pai(stack: ExitStack, home: Path) -> LocalServer:
    """Start a local PAI that ends with the stack.

    Args:
        stack: ends it.
        home: folder of its files; what its jobs install is kept beside all others.
    """
    processes = stack.enter_context(Processes())
    cache = str(DEMO / "cache" / "environments")
    return LocalServer(processes, home / "pai", log=home / "pai-local.log", options=["--cache", cache])


def start_airflow(
    stack: ExitStack,
    home: Path,
    server: LocalServer,
    components: Sequence[str] = COMPONENTS,
    patience: float = PATIENCE,
    settings: Mapping[str, str] | None = None,
) -> AirflowCluster:
    """Start an Airflow with the example DAGs and a connection to a local PAI; it ends with the stack.

    Args:
        stack: ends it.
        home: folder of its files.
        server: the local PAI.
        components: those that are started and waited for.
        patience: seconds that they have to end in order.
        settings: variables of Airflow's configuration.
    """
    connection = {"AIRFLOW_CONN_PAI_DEFAULT": server.ready["airflow_conn_uri"]}
    dags, cache = REPOSITORY / "example_dags", DEMO / "cache"
    cluster = AirflowCluster(
        home / "airflow",
        dags,
        connection,
        template_dir=cache,
        settings=settings,
        components=components,
        patience=patience,
    )
    return stack.enter_context(cluster)
