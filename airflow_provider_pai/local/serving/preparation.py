"""Making ready what the instances of a version share: their Python environment and copies of what they see of OSS."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.running.environments import EnvironmentFailed, Environments
from airflow_provider_pai.local.running.preparation import Objects
from airflow_provider_pai.local.serving.replica_spec import ObjectMount, ReplicaSpec
from airflow_provider_pai.model.requirement import requirement_problem


class PreparationError(Exception):
    """What instances need can't be had; the text says why.

    Attributes:
        reason: the reason, as Kubernetes has it [inferred].
    """

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(frozen=True)
class PreparedVersion:
    """What instances of a version share, and only read.

    Attributes:
        environment: the Python environment.
        mounts: copies of what they see of OSS, by path.
        folder: the folder of all copies.
    """

    environment: Path
    mounts: Mapping[str, Path]
    folder: Path


@dataclass(frozen=True)
class VersionPreparer:
    """Where what instances need comes from.

    Attributes:
        objects: the objects of OSS.
        environments: Python environments.
        image_exists: tells whether an image could be had.
    """

    objects: Objects
    environments: Environments
    image_exists: Callable[[str], bool]

    def prepare(
        self, spec: ReplicaSpec, folder: Path, say: Callable[[str], None], halted: threading.Event
    ) -> PreparedVersion | None:
        """Make all ready.

        Args:
            spec: what instances are to be.
            folder: where copies are made; what is there is removed.
            say: gets lines for people.
            halted: gives up when it is set.

        Returns:
            What was made; None when the work was given up.

        Raises:
            PreparationError: something can't be had.
        """
        if not self.image_exists(spec.image):
            raise PreparationError(
                "ImagePullBackOff", f"The image {spec.image} can't be pulled: there is no such image"
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mounts = {}
        for number, mount in enumerate(spec.objects):
            mounts[mount.path] = self._copy(mount, folder / str(number))
            if halted.is_set():
                return None
        lines = list(_requirements(spec, mounts))
        try:
            environment = self.environments.ready(lines, say, halted)
        except (EnvironmentFailed, OSError) as error:
            raise PreparationError("PrepareFailed", str(error)) from error
        return PreparedVersion(environment, mounts, folder) if environment else None

    def _copy(self, mount: ObjectMount, folder: Path) -> Path:
        try:
            count = self.objects.download(mount.uri.bucket, mount.uri.key, folder)
        except (OSSErrorResponse, OSError) as error:
            raise PreparationError("FailedMount", f"{mount.uri} can't be mounted at {mount.path}: {error}") from error
        if not count:
            raise PreparationError(
                "FailedMount", f"{mount.uri} can't be mounted at {mount.path}: there is no object below it"
            )
        return folder


def _requirements(spec: ReplicaSpec, mounts: Mapping[str, Path]) -> Iterator[str]:
    for line in (*spec.requirements, *_of_file(spec.requirements_path, mounts)):
        if problem := requirement_problem(line):
            raise PreparationError("PrepareFailed", f"The requirement {line!r} {problem}")
        yield line


def _of_file(path: str, mounts: Mapping[str, Path]) -> list[str]:
    if not path:
        return []
    for target, folder in mounts.items():
        if PurePosixPath(path).is_relative_to(target):
            file = folder / PurePosixPath(path).relative_to(target)
            if file.resolve().is_relative_to(folder.resolve()) and file.is_file():
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
                return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    raise PreparationError("PrepareFailed", f"There is no file {path} in what the service mounts")
