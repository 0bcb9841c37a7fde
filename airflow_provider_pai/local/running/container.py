"""Jobs as Docker containers: each in its own image, with the folders and variables that PAI gives it."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from airflow_provider_pai.local.home import is_in_use
from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.running.container_workspace import ContainerWorkspace
from airflow_provider_pai.local.running.engine import Engine, EngineError, asking
from airflow_provider_pai.local.running.environments import index_settings
from airflow_provider_pai.local.running.runtime import Identity, LineSink, PreparedJob
from airflow_provider_pai.model.training.container import ROOT

logger = logging.getLogger(__name__)

_MACHINE, _HOME, _JOB = (f"airflow-provider-pai.{name}" for name in ("machine", "home", "job"))


class ContainerRuntime:
    """Runs instances as containers of a Docker engine of this machine.

    A container sees its job's folder as ``/ml`` and nothing else of this machine but its network, through which the
    instances of a job find each other. It ends with the server, even with one that is killed.

    Args:
        engine: the engine; closed with the runtime.
        home: the server's folder, which is locked while it serves.
        environment: the server's variables; pip gets its index and proxies from them.
        gpus: give each container all GPUs.
    """

    mode = "docker"
    note = ""

    def __init__(
        self, engine: Engine, home: Path, environment: Mapping[str, str] = os.environ, *, gpus: bool = False
    ) -> None:
        self._engine = engine
        # The host name, because a server in a container can't see who holds the folder of one in another container.
        self._labels = {_MACHINE: socket.gethostname(), _HOME: str(home.absolute())}
        self._index = index_settings(environment)
        self._gpus = gpus

    def root(self, work: WorkFolder) -> str:  # noqa: ARG002
        """Return the path under which a job finds its root folder."""
        return ROOT

    def prepare(self, job: PreparedJob, say: LineSink, cancelled: threading.Event) -> ContainerWorkspace | None:
        """Pull the image and install the requirements on top of it. See :meth:`Runtime.prepare`."""
        image = self._engine.image(job.image_uri, say, cancelled)
        if image is None:
            return None
        say(f"Image {job.image_uri} runs as a container of Docker {self._engine.version}")
        labels = {**self._labels, _JOB: job.plan.environment["PAI_TRAINING_JOB_ID"]}
        workspace = ContainerWorkspace(self._engine, image, job, labels, gpus=self._gpus)
        return workspace if workspace.install(self._index, say, cancelled) else None

    def end_survivors(self, job_id: str, recorded: Sequence[Identity]) -> int:  # noqa: ARG002
        """Remove the containers of a job; their labels tell which they are."""
        return self._remove_left({**self._labels, _JOB: job_id})

    def sweep(self) -> None:
        """Remove what killed servers left: an earlier run of this one, and those with a folder that no server has."""
        self._remove_left({_MACHINE: self._labels[_MACHINE]})

    def close(self) -> None:
        """Close the connections to the engine."""
        self._engine.close()

    def _remove_left(self, labels: Mapping[str, str]) -> int:
        """Remove containers with these labels, and images made for them; return how many containers still ran."""
        client, filters = self._engine.client, {"label": [f"{name}={value}" for name, value in labels.items()]}
        running = 0
        try:
            with asking("what is left of jobs can't be removed"):
                for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
                    if self._is_left(container.labels):
                        running += container.status == "running"
                        _unless_gone(container.remove, v=True, force=True)
                for image in client.images.list(filters=filters) if _JOB not in labels else ():
                    if self._is_left(image.labels):
                        _unless_gone(client.images.remove, image.id, force=True)
        except EngineError as error:
            logger.warning("%s", error)
        return running

    def _is_left(self, labels: Mapping[str, str]) -> bool:
        home = labels.get(_HOME)
        if home is None or home == self._labels[_HOME]:
            return home is not None
        try:
            return not is_in_use(Path(home))
        except PermissionError:
            return False


def _unless_gone(remove: Callable[..., Any], *values: Any, **options: Any) -> None:
    try:
        remove(*values, **options)
    except NotFound:
        logger.debug("it was removed from outside")
