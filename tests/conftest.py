"""What all tests share: an Airflow home of their own, and one local PAI for the whole run."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are made says how busy the machine is, and nothing about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_HOME = Path(tempfile.mkdtemp(prefix="airflow-provider-pai-tests-"))
# Airflow reads these when it is first imported, so they are set before any test module is.
os.environ["AIRFLOW_HOME"] = str(_HOME)
_PROCESS = os.getpid()
# Airflow forks; only this process removes the folder.
atexit.register(lambda: os.getpid() == _PROCESS and shutil.rmtree(_HOME, ignore_errors=True))
(_HOME / "airflow.cfg").write_text("# Everything is set by environment variables.\n")
for _name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "ALIBABA_CLOUD_"))]:
    del os.environ[_name]
# Without a name each task asks Airflow's database for one; the tests of that unset it.
os.environ["AIRFLOW__PAI__DEPLOYMENT_NAME"] = "tests"
# No scheduler of the tests' own process could take a deferral for another; a cluster has an environment of its own.
os.environ["AIRFLOW__PAI__DEFERRAL_SETTLE_TIME"] = "0"

# Who starts the tests in the background ignores SIGINT, which every process that they start would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from tests.support import io_guard  # noqa: E402

io_guard.install()

from airflow_provider_pai.local.server import LocalPAI  # noqa: E402
from tests.support.docker_engine import DockerImage, docker_engine  # noqa: E402
from tests.support.python_image import python_image  # noqa: E402

pytest_plugins = ["tests.support.sharing", "tests.support.flaky"]


@pytest.fixture(scope="session")
def local_pai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI that lives as long as the test run; its counters and faults are reset for each test."""
    with LocalPAI(tmp_path_factory.mktemp("local-pai"), slots=4) as pai:
        yield pai


@pytest.fixture
def pai(local_pai: LocalPAI, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalPAI]:
    """Local PAI without faults, with counters at zero, and the connection ``pai_default`` to it."""
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", local_pai.ready.airflow_conn_uri)
    local_pai.faults.clear()
    local_pai.faults.reset_counts()
    yield local_pai
    local_pai.faults.clear()


@pytest.fixture(scope="session")
def docker_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerImage]:
    """A Docker engine that answers, with an image in it that has Python."""
    with docker_engine() as address, python_image(address, tmp_path_factory.mktemp("image")) as name:
        yield DockerImage(address, name)


@pytest.fixture
def docker(docker_image: DockerImage, monkeypatch: pytest.MonkeyPatch) -> DockerImage:
    """The engine as ``DOCKER_HOST`` names it, and its image."""
    monkeypatch.setenv("DOCKER_HOST", docker_image.address)
    return docker_image
