from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.jobs.checks import CreateJobValidator
from airflow_provider_pai.local.jobs.file_systems import FileSystems
from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.local.jobs.reference_resolver import ReferenceResolver

DATASETS = {"d-known": "oss://bkt/known/", "d-file": "oss://bkt/file.csv", "d-lost": "oss://lost/x/"}


def dataset_uri(dataset_id: str, version: str) -> str:
    if dataset_id not in DATASETS:
        raise LookupError(f"there is no dataset {dataset_id}")
    return DATASETS[dataset_id]


EXPERIMENT = {"Name": "known", "ArtifactUri": "oss://bkt/exp/", "TensorboardLogUri": "oss://bkt/exp/tensorboard/"}
CHECKS = CreateJobValidator(
    ecs_spec_known={"ecs.c6.large"}.__contains__,
    bucket_exists={"bkt"}.__contains__,
    workspace_exists={"12345"}.__contains__,
    image_known={"Odd Name From The Catalog"}.__contains__,
    resolver=ReferenceResolver(dataset_uri, {"exp-known": EXPERIMENT}.get, Quota("quota1")),
)
SHARE: dict[str, Any] = {"ResourceId": "quota1", "InstanceCount": 1, "InstanceSpec": {"CPU": "0.5", "Memory": "8"}}
PRICE: dict[str, Any] = {"SpotStrategy": "SpotWithPriceLimit", "SpotDiscountLimit": 0.5}
FLOAT: dict[str, Any] = {"Name": "lr", "Type": "Float"}
STRING: dict[str, Any] = {"Name": "lr", "Type": "String"}
ALIPAI: dict[str, Any] = {
    "AlgorithmSpec": {
        "CodeDir": {
            "LocationType": "oss",
            "LocationValue": {"Bucket": "bkt", "Key": "pai/src/", "Endpoint": "oss-cn-hangzhou.aliyuncs.com"},
        },
        "Command": ["sh", "-c", "python train.py $PAI_USER_ARGS"],
        "HyperParameters": [],
        "Image": "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
        "InputChannels": [{"Name": "train", "Required": False}],
        "JobType": "PyTorchJob",
        "MetricDefinitions": [{"Name": "acc", "Regex": "acc=(.*)"}],
        "OutputChannels": [
            {"Name": "model", "Required": True, "Description": "..."},
            {"Name": "tensorboard", "Required": False, "Properties": {"ossAppendable": "true"}},
        ],
        "ResourceRequirements": [],
        "SupportsDistributedTraining": True,
    },
    "ComputeResource": {"EcsCount": 1, "EcsSpec": "ecs.c6.large"},
    "Environments": {"E": "1"},
    "ExperimentConfig": {},
    "HyperParameters": [{"Name": "lr", "Value": "0.1"}],
    "InputChannels": [{"Name": "train", "InputUri": "oss://bkt.oss-cn-hangzhou.aliyuncs.com/data/train.csv"}],
    "Labels": [{"Key": "a", "Value": "b"}],
    "OutputChannels": [{"Name": "model", "OutputUri": "oss://bkt/pai/training_job/model/"}],
    "PythonRequirements": ["numpy==1.26.4"],
    "Scheduler": {"MaxRunningTimeInSeconds": 3600},
    "TrainingJobName": "demo job-20261124-001853-680",
    "UserVpc": {},
    "WorkspaceId": "12345",
}
"""What alipai 0.4.13 sends, shortened."""
ABSENT = object()
NAS = "nas://fs.cn-hangzhou/data/"


