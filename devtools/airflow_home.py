"""One Airflow home on this machine: its environment, its secrets and its metadata database.

What belongs here: what has to be true before a component of Airflow is started. Starting them is
:mod:`devtools.cluster`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.processes import HOST
from devtools.waits import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAST: Mapping[str, str] = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # A busy machine needs more than the five seconds, half a minute and minute that Airflow allows.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
_LOOPBACK = f"{HOST},localhost"


class DatabaseError(RuntimeError):
    """``airflow db migrate`` failed."""


@dataclass(frozen=True)
class AirflowHome:
    """A folder that Airflow keeps everything in.

    Attributes:
        path: the folder; made when it isn't there. It may be one that an earlier cluster used.
        dags_folder: where the DAG files are.
        env: variables for every component, such as ``AIRFLOW_CONN_*``; they win over all others.
        settings: ``AIRFLOW__SECTION__KEY`` variables that win over the defaults of this module.
        sql_alchemy_conn: URL of the metadata database; by default SQLite in the folder.
    """

    path: Path
    dags_folder: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    sql_alchemy_conn: str | None = field(default=None, repr=False)

    @property
    def logs(self) -> Path:
        """Folder of the components' output, ``<component>.log``, and of the task logs."""
        return self.path / "logs"

    @property
    def _sqlite(self) -> Path:
        return self.path / "airflow.db"

    def environment(self, api_port: int, log_ports: tuple[int, int]) -> dict[str, str]:
        """Return the whole environment of a component.

        Nothing that configures Airflow is inherited from this process, only what the caller passed.

        Args:
            api_port: port of the API server.
            log_ports: ports of the log servers of the workers and of the triggerer. None is started, since all
                share one disk; the ports keep the API server from asking another Airflow's.
        """
        url = f"http://{HOST}:{api_port}"
        database = self.sql_alchemy_conn or f"sqlite:///{self._sqlite.resolve()}?timeout={PATIENCE:g}"
        return {
            **_inherited(),
            **_FAST,
            **self._secrets(),
            "AIRFLOW_HOME": str(self.path.resolve()),
            "AIRFLOW_CONFIG": str(self._config_file()),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder.resolve()),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(api_port),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs.resolve()),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
            **self.settings,
            **self.env,
        }

    def prepare_database(self, environment: Mapping[str, str], template_dir: Path | None) -> None:
        """Bring the metadata database to the schema of the installed Airflow.

        Args:
            environment: what :meth:`environment` returned.
            template_dir: folder that keeps a migrated, empty SQLite database for each version of Airflow, which is
                copied from then on; None keeps none.

        Raises:
            DatabaseError: ``airflow db migrate`` failed; with the end of its output.
        """
        fresh = self.sql_alchemy_conn is None and not self._sqlite.exists()
        if template_dir is None or not fresh:
            self._migrate(environment)
            return
        template = template_dir / f"airflow-{version('apache-airflow-core')}.db"
        if template.exists():
            _copy(template, self._sqlite)
        else:
            self._migrate(environment)
            _copy(self._sqlite, template)

    def _migrate(self, environment: Mapping[str, str]) -> None:
        log = self.logs / "db-migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-20:])
            raise DatabaseError(f"airflow db migrate ended with exit code {done.returncode}; the end of {log}:\n{tail}")

    def _secrets(self) -> dict[str, str]:
        """Return this home's own random secrets: made at the first start, and the same ever after."""
        file = self.path / "secrets.json"
        if not file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            made = {
                "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
                "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
                "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            }
            file.touch(mode=0o600, exist_ok=False)
            file.write_text(json.dumps(made))
        return {key: str(value) for key, value in json.loads(file.read_text()).items()}

    def _config_file(self) -> Path:
        """Return the config file; if there were none, each component would write one of 120 kB at its start."""
        file = self.path.resolve() / "airflow.cfg"
        if not file.exists():
            file.write_text("# Everything is set by environment variables.\n")
        return file


def _inherited() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and name != "PYTHONDONTWRITEBYTECODE"
    }
    programs = str(Path(sys.executable).parent)
    own = {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}", "PYTHONUNBUFFERED": "1"}
    for name in ("NO_PROXY", "no_proxy"):
        own[name] = f"{kept[name]},{_LOOPBACK}" if kept.get(name) else _LOOPBACK
    return {**kept, **own}


def _copy(source: Path, target: Path) -> None:
    """Copy a SQLite database, its write-ahead log included; the target appears only when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        unfinished = Path(folder) / target.name
        with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(unfinished)) as copy:
            origin.backup(copy)
        unfinished.replace(target)
