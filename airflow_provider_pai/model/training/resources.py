"""What a job runs on and where it belongs: a share of a quota, spot instances, a VPC, an experiment.

Members are named as the PAI SDK's ``Estimator`` names them.
"""

from __future__ import annotations

from dataclasses import dataclass

RESOURCE_TYPES = ("General", "Lingjun")
JOB_TYPES = ("PyTorchJob", "TFJob", "XGBoostJob", "MPIJob")
"""Kinds of jobs that ``alipai`` 0.4.13 names; it sends the first one whatever the framework."""
PRICE_LIMIT = "SpotWithPriceLimit"
SPOT_STRATEGIES = (PRICE_LIMIT, "SpotAsPriceGo")
SETTINGS = (
    "AdvancedSettings",
    "BusinessUserId",
    "Caller",
    "Driver",
    "EnableErrorMonitoringInAIMaster",
    "EnableOssAppend",
    "EnableRDMA",
    "EnableSanityCheck",
    "EnableTideResource",
    "ErrorMonitoringArgs",
    "JobReservedMinutes",
    "JobReservedPolicy",
    "OversoldType",
    "PipelineId",
    "SanityCheckArgs",
    "Tags",
)
"""Members of a job's settings (``JobSettings`` of ``alibabacloud-paistudio20220112`` 2.6.2)."""


@dataclass(frozen=True)
class InstanceSpec:
    """What one instance takes of a resource quota.

    Attributes:
        cpu: number of vCPUs.
        memory: memory in GiB.
        gpu: number of GPUs. ``alipai`` 0.4.13 can't read a job that does not name it, so none is said, too.
        gpu_type: their type; empty for the quota's only one.
        shared_memory: shared memory in GiB; empty for PAI's default.
    """

    cpu: str
    memory: str
    gpu: str = "0"
    gpu_type: str = ""
    shared_memory: str = ""


@dataclass(frozen=True)
class SpotSpec:
    """How spot instances are paid for.

    Attributes:
        spot_strategy: ``SpotWithPriceLimit`` or ``SpotAsPriceGo``.
        spot_discount_limit: highest price as a part of the full one, such as 0.5; with ``SpotWithPriceLimit`` only.
    """

    spot_strategy: str
    spot_discount_limit: float | None = None


@dataclass(frozen=True)
class UserVpcConfig:
    """The VPC that a job's instances can reach.

    Attributes:
        vpc_id: id of the VPC.
        security_group_id: id of the security group the instances belong to.
        switch_id: id of the vSwitch; empty for any.
        extended_cidrs: address ranges reached through the VPC; empty for the VPC's own.
        default_route: ``eth0``, PAI's network, or ``eth1``, the VPC; empty for PAI's default, the former.
    """

    vpc_id: str
    security_group_id: str
    switch_id: str = ""
    extended_cidrs: tuple[str, ...] = ()
    default_route: str = ""


@dataclass(frozen=True)
class ExperimentConfig:
    """The experiment that a job belongs to.

    Attributes:
        experiment_id: its id.
    """

    experiment_id: str
