"""What CreateTrainingJob refuses: what PAI presumably does, and what local PAI can't honour and so must not ignore."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.local.http.schema import means_something, schema_problems
from airflow_provider_pai.local.jobs.algorithm_checks import algorithm_problems
from airflow_provider_pai.local.jobs.channel_checks import channel_problems, code_problems
from airflow_provider_pai.local.jobs.channel_uris import with_uris
from airflow_provider_pai.local.jobs.compute_checks import compute_problems, contradictions, required_members
from airflow_provider_pai.local.jobs.create_form import FORM
from airflow_provider_pai.local.jobs.errors import invalid, missing
from airflow_provider_pai.local.jobs.labels import label_problems
from airflow_provider_pai.local.jobs.reference_resolver import ReferenceResolver
from airflow_provider_pai.local.jobs.without_effect import as_run_here
from airflow_provider_pai.model.images.uri import is_image_uri
from airflow_provider_pai.model.requirement import requirement_problem
from airflow_provider_pai.model.training.request import read_create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec, variable_name
from airflow_provider_pai.model.uri import OssUri

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
)
_CANNOT: Mapping[str, str] = {
    "AlgorithmName": "has no registered algorithms; send AlgorithmSpec",
    "AlgorithmVersion": "has no registered algorithms; send AlgorithmSpec",
    "AlgorithmProvider": "has no registered algorithms; send AlgorithmSpec",
    "CodeDir": "has no registered algorithms; put CodeDir into AlgorithmSpec",
}
"""Members that mean something local PAI does not have; empty, false and zero values in them mean nothing."""
_MAX_NAME = 256
"""Characters of a job's name [inferred]: the limit that DLC documents for its jobs."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class CreateJobValidator:
    """Decides whether a job can be created.

    Attributes:
        ecs_spec_known: tells whether an instance type exists.
        bucket_exists: tells whether an OSS bucket exists.
        workspace_exists: tells whether a workspace exists.
        image_known: tells whether an image is in the catalog. Others are taken when their URI is well formed: whether
            a job can have its image turns out when it is made ready.
        resolver: where datasets, experiments and the quota are looked up.
    """

    ecs_spec_known: Known
    bucket_exists: Known
    workspace_exists: Known
    image_known: Known
    resolver: ReferenceResolver = field(default_factory=ReferenceResolver)

    def validate(self, value: object) -> dict[str, Any]:
        """Return the body of a request when it is one.

        Args:
            value: the JSON value of the request's body, without members that are null.

        Raises:
            ErrorResponse: 400 MissingParameter or InvalidParameter; the message names the member.
        """
        for problem in schema_problems(value, FORM):
            raise invalid(problem + ".")
        body = cast(Body, value)
        for path, why in _CANNOT.items():
            if means_something(_member(body, path)):
                raise invalid(f"{path} is not supported: local PAI {why}.")
        for path in _REQUIRED:
            if not _member(body, path):
                raise missing(path)
        compute = body["ComputeResource"]
        for problem in contradictions(compute):
            raise invalid(problem + ".")
        for path in required_members(compute):
            if not _member(compute, path):
                raise missing(f"ComputeResource.{path}")
        for problem in self._problems(body):
            raise invalid(problem + ".")
        return dict(body)

    def _problems(self, body: Body) -> Iterator[str]:
        """Yield problems, the first ones such that the later ones can be looked for."""
        yield from _pair_problems(body)
        yield from channel_problems(body, self.resolver.dataset_uri, self.resolver.file_systems)
        yield from code_problems(_member(body, "AlgorithmSpec.CodeDir"))
        yield from self._service_problems(body)
        yield from compute_problems(body, self.resolver.quota, self.ecs_spec_known)
        yield from algorithm_problems(body)
        yield from label_problems(body.get("Labels", ()))
        try:
            whole = with_uris(as_run_here(body), self.resolver.default_uris(body, "train"))
            spec = read_create_body(with_uris(whole, self.resolver.channel_uris(body)))
        except ProtocolError as error:
            yield f"AlgorithmSpec is invalid: {error}"
            return
        yield from _name_problems(spec)
        yield from _text_problems(spec)
        yield from _limit_problems(body.get("Scheduler", {}))
        yield from self._bucket_problems(spec)

    def _service_problems(self, body: Body) -> Iterator[str]:
        if not self.workspace_exists(body["WorkspaceId"]):
            yield f"WorkspaceId is invalid: there is no workspace {body['WorkspaceId']}"
        experiment = _member(body, "ExperimentConfig.ExperimentId")
        if experiment and self.resolver.experiment(experiment) is None:
            yield f"ExperimentConfig.ExperimentId is invalid: there is no experiment {experiment}"
        image = body["AlgorithmSpec"]["Image"]
        if not self.image_known(image) and not is_image_uri(image):
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


def _name_problems(spec: TrainingJobSpec) -> Iterator[str]:
    """Names become variables and folders; two that become one would hide each other."""
    if len(spec.job_name) > _MAX_NAME or not spec.job_name.isprintable():
        yield f"TrainingJobName is invalid: it must be at most {_MAX_NAME} printable characters"
    named: list[tuple[str, Sequence[str]]] = [
        ("HyperParameters", [*spec.hyperparameters]),
        ("InputChannels", [*spec.inputs]),
        ("OutputChannels", [*spec.outputs]),
    ]
    for where, names in named:
        seen: dict[str, str] = {}
        for name in names:
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


def _limit_problems(scheduler: Mapping[str, int]) -> Iterator[str]:
    minutes, seconds = scheduler.get("MaxRunningTimeInMinutes", 0), scheduler.get("MaxRunningTimeInSeconds", 0)
    if min(minutes, seconds) < 0:
        yield "Scheduler is invalid: a limit can't be negative"
    elif minutes and seconds and 60 * minutes != seconds:
        yield "Scheduler is invalid: MaxRunningTimeInMinutes and MaxRunningTimeInSeconds contradict each other"
