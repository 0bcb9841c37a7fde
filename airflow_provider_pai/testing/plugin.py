"""The pytest plugin (entry point ``pytest11``): fixtures ``local_pai`` and ``local_pai_server``.

Options in ``pytest.ini`` or ``pyproject.toml``:

* ``local_pai_conn_id``: id of the Airflow connection that leads to local PAI; default ``pai_default``.
* ``local_pai_autostart``: start the server, and set the connection, before test modules are imported. For DAG files
  that ask for a connection while they are read. Default: the first test that uses the fixture starts it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_pai.local.server import LocalPAI
    from airflow_provider_pai.testing.local_pai import PAITestServer

_CONN_ID = "local_pai_conn_id"
_AUTOSTART = "local_pai_autostart"
_SERVER = pytest.StashKey["LocalPAI"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    parser.addini(_CONN_ID, "id of the Airflow connection that leads to local PAI", default="pai_default")
    parser.addini(_AUTOSTART, "start local PAI before test modules are imported", type="bool", default=False)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the server early where that is wanted; with pytest-xdist in each worker."""
    is_controller = session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput")
    if session.config.getini(_AUTOSTART) and not is_controller:
        _start(session.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the server."""
    if _SERVER in session.config.stash:
        session.config.stash[_SERVER].stop()


@pytest.fixture(scope="session")
def local_pai_server(pytestconfig: pytest.Config) -> LocalPAI:
    """The server: one for the whole run, or for each worker of pytest-xdist; on a free port, in a temporary folder."""
    if _SERVER not in pytestconfig.stash:
        _start(pytestconfig)
    return pytestconfig.stash[_SERVER]


@pytest.fixture
def local_pai(local_pai_server: LocalPAI, pytestconfig: pytest.Config) -> Iterator[PAITestServer]:
    """Local PAI as new: no jobs, services, objects or faults, and the connection leads to it."""
    from airflow_provider_pai.testing.local_pai import PAITestServer

    local_pai_server.reset()
    yield PAITestServer(local_pai_server, pytestconfig.getini(_CONN_ID))
    local_pai_server.faults.clear()


def _start(config: pytest.Config) -> None:
    """Start the server and set the connection."""
    import tempfile
    from pathlib import Path

    with warnings.catch_warnings():
        # oss2 has texts that warn when it is compiled, which is the first time it is imported.
        warnings.simplefilter("ignore")
        try:
            import oss2  # noqa: F401 - imported now, so that it does not warn later

            from airflow_provider_pai.local.server import LocalPAI
            from airflow_provider_pai.testing.dag_run import shared_folder
        except ImportError as error:
            raise pytest.UsageError(f"{error}. Install: pip install 'airflow-provider-pai[test]'") from error
    folder = tempfile.TemporaryDirectory(prefix="local-pai-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    server = LocalPAI(Path(folder.name), cache=shared_folder() / "environments")
    server.start()
    config.stash[_SERVER] = server
    os.environ[f"AIRFLOW_CONN_{config.getini(_CONN_ID).upper()}"] = server.ready.airflow_conn_uri
