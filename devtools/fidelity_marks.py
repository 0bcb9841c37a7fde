"""What is not served as documented: members that local PAI refuses, and those with an inferred meaning.

By operation and path. A test finds each of the refused ones refused by its name, and no other one; what is taken
without effect stands in :mod:`airflow_provider_pai.local.jobs.without_effect`.
"""

from __future__ import annotations

from collections.abc import Mapping

_NO_ALGORITHMS = "there are no registered algorithms"
_NO_ROLES = "there are no RAM roles"
_NOTHING_LIKE_IT = "there is nothing like it"
_DATASET = {
    "DatasetTaskRamRole": _NO_ROLES,
    "DryRun": "datasets are not imported",
    "ImportInfo": "datasets are not imported",
    "UserMetricsEndpoints": "datasets have no metrics",
}
REFUSED: Mapping[str, Mapping[str, str]] = {
    "CreateTrainingJob": {
        "AlgorithmName": _NO_ALGORITHMS,
        "AlgorithmProvider": _NO_ALGORITHMS,
        "AlgorithmVersion": _NO_ALGORITHMS,
        "AlgorithmSpec.HyperParameters[].Range.Pattern": "values are compared with no patterns",
        "CodeDir": _NO_ALGORITHMS,
    },
    "ListQuotas": dict.fromkeys(("ClusterType", "HasResource", "Versions"), "there is one quota"),
    "GetQuota": {"WithNodeMeta": "the quota has no nodes"},
    "ListQuotaWorkloads": {
        **dict.fromkeys(("InstanceId", "NodeName"), "the quota has no nodes"),
        "GmtPositionModifiedTimeRange": "when a place has changed is not kept",
    },
    "ListWorkspaces": dict.fromkeys(("Fields", "ModuleList"), _NOTHING_LIKE_IT),
    "ListConfigs": {"Options": _NOTHING_LIKE_IT},
    "CreateDataset": {
        **_DATASET,
        "AccessibleRoleIdList": _NO_ROLES,
        "MountAccessReadWriteRoleIdList": _NO_ROLES,
        "Provider": "there are no datasets of PAI",
    },
    "CreateDatasetVersion": _DATASET,
    "ListExperiment": {"OrderBy": "SortBy and Order do the same"},
    "ListModels": dict.fromkeys(("Collections", "Conditions", "Tag"), _NOTHING_LIKE_IT),
    "CreateService": {"Develop": "there is no development mode"},
    "DescribeServiceLog": {
        "StartTime": "lines have no times",
        "EndTime": "lines have no times",
        "Previous": "lines of all starts are kept together",
    },
}
INFERRED: Mapping[str, Mapping[str, str]] = {
    "CreateTrainingJob": {
        "TrainingJobName": "its greatest length",
        "AlgorithmSpec.HyperParameters[].DefaultValue": "a job that gives no value has it",
        "OutputChannels[].OutputUri": "the folders of a job in a place that its experiment decides",
        "InputChannels[].VersionName": "a dataset's first version without it",
        "Labels[].Key": "its greatest length",
        "Labels[].Value": "its greatest length",
    },
    "ListTrainingJobs": {
        "TrainingJobName": "part of a name, in any case",
        "PageSize": "default and greatest value",
        "SortBy": "which members there are",
    },
    "ListTrainingJobLogs": {"PageSize": "default and greatest value"},
    "GetTrainingJobLatestMetrics": {"Names": "joined by commas"},
    "ListQuotaWorkloads": {
        "PageSize": "its default",
        "SortBy": "which members there are",
        "WorkloadIds": "a training job's own id",
        "WorkloadNames": "joined by commas",
        "WorkloadType": "that of training jobs",
    },
    "ListImages": {"WorkspaceId": "the default workspace without it"},
    "ListExperiment": {"PageToken": "numbers of rows"},
    "ListServices": {"PageSize": "greatest value"},
    "UpdateTrainingJobLabels": {"Labels[].Key": "its greatest length", "Labels[].Value": "its greatest length"},
}
