"""What is wrong with a job, in its author's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from airflow_provider_pai.model.spec import CHECKPOINTS_CHANNEL, MetricDefinition, TrainingJobSpec, plain, variable_name
from airflow_provider_pai.model.uri import OssUri, data_kind

_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INSTANCE_TYPE = re.compile(r"(?:ecs|ml)\.[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_MAX_LABEL_BYTES = 128


def problems(spec: TrainingJobSpec) -> list[str]:
    """Return every reason why the job can't be submitted, in its author's words; empty when there is none."""
    return [
        *_command_problems(spec),
        *_compute_problems(spec),
        *_channel_problems(spec),
        *_name_problems("hyperparameters", "PAI_HPS_", spec.hyperparameters),
        *_name_problems("inputs", "PAI_INPUT_", spec.inputs),
        *_name_problems("outputs", "PAI_OUTPUT_", spec.outputs),
        *_text_problems(spec),
    ]


def _command_problems(spec: TrainingJobSpec) -> Iterator[str]:
    if not spec.command.strip():
        yield "command is missing: say what the job runs, for example 'python train.py $PAI_USER_ARGS'"
    if spec.image_uri and spec.image:
        yield "image_uri and image contradict each other: give the URI of an image or a query of the catalog, not both"
    if not spec.image_uri and not spec.image:
        yield "image_uri is missing: give an image's URI, or image={'framework_name': ...} to choose from the catalog"
    if not plain(spec.base_job_name).strip("_"):
        yield f"base_job_name {spec.base_job_name!r} has no letter and no digit"
    if spec.source_dir is not None and not spec.source_dir.strip():
        yield "source_dir is empty: give a folder, an oss:// URI of a folder or a .tar.gz, or leave it out"


def _compute_problems(spec: TrainingJobSpec) -> Iterator[str]:
    if not spec.instance_type:
        yield "instance_type is missing: give an ECS instance type such as 'ecs.c6.large'"
    elif not _INSTANCE_TYPE.fullmatch(spec.instance_type):
        yield f"instance_type {spec.instance_type!r} is no ECS instance type; they look like 'ecs.c6.large'"
    if spec.instance_count < 1:
        yield f"instance_count must be at least 1, not {spec.instance_count}"
    if spec.max_run_time is not None and spec.max_run_time < 1:
        yield f"max_run_time must be at least 1 second, not {spec.max_run_time}; leave it out for no limit"


def _channel_problems(spec: TrainingJobSpec) -> Iterator[str]:
    for name, uri in spec.inputs.items():
        try:
            data_kind(uri)
        except ValueError as error:
            yield f"inputs[{name!r}]: {error}"
    folders = {f"outputs[{name!r}]": uri for name, uri in spec.outputs.items()}
    folders |= {"output_path": spec.output_path or "", "checkpoints_path": spec.checkpoints_path or ""}
    for argument, uri in folders.items():
        if uri or argument.startswith("outputs"):
            yield from _folder_problems(argument, uri)
    if spec.checkpoints_path and CHECKPOINTS_CHANNEL in spec.outputs:
        yield "checkpoints_path and outputs['checkpoints'] contradict each other: give one of them"
    if spec.source_dir and spec.source_dir.startswith("oss://"):
        yield from _source_problems(spec.source_dir)


def _folder_problems(argument: str, uri: str) -> Iterator[str]:
    try:
        OssUri.parse(uri)
    except ValueError as error:
        yield f"{argument}: {error}"


def _source_problems(source_dir: str) -> Iterator[str]:
    try:
        uri = OssUri.parse(source_dir)
    except ValueError as error:
        yield f"source_dir: {error}"
        return
    if not uri.is_folder and not uri.key.endswith(".tar.gz"):
        yield f"source_dir {source_dir!r} must be a folder (ending in /) or a .tar.gz archive"


def _name_problems(argument: str, prefix: str, values: Mapping[str, str]) -> Iterator[str]:
    """Names become variables and folders; two that become the same variable would hide each other."""
    seen: dict[str, str] = {}
    for name in values:
        if not _CHANNEL.fullmatch(name):
            yield f"{argument}: {name!r} is no name; names have letters, digits, '_', and after the first place '.' and '-'"
        variable = prefix + variable_name(name)
        if variable in seen:
            yield f"{argument}: {seen[variable]!r} and {name!r} would both become {variable}; rename one"
        seen[variable] = name


def _text_problems(spec: TrainingJobSpec) -> Iterator[str]:
    for name in spec.environments:
        if not _ENVIRONMENT_NAME.fullmatch(name):
            yield f"environments: {name!r} is no name of an environment variable"
    for argument, values in (("environments", spec.environments), ("hyperparameters", spec.hyperparameters)):
        yield from (f"{argument}[{name!r}] holds a NUL character" for name, value in values.items() if "\0" in value)
    for name, value in spec.labels.items():
        if not name or max(len(name.encode()), len(value.encode())) > _MAX_LABEL_BYTES:
            yield f"labels: {name!r} must have a name, and name and value at most {_MAX_LABEL_BYTES} bytes each"
    for line in spec.requirements:
        if line.startswith("-") or not line.strip() or "\n" in line:
            yield f"requirements: {line!r} is no requirement; PAI takes lines such as 'numpy==2.1.0', no pip options"
    for metric in spec.metric_definitions:
        yield from _metric_problems(metric)


def _metric_problems(metric: MetricDefinition) -> Iterator[str]:
    try:
        groups = re.compile(metric.regex).groups
    except re.error as error:
        yield f"metric_definitions: the regex of {metric.name!r} is not valid: {error}"
        return
    if groups != 1:
        yield f"metric_definitions: the regex of {metric.name!r} must have one group (the value), not {groups}"
