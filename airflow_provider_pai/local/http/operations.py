"""Which operation a method and a path are: PAI's API has one REST path per operation, STS has one path for all.

Names, methods and paths are those of the vendor's SDKs (paistudio20220112 2.6.2, aiworkspace20210204 8.3.5,
pai_dlc20201203 1.11.6, sts20150401 1.2.0, eas20210701 7.0.0); UpdateGroup, which that SDK lacks, is in EAS's reference.
Operations that local PAI doesn't serve are not listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_pai.api.endpoints import AI_WORKSPACE, DLC, EAS, PAI_STUDIO, STS, Service


@dataclass(frozen=True)
class Operation:
    """An operation of one product.

    Attributes:
        service: the product.
        action: the operation's name, as ``x-acs-action`` has it.
        method: HTTP method.
        path: path below the host; ``{}`` stands for one segment.
    """

    service: Service
    action: str
    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is for this operation; ``path`` is percent-encoded."""
        return method == self.method and re.fullmatch(self.path.replace("{}", "[^/]+"), path) is not None


_RPC_METHODS = ("GET", "POST")
_JOBS = "/api/v1/trainingjobs"
_WORKSPACES = "/api/v1/workspaces"
_DATASETS = "/api/v1/datasets"
_EXPERIMENTS = "/api/v1/experiments"
_MODELS = "/api/v1/models"
_MODEL = f"{_MODELS}/{{}}"
_MODEL_VERSION = f"{_MODEL}/versions/{{}}"
_SERVICES = "/api/v2/services"
_SERVICE = f"{_SERVICES}/{{}}/{{}}"
_GROUPS = "/api/v2/groups"