def body(changes: Mapping[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(ALIPAI)
    for path, value in changes.items():
        *parents, name = path.split(".")
        target = changed
        for parent in parents:
            target = target[parent]
        if value is ABSENT:
            del target[name]
        else:
            target[name] = value
    return changed


def test_the_body_that_alipai_sends_is_taken_unchanged() -> None:
    assert CHECKS.validate(ALIPAI) == ALIPAI


@pytest.mark.parametrize(
    "changes",
    [
        {"AlgorithmSpec.CodeDir": ABSENT},
        {"AlgorithmSpec.Image": "Odd Name From The Catalog"},
        {"AlgorithmSpec.Image": "localhost:5000/team/image@sha256:" + "a" * 64},
        {"AlgorithmSpec.CodeDir.LocationType": "OSS", "AlgorithmSpec.CodeDir.LocationValue.Key": "x/source.tar.gz"},
        {"ComputeResource.UseSpotInstance": True, "ComputeResource.SpotSpec": {"SpotStrategy": "SpotAsPriceGo"}},
        {"Scheduler": {"MaxRunningTimeInMinutes": 5}, "Labels": []},
        {"Scheduler": {"MaxRunningTimeInMinutes": 5, "MaxRunningTimeInSeconds": 300}},
        {"ComputeResource.SpotSpec": {"SpotStrategy": "SpotWithPriceLimit", "SpotDiscountLimit": 1}},
        {"ComputeResource.SpotSpec": {"SpotStrategy": "SpotWithPriceLimit", "SpotDiscountLimit": 0.29}},
        {"ComputeResource": SHARE, "Priority": 9, "ResourceType": "General"},
        {"ComputeResource": SHARE | {"EcsSpec": "", "EcsCount": 0, "UseSpotInstance": False, "SpotSpec": {}}},
        {"InputChannels": [{"Name": "train", "DatasetId": "d-known", "Options": "{}", "RoleArn": ""}]},
        {"OutputChannels": [{"Name": "model", "DatasetId": "d-known", "VersionName": "v1"}]},
        {"ExperimentConfig": {"ExperimentId": "exp-known"}},
        {"AlgorithmSpec.ProgressDefinitions": {"OverallProgress": {"Regex": "(.*)%", "Description": "percent"}}},
        {"AlgorithmSpec.JobType": "TFJob", "AlgorithmSpec.SupportedInstanceTypes": ["ecs.c6.large"]},
        {"AlgorithmSpec.InputChannels": [{"Name": "train", "SupportedChannelTypes": ["OSS", "nas"]}]},
        {"AlgorithmSpec.HyperParameters": [FLOAT | {"Range": {"Minimum": "0.1", "Maximum": "0.1"}}]},
        {"AlgorithmSpec.HyperParameters": [{"Name": "lr", "Type": "String", "Range": {"Enum": ["0.1", "x"]}}]},
        {"TrainingJobName": "x" * 256, "Labels": [{"Key": "é" * 64, "Value": "v" * 128}, {"Key": "b"}]},
    ],
)
def test_good_bodies_are_taken(changes: Mapping[str, Any]) -> None:
    assert CHECKS.validate(body(changes)) == body(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"UserVpc": {"VpcId": "", "ExtendedCIDRs": []}},
        {"Settings": {"EnableRDMA": False, "Tags": {}, "JobReservedMinutes": 0}},
        {"RoleArn": "", "CredentialConfig": {"EnableCredentialInject": False, "CredentialConfigItems": []}},
        {"AssignNodeSpec": {"EnableAssignNode": False, "NodeNames": ""}},
        {"AlgorithmName": "", "AlgorithmVersion": "", "CodeDir": {}},
        {"AlgorithmSpec.ResourceRequirements": [{}], "AlgorithmSpec.ComputeResource": {"Policy": {}}},
    ],
)
def test_members_that_mean_nothing_are_taken(changes: Mapping[str, Any]) -> None:
    assert CHECKS.validate(body(changes)) == body(changes)


