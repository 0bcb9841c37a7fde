"""A PostgreSQL server of its own, in a temporary folder: what Airflow needs to run two triggerers.

::

    with PostgreSQL() as server, AirflowCluster(home, dags, sql_alchemy_conn=server.url) as cluster:
        ...
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from devtools.processes import HOST, Child, Processes, free_port
from devtools.waits import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_USER = "postgres"
_PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian keeps the servers, a folder for each major version; they are not on the PATH there."""
_READY_SECONDS = 180.0
_SETTINGS: Mapping[str, str] = {"listen_addresses": HOST, "fsync": "off", "max_connections": "200"}


class PostgreSQLError(RuntimeError):
    """There is no server program, or it refuses to work."""


def find_programs() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``; None when this machine has none."""
    candidates = [Path(found).resolve().parent for found in [shutil.which(_USER)] if found]
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], check=False, capture_output=True, text=True).stdout
        candidates.append(Path(said.strip()))
    if _PACKAGED.is_dir():
        versions = [path for path in _PACKAGED.iterdir() if path.name.isdecimal()]
        candidates += [path / "bin" for path in sorted(versions, key=lambda path: -int(path.name))]
    return next((path for path in candidates if (path / _USER).exists() and (path / "initdb").exists()), None)


class PostgreSQL:
    """A context manager: inside of it the server answers, after it neither the process nor its folder is there.

    The server refuses to run as root; started by root it runs as the user ``postgres``, which Debian's package makes.

    Args:
        programs: folder of the server's programs; by default the one :func:`find_programs` finds.

    Raises:
        PostgreSQLError: on entering, when there is no server program or it doesn't get ready; with the end of its log.
    """

    def __init__(self, programs: Path | None = None) -> None:
        self._programs = programs or find_programs()
        self._port = free_port()
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The database's URL for SQLAlchemy."""
        return f"postgresql+psycopg2://{_USER}@{HOST}:{self._port}/{_USER}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postgresql-")))
            if os.geteuid() == 0:
                shutil.chown(folder, _USER)
            processes = stack.enter_context(Processes())
            data = str(folder / "data")
            self._run("initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
            options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
            server = processes.start(
                _USER,
                self._command(_USER, "-D", data, "-p", str(self._port), "-k", str(folder), *options),
                log=folder / "log",
                env=_environment(),
                cwd=folder,
            )
            self._wait_ready(server)
            # Told to end by SIGTERM it would wait for its clients.
            stack.callback(self._run, "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _wait_ready(self, server: Child) -> None:
        ready = self._command("pg_isready", "-q", "-h", HOST, "-p", str(self._port))
        wait_for(
            lambda: not server.alive or subprocess.run(ready, check=False, env=_environment()).returncode == 0,
            bool,
            "PostgreSQL to be ready",
            timeout=_READY_SECONDS,
            interval=0.1,
        )
        if not server.alive:
            raise PostgreSQLError(f"PostgreSQL has ended with exit code {server.returncode}:\n{server.log_tail()}")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(program, *arguments), check=False, capture_output=True, text=True, env=_environment(), cwd="/"
        )
        if done.returncode:
            raise PostgreSQLError(f"{program} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")

    def _command(self, program: str, *arguments: str) -> Sequence[str]:
        if self._programs is None:
            raise PostgreSQLError("there is no PostgreSQL server here; Debian's package is postgresql")
        as_user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
        return [*as_user, str(self._programs / program), *arguments]


def _environment() -> dict[str, str]:
    """Return this process's environment without what would configure PostgreSQL or its client."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
