"""What CreateTrainingJob refuses: what PAI presumably does, and what local PAI can't honour and so must not ignore."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.local.jobs.create_form import form_problems
from airflow_provider_pai.local.jobs.refusals import invalid, missing
from airflow_provider_pai.local.jobs.requirement import requirement_problem
from airflow_provider_pai.model.create_body import read_create_body
from airflow_provider_pai.model.spec import CodeLocation, MetricDefinition, TrainingJobSpec, variable_name
from airflow_provider_pai.model.uri import DataKind, OssUri, data_kind

Body = Mapping[str, Any]
Known = Callable[[str], bool]

_REQUIRED = (
    "WorkspaceId",
    "TrainingJobName",
    "AlgorithmSpec",
    "AlgorithmSpec.Command",
    "AlgorithmSpec.Image",
    "AlgorithmSpec.JobType",
    "ComputeResource",
    "ComputeResource.EcsSpec",
)
_CANNOT: Mapping[str, str] = {
    "AlgorithmName": "has no registered algorithms; send AlgorithmSpec",
    "AlgorithmVersion": "has no registered algorithms; send AlgorithmSpec",
    "AlgorithmProvider": "has no registered algorithms; send AlgorithmSpec",
    "CodeDir": "has no registered algorithms; put CodeDir into AlgorithmSpec",
    "AlgorithmSpec.ComputeResource": "has no compute policies",
    "AlgorithmSpec.ProgressDefinitions": "does not read the progress from the log",
    "AlgorithmSpec.ResourceRequirements": "does not choose machines",
    "AssignNodeSpec": "has no nodes to choose from",
    "ComputeResource.ResourceId": "has no resource quotas; send EcsSpec and EcsCount",
    "ComputeResource.InstanceCount": "has no resource quotas; send EcsSpec and EcsCount",
    "ComputeResource.InstanceSpec": "has no resource quotas; send EcsSpec and EcsCount",
    "CredentialConfig": "has no RAM roles and injects no credentials",
    "ExperimentConfig.ExperimentId": "has no experiments",
    "Priority": "has no resource quotas, and so no priorities",
    "ResourceType": "has no Lingjun resources",
    "RoleArn": "has no RAM roles",
    "Settings": "has none of the settings",
    "UserVpc": "has no VPCs",
}
"""Members that mean something local PAI does not have. UseSpotInstance and SpotSpec are not among them: they decide
what a job costs, and change nothing that it sees."""
_KIND_WORDS = {
    DataKind.NAS: "NAS file systems",
    DataKind.CPFS: "CPFS file systems",
    DataKind.LINGJUN_CPFS: "Lingjun CPFS file systems",
    DataKind.MAXCOMPUTE: "MaxCompute tables",
    DataKind.DATASET: "datasets",
}
_MAX_INSTANCES = 64
"""All instances of a job run on this one machine."""
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9._-]*(?::[0-9]+)?(?:/[a-z0-9._-]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Checks:
    """Decides whether a job can be created.

    Attributes:
        ecs_spec_known: tells whether an instance type exists.
        bucket_exists: tells whether an OSS bucket exists.
        workspace_exists: tells whether a workspace exists.
        image_known: tells whether an image is in the catalog. Others are taken when their URI is well formed: no image
            is pulled.
    """

    ecs_spec_known: Known
    bucket_exists: Known
    workspace_exists: Known
    image_known: Known

    def checked(self, value: object) -> dict[str, Any]:
        """Return the body of a request when it is one.

        Args:
            value: the JSON value of the request's body, without members that are null.

        Raises:
            Refusal: 400 MissingParameter or InvalidParameter; the message names the member.
        """
        for problem in form_problems(value):
            raise invalid(problem + ".")
        body = cast(Body, value)
        for path in _CANNOT:
            if _member(body, path) not in (None, "", {}, [], 0):
                raise self._cannot(body, path)
        for path in _REQUIRED:
            if not _member(body, path):
                raise missing(path)
        for problem in self._problems(body):
            raise invalid(problem + ".")
        return dict(body)

    def _cannot(self, body: Body, path: str) -> Exception:
        if path == "ComputeResource.ResourceId" and _member(body, "ComputeResource.EcsSpec"):
            return invalid("ComputeResource.EcsSpec and ComputeResource.ResourceId contradict each other.")
        return invalid(f"{path} is not supported: local PAI {_CANNOT[path]}.")

    def _problems(self, body: Body) -> Iterator[str]:
        """Yield problems, the first ones such that the later ones can be looked for."""
        yield from _pair_problems(body)
        yield from _data_problems(body)
        yield from _location_problems(_member(body, "AlgorithmSpec.CodeDir"))
        try:
            spec = read_create_body(body)
        except ProtocolError as error:
            yield f"AlgorithmSpec is invalid: {error}"
            return
        if not self.workspace_exists(body["WorkspaceId"]):
            yield f"WorkspaceId is invalid: there is no workspace {body['WorkspaceId']}"
        yield from self._compute_problems(spec, body["ComputeResource"])
        yield from _name_problems(spec)
        yield from _text_problems(spec)
        yield from _metric_problems(spec.metric_definitions)
        yield from self._bucket_problems(spec)

    def _compute_problems(self, spec: TrainingJobSpec, compute: Body) -> Iterator[str]:
        if not self.ecs_spec_known(spec.instance_type):
            yield f"ComputeResource.EcsSpec is invalid: there is no instance type {spec.instance_type}"
        if not 1 <= compute.get("EcsCount", 1) <= _MAX_INSTANCES:
            yield f"ComputeResource.EcsCount is invalid: local PAI runs 1 to {_MAX_INSTANCES} instances of a job"
        image = spec.image_uri or ""
        if not self.image_known(image) and not _IMAGE.fullmatch(image):
            yield f"AlgorithmSpec.Image is invalid: {image!r} is no image URI"

    def _bucket_problems(self, spec: TrainingJobSpec) -> Iterator[str]:
        places = {f"InputChannels {name}": OssUri.parse(uri).bucket for name, uri in spec.inputs.items()}
        places |= {f"OutputChannels {name}": OssUri.parse(uri).bucket for name, uri in spec.outputs.items()}
        if spec.code:
            places["AlgorithmSpec.CodeDir"] = spec.code.bucket
        for where, bucket in places.items():
            if not self.bucket_exists(bucket):
                yield f"{where} is invalid: there is no bucket {bucket}"


def _member(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _pair_problems(body: Body) -> Iterator[str]:
    lists = [("HyperParameters", "Name"), ("Labels", "Key"), ("InputChannels", "Name"), ("OutputChannels", "Name")]
    named = [(name, key, body.get(name, ())) for name, key in lists]
    named.append(("AlgorithmSpec.MetricDefinitions", "Name", _member(body, "AlgorithmSpec.MetricDefinitions") or ()))
    for where, key, items in named:
        seen = set()
        for index, item in enumerate(items):
            if not item.get(key):
                yield f"{where}[{index}].{key} is required"
            elif item[key] in seen:
                yield f"{where} has {item[key]!r} twice"
            seen.add(item.get(key))


def _data_problems(body: Body) -> Iterator[str]:
    for where, key in (("InputChannels", "InputUri"), ("OutputChannels", "OutputUri")):
        for item in body.get(where, ()):
            name = f"{where} {item['Name']}"
            if item.get("DatasetId") or item.get("VersionName"):
                yield f"{name} is not supported: local PAI has no datasets"
            if item.get("RoleArn") or item.get("Options"):
                yield f"{name} is not supported: local PAI has no RAM roles and no mount options"
            if item.get(key):
                yield from _uri_problems(f"{name}: {key}", item[key])
            else:
                yield f"{name}: {key} is required"


def _uri_problems(where: str, uri: str) -> Iterator[str]:
    try:
        kind = data_kind(uri)
    except ValueError as error:
        yield f"{where} is invalid: {error}"
        return
    if kind is not DataKind.OSS:
        yield f"{where} is not supported: local PAI has no {_KIND_WORDS[kind]}"


def _location_problems(location: Body | None) -> Iterator[str]:
    if not location:
        return
    kind, value = location.get("LocationType", ""), location.get("LocationValue") or {}
    key = value.get("Key") or ""
    if kind.lower() != "oss":
        yield f"AlgorithmSpec.CodeDir.LocationType is not supported: local PAI reads code from OSS, not from {kind!r}"
    if not key.endswith(("/", ".tar.gz")):
        yield f"AlgorithmSpec.CodeDir.LocationValue.Key is invalid: {key!r} is no folder (ending in /) and no .tar.gz"
    yield from _uri_problems(
        "AlgorithmSpec.CodeDir.LocationValue", CodeLocation(value.get("Bucket") or "", key, "").uri
    )


def _name_problems(spec: TrainingJobSpec) -> Iterator[str]:
    """Names become variables and folders; two that become one would hide each other."""
    named: list[tuple[str, Sequence[str]]] = [
        ("HyperParameters", [*spec.hyperparameters]),
        ("InputChannels", [*spec.inputs]),
        ("OutputChannels", [*spec.outputs]),
    ]
    for where, names in named:
        seen: dict[str, str] = {}
        for name in names:
            if where != "HyperParameters" and not _CHANNEL.fullmatch(name):
                yield f"{where} is invalid: {name!r} is no channel name (letters, digits, '_', '.', '-')"
            variable = variable_name(name)
            if variable in seen:
                yield f"{where} is invalid: {seen[variable]!r} and {name!r} would become one variable"
            seen[variable] = name


def _text_problems(spec: TrainingJobSpec) -> Iterator[str]:
    for name in spec.environments:
        if not _VARIABLE.fullmatch(name):
            yield f"Environments is invalid: {name!r} is no name of an environment variable"
    texts = [spec.command, *spec.environments.values(), *spec.hyperparameters, *spec.hyperparameters.values()]
    if any("\0" in text for text in [*texts, *spec.inputs.values(), *spec.outputs.values(), *spec.requirements]):
        yield "The body is invalid: what a process gets can't hold NUL characters"
    for line in spec.requirements:
        if problem := requirement_problem(line):
            yield f"PythonRequirements is invalid: {line!r} {problem}"
    if (spec.max_run_time or 0) < 0:
        yield "Scheduler is invalid: a limit can't be negative"


def _metric_problems(definitions: Sequence[MetricDefinition]) -> Iterator[str]:
    where = "AlgorithmSpec.MetricDefinitions is invalid"
    for definition in definitions:
        try:
            groups = re.compile(definition.regex).groups
        except re.error as error:
            yield f"{where}: the regex of {definition.name!r} can't be read: {error}"
            continue
        if groups != 1:
            yield f"{where}: the regex of {definition.name!r} must have one group, the value, not {groups}"