@pytest.mark.parametrize(
    "path",
    [
        "WorkspaceId",
        "TrainingJobName",
        "AlgorithmSpec",
        "AlgorithmSpec.Command",
        "AlgorithmSpec.Image",
        "AlgorithmSpec.JobType",
        "ComputeResource",
        "ComputeResource.EcsSpec",
    ],
)
def test_required_members_are_asked_for_by_name(path: str) -> None:
    with pytest.raises(ErrorResponse) as refused:
        CHECKS.validate(body({path: ABSENT}))
    assert (refused.value.status, refused.value.code) == (400, "MissingParameter")
    assert refused.value.message == f"{path} is required."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Unknown": 1}, "Unknown is no member"),
        ({"AlgorithmSpec.Inage": "x"}, "AlgorithmSpec.Inage is no member"),
        ({"WorkspaceId": 12345}, "WorkspaceId must be a string"),
        ({"Environments": {"A": 1}}, "Environments.A must be a string"),
        ({"HyperParameters": [{"Name": "a", "Value": 0.1}]}, "HyperParameters[0].Value must be a string"),
        ({"HyperParameters": {}}, "HyperParameters must be a list"),
        ({"ComputeResource.EcsCount": True}, "EcsCount must be an integer"),
        ({"ComputeResource.EcsCount": "1"}, "EcsCount must be an integer"),
        ({"ComputeResource.EcsCount": 0}, "EcsCount is invalid"),
        ({"ComputeResource.EcsCount": 1000}, "EcsCount is invalid"),
        ({"ComputeResource.EcsSpec": "ecs.none"}, "no instance type ecs.none"),
        ({"ComputeResource.ResourceId": "quota1"}, "EcsSpec and ComputeResource.ResourceId contradict"),
        ({"AlgorithmSpec.Command": "python train.py"}, "Command must be a list"),
        ({"AlgorithmSpec.Image": "not an image"}, "no image URI"),
        ({"AlgorithmSpec.CodeDir.LocationType": "NAS"}, "reads code from OSS"),
        ({"AlgorithmSpec.CodeDir.LocationValue.Key": "src/code.zip"}, "no folder (ending in /) and no .tar.gz"),
        ({"AlgorithmSpec.CodeDir.LocationValue.Bucket": "none"}, "CodeDir is invalid: there is no bucket none"),
        ({"AlgorithmSpec.CodeDir.LocationValue": {}}, "LocationValue.Key"),
        ({"AlgorithmSpec.MetricDefinitions": [{"Name": "a", "Regex": "("}]}, "can't be read"),
        ({"AlgorithmSpec.MetricDefinitions": [{"Name": "a", "Regex": "a"}]}, "one group"),
        ({"InputChannels": [{"Name": "a", "InputUri": NAS}]}, "local PAI has no NAS"),
        ({"InputChannels": [{"Name": "a", "InputUri": "odps://p/tables/t"}]}, "local PAI has no MaxCompute"),
        ({"InputChannels": [{"Name": "a", "DatasetId": "d-1"}]}, "there is no dataset d-1"),
        ({"InputChannels": [{"Name": "a", "InputUri": "http://x"}]}, "InputChannels a: InputUri is invalid"),
        ({"InputChannels": [{"Name": "a", "InputUri": "oss://none/x"}]}, "there is no bucket none"),
        ({"InputChannels": [{"Name": "../a", "InputUri": "oss://bkt/x"}]}, "no channel name"),
        ({"InputChannels": [{"InputUri": "oss://bkt/x"}]}, "InputChannels[0].Name is required"),
        ({"OutputChannels": [{"Name": ".", "OutputUri": "oss://bkt/x/"}]}, "no channel name"),
        ({"OutputChannels": [{"Name": "a"}]}, "OutputUri is required"),
        ({"OutputChannels": [{"Name": "a", "OutputUri": NAS}]}, "local PAI has no NAS"),
        ({"HyperParameters": [{"Name": "a-b", "Value": ""}, {"Name": "a_b", "Value": ""}]}, "one variable"),
        ({"HyperParameters": [{"Name": "a", "Value": ""}, {"Name": "a", "Value": ""}]}, "'a' twice"),
        ({"HyperParameters": [{"Name": "a", "Value": "\0"}]}, "NUL"),
        ({"Environments": {"A B": "1"}}, "no name of an environment variable"),
        ({"PythonRequirements": ["a\nb"]}, "not one line"),
        ({"PythonRequirements": ["a\x0c-r b"]}, "not one line"),
        ({"PythonRequirements": ["./evil"]}, "'./evil' is no name in an index"),
        ({"Scheduler": {"MaxRunningTimeInSeconds": -1}}, "can't be negative"),
        ({"AlgorithmName": "x", "AlgorithmSpec": ABSENT}, "no registered algorithms"),
        ({"ExperimentConfig": {"ExperimentId": "e"}}, "there is no experiment e"),
        ({"WorkspaceId": "9"}, "no workspace 9"),
        ({"Scheduler": {"MaxRunningTimeInMinutes": 5, "MaxRunningTimeInSeconds": 301}}, "contradict each other"),
        ({"TrainingJobName": "x" * 257}, "at most 256 printable characters"),
        ({"TrainingJobName": "a\nb"}, "at most 256 printable characters"),
        ({"Labels": [{"Key": "k" * 129, "Value": ""}]}, "at most 128 bytes"),
        ({"Labels": [{"Key": "k", "Value": "é" * 65}]}, "at most 128 bytes"),
        ({"Labels": [{"Value": "v"}]}, "Labels[0].Key is required"),
        ({"Labels": [{"Key": "a"}, {"Key": "a"}]}, "'a' twice"),
        ({"AlgorithmSpec.JobType": "pytorchjob"}, "JobType is invalid"),
        ({"AlgorithmSpec.JobType": "TFJob", "ComputeResource.EcsCount": 2}, "several instances of a PyTorchJob only"),
        ({"AlgorithmSpec.SupportsDistributedTraining": False, "ComputeResource.EcsCount": 2}, "is false"),
        ({"AlgorithmSpec.SupportedInstanceTypes": ["ecs.g6.large"]}, "SupportedInstanceTypes are ecs.g6.large"),
        ({"AlgorithmSpec.CodeDir.LocationType": "FTP"}, "must be OSS or NAS, not 'FTP'"),
        ({"AlgorithmSpec.OutputChannels": [{"Name": "logs", "Required": True}]}, "OutputChannels logs is required"),
        ({"AlgorithmSpec.InputChannels": [{"Required": True}]}, "InputChannels: Name is required"),
        (
            {"AlgorithmSpec.InputChannels": [{"Name": "train", "SupportedChannelTypes": ["nas"]}]},
            "supports nas, not oss",
        ),
        ({"AlgorithmSpec.ProgressDefinitions": {"OverallProgress": {"Regex": "x"}}}, "OverallProgress must have one"),
        ({"AlgorithmSpec.ProgressDefinitions": {"RemainingTime": {}}}, "RemainingTime has no Regex"),
        ({"AlgorithmSpec.ProgressDefinitions": {"Speed": {"Regex": "(x)"}}}, "ProgressDefinitions.Speed is no member"),
        ({"AlgorithmSpec.HyperParameters": [{"Name": "lr"}]}, "Name and Type are required"),
        ({"AlgorithmSpec.HyperParameters": [{"Name": "lr", "Type": "float"}]}, "Type is invalid"),
        ({"AlgorithmSpec.HyperParameters": [{"Name": "lr", "Type": "Int"}]}, "'0.1' is no value of its type, Int"),
        ({"AlgorithmSpec.HyperParameters": [{"Name": "lr", "Type": "Boolean"}]}, "no value of its type, Boolean"),
        ({"AlgorithmSpec.HyperParameters": [FLOAT | {"Name": "x", "Required": True}]}, "HyperParameters x is required"),
        ({"AlgorithmSpec.HyperParameters": [FLOAT | {"Range": {"Maximum": "0.01"}}]}, "out of the range"),
        (
            {"AlgorithmSpec.HyperParameters": [FLOAT | {"Range": {"Minimum": "0.1", "ExclusiveMinimum": True}}]},
            "out of",
        ),
        ({"AlgorithmSpec.HyperParameters": [FLOAT | {"Range": {"Minimum": "low"}}]}, "Minimum is invalid"),
        ({"AlgorithmSpec.HyperParameters": [FLOAT | {"Range": {"Enum": ["1"]}}]}, "out of the range"),
        ({"AlgorithmSpec.HyperParameters": [FLOAT | {"Range": {"Pattern": "x"}}]}, "Pattern is not supported"),
        ({"AlgorithmSpec.HyperParameters": [STRING | {"Range": {"MaxLength": 2}}]}, "out of the range"),
        ({"ComputeResource.SpotSpec": {"SpotStrategy": "SpotWithPriceLimit"}}, "SpotDiscountLimit is required"),
        ({"ComputeResource.SpotSpec": {"SpotDiscountLimit": 0.5}}, "SpotStrategy is invalid"),
        ({"ComputeResource.SpotSpec": {"SpotStrategy": "Cheap"}}, "SpotStrategy is invalid"),
        (
            {"ComputeResource.SpotSpec": PRICE | {"SpotStrategy": "SpotAsPriceGo"}},
            "only SpotWithPriceLimit has a limit",
        ),
        ({"ComputeResource.SpotSpec": PRICE | {"SpotDiscountLimit": 0}}, "must be above 0, at most 1"),
        ({"ComputeResource.SpotSpec": PRICE | {"SpotDiscountLimit": 1.01}}, "must be above 0, at most 1"),
        ({"ComputeResource.SpotSpec": PRICE | {"SpotDiscountLimit": 0.123}}, "at most 2 decimal places"),
        ({"ComputeResource.SpotSpec": PRICE, "ComputeResource.UseSpotInstance": False}, "contradict each other"),
        ({"ResourceType": "Lingjun"}, "local PAI has no Lingjun resources"),
        ({"ResourceType": "lingjun"}, "ResourceType is invalid"),
        ({"OutputChannels": [{"Name": "a", "DatasetId": "d-file"}]}, "dataset d-file is a file"),
        ({"InputChannels": [{"Name": "a", "DatasetId": "d-lost"}]}, "there is no bucket lost"),
    ],
)
def test_bad_bodies_are_refused_with_the_members_name(changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ErrorResponse) as refused:
        CHECKS.validate(body(changes))
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")
    assert said in refused.value.message


