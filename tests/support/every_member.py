"""A local PAI with something in it, and each operation asked with and without each of its members."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import APIError
from airflow_provider_pai.local.http.operations import OPERATIONS, Operation
from airflow_provider_pai.local.http.query_names import QUERY_NAMES
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES
from devtools.sdk_members import Member
from tests.support.jobs import IMAGE
from tests.support.settled_services import SettledServices

Body = dict[str, Any]

ACTIONS = {operation.action: operation for operation in OPERATIONS}
_TEXTS = ("zzz-none", "1", "2", "true", "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "DESC", "ASC", "zzz=none")
_VALUES: Mapping[str, tuple[Any, ...]] = {
    "str": (*_TEXTS, '{"zzz":"none"}'),
    "int": (7, 2),
    "float": (0.5,),
    "bool": (True, False),
}
_CHANGING = re.compile(
    r'"RequestId": "[^"]*"|\b(?:train|d-|exp-|image-|model-|eas-)[0-9a-z]{8,}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|\bn\d+\b'
    r"|\b[0-9a-zA-Z+/=]{32,}"
)
_HYPERPARAMETER = {"Name": "lr", "Type": "Float", "DefaultValue": "0.5", "Range": {"Minimum": "0"}}
_JOB: Body = {
    "TrainingJobName": "n0",
    "AlgorithmSpec": {
        "Command": ["sh", "-c", "true"],
        "Image": IMAGE,
        "JobType": "PyTorchJob",
        "HyperParameters": [_HYPERPARAMETER],
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        "InputChannels": [{"Name": "train"}],
        "OutputChannels": [{"Name": "model"}],
        "ProgressDefinitions": {"OverallProgress": {"Regex": "(.*)%"}, "RemainingTime": {"Regex": "(.*) s"}},
    },
    "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
    "HyperParameters": [{"Name": "lr", "Value": "0.1"}],
    "Labels": [{"Key": "a", "Value": "b"}],
}
_SERVICE: Body = {
    "name": "n0",
    "metadata": {"name": "n0", "instance": 1, "group": "group_a"},
    "containers": [{"image": IMAGE, "port": 8000, "script": "true"}],
    "cloud": {"computing": {"instance_type": "ecs.c6.large"}},
}


class EveryMember:
    """Asks one server.

    Args:
        pai: a server that runs one job at a time.
        fleet: what its services become at once.
    """

    def __init__(self, pai: LocalPAI, fleet: SettledServices) -> None:
        ready = pai.ready
        keys = KeyPair(ready.access_key_id, ready.access_key_secret)
        config = ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
        self.client = PAIClient(config)
        self._workspace_id = ready.workspace_id
        self._folder = f"oss://{ready.bucket}/folder/"
        self._fleet = fleet
        self._count = 0
        self._paths: dict[str, str] = {}
        self._fill()

    def send(self, action: str, path: str = "", query: Mapping[str, str] | None = None, body: Any = None) -> Body:
        """Return the answer of an operation; of one that is refused its code and message."""
        operation = ACTIONS[action]
        call: Call[Body] = Call(
            operation.service, action, operation.method, path or operation.path, dict, query=query or {}, body=body
        )
        try:
            return self.client.send(call, attempts=1)
        except APIError as error:
            return {"Error": str(error)}

    def hears(self, operation: Operation, member: Member) -> bool:
        """Tell whether a member changes the answer or what is then to be seen, or is refused by its name."""
        if member.path in QUERY_NAMES.get(operation.action, ()):
            return self._hears_parameter(operation, member)
        return self._hears_in_body(operation, member)

    def refuses(self, operation: Operation, member: Member) -> bool:
        """Tell whether a member is refused because local PAI does not have it."""
        query = {"MetricType": "CpuCoreUsage"} if "InstanceMetrics" in operation.action else {}
        if member.path in QUERY_NAMES.get(operation.action, ()):
            answers = [self._asked(operation.action, {**query, member.path: value}) for value in ("zzz-none", "true")]
        else:
            answers = []
            for value in _VALUES.get(member.kind, ({"zzz": "none"},))[:2]:
                body = self.body(operation.action)
                put(body, member.path, value)
                answers.append(self._done(operation.action, body))
        return any("not supported" in answer.get("Error", "") for answer in answers)

    def _hears_parameter(self, operation: Operation, member: Member) -> bool:
        action, query = (
            operation.action,
            {"MetricType": "CpuCoreUsage"} if "InstanceMetrics" in operation.action else {},
        )
        before = self._asked(action, query)
        if "Error" in before and operation.method == "GET":
            raise AssertionError(f"{action} is refused without {member.path}: {before['Error']}")
        for value in (*_VALUES["str"], "false"):
            after = self._asked(action, {**query, member.path: value})
            if _is_heard(before, after, member, value):
                return True
        return False

    def _asked(self, action: str, query: Mapping[str, str]) -> Body:
        body = self.body(action) if ACTIONS[action].method in ("POST", "PUT") else None
        return self.send(action, self._path(action), query, body)

    def _hears_in_body(self, operation: Operation, member: Member) -> bool:
        before = self._done(operation.action, self.body(operation.action))
        if "Error" in before:
            raise AssertionError(f"{operation.action} is refused: {before['Error']}")
        for value in _VALUES.get(member.kind, ({"zzz": "none"}, "zzz")):
            body = self.body(operation.action)
            put(body, member.path, value)
            if _is_heard(before, self._done(operation.action, body), member, value):
                return True
        return False

    def _done(self, action: str, body: Body) -> Body:
        """Return the answer to a change, and what is to be seen then."""
        path = self._path(action)
        answer = self.send(action, path, body=body)
        if "Error" in answer:
            return answer
        shown = {name: value for name, value in answer.items() if name != "RequestId"}
        reader, read_path = _READERS[action]
        where = re.sub(r"/[^/]+/\.\.$", "", read_path.format(path=path, **_ids(answer)))
        queries: dict[str, tuple[Body, ...]] = {
            "GetImage": ({"Verbose": "true"},),
            "ListConfigs": ({}, {"CategoryName": _TEXTS[0]}),
        }
        return {"Answer": shown, "Then": [self.send(reader, where, query) for query in queries.get(reader, ({},))]}

    def _path(self, action: str) -> str:
        return self._paths.get(action, "")

    def body(self, action: str) -> Body:
        """Return a body that an operation takes."""
        self._count += 1
        name = f"n{self._count}"
        place = {"DataSourceType": "OSS", "Property": "DIRECTORY", "Uri": self._folder, "Labels": [{"Key": "k"}]}
        label = {"Labels": [{"Key": "k", "Value": "v"}]}
        bodies: dict[str, Body] = {
            "CreateTrainingJob": {
                **_JOB,
                "WorkspaceId": self._workspace_id,
                "TrainingJobName": name,
                "InputChannels": [{"Name": "train", "InputUri": self._folder}],
                "OutputChannels": [{"Name": "model", "OutputUri": self._folder}],
            },
            "UpdateTrainingJobLabels": label,
            "AddImage": {"Name": name, "ImageUri": "x/y:1", **label},
            "UpdateConfigs": {"Configs": [{"ConfigKey": "a", "ConfigValue": "b"}]},
            "CreateDataset": {"Name": name, **place, "VersionLabels": [{"Key": "k"}]},
            "CreateDatasetVersion": place,
            "CreateExperiment": {"Name": name, "WorkspaceId": self._workspace_id, "Labels": [{"Key": "k"}]},
            "UpdateExperiment": {"Accessibility": "PRIVATE"},
            "CreateModel": {"ModelName": name, **label, "Tag": [{"Key": "k", "Value": "v"}]},
            "UpdateModel": {"ModelDescription": "d"},
            "CreateModelLabels": label,
            "CreateModelVersion": {"Uri": self._folder, **label},
            "UpdateModelVersion": {"VersionDescription": "d"},
            "CreateModelVersionLabels": label,
            "CreateService": {**_SERVICE, "name": name, "metadata": {**_SERVICE["metadata"], "name": name}},
            "UpdateService": {"metadata": {"instance": 1}},
            "UpdateServiceVersion": {"Version": 1},
            "ReleaseService": {"Weight": 50},
            "UpdateServiceLabel": {"Labels": {"k": "v"}},
        }
        return copy.deepcopy(bodies[action])

    def _fill(self) -> None:
        """Make two of each thing, and remember where the operations on one find it."""
        prints = {"Command": ["sh", "-c", "echo loss=1; echo loss=2; echo more=2"]}
        metrics = {"MetricDefinitions": [{"Name": name, "Regex": f"{name}=(.*)"} for name in ("loss", "more")]}
        for _ in range(2):
            body = self.body("CreateTrainingJob")
            body["AlgorithmSpec"] |= {**prints, **metrics}
            del body["InputChannels"], body["AlgorithmSpec"]["InputChannels"]
            job_id = self.send("CreateTrainingJob", body=body)["TrainingJobId"]
            self._wait(job_id)
        job = f"/api/v1/trainingjobs/{job_id}"
        self._job(job, job_id)
        body["AlgorithmSpec"]["Command"] = ["sleep", "600"]
        self.send("CreateTrainingJob", body={**body, "TrainingJobName": "the one that runs"})
        share = {"ResourceId": "quotalocalpai01", "InstanceCount": 1, "InstanceSpec": {"CPU": "1", "Memory": "1"}}
        for name in ("the first that waits", "the second that waits"):
            self.send("CreateTrainingJob", body={**body, "TrainingJobName": name, "ComputeResource": share})
        self._workspace(self._twice("AddImage")["ImageId"], self._twice("CreateExperiment")["ExperimentId"])
        self._datasets("/api/v1/datasets/" + self._twice("CreateDataset")["DatasetId"])
        self._models("/api/v1/models/" + self._twice("CreateModel")["ModelId"])
        self._twice("CreateService")
        self._services()

    def _twice(self, action: str, path: str = "") -> Body:
        self.send(action, path, body=self.body(action))
        return self.send(action, path, body=self.body(action))

    def _wait(self, job_id: str) -> None:
        while self.send("GetTrainingJob", f"/api/v1/trainingjobs/{job_id}")["Status"] not in TERMINAL_STATUSES:
            time.sleep(0.05)

    def _job(self, job: str, job_id: str) -> None:
        self._paths |= {
            "GetTrainingJob": job,
            "ListTrainingJobLogs": f"{job}/logs",
            "ListTrainingJobEvents": f"{job}/events",
            "ListTrainingJobInstanceEvents": f"{job}/instances/{job_id}-master-0/events",
            "ListTrainingJobMetrics": f"{job}/metrics",
            "GetTrainingJobLatestMetrics": f"{job}/latestmetrics",
            "ListTrainingJobInstanceMetrics": f"{job}/instancemetrics",
            "UpdateTrainingJobLabels": f"{job}/labels",
            "DeleteTrainingJobLabels": f"{job}/labels",
            "GetQuota": "/api/v1/quotas/quotalocalpai01",
            "ListQuotaWorkloads": "/api/v1/quotas/quotalocalpai01/workloads",
        }

    def _workspace(self, image_id: str, experiment_id: str) -> None:
        workspace = f"/api/v1/workspaces/{self._workspace_id}"
        experiment = f"/api/v1/experiments/{experiment_id}"
        self._paths |= {
            "GetImage": f"/api/v1/images/{image_id}",
            "GetWorkspace": workspace,
            **dict.fromkeys(("ListConfigs", "UpdateConfigs"), f"{workspace}/configs"),
            **dict.fromkeys(("GetExperiment", "UpdateExperiment"), experiment),
        }
        self.send("UpdateConfigs", f"{workspace}/configs", body=self.body("UpdateConfigs"))

    def _datasets(self, dataset: str) -> None:
        self._twice("CreateDatasetVersion", f"{dataset}/versions")
        self._paths |= dict.fromkeys(("CreateDatasetVersion", "ListDatasetVersions"), f"{dataset}/versions")
        self._paths["GetDataset"] = dataset

    def _models(self, model: str) -> None:
        version = self._twice("CreateModelVersion", f"{model}/versions")["VersionName"]
        self._paths |= {
            **dict.fromkeys(("GetModel", "UpdateModel"), model),
            **dict.fromkeys(("CreateModelLabels", "DeleteModelLabels"), f"{model}/labels"),
            **dict.fromkeys(("ListModelVersions", "CreateModelVersion"), f"{model}/versions"),
            **dict.fromkeys(("GetModelVersion", "UpdateModelVersion"), f"{model}/versions/{version}"),
        }
        labels = f"{model}/versions/{version}/labels"
        self._paths |= dict.fromkeys(("CreateModelVersionLabels", "DeleteModelVersionLabels"), labels)

    def _services(self) -> None:
        name = self.send("ListServices")["Services"][0]["ServiceName"]
        service = f"/api/v2/services/cn-hangzhou/{name}"
        self._fleet.said[name] = ["one line", "another line"]
        tails = {
            "UpdateService": "",
            "UpdateServiceVersion": "/version",
            "ReleaseService": "/release",
            "UpdateServiceLabel": "/label",
            "DeleteServiceLabel": "/label",
            "ListServiceVersions": "/versions",
            "ListServiceInstances": "/instances",
            "DescribeServiceEvent": "/events",
            "DescribeServiceLog": "/logs",
        }
        self._paths |= {action: f"{service}{tail}" for action, tail in tails.items()}
        self.send("UpdateService", service, body={"metadata": {"instance": 1}})


_READERS = {
    "CreateTrainingJob": ("GetTrainingJob", "/api/v1/trainingjobs/{TrainingJobId}"),
    "UpdateTrainingJobLabels": ("GetTrainingJob", "{path}/.."),
    "AddImage": ("GetImage", "/api/v1/images/{ImageId}"),
    "UpdateConfigs": ("ListConfigs", "{path}"),
    "CreateDataset": ("GetDataset", "/api/v1/datasets/{DatasetId}"),
    "CreateDatasetVersion": ("GetDatasetVersion", "{path}/{VersionName}"),
    "CreateExperiment": ("GetExperiment", "/api/v1/experiments/{ExperimentId}"),
    "UpdateExperiment": ("GetExperiment", "{path}"),
    "CreateModel": ("GetModel", "/api/v1/models/{ModelId}"),
    "UpdateModel": ("GetModel", "{path}"),
    "CreateModelLabels": ("GetModel", "{path}/.."),
    "CreateModelVersion": ("GetModelVersion", "{path}/{VersionName}"),
    "UpdateModelVersion": ("GetModelVersion", "{path}"),
    "CreateModelVersionLabels": ("GetModelVersion", "{path}/.."),
    "CreateService": ("DescribeService", "/api/v2/services/cn-hangzhou/{ServiceName}"),
    "UpdateService": ("DescribeService", "{path}"),
    "UpdateServiceVersion": ("DescribeService", "{path}/.."),
    "ReleaseService": ("DescribeService", "{path}/.."),
    "UpdateServiceLabel": ("DescribeService", "{path}/.."),
}
"""What shows the effect of each operation that changes something; ``..`` is the folder above."""


def put(body: Body, path: str, value: Any) -> None:
    """Set a member of a body, and make what it is in."""
    *outer, last = path.split(".")
    for name in outer:
        body = _entered(body, name)
    if last.endswith("[]"):
        body[last[:-2]] = [value]
    elif last.endswith("{}"):
        body[last[:-2]] = {"zzz": value}
    else:
        body[last] = value


def _entered(body: Body, name: str) -> Body:
    if not name.endswith("[]"):
        found: Body = body.setdefault(name, {})
        return found
    items: list[Body] = body.setdefault(name[:-2], [])
    if not items:
        items.append({})
    return items[0]


def _ids(answer: Body) -> dict[str, str]:
    return {name: str(value) for name, value in answer.items() if name != "path"}


def _is_heard(before: Body, after: Body, member: Member, value: Any) -> bool:
    names = [*(re.sub(r"\W", "", name) for name in member.path.split(".")), *([value] if value == _TEXTS[0] else [])]
    if "Error" in after and "Error" not in before:
        return any(name in after["Error"] for name in names)
    return _comparable(before) != _comparable(after)


def _comparable(answer: Body) -> str:
    return _CHANGING.sub("", json.dumps(answer, sort_keys=True))
