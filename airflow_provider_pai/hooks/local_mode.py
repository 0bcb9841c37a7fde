"""The PAI SDK's local mode: a job on this worker, in a local PAI that lives as long as the job.

The job goes the way of every job, through the same hook and the same calls; only who answers them is in this process.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.hooks.local_places import (
    Bindings,
    cloud_buckets,
    local_places,
    output_folders,
    place_problems,
    places,
)
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.home import HomeDamaged, HomeInUse, is_home, is_in_use
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
_FILES = "files.json"
_SETTLING_SECONDS = 60.0


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
        home = stack.enter_context(_home(base / "running", bindings.files))
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


@contextmanager
def _home(running: Path, files: Mapping[str, Path]) -> Iterator[Path]:
    """Make a folder for a server, and remove it together with those that killed workers left."""
    # Whether a folder is in use can be told on its own machine only, and several may share Airflow's home.
    prefix = f"{socket.gethostname()}-"
    try:
        running.mkdir(parents=True, exist_ok=True)
        _remove_left(running, prefix)
        home = Path(tempfile.mkdtemp(prefix=prefix, dir=running))
        (home / _FILES).write_text(json.dumps({bucket: str(path) for bucket, path in files.items()}), encoding="utf-8")
    except OSError as error:
        raise SpecError(
            [Problem("instance_type", f": jobs on this worker need the folder {running}: {error}")]
        ) from error
    try:
        yield home
    finally:
        _remove(home)


def _remove(home: Path) -> None:
    """Remove a server's folder, unless it has the only copy of a job's outputs."""
    # Both are there exactly while the outputs of a job that ran are not stored.
    kept = [note.parent for note in home.glob("jobs/*/downloaded.json") if (note.parent / "work/ml/output").exists()]
    if kept:
        logger.error("Outputs of a local job could not be stored; they are kept in %s", ", ".join(map(str, kept)))
        return
    shutil.rmtree(home, ignore_errors=True)


def _remove_left(running: Path, prefix: str) -> None:
    for home in running.glob(f"{prefix}*"):
        if is_in_use(home) or (not is_home(home) and time.time() - home.stat().st_mtime < _SETTLING_SECONDS):
            continue
        logger.warning("A worker was killed while it ran a local job; ending what is left of that in %s", home)
        try:
            files = {bucket: Path(path) for bucket, path in json.loads((home / _FILES).read_text()).items()}
            # Its start ends the processes of jobs that were under way, and saves their outputs.
            with LocalPAI(home, cache=running.parent / "cache", runtime=RuntimeKind.AUTO, places=local_places(files)):
                pass
        except HomeInUse:
            # Another task tidies it up at this moment.
            continue
        except (HomeDamaged, sqlite3.Error, ValueError) as error:
            logger.warning("%s can't be read: %s", home, error)
        except (EnvironmentFailed, OSError, RuntimeError) as error:
            logger.warning("%s can't be opened now, and stays: %s", home, error)
            continue
        _remove(home)
