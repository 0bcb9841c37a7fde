"""What the containers of one job are made from: its image, its folder, its requirements."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount

from airflow_provider_pai.local.running.container_instance import ContainerInstance
from airflow_provider_pai.local.running.engine import Engine, EngineError, asking
from airflow_provider_pai.local.running.environments import EnvironmentFailed
from airflow_provider_pai.local.running.ports import LOOPBACK
from airflow_provider_pai.local.running.runtime import CODE_REQUIREMENTS, LineSink, PreparedJob
from airflow_provider_pai.model.training.container import ROOT, RunPlan, instance_name

logger = logging.getLogger(__name__)

_HOME = "/home/job"
_LOOK_SECONDS = 0.05
_SHOWN_LINES = 5
_PIP = "if command -v pip >/dev/null; then exec pip {arguments}; else exec python3 -m pip {arguments}; fi"
_INSTALL = "install --no-input --progress-bar off"


class ContainerWorkspace:
    """Starts the containers of one job.

    Args:
        engine: runs them.
        image: id of the job's image.
        job: the job.
        labels: of everything that is made.
        gpus: give each container all GPUs.
    """

    def __init__(
        self, engine: Engine, image: str, job: PreparedJob, labels: Mapping[str, str], *, gpus: bool = False
    ) -> None:
        self._engine = engine
        self._image = image
        self._made: str | None = None
        self._job = job
        self._labels = labels
        self._gpus = gpus

    def install(self, index: Mapping[str, str], say: LineSink, cancelled: threading.Event) -> bool:
        """Install the job's requirements once, for all its containers.

        Args:
            index: variables for pip only.
            say: gets what pip prints.
            cancelled: gives up when it is set.

        Returns:
            False when the work was given up.

        Raises:
            EnvironmentFailed: the requirements can't be installed.
            OSError: the engine fails.
        """
        plan = self._job.plan
        files = [f"{ROOT}/input/config/requirements.txt"] if plan.requirements else []
        if self._job.code_requirements:
            files.append(f"{ROOT}/{CODE_REQUIREMENTS}")
            say(f"Installing dependencies from {files[-1]}")
        if not files:
            return True
        last: deque[str] = deque(maxlen=_SHOWN_LINES)

        def both(line: str) -> None:
            last.append(line)
            say(line)

        instance = ContainerInstance(self._engine, {**self._options(plan), "command": _install(index, files)}, both)
        try:
            while (code := instance.exit_code()) is None:
                if cancelled.wait(_LOOK_SECONDS):
                    instance.kill()
                    return False
            if code:
                raise EnvironmentFailed("pip could not install the requirements: " + " | ".join(last))
            self._image = self._made = instance.commit(self._labels)
        finally:
            instance.close()
        return True

    def start(self, plan: RunPlan, line: LineSink) -> ContainerInstance:
        """Start a container. See :meth:`Workplace.start`."""
        return ContainerInstance(self._engine, self._options(plan), line)

    def close(self) -> None:
        """Remove the image with the requirements; what can't be removed is left to the next start of a server."""
        if self._made is None:
            return
        try:
            with asking("the image with the requirements can't be removed"):
                self._engine.client.images.remove(self._made, force=True)
        except EngineError as error:
            logger.warning("%s", error)

    def _options(self, plan: RunPlan) -> dict[str, Any]:
        """Return what the library creates a container with."""
        name, count = plan.environment["HOSTNAME"], int(plan.environment["WORLD_SIZE"])
        job = plan.environment["PAI_TRAINING_JOB_ID"]
        hosts = {instance_name(job, rank): LOOPBACK for rank in range(count)}
        mounts = [_bound(ROOT, self._job.work.ml)]
        mounts += [_bound(f"{ROOT}/{target}", path, read_only=True) for target, path in self._job.shown.items()]
        environment = dict(plan.environment)
        if self._engine.user != "0:0":
            # No image knows this user, so it has no home there.
            mounts.append(_bound(_HOME, self._job.work.home))
            environment = {"HOME": _HOME, "USER": "job", **environment}
        return {
            "image": self._image,
            "command": ["/bin/sh", "-c", plan.command],
            "environment": environment,
            "working_dir": plan.working_dir,
            "user": self._engine.user,
            "mounts": mounts,
            "labels": dict(self._labels),
            "hostname": name,
            "network_mode": "host",
            "extra_hosts": hosts,
            "userns_mode": self._engine.namespace or None,
            "security_opt": ["no-new-privileges"],
            "healthcheck": {"test": ["NONE"]},
            # Lines come through the connection; another copy on the disk would be as large as the job likes.
            "log_config": LogConfig(type="none"),
            "shm_size": _shared_memory(),
            "device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])] if self._gpus else None,
        }


def _install(index: Mapping[str, str], files: Sequence[str]) -> list[str]:
    """Return pip's command line, which carries its variables: the image made of the container keeps none of them."""
    pip = _PIP.format(arguments=" ".join([_INSTALL, *(f"-r {file}" for file in files)]))
    return ["/usr/bin/env", *(f"{name}={value}" for name, value in index.items()), "/bin/sh", "-c", pip]


def _bound(target: str, source: Path, *, read_only: bool = False) -> Mount:
    return Mount(target, str(source.absolute()), type="bind", read_only=read_only)


def _shared_memory() -> int:
    """Return what Linux itself gives to ``/dev/shm``, which data loaders need: half of the memory, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