@pytest.mark.parametrize(
    "line",
    [
        *(
            ".",
            "evil/",
            "/evil-1.0.whl",
            "evil-1.0.whl",
            "evil.tar.gz[x]",
            "~/evil",
            "evil-1.0.zip; python_version > '3'",
        ),
        *("file:///evil", "file:evil", "FILE:evil", "evil @ file:///evil", "evil @ ./evil", "git+file:///evil"),
        *("evil[x] @ /evil", "git+ext::sh", "..\\evil", ".\\", "${HOME}", "https://${SECRET}@x.y/z"),
        *("-e .", "-r other.txt", " -cx", "--index-url=https://x.y", "numpy -r other.txt", "numpy --global-option=x"),
    ],
)
def test_requirements_that_reach_for_this_machine_are_refused(line: str) -> None:
    with pytest.raises(ErrorResponse, match="PythonRequirements is invalid") as refused:
        CHECKS.validate(body({"PythonRequirements": [line]}))
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "line",
    [
        *(
            "numpy",
            "numpy == 2.1.0, != 2.0",
            "ruamel.yaml[jinja2]>=0.1",
            "torch>=2; python_version < '3.13'",
            "a (>=1)",
        ),
        *(
            "pkg @ https://x.y/pkg.whl",
            "pkg[a] @ git+https://x.y/z.git@v1",
            "git+ssh://git@x.y/z.git",
            "https://x.y/z.zip",
        ),
        *("torch==2.1.0+cpu  # see ./why", "# only a comment", "numpy==2.1.0 --hash=sha256:" + "a" * 64, "numpy~=2.0"),
    ],
)
def test_requirements_of_an_index_or_a_server_are_taken(line: str) -> None:
    assert CHECKS.validate(body({"PythonRequirements": [line]}))["PythonRequirements"] == [line]


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_only_an_object_is_a_body(value: object) -> None:
    with pytest.raises(ErrorResponse, match="The body must be an object"):
        CHECKS.validate(value)


