"""What a training job is, before it is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.model.names import CHECKPOINTS_CHANNEL, DEFAULT_OUTPUT_CHANNELS, REPORT_CHANNEL
from airflow_provider_pai.model.uri import DataKind, OssUri, data_kind

if TYPE_CHECKING:
    # Reading a DAG file loads this module, and needs no image catalog.
    from airflow_provider_pai.model.images.image import ImageQuery
    from airflow_provider_pai.model.training.resources import ExperimentConfig, InstanceSpec, SpotSpec, UserVpcConfig

LOCAL_INSTANCE_TYPES = ("local", "local_gpu")
"""Instance types that stand for the worker's own machine, as in the PAI SDK."""
DEFAULT_JOB_TYPE = "PyTorchJob"
"""What the PAI SDK sends for every estimator, whatever the framework."""

_CLOUD_ONLY = {"cloud_only": True}
"""Marks members that mean nothing to a job on this machine."""
FILLED_IN = ("code", "job_name")
"""Members of a spec that no author gives."""

_UNSUPPORTED = re.compile(r"[^A-Za-z0-9_]")


def plain(name: str) -> str:
    """Keep letters, digits and underscores of a name and turn everything else into ``_``, as PAI does."""
    return _UNSUPPORTED.sub("_", name)


def variable_name(name: str) -> str:
    """Return the part of an environment variable's name that stands for a hyperparameter or a channel."""
    return plain(name).upper()


@dataclass(frozen=True)
class CodeLocation:
    """Where a job's source code lies.

    Attributes:
        bucket: OSS bucket.
        key: a folder's key, ending in ``/``, or an archive's, ending in ``.tar.gz``.
        endpoint: OSS host of the bucket, without a scheme.
    """

    bucket: str
    key: str
    endpoint: str

    @property
    def uri(self) -> str:
        """The same as an OSS URI without endpoint."""
        return str(OssUri(self.bucket, self.key))


@dataclass(frozen=True)
class MetricDefinition:
    """A metric that is read from the job's log lines.

    Attributes:
        name: the metric's name.
        regex: regular expression with one group, the value.
    """

    name: str
    regex: str


