"""An Airflow with the example DAGs beside a local PAI: what is demonstrated, clicked through and pictured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from devtools.cluster import AirflowCluster
from devtools.local_pai import LocalServer
from devtools.processes import Processes

if TYPE_CHECKING:
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


def start_airflow(stack: ExitStack, home: Path, server: LocalServer) -> AirflowCluster:
    """Start an Airflow with the example DAGs and a connection to a local PAI; it ends with the stack.

    Args:
        stack: ends it.
        home: folder of its files.
        server: the local PAI.
    """
    connection = {"AIRFLOW_CONN_PAI_DEFAULT": server.ready["airflow_conn_uri"]}
    cluster = AirflowCluster(home / "airflow", REPOSITORY / "example_dags", connection, template_dir=DEMO / "cache")
    return stack.enter_context(cluster)
