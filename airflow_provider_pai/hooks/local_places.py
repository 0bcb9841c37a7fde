"""Where a job on this worker finds its inputs and leaves its outputs, and what stands for that in its request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_provider_pai.client.packaging.inputs import input_problems
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.local.running.bound_storage import BoundStorage, LocalFolder
from airflow_provider_pai.model.names import CHECKPOINTS_CHANNEL
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.spec import TrainingJobSpec, plain
from airflow_provider_pai.model.uri import DataKind, OssUri, data_kind, local_path


def place_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    """Yield inputs that a job on this worker can't have; of its files, the same that the cloud path refuses."""
    for name, address in spec.inputs.items():
        path = local_path(address)
        if path is None and data_kind(address) is not DataKind.OSS:
            yield Problem(
                "inputs", f"[{name!r}]: a job on the worker reads OSS and files of the worker, not {address!r}"
            )
        elif path is not None:
            yield from input_problems(name, path)


def cloud_buckets(spec: TrainingJobSpec) -> set[str]:
    """Return the OSS buckets that a job reads, for which a connection is needed."""
    read = [address for address in spec.inputs.values() if local_path(address) is None]
    if spec.source_dir and spec.source_dir.startswith("oss://"):
        read.append(spec.source_dir)
    return {OssUri.parse(address).bucket for address in read}


@dataclass(frozen=True)
class Bindings:
    """What stands for this worker's files in the request for one job.

    Attributes:
        inputs: address of each input channel.
        outputs: address of each output channel.
        files: file or folder behind each bucket name that was made up.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    files: Mapping[str, Path]

    @classmethod
    def of(cls, spec: TrainingJobSpec, folders: Mapping[str, Path], secret: str) -> Bindings:
        """Make up bucket names.

        Args:
            spec: the job.
            folders: folder of each output channel.
            secret: begins every name, so that none is that of a real bucket.
        """
        files: dict[str, Path] = {}

        def bound(path: Path) -> str:
            bucket = f"{secret}-{len(files)}"
            files[bucket] = path.absolute()
            return f"oss://{bucket}/{path.name if path.is_file() else ''}"

        inputs = {
            name: address if (path := local_path(address)) is None else bound(Path(path))
            for name, address in spec.inputs.items()
        }
        return cls(inputs, {name: bound(folder) for name, folder in folders.items()}, files)

    def applied(self, spec: TrainingJobSpec) -> TrainingJobSpec:
        """Return the job as it is asked for."""
        return replace(spec, inputs=self.inputs, outputs=self.outputs, output_path=None, checkpoints_path=None)

    def local(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """Return output addresses of the job as folders of this worker, ending in a slash."""
        return {
            name: f"{self.files[bucket]}/" if (bucket := OssUri.parse(uri).bucket) in self.files else uri
            for name, uri in outputs.items()
        }


def output_folders(spec: TrainingJobSpec, default: Path, job_name: str, key: str) -> dict[str, Path]:
    """Return the folder of each output channel.

    Args:
        spec: the job.
        default: folder below which outputs go without ``output_path``.
        job_name: the job's name.
        key: keeps its outputs apart from those of other jobs of the name.
    """
    home = (_path(spec.output_path) if spec.output_path else default) / f"{plain(job_name)}_{key}"
    folders = {name: home / name for name in spec.output_channels}
    if spec.checkpoints_path:
        folders[CHECKPOINTS_CHANNEL] = _path(spec.checkpoints_path)
    return {**folders, **{name: _path(address) for name, address in spec.outputs.items()}}


def places(bindings: Bindings, cloud: PAIBaseHook, buckets: set[str]) -> dict[str, BoundStorage]:
    """Return what jobs find behind bucket names: files of this worker, and OSS itself.

    Args:
        bindings: of this worker's files.
        cloud: reads OSS.
        buckets: of OSS.
    """
    return {**local_places(bindings.files), **{bucket: _CloudBucket(cloud, bucket) for bucket in buckets}}


def local_places(files: Mapping[str, Path]) -> dict[str, BoundStorage]:
    """Return what jobs find behind the bucket names of this worker's files."""
    return {bucket: LocalFolder(path) for bucket, path in files.items()}


class _CloudBucket:
    """A bucket of OSS, which jobs on this worker only read.

    Args:
        hook: reads it.
        bucket: its name.
    """

    def __init__(self, hook: PAIBaseHook, bucket: str) -> None:
        # Made here: the connection is looked up by the task's own thread, and before anything runs.
        self._oss = hook.oss
        self._bucket = bucket

    def download(self, key: str, folder: Path) -> int:
        """Download an object, or all of a prefix. See :meth:`BoundStorage.download`."""
        try:
            return len(self._oss.download(OssUri(self._bucket, key), folder))
        except PAIError as error:
            raise OSError(str(error)) from error

    def shown(self, key: str) -> None:
        """Return nothing: it must be downloaded. See :meth:`BoundStorage.shown`."""

    def store_file(self, key: str, path: Path, modified: int) -> bool:  # noqa: ARG002
        """Refuse: outputs of a job on a worker stay there. See :meth:`BoundStorage.store_file`."""
        raise OSError(f"a job on the worker writes nothing to OSS; oss://{self._bucket}/{key} stays as it is")

    def delete_files(self, keys: Mapping[str, int]) -> None:
        """Delete nothing: outputs of a job on a worker stay there. See :meth:`BoundStorage.delete_files`."""


def _path(address: str) -> Path:
    return Path(local_path(address) or address).expanduser().absolute()