@dataclass(frozen=True)
class TrainingJobSpec:
    """A training job as its author describes it; immutable.

    What only the cloud can tell (image of a query, place of the code, default outputs) is filled in by
    :meth:`located`, so one type is handed from the operator down to the wire.

    Attributes:
        command: what the job runs, in a POSIX shell, in the folder of its source code; empty with an algorithm.
        instance_type: ECS instance type such as ``ecs.c6.large``; empty with a share of a quota.
        instance_count: number of instances; at least 1.
        instance_spec: what each instance takes of a quota; None with an instance type.
        resource_id: id of the quota; empty for public resources.
        resource_type: ``General`` or ``Lingjun``; empty for the former.
        spot_spec: how spot instances are paid for; None for no spot instances.
        priority: priority in a quota's queue, from 1 to 9; None for PAI's default.
        user_vpc_config: VPC that the instances can reach; None for none.
        experiment_config: experiment the job belongs to; None for none.
        settings: further settings, under PAI's own names.
        role_arn: RAM role that the job's instances may take; empty for none.
        credential_config: how credentials of RAM roles get into the instances, under PAI's own names.
        algorithm_name: registered algorithm that takes the place of command and image; empty for none.
        algorithm_version: its version; empty for PAI's choice.
        algorithm_provider: who registered it, such as ``pai``; empty for the account itself.
        job_type: kind of job, such as ``PyTorchJob``; it decides the variables of distributed runs.
        image_uri: container image; None while it is to be chosen by ``image``.
        image: query of the image catalog; None when ``image_uri`` is given.
        source_dir: local folder, or OSS folder or ``.tar.gz``; None for no source code.
        code: where the source code was uploaded to; None until it was.
        base_job_name: first part of the job's name.
        job_name: the job's name; empty until it is submitted.
        hyperparameters: all values as texts.
        inputs: address of each input channel.
        outputs: folder of each output channel that is given one by the author.
        output_path: OSS folder below which the other output channels get theirs; None for the default storage.
        checkpoints_path: OSS folder of the channel ``checkpoints``; lets a later job resume from it.
        max_run_time: seconds after which PAI ends the job; None for no limit.
        environments: environment variables of the job. Visible in PAI's console and in its logs: no secrets.
        requirements: lines for pip, installed before the command runs.
        labels: labels of the job.
        metric_definitions: metrics read from the log.
        reports: whether the job reports back, and has an output channel ``report`` for that.
        description: free text.
        assign_node_spec: nodes of a quota to run on, or to keep away from, under PAI's own names.
    """

    command: str = ""
    instance_type: str = ""
    instance_count: int = 1
    instance_spec: InstanceSpec | None = field(default=None, metadata=_CLOUD_ONLY)
    resource_id: str = field(default="", metadata=_CLOUD_ONLY)
    resource_type: str = field(default="", metadata=_CLOUD_ONLY)
    spot_spec: SpotSpec | None = field(default=None, metadata=_CLOUD_ONLY)
    priority: int | None = field(default=None, metadata=_CLOUD_ONLY)
    user_vpc_config: UserVpcConfig | None = field(default=None, metadata=_CLOUD_ONLY)
    experiment_config: ExperimentConfig | None = field(default=None, metadata=_CLOUD_ONLY)
    settings: Mapping[str, Any] = field(default_factory=dict, metadata=_CLOUD_ONLY)
    role_arn: str = field(default="", metadata=_CLOUD_ONLY)
    credential_config: Mapping[str, Any] = field(default_factory=dict, metadata=_CLOUD_ONLY)
    algorithm_name: str = field(default="", metadata=_CLOUD_ONLY)
    algorithm_version: str = ""
    algorithm_provider: str = ""
    job_type: str = DEFAULT_JOB_TYPE
    image_uri: str | None = None
    image: ImageQuery | None = None
    source_dir: str | None = None
    code: CodeLocation | None = None
    base_job_name: str = "training_job"
    job_name: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    output_path: str | None = None
    checkpoints_path: str | None = None
    max_run_time: int | None = None
    environments: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    metric_definitions: tuple[MetricDefinition, ...] = ()
    reports: bool = False
    description: str = ""
    assign_node_spec: Mapping[str, Any] = field(default_factory=dict, metadata=_CLOUD_ONLY)

    @property
    def is_local(self) -> bool:
        """Whether the job runs on the worker, the PAI SDK's local mode."""
        return self.instance_type in LOCAL_INSTANCE_TYPES

    @property
    def output_channels(self) -> tuple[str, ...]:
        """The output channels that get a folder without the author's asking for it."""
        return (*DEFAULT_OUTPUT_CHANNELS, REPORT_CHANNEL) if self.reports else DEFAULT_OUTPUT_CHANNELS

    def located(self, job_name: str, storage: OssUri, key: str) -> TrainingJobSpec:
        """Name the job and give every output channel its folder.

        Args:
            job_name: the job's name.
            storage: the workspace's default storage, used when ``output_path`` is None.
            key: a short text that keeps the outputs of two jobs of one name apart.
        """
        base = OssUri.parse(self.output_path) if self.output_path else storage.child("pai", "training_job")
        home = base.child(f"{plain(job_name)}_{key}")
        outputs = {name: str(home.child(name, "")) for name in self.output_channels}
        if self.checkpoints_path:
            outputs[CHECKPOINTS_CHANNEL] = str(OssUri.parse(self.checkpoints_path).folder())
        given = {name: _folder(uri) for name, uri in self.outputs.items()}
        return replace(self, job_name=job_name, outputs={**outputs, **given})


def _folder(uri: str) -> str:
    return str(OssUri.parse(uri).folder()) if data_kind(uri) is DataKind.OSS else uri
