"""The members that CreateTrainingJob's body may have, and the types of their values.

Names and types are those of ``alibabacloud-paistudio20220112`` 2.6.2; only ``alipai`` sends ``ResourceType``.
"""

from __future__ import annotations

from airflow_provider_pai.local.http.schema import MapOf, Schema

_LOCATION: Schema = {"LocationType": str, "LocationValue": {"Bucket": str, "Key": str, "Endpoint": str}}
_CHANNEL: Schema = {
    "Name": str,
    "Description": str,
    "Required": bool,
    "Properties": MapOf(object),
    "SupportedChannelTypes": [str],
}
_HYPERPARAMETER: Schema = {
    "Name": str,
    "Type": str,
    "DefaultValue": str,
    "Description": str,
    "DisplayName": str,
    "Required": bool,
    "Range": {
        "Enum": [str],
        "Minimum": str,
        "Maximum": str,
        "ExclusiveMinimum": bool,
        "ExclusiveMaximum": bool,
        "MinLength": int,
        "MaxLength": int,
        "Pattern": str,
    },
}
_PROGRESS: Schema = {"Regex": str, "Description": str}
_ALGORITHM: Schema = {
    "Command": [str],
    "Image": str,
    "JobType": str,
    "CodeDir": _LOCATION,
    "ComputeResource": {"Policy": {"Value": str, "Version": str}},
    "Customization": {"CodeDir": bool},
    "HyperParameters": [_HYPERPARAMETER],
    "InputChannels": [_CHANNEL],
    "OutputChannels": [_CHANNEL],
    "MetricDefinitions": [{"Name": str, "Regex": str, "Description": str}],
    "ProgressDefinitions": {"OverallProgress": _PROGRESS, "RemainingTime": _PROGRESS},
    "ResourceRequirements": [{"Key": str, "Operator": str, "Values": [str]}],
    "SupportedInstanceTypes": [str],
    "SupportsDistributedTraining": bool,
}
_ROLE: Schema = {
    "AssumeRoleFor": str,
    "AssumeUserInfo": {"AccessKeyId": str, "Id": str, "SecurityToken": str, "Type": str},
    "Policy": str,
    "RoleArn": str,
    "RoleType": str,
}
_CREDENTIALS: Schema = {
    "AliyunEnvRoleKey": str,
    "CredentialConfigItems": [{"Key": str, "Roles": [_ROLE], "Type": str}],
    "EnableCredentialInject": bool,
}
_SETTINGS: Schema = {
    "AdvancedSettings": MapOf(object),
    **dict.fromkeys(("BusinessUserId", "Caller", "Driver", "ErrorMonitoringArgs", "JobReservedPolicy"), str),
    **dict.fromkeys(("OversoldType", "PipelineId", "SanityCheckArgs"), str),
    **dict.fromkeys(("EnableErrorMonitoringInAIMaster", "EnableOssAppend", "EnableRDMA", "EnableSanityCheck"), bool),
    "EnableTideResource": bool,
    "JobReservedMinutes": int,
    "Tags": MapOf(str),
}
_DATA = {"Name": str, "DatasetId": str, "VersionName": str, "RoleArn": str}
FORM: dict[str, Schema] = {
    "WorkspaceId": str,
    "TrainingJobName": str,
    "TrainingJobDescription": str,
    "AlgorithmSpec": _ALGORITHM,
    "AlgorithmName": str,
    "AlgorithmVersion": str,
    "AlgorithmProvider": str,
    "AssignNodeSpec": {"EnableAssignNode": bool, "NodeNames": str, "AntiAffinityNodeNames": str},
    "CodeDir": MapOf(object),
    "ComputeResource": {
        "EcsSpec": str,
        "EcsCount": int,
        "ResourceId": str,
        "InstanceCount": int,
        "InstanceSpec": {"CPU": str, "GPU": str, "GPUType": str, "Memory": str, "SharedMemory": str},
        "UseSpotInstance": bool,
        "SpotSpec": {"SpotStrategy": str, "SpotDiscountLimit": float},
    },
    "CredentialConfig": _CREDENTIALS,
    "Environments": MapOf(str),
    "ExperimentConfig": {"ExperimentId": str},
    "HyperParameters": [{"Name": str, "Value": str}],
    "InputChannels": [{**_DATA, "InputUri": str, "Options": str}],
    "Labels": [{"Key": str, "Value": str}],
    "OutputChannels": [{**_DATA, "OutputUri": str}],
    "Priority": int,
    "PythonRequirements": [str],
    "ResourceType": str,
    "RoleArn": str,
    "Scheduler": {"MaxRunningTimeInMinutes": int, "MaxRunningTimeInSeconds": int},
    "Settings": _SETTINGS,
    "UserVpc": {
        "VpcId": str,
        "SwitchId": str,
        "SecurityGroupId": str,
        "ExtendedCIDRs": [str],
        "DefaultRoute": str,
    },
}
