"""``dag.test()`` in a process of its own, as a DAG's author tries a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.server import LocalPAI

_TIMEOUT = 900.0
"""Seconds that one of the commands may take, on a machine with much other work."""


def tried(pai: LocalPAI, home: Path, dag_file: str, **settings: str) -> tuple[Any, str]:
    """Run the DAG in a process and an Airflow home of its own; return what it printed, and all of its output.

    Args:
        pai: what ``pai_default`` leads to.
        home: an empty folder.
        dag_file: its text; it prints a line of ``PRINTED`` and JSON.
        settings: further variables of the environment.
    """
    dags = home / "dags"
    dags.mkdir()
    (dags / "tried.py").write_text(dag_file)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_PAI_DEFAULT": pai.ready.airflow_conn_uri,
        **settings,
    }
    for command in (["-m", "airflow", "db", "migrate"], [str(dags / "tried.py")]):
        done = subprocess.run(
            [sys.executable, *command], env=environment, check=True, capture_output=True, text=True, timeout=_TIMEOUT
        )
    assert "PRINTED " in done.stdout, done.stdout + done.stderr
    printed: Any = json.loads(done.stdout.split("PRINTED ")[1].splitlines()[0])
    return printed, done.stdout + done.stderr