OPERATIONS = (
    *(Operation(STS, action, method, "/") for action in ("AssumeRole", "GetCallerIdentity") for method in _RPC_METHODS),
    Operation(PAI_STUDIO, "CreateTrainingJob", "POST", _JOBS),
    Operation(PAI_STUDIO, "ListTrainingJobs", "GET", _JOBS),
    Operation(PAI_STUDIO, "GetTrainingJob", "GET", f"{_JOBS}/{{}}"),
    Operation(PAI_STUDIO, "DeleteTrainingJob", "DELETE", f"{_JOBS}/{{}}"),
    Operation(PAI_STUDIO, "StopTrainingJob", "PUT", f"{_JOBS}/{{}}/stop"),
    Operation(PAI_STUDIO, "ListTrainingJobLogs", "GET", f"{_JOBS}/{{}}/logs"),
    Operation(PAI_STUDIO, "ListTrainingJobEvents", "GET", f"{_JOBS}/{{}}/events"),
    Operation(PAI_STUDIO, "ListTrainingJobInstanceEvents", "GET", f"{_JOBS}/{{}}/instances/{{}}/events"),
    Operation(PAI_STUDIO, "ListTrainingJobMetrics", "GET", f"{_JOBS}/{{}}/metrics"),
    Operation(PAI_STUDIO, "GetTrainingJobLatestMetrics", "GET", f"{_JOBS}/{{}}/latestmetrics"),
    Operation(PAI_STUDIO, "ListTrainingJobInstanceMetrics", "GET", f"{_JOBS}/{{}}/instancemetrics"),
    Operation(PAI_STUDIO, "GetTrainingJobErrorInfo", "GET", f"{_JOBS}/{{}}/errorinfo"),
    Operation(PAI_STUDIO, "ListTrainingJobOutputModels", "GET", f"{_JOBS}/{{}}/outputmodels"),
    Operation(PAI_STUDIO, "UpdateTrainingJobLabels", "POST", f"{_JOBS}/{{}}/labels"),
    Operation(PAI_STUDIO, "DeleteTrainingJobLabels", "DELETE", f"{_JOBS}/{{}}/labels"),
    Operation(PAI_STUDIO, "ListQuotas", "GET", "/api/v1/quotas/"),
    Operation(PAI_STUDIO, "GetQuota", "GET", "/api/v1/quotas/{}"),
    Operation(PAI_STUDIO, "ListQuotaWorkloads", "GET", "/api/v1/quotas/{}/workloads"),
    Operation(AI_WORKSPACE, "ListImages", "GET", "/api/v1/images"),
    Operation(AI_WORKSPACE, "AddImage", "POST", "/api/v1/images"),
    Operation(AI_WORKSPACE, "GetImage", "GET", "/api/v1/images/{}"),
    Operation(AI_WORKSPACE, "RemoveImage", "DELETE", "/api/v1/images/{}"),
    Operation(AI_WORKSPACE, "ListImageLabels", "GET", "/api/v1/image/labels"),
    Operation(AI_WORKSPACE, "ListWorkspaces", "GET", _WORKSPACES),
    Operation(AI_WORKSPACE, "GetWorkspace", "GET", f"{_WORKSPACES}/{{}}"),
    Operation(AI_WORKSPACE, "GetDefaultWorkspace", "GET", "/api/v1/defaultWorkspaces"),
    Operation(AI_WORKSPACE, "ListConfigs", "GET", f"{_WORKSPACES}/{{}}/configs"),
    Operation(AI_WORKSPACE, "UpdateConfigs", "PUT", f"{_WORKSPACES}/{{}}/configs"),
    Operation(AI_WORKSPACE, "CreateDataset", "POST", _DATASETS),
    Operation(AI_WORKSPACE, "ListDatasets", "GET", _DATASETS),
    Operation(AI_WORKSPACE, "GetDataset", "GET", f"{_DATASETS}/{{}}"),
    Operation(AI_WORKSPACE, "DeleteDataset", "DELETE", f"{_DATASETS}/{{}}"),
    Operation(AI_WORKSPACE, "CreateDatasetVersion", "POST", f"{_DATASETS}/{{}}/versions"),
    Operation(AI_WORKSPACE, "ListDatasetVersions", "GET", f"{_DATASETS}/{{}}/versions"),
    Operation(AI_WORKSPACE, "GetDatasetVersion", "GET", f"{_DATASETS}/{{}}/versions/{{}}"),
    Operation(AI_WORKSPACE, "CreateExperiment", "POST", _EXPERIMENTS),
    Operation(AI_WORKSPACE, "ListExperiment", "GET", _EXPERIMENTS),
    Operation(AI_WORKSPACE, "GetExperiment", "GET", f"{_EXPERIMENTS}/{{}}"),
    Operation(AI_WORKSPACE, "UpdateExperiment", "PUT", f"{_EXPERIMENTS}/{{}}"),
    Operation(AI_WORKSPACE, "DeleteExperiment", "DELETE", f"{_EXPERIMENTS}/{{}}"),
    Operation(AI_WORKSPACE, "CreateModel", "POST", _MODELS),
    Operation(AI_WORKSPACE, "ListModels", "GET", _MODELS),
    Operation(AI_WORKSPACE, "GetModel", "GET", _MODEL),
    Operation(AI_WORKSPACE, "UpdateModel", "PUT", _MODEL),
    Operation(AI_WORKSPACE, "DeleteModel", "DELETE", _MODEL),
    Operation(AI_WORKSPACE, "CreateModelLabels", "POST", f"{_MODEL}/labels"),
    Operation(AI_WORKSPACE, "DeleteModelLabels", "DELETE", f"{_MODEL}/labels"),
    Operation(AI_WORKSPACE, "CreateModelVersion", "POST", f"{_MODEL}/versions"),
    Operation(AI_WORKSPACE, "ListModelVersions", "GET", f"{_MODEL}/versions"),
    Operation(AI_WORKSPACE, "GetModelVersion", "GET", _MODEL_VERSION),
    Operation(AI_WORKSPACE, "UpdateModelVersion", "PUT", _MODEL_VERSION),
    Operation(AI_WORKSPACE, "DeleteModelVersion", "DELETE", _MODEL_VERSION),
    Operation(AI_WORKSPACE, "CreateModelVersionLabels", "POST", f"{_MODEL_VERSION}/labels"),
    Operation(AI_WORKSPACE, "DeleteModelVersionLabels", "DELETE", f"{_MODEL_VERSION}/labels"),
    Operation(DLC, "ListEcsSpecs", "GET", "/api/v1/ecsspecs"),
    Operation(EAS, "CreateService", "POST", _SERVICES),
    Operation(EAS, "ListServices", "GET", _SERVICES),
    Operation(EAS, "DescribeService", "GET", _SERVICE),
    Operation(EAS, "UpdateService", "PUT", _SERVICE),
    Operation(EAS, "DeleteService", "DELETE", _SERVICE),
    Operation(EAS, "UpdateServiceVersion", "PUT", f"{_SERVICE}/version"),
    Operation(EAS, "ReleaseService", "PUT", f"{_SERVICE}/release"),
    Operation(EAS, "StartService", "PUT", f"{_SERVICE}/start"),
    Operation(EAS, "StopService", "PUT", f"{_SERVICE}/stop"),
    Operation(EAS, "RestartService", "PUT", f"{_SERVICE}/restart"),
    Operation(EAS, "UpdateServiceLabel", "PUT", f"{_SERVICE}/label"),
    Operation(EAS, "DeleteServiceLabel", "DELETE", f"{_SERVICE}/label"),
    Operation(EAS, "ListServiceVersions", "GET", f"{_SERVICE}/versions"),
    Operation(EAS, "ListServiceInstances", "GET", f"{_SERVICE}/instances"),
    Operation(EAS, "ListServiceContainers", "GET", f"{_SERVICE}/instances/{{}}/containers"),
    Operation(EAS, "DescribeServiceEvent", "GET", f"{_SERVICE}/events"),
    Operation(EAS, "DescribeServiceLog", "GET", f"{_SERVICE}/logs"),
    Operation(EAS, "DescribeServiceDiagnosis", "GET", f"{_SERVICE}/diagnosis"),
    Operation(EAS, "DescribeServiceEndpoints", "GET", f"{_SERVICE}/endpoints"),
    Operation(EAS, "ListGroups", "GET", _GROUPS),
    Operation(EAS, "DescribeGroup", "GET", f"{_GROUPS}/{{}}/{{}}"),
    Operation(EAS, "UpdateGroup", "PUT", f"{_GROUPS}/{{}}/{{}}"),
    Operation(EAS, "DescribeGroupEndpoints", "GET", f"{_GROUPS}/{{}}/{{}}/endpoints"),
    Operation(EAS, "DescribeMachineSpec", "GET", "/api/v2/public/instance_types"),
)


def operations_of(method: str, path: str) -> tuple[Operation, ...]:
    """Return the operations that a request may be for; more than one when products share the path."""
    return tuple(operation for operation in OPERATIONS if operation.matches(method, path))
