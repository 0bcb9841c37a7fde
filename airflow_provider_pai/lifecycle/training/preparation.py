"""What a job needs before it can be created: everything only the cloud can tell, checked before the first upload."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from airflow_provider_pai.api.experiments import get_experiment
from airflow_provider_pai.api.machines import list_ecs_specs
from airflow_provider_pai.client.images import ImageCatalog
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.oss.worker_pool import WorkerPool
from airflow_provider_pai.client.packaging.inputs import LocalInput, input_problems, read_input
from airflow_provider_pai.client.packaging.source import (
    SourceCode,
    read_source,
    source_location,
    source_problems,
    source_requirements,
)
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.client.transport.listing import list_all
from airflow_provider_pai.errors import NotFoundError, PAIError, SpecError
from airflow_provider_pai.lifecycle.default_storage import default_storage
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.model.images.image import Image, ImageQuery
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.fingerprint import fingerprint
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.spec import CodeLocation, TrainingJobSpec
from airflow_provider_pai.model.uri import OssUri, local_path, may_be_folder

_THREADS = 3
"""What is done for a job while PAI answers the first question: its source code, its inputs, and one more question."""


@dataclass(frozen=True)
class PreparationFutures:
    """What other threads do for a job already.

    Attributes:
        source: its source code as it is read.
        machine: what is wrong with its instance type.
        inputs: its local inputs as they are read, by channel.
    """

    source: Future[SourceCode] | None = None
    machine: Future[list[Problem]] | None = None
    inputs: Mapping[str, Future[LocalInput]] = field(default_factory=dict)


NOTHING_BEGUN = PreparationFutures()


class JobPreparation:
    """Fills in image, place of the code, inputs and outputs of jobs.

    Args:
        client: asks PAI.
        oss: takes what is uploaded.
        log: takes what a person should know.
    """

    def __init__(self, client: PAIClient, oss: ObjectStorage, log: Log) -> None:
        self._client = client
        self._config = client.config
        self._oss = oss
        self._log = log
        self._images: dict[ImageQuery, Image] = {}
        self._artifacts: dict[str, str] = {}
        self._digests: dict[str, str] = {}

    @contextmanager
    def start(self, spec: TrainingJobSpec) -> Iterator[PreparationFutures]:
        """Prepare a job in other threads as far as it needs no answer to any other question.

        Its source code and its local inputs are read, and nothing of them is sent anywhere; PAI is asked whether it has
        the instance type.

        Args:
            spec: the job.
        """
        source = machine = None
        with WorkerPool(_THREADS) as pool:
            if spec.source_dir and not spec.source_dir.startswith("oss://"):
                source = pool.begin(partial(read_source, spec.source_dir, pool.check))
            if spec.instance_type and not spec.is_local:
                machine = pool.begin(partial(self._machine_problems, spec.instance_type))
            inputs = {
                name: pool.begin(partial(read_input, Path(path), pool.check))
                for name, path in _local_inputs(spec).items()
            }
            yield PreparationFutures(source, machine, inputs)

    def problems(
        self, spec: TrainingJobSpec, known: Sequence[Problem] = (), begun: PreparationFutures = NOTHING_BEGUN
    ) -> list[Problem]:
        """Return what is wrong with a job beyond its spec: connection, files, instance type, image, experiment.

        Args:
            spec: the job.
            known: problems of the spec itself; what they name isn't looked at again.
            begun: what is done already.
        """
        found = file_problems(spec)
        named = {problem.argument for problem in known}
        try:
            if spec.instance_type and "instance_type" not in named:
                found += begun.machine.result() if begun.machine else self._machine_problems(spec.instance_type)
            if spec.image and not spec.image_uri and "image" not in named:
                self._image_of(spec.image)
            if spec.experiment_config and not spec.output_path and "experiment_config" not in named:
                self._artifact_uri(spec.experiment_config.experiment_id)
        except SpecError as error:
            found += error.problems
        return found

    def prepare(
        self,
        spec: TrainingJobSpec,
        job_name: str,
        key: str,
        *,
        upload: bool = True,
        begun: PreparationFutures = NOTHING_BEGUN,
    ) -> TrainingJobSpec:
        """Return a job with nothing left to fill in. Uploads its source code and local inputs.

        Args:
            spec: the job.
            job_name: its name.
            key: keeps its outputs apart from those of other jobs of the name.
            upload: False leaves everything where it is and only tells where it would go.
            begun: what is done already.

        Raises:
            SpecError: the job can't work; nothing was uploaded.
        """
        if found := self.problems(spec, begun=begun):
            raise SpecError(found)
        self._warn(spec)
        if spec.image and not spec.image_uri:
            spec = replace(spec, image_uri=self._image_of(spec.image).uri)
        self._log.info("Image: %s", spec.image_uri or f"that of the algorithm {spec.algorithm_name}")
        if spec.experiment_config and not spec.output_path:
            spec = replace(spec, output_path=self._artifact_uri(spec.experiment_config.experiment_id) or None)
        storage = OssUri.parse(spec.output_path) if spec.output_path else self._storage
        requirements = (*source_requirements(spec.source_dir), *spec.requirements)
        return replace(
            spec.located(job_name, storage, key),
            inputs={name: self._input(uri, begun.inputs.get(name), upload=upload) for name, uri in spec.inputs.items()},
            code=self._code(spec, begun.source, upload=upload),
            requirements=tuple(dict.fromkeys(requirements)),
        )

    def fingerprint(self, spec: TrainingJobSpec, owner: JobOwner) -> str:
        """Return what tells a job apart from one with other arguments or other source code.

        Args:
            spec: the job as its author describes it.
            owner: the attempt.
        """
        source = spec.source_dir or ""
        if source and not source.startswith("oss://"):
            source = self._digests.get(source) or read_source(source).digest
        return fingerprint(spec, owner.task_key, source)

    @cached_property
    def _storage(self) -> OssUri:
        return default_storage(self._client, self._config)

    def _warn(self, spec: TrainingJobSpec) -> None:
        for name, uri in spec.inputs.items():
            if uri.startswith("oss://") and may_be_folder(uri):
                text = "inputs[%r]: %s names one object; if it is a folder, end it with a slash"
                self._log.warning(text, name, uri)

    def _machine_problems(self, instance_type: str) -> list[Problem]:
        client = self._client
        try:
            if any(item.instance_type == instance_type for item in client.send(list_ecs_specs([instance_type])).items):
                return []
            specs = list_all(client, lambda page: list_ecs_specs(page=page), key=lambda each: each.instance_type)
            known = [each.instance_type for each in specs]
        except PAIError as error:
            # Listing machines needs a permission and a host of its own; without them, PAI judges the type at create.
            self._log.warning("instance_type can't be checked beforehand (%s)", error)
            return []
        if not known:
            return []
        near = difflib.get_close_matches(instance_type, known, n=5, cutoff=0.0)
        region = self._config.region_id
        text = f"{instance_type!r} is unknown in {region}; there are, for example, {', '.join(near)}"
        return [Problem("instance_type", text)]

    def _image_of(self, query: ImageQuery) -> Image:
        if query not in self._images:
            self._images[query] = ImageCatalog(self._client, self._config.workspace_id).find(query)
        return self._images[query]

    def _artifact_uri(self, experiment_id: str) -> str:
        """Return where an experiment keeps what its jobs make: their default output path, as the PAI SDK has it."""
        if experiment_id not in self._artifacts:
            try:
                self._artifacts[experiment_id] = self._client.send(get_experiment(experiment_id)).artifact_uri
            except NotFoundError as error:
                workspace = self._config.workspace_id
                text = f": there is no experiment {experiment_id!r} in workspace {workspace}"
                raise SpecError([Problem("experiment_config", text)]) from error
        return self._artifacts[experiment_id]

    def _code(self, spec: TrainingJobSpec, source: Future[SourceCode] | None, *, upload: bool) -> CodeLocation | None:
        if not spec.source_dir:
            return None
        if spec.source_dir.startswith("oss://"):
            uri = OssUri.parse(spec.source_dir)
            return CodeLocation(uri.bucket, uri.key, uri.endpoint or self._config.code_endpoint)
        if upload:
            code = source.result() if source else read_source(spec.source_dir)
            self._digests[spec.source_dir] = code.digest
            return self._oss.upload_source(code, self._storage, self._log.info)
        return source_location(spec.source_dir, self._storage, self._config.code_endpoint)

    def _input(self, uri: str, begun: Future[LocalInput] | None, *, upload: bool) -> str:
        """Return where a job reads an input channel from."""
        path = local_path(uri)
        if path is None:
            return uri
        if upload:
            data = begun.result() if begun else None
            return str(self._oss.upload_input(Path(path), self._storage, self._log.info, data))
        return str(read_input(Path(path)).uri(self._storage))


def file_problems(spec: TrainingJobSpec) -> list[Problem]:
    """Return what is wrong with a job's local files: its source code and its inputs."""
    found = [problem for name, path in _local_inputs(spec).items() for problem in input_problems(name, path)]
    return source_problems(spec.source_dir) + found


def _local_inputs(spec: TrainingJobSpec) -> dict[str, str]:
    """Return the paths of the inputs that lie on this machine, by channel."""
    return {name: path for name, uri in spec.inputs.items() if (path := local_path(uri)) is not None}
