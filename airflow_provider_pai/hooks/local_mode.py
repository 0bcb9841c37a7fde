"""The PAI SDK's local mode: a job on this worker, in a local PAI that lives as long as the job.

The job goes the way of every job, through the same hook and the same calls; only who answers them is in this process.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.hooks.local_homes import local_home
from airflow_provider_pai.hooks.local_places import (
    Bindings,
    cloud_buckets,
    output_folders,
    place_problems,
    places,
)
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.home import HomeDamaged, HomeInUse
from airflow_provider_pai.local.running.environments import EnvironmentFailed
from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot

logger = logging.getLogger(__name__)

GPU = "local_gpu"
NO_IMAGE = "this-machine"
"""Stands for the image of a job that runs as a process, with this machine's Python."""
_MACHINE = "ecs.c6.large"
"""What is asked for; a local PAI runs every instance type on this machine."""
_START_FAILURES = (HomeDamaged, HomeInUse, EnvironmentFailed, OSError, RuntimeError, sqlite3.Error)


class LocalTrainingHook(PAITrainingHook):
    """Does what is done to the one job of a local PAI in this process.

    Args:
        server: the local PAI.
        bindings: what stands for this worker's files.
        sleep: waits, in seconds.
    """

    def __init__(self, server: LocalPAI, bindings: Bindings, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__("local", sleep=sleep)
        ready, self._bindings = server.ready, bindings
        extra = {**ready.extra, "bucket": ready.bucket}
        self.config = read_config(ConnectionFields("local", ready.access_key_id, ready.access_key_secret, extra))

    def get(self, job_id: str) -> JobSnapshot:
        """Return a job as it is now, with its outputs as folders of this worker."""
        return self._as_here(super().get(job_id))

    def wait(self, job_id: str, **arguments: Any) -> JobSnapshot:
        """Wait in this process until a job has ended; its outputs are folders of this worker."""
        return self._as_here(super().wait(job_id, **arguments))

    def _as_here(self, job: JobSnapshot) -> JobSnapshot:
        image = "" if job.image_uri == NO_IMAGE else job.image_uri
        return replace(job, outputs=self._bindings.local(job.outputs), image_uri=image, code_uri="")

    def console_url(self, job_id: str) -> str:  # noqa: ARG002
        """Return where a person sees more of a job: no console has it."""
        return "the log above"


@dataclass(frozen=True)
class LocalSession:
    """A local PAI in this process, ready for one job.

    Attributes:
        hook: submits the job and watches it.
        spec: the job as it is asked for.
        mode: how it is kept apart, such as ``docker``.
    """

    hook: LocalTrainingHook
    spec: TrainingJobSpec
    mode: str


@contextmanager
def local_mode(
    cloud: PAIBaseHook,
    spec: TrainingJobSpec,
    job_name: str,
    key: str,
    *,
    folder: Path | None = None,
    runtime: RuntimeKind = RuntimeKind.AUTO,
    sandbox: Mode | None = None,
) -> Iterator[LocalSession]:
    """Serve a local PAI for one job; whatever runs of it ends with this context.

    Args:
        cloud: the task's connection; looked up only for what is in the cloud. What it opened is closed at the end.
        spec: the job.
        job_name: its name.
        key: keeps its outputs apart from those of other jobs of the name.
        folder: where all of local mode lies. Default: ``pai-local`` in Airflow's home.
        runtime: what runs it. Default: a Docker container where an engine answers, else a process.
        sandbox: how a process gets its own ``/ml``. Default: the best way that works here.

    Raises:
        SpecError: the job can't run here; nothing was started.
    """
    gpus = _gpus()
    if problems := [*place_problems(spec), *_machine_problems(spec, gpus)]:
        raise SpecError(problems)
    base = (folder or _airflow_home() / "pai-local").absolute()
    bindings = Bindings.of(spec, output_folders(spec, base / "outputs", job_name, key), secrets.token_hex(6))
    with ExitStack() as stack:
        stack.callback(cloud.close)
        bound = places(bindings, cloud, cloud_buckets(spec))
        home = stack.enter_context(local_home(base / "running", bindings.files))
        server = LocalPAI(
            home,
            cache=base / "cache",
            bucket=f"{secrets.token_hex(6)}-code",
            sandbox=sandbox,
            runtime=runtime if spec.image_uri or spec.image else RuntimeKind.PROCESS,
            gpus=gpus if spec.instance_type == GPU else 0,
            places=bound,
        )
        try:
            server.start()
        except _START_FAILURES as error:
            raise SpecError(
                [Problem("instance_type", f"{spec.instance_type!r} does not work on this worker: {error}")]
            ) from error
        stack.callback(server.stop)
        hook = LocalTrainingHook(server, bindings)
        stack.callback(hook.close)
        asked = replace(bindings.applied(spec), instance_type=_MACHINE, image=None)
        asked = replace(asked, image_uri=_image(cloud, spec) if server.mode == "docker" else NO_IMAGE)
        yield LocalSession(hook, asked, server.mode)


def _image(cloud: PAIBaseHook, spec: TrainingJobSpec) -> str | None:
    if spec.image_uri or spec.image is None:
        return spec.image_uri
    catalog = PAIImageHook(cloud.pai_conn_id, region_id=cloud.config.region_id, workspace_id=cloud.config.workspace_id)
    try:
        return catalog.find(spec.image).uri
    finally:
        catalog.close()


def _machine_problems(spec: TrainingJobSpec, gpus: int) -> Iterator[Problem]:
    if spec.instance_type == GPU and not gpus:
        yield Problem(
            "instance_type", f"{GPU!r} needs a GPU, and this worker has none (there is no /dev/nvidia0); use 'local'"
        )


def _gpus() -> int:
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def _airflow_home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
