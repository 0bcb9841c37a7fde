"""What a service on EAS is, before it is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Reading a DAG file loads this module, and needs no VPC.
    from airflow_provider_pai.model.training.resources import UserVpcConfig

MODEL_MOUNT_PATH = "/eas/workspace/model/"
"""Where the PAI SDK (``alipai`` 0.4.13) mounts a service's model."""
CODE_MOUNT_PATH = "/ml/usercode/"
"""Where it mounts a service's source code."""
DEFAULT_PORT = 8000
RESERVED_PORTS = (8080, 9090)
"""Ports of EAS's own parts in a container."""


@dataclass(frozen=True)
class ServiceSpec:
    """A service as its author describes it; immutable.

    Attributes:
        service_name: unique in the region; lower-case letters, digits and underscores, a letter first.
        model_uri: OSS folder of the model, or with a processor also one object.
        model_mount_path: folder of the container that the model is mounted at.
        processor: EAS's own program that serves the model, such as ``xgboost``; empty with a container.
        image_uri: container image; empty with a processor.
        command: what the container runs, in a shell; empty with a processor.
        source_dir: local folder, or OSS folder, mounted read-only at ``/ml/usercode/``; empty for none.
        port: port that the command listens on.
        environments: environment variables. EAS shows them in its console: no secrets.
        requirements: lines for pip, installed before the command runs.
        instance_type: ECS instance type of public resources; empty with a resource group.
        resource_id: id of a dedicated resource group (``eas-r-...``); empty for public resources.
        cpu: vCPUs of each instance in a resource group; None for public resources.
        memory: memory of each instance there, in GiB; None for public resources.
        gpu: GPUs of each instance there; None for none.
        instance_count: number of instances.
        group: service group with an endpoint that may lead to the service; empty for none.
        user_vpc_config: VPC that the instances can reach; None for none.
        labels: labels of the service.
        health_check: how EAS tells that an instance is well: ``path`` for an HTTP request (without it a connection is
            enough), ``initial_delay_seconds``, ``period_seconds``, ``timeout_seconds``, ``success_threshold``,
            ``failure_threshold``; empty for none.
        extra_config: more of the service JSON, under EAS's names; wins over everything else.
    """

    service_name: str
    model_uri: str = ""
    model_mount_path: str = MODEL_MOUNT_PATH
    processor: str = ""
    image_uri: str = ""
    command: str = ""
    source_dir: str = ""
    port: int = DEFAULT_PORT
    environments: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    instance_type: str = ""
    resource_id: str = ""
    cpu: float | None = None
    memory: float | None = None
    gpu: int | None = None
    instance_count: int = 1
    group: str = ""
    user_vpc_config: UserVpcConfig | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    health_check: Mapping[str, Any] = field(default_factory=dict)
    extra_config: Mapping[str, Any] = field(default_factory=dict)


SERVICE_ARGUMENTS = tuple(each.name for each in fields(ServiceSpec))
"""Names of what an author says of a service."""
