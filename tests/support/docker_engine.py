"""A real Docker engine for tests: one that answers already, or one that is started here and ended again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from devtools.processes import Child, Processes
from tests.support.machine import missing
from tests.support.waits import PATIENCE

_DEFAULT = "unix:///var/run/docker.sock"
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class DockerImage:
    """An image that an engine has.

    Attributes:
        address: of the engine, as ``DOCKER_HOST`` takes it.
        name: of the image.
    """

    address: str
    name: str


@contextmanager
def docker_engine() -> Iterator[str]:
    """Yield the address of an engine, as ``DOCKER_HOST`` takes it.

    Skips, or fails where ``docker`` is required, when none answers and none can be started.
    """
    with _client(os.environ.get("DOCKER_HOST") or _DEFAULT) as client:
        if _answers(client):
            yield os.environ.get("DOCKER_HOST") or _DEFAULT
            return
    daemon = shutil.which("dockerd", path=_PATH)
    if daemon is None or os.geteuid() != 0:
        missing("docker", "no Docker engine answers, and only root can start one, where dockerd is installed")
    with _started(daemon) as address:
        yield address


@contextmanager
def _started(daemon: str) -> Iterator[str]:
    # Not pytest's own: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="pai-docker-") as folder, Processes() as processes:
        home = Path(folder)
        address = f"unix://{home}/docker.sock"
        options = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--host", address]
        options += ["--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "--pidfile", f"{home}/pid"]
        child = processes.start("dockerd", [daemon, *options], log=home / "log", env={"PATH": _PATH, "HOME": folder})
        try:
            with _client(address) as client:
                _wait(client, child)
            yield address
        finally:
            processes.end(child, patience=PATIENCE)
            for mounted in _mounted_in(folder):
                # It leaves its network namespace mounted.
                subprocess.run(["umount", mounted], check=True)


def _wait(client: docker.DockerClient, child: Child) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(client):
        if not child.alive or time.monotonic() > deadline:
            missing("docker", f"dockerd does not start here: {child.log_tail()}")
        time.sleep(0.1)


def _mounted_in(folder: str) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]


@contextmanager
def _client(address: str) -> Iterator[docker.DockerClient]:
    # With a version named it doesn't ask for one at once.
    client = docker.DockerClient(address, version="1.40")
    try:
        yield client
    finally:
        client.close()


def _answers(client: docker.DockerClient) -> bool:
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