def test_outputs_without_a_place_go_below_that_of_the_experiment() -> None:
    job = body({"ExperimentConfig": {"ExperimentId": "exp-known"}, "OutputChannels": [{"Name": "model"}]})
    complete = CHECKS.resolver.complete(CHECKS.validate(job), "train1")
    assert complete["OutputChannels"] == [{"Name": "model", "OutputUri": "oss://bkt/exp/train1/model/"}]
    with pytest.raises(ErrorResponse, match="OutputChannels model: OutputUri is required"):
        CHECKS.validate(body({"OutputChannels": [{"Name": "model"}]}))


def test_a_file_system_that_a_folder_stands_in_for_is_a_place_of_data(tmp_path: Path) -> None:
    systems = FileSystems.of({"nas://1a2b.cn-hangzhou/data": tmp_path, "nas://1a2b.cn-hangzhou/data/deep/": tmp_path})
    checks = replace(CHECKS, resolver=replace(CHECKS.resolver, file_systems=systems), bucket_exists=lambda _: True)
    channels = {
        "InputChannels": [{"Name": "train", "InputUri": "nas://1a2b.cn-hangzhou/data/deep/x/"}],
        "OutputChannels": [{"Name": "model", "OutputUri": "nas://1a2b.cn-hangzhou/data/out/"}],
    }
    assert checks.resolver.channel_uris(checks.validate(body(channels))) == {
        "InputChannels": {"train": "oss://mounted-file-system-1/x/"},
        "OutputChannels": {"model": "oss://mounted-file-system-0/out/"},
    }
    for uri in ("nas://1a2b.cn-hangzhou/other/", "nas://1a2b.cn-hangzhou/data/../x/"):
        with pytest.raises(ErrorResponse, match="pai-local serve --mount"):
            checks.validate(body({"InputChannels": [{"Name": "train", "InputUri": uri}]}))


@pytest.mark.parametrize("uri", ["oss://bkt/", "d-abc", "nas:/x", ""])
def test_only_file_systems_can_be_stood_in_for(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ValueError, match="no URI of a NAS or CPFS file system"):
        FileSystems.of({uri: tmp_path})
    with pytest.raises(ValueError, match="is none"):
        FileSystems.of({"nas://x.y/": tmp_path / "absent"})
