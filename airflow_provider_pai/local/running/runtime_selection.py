"""Choosing what runs the jobs of a server."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from airflow_provider_pai.local.running.environments import Environments, Interpreter
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.runtime import Runtime
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox


class RuntimeKind(StrEnum):
    """What runs jobs."""

    AUTO = "auto"
    """Docker where an engine answers, else processes; a job's log says why."""
    PROCESS = "process"
    DOCKER = "docker"


@dataclass(frozen=True)
class ProcessHost:
    """What processes of this machine are run with.

    Attributes:
        sandbox: keeps them apart.
        environments: their Python environments.
    """

    sandbox: Sandbox
    environments: Environments

    @classmethod
    def of(cls, home: Path, cache: Path, mode: Mode | None) -> Self:
        """Look at this machine.

        Args:
            home: the server's folder.
            cache: folder of Python environments.
            mode: how a process gets its own ``/ml``; None for the best way that works here.

        Raises:
            RuntimeError: what is asked for does not work on this machine.
            EnvironmentFailed: there is no Python that can be run.
        """
        environments = Environments(cache, Interpreter.at(), dict(os.environ))
        return cls(Sandbox(home, environments.folders, mode), environments)


def choose(
    kind: RuntimeKind,
    home: Path,
    machine: ProcessHost,
    *,
    image_exists: Callable[[str], bool] = lambda _: True,
    gpus: bool = False,
) -> Runtime:
    """Return what runs the jobs of a server.

    Args:
        kind: what is asked for.
        home: the server's folder.
        machine: what processes are run with.
        image_exists: tells whether the image of a job that runs as a process could be had.
        gpus: give each container all GPUs; processes have them anyway.

    Raises:
        RuntimeError: what is asked for does not work on this machine.
    """
    reason = ""
    if kind is not RuntimeKind.PROCESS:
        try:
            return _docker(home, gpus=gpus, insisted=kind is RuntimeKind.DOCKER)
        except (OSError, RuntimeError) as error:
            if kind is RuntimeKind.DOCKER:
                raise RuntimeError(f"jobs can't be run in containers: {error}") from error
            reason = str(error)
    return ProcessRuntime(machine.sandbox, machine.environments, reason, image_exists)


def _docker(home: Path, *, gpus: bool, insisted: bool) -> Runtime:
    if importlib.util.find_spec("docker") is None:
        raise RuntimeError("the docker library is not installed; run: pip install 'airflow-provider-pai[local]'")
    from airflow_provider_pai.local.running.container import ContainerRuntime
    from airflow_provider_pai.local.running.engine import Engine

    engine = Engine.connect()
    if engine.is_outside and not insisted:
        engine.close()
        raise RuntimeError("the Docker engine is outside of the container this runs in, and does not see its folders")
    return ContainerRuntime(engine, home, gpus=gpus)
