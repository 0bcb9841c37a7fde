"""What is wrong with a job, in its author's words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from airflow_provider_pai.model.images.uri import is_image_uri
from airflow_provider_pai.model.masking import MASK, masked_text
from airflow_provider_pai.model.names import CHECKPOINTS_CHANNEL, DEFAULT_OUTPUT_CHANNELS
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.requirement import requirement_problem
from airflow_provider_pai.model.training.container import hyperparameter_variables
from airflow_provider_pai.model.training.owner_labels import label_problem
from airflow_provider_pai.model.training.resource_validation import resource_problems
from airflow_provider_pai.model.training.resources import JOB_TYPES
from airflow_provider_pai.model.training.spec import DEFAULT_JOB_TYPE, MetricDefinition, TrainingJobSpec, variable_name
from airflow_provider_pai.model.uri import DataKind, OssUri, data_kind, local_path
from airflow_provider_pai.model.values import shown

_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 255
"""Bytes of a file's name, which the name of a channel becomes."""
_LONGEST_TEXT = 128 * 1024 - 1
"""Bytes of one variable or argument that Linux starts a process with."""
_MOST_TEXT = 1536 * 1024
"""Bytes of all of them; Linux' limit is a quarter of the stack, 2 MiB, of which the image has its own."""
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00a0\u200b\u2028\u2029\ufeff]")
_TEXTS = (
    "command",
    "instance_type",
    "resource_id",
    "role_arn",
    "algorithm_name",
    "algorithm_version",
    "algorithm_provider",
    "image_uri",
    "source_dir",
    "base_job_name",
    "output_path",
    "checkpoints_path",
    "description",
)
_TEXTS_BY_NAME = ("hyperparameters", "inputs", "outputs", "environments", "labels")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def problems(spec: TrainingJobSpec) -> list[Problem]:
    """Return every reason why the job can't be submitted, in its author's words; empty when there is none."""
    return [
        *_command_problems(spec),
        *resource_problems(spec),
        *_channel_problems(spec),
        *_name_problems("hyperparameters", "PAI_HPS_", spec.hyperparameters),
        *_name_problems("inputs", "PAI_INPUT_", spec.inputs),
        *_name_problems("outputs", "PAI_OUTPUT_", {**dict.fromkeys(DEFAULT_OUTPUT_CHANNELS, ""), **spec.outputs}),
        *_character_problems(spec),
        *_line_problems(spec),
        *_size_problems(spec),
    ]


def _command_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    if spec.algorithm_name:
        yield from _algorithm_problems(spec)
    else:
        if not spec.command.strip():
            yield Problem("command", "is missing: say what the job runs, for example 'python train.py $PAI_USER_ARGS'")
        yield from command_problems(spec.command)
        yield from _image_problems(spec)
        for name in ("algorithm_version", "algorithm_provider"):
            if getattr(spec, name):
                yield Problem(name, "is given without algorithm_name; give the algorithm's name, too")
    if spec.job_type not in JOB_TYPES:
        yield Problem("job_type", f"must be one of {', '.join(JOB_TYPES)}, not {spec.job_type!r}")
    if not any(character.isalnum() for character in spec.base_job_name):
        yield Problem("base_job_name", f"{spec.base_job_name!r} has no letter and no digit; give it at least one")
    if spec.source_dir is not None and not spec.source_dir.strip():
        yield Problem("source_dir", "is empty: give a folder, an oss:// URI of a folder or a .tar.gz, or leave it out")
    if spec.max_run_time is not None and spec.max_run_time < 1:
        yield Problem("max_run_time", f"must be at least 1 second, not {spec.max_run_time}; leave it out for 30 days")


def _algorithm_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    for name in ("command", "image_uri", "image", "metric_definitions"):
        if getattr(spec, name):
            yield Problem(name, "and algorithm_name contradict each other: an algorithm has its own; give one of them")
    if spec.job_type != DEFAULT_JOB_TYPE:
        yield Problem(
            "job_type", "and algorithm_name contradict each other: an algorithm has its own; leave job_type out"
        )


def _image_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    if spec.image_uri and spec.image:
        yield Problem(
            "image_uri", "and image contradict each other: give the URI of an image or a query of the catalog, not both"
        )
    if not spec.image_uri and not spec.image and not spec.is_local:
        yield Problem(
            "image_uri", "is missing: give an image's URI, or image={'framework_name': ...} to choose from the catalog"
        )
    elif spec.image_uri:
        yield from image_uri_problems(spec.image_uri)


def _channel_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    for name, uri in spec.inputs.items():
        yield from _address_problems("inputs", uri, _input_kind, f"[{name!r}]")
    for name, uri in spec.outputs.items():
        yield from _address_problems("outputs", uri, _local_kind if spec.is_local else _output_kind, f"[{name!r}]")
    for argument in ("output_path", "checkpoints_path"):
        if getattr(spec, argument) == "":
            text = "is empty: the template or task that it comes from gave nothing; give it, or leave it out"
            yield Problem(argument, text)
        if uri := getattr(spec, argument):
            yield from _address_problems(argument, uri, _local_kind if spec.is_local else OssUri.parse)
    if spec.checkpoints_path and CHECKPOINTS_CHANNEL in spec.outputs:
        yield Problem("checkpoints_path", "and outputs['checkpoints'] contradict each other: give one of them")
    if spec.source_dir and spec.source_dir.startswith("oss://"):
        yield from _source_problems(spec.source_dir)


def _input_kind(uri: str) -> DataKind | None:
    """Whether there is such a local file or folder can be told only where the job is submitted."""
    return data_kind(uri) if local_path(uri) is None else None


def _output_kind(uri: str) -> DataKind:
    kind = data_kind(uri)
    if kind is DataKind.MAXCOMPUTE:
        raise ValueError(f"{uri!r} is a MaxCompute table, which is for inputs only; give an OSS folder")
    return kind


def _local_kind(uri: str) -> None:
    if local_path(uri) is None:
        raise ValueError(f"{uri!r} is no folder of this machine, where a local job leaves its outputs; give a path")


def _address_problems(argument: str, uri: str, read: Callable[[str], object], member: str = "") -> Iterator[Problem]:
    try:
        read(uri)
    except ValueError as error:
        yield Problem(argument, f"{member}: {error}")
        return
    if uri != uri.strip():
        # It would be part of a file's name, and a folder's slash no longer the last character.
        yield Problem(argument, f"{member}: {uri!r} begins or ends with white space; remove it")


def _source_problems(source_dir: str) -> Iterator[Problem]:
    found = list(_address_problems("source_dir", source_dir, OssUri.parse))
    yield from found
    if not found and not (uri := OssUri.parse(source_dir)).is_folder and not uri.key.endswith(".tar.gz"):
        yield Problem("source_dir", f"{source_dir!r} must be a folder (ending in /) or a .tar.gz archive")


def _name_problems(argument: str, prefix: str, values: Mapping[str, str]) -> Iterator[Problem]:
    """Names become variables and folders; two that become the same variable would hide each other."""
    seen: dict[str, str] = {}
    for name in values:
        if not _CHANNEL.fullmatch(name):
            yield Problem(
                argument, f": {name!r} is no name; use letters, digits, '_', and after the first place '.' and '-'"
            )
        if _size(name) > _LONGEST_NAME:
            yield Problem(argument, f": {shown(name)}... is too long a name; use at most {_LONGEST_NAME} bytes")
        variable = prefix + variable_name(name)
        if variable in seen:
            yield Problem(argument, f": {seen[variable]!r} and {name!r} would both become {variable}; rename one")
        seen[variable] = name


def _character_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    texts = {(name, ""): getattr(spec, name) or "" for name in _TEXTS}
    for name in _TEXTS_BY_NAME:
        texts |= {(name, f"[{key!r}]"): key + value for key, value in getattr(spec, name).items()}
    texts |= {("requirements", f"[{number}]"): line for number, line in enumerate(spec.requirements)}
    for number, metric in enumerate(spec.metric_definitions):
        texts["metric_definitions", f"[{number}]"] = metric.regex + metric.name
    for name in ("settings", "credential_config"):
        texts[name, ""] = json.dumps(getattr(spec, name), ensure_ascii=False)
    yield from character_problems(texts)


def character_problems(texts: Mapping[tuple[str, str], str]) -> Iterator[Problem]:
    """Yield which texts, by argument and member, neither JSON in UTF-8 nor a process' variables can carry."""
    for (argument, member), text in texts.items():
        if "\0" in text:
            yield Problem(argument, f"{member} holds a NUL character; remove it".lstrip())
        if _LONE_SURROGATE.search(text):
            yield Problem(
                argument, f"{member} holds bytes that are no text ({shown(text)}); use the right encoding".lstrip()
            )


def environment_problems(environments: Mapping[str, str], requirements: Sequence[str]) -> Iterator[Problem]:
    """Yield which environment variables and requirements a container can't be given."""
    for name, value in environments.items():
        if not _ENVIRONMENT_NAME.fullmatch(name):
            text = f": {shown(name)} is no name of an environment variable; use letters, digits and '_'"
            yield Problem("environments", text)
        yield from _length_problems("environments", f"[{shown(name)}]", f"{name}={value}")
    for line in requirements:
        if line.lstrip().startswith("-") or not line.strip() or len(line.splitlines()) > 1:
            text = f": {shown(line)} is no requirement; PAI takes lines such as 'numpy==2.1.0', no pip options"
            yield Problem("requirements", text)
        elif problem := requirement_problem(line):
            yield Problem("requirements", f": {shown(line)} {problem}")


def command_problems(command: str) -> Iterator[Problem]:
    """Yield why a shell would not read a command as its author does."""
    if "\0" not in command and (found := _INVISIBLE.search(command)):
        # Masked first: of a part of the text, nothing tells any more that it is a secret.
        hidden = masked_text(command)
        place = _INVISIBLE.search(hidden)
        around = hidden[max(0, place.start() - 15) : place.end() + 15] if place else MASK
        text = f"holds the invisible character U+{ord(found[0]):04X} in {around!r}; write it anew, or as $'\\x..'"
        yield Problem("command", text)
    elif _is_json(command):
        text = f"is JSON, not a command: {shown(command)}; give one text for the shell, of a list shlex.join(...)"
        yield Problem("command", text)
    yield from _length_problems("command", "", command)


def _is_json(command: str) -> bool:
    """Whether a command is a list or an object, as parameters and variables hold them; a shell would run its name."""
    try:
        return command.lstrip()[:1] in ("[", "{") and isinstance(json.loads(command), list | dict)
    except (ValueError, RecursionError):
        return False


def image_uri_problems(uri: str) -> Iterator[Problem]:
    """Yield why a text is no image's URI."""
    if re.search(r"\s", uri):
        yield Problem("image_uri", f"{shown(uri)} holds white space; give it as 'registry/namespace/name:tag'")
    elif not is_image_uri(uri):
        yield Problem("image_uri", f"{shown(uri)} is no image's URI; give it as 'registry/namespace/name:tag'")


def _length_problems(argument: str, member: str, text: str) -> Iterator[Problem]:
    if (size := _size(text)) > _LONGEST_TEXT:
        what = f"has {size:,} bytes; a process takes at most {_LONGEST_TEXT:,} in one text: use a file of source_dir"
        yield Problem(argument, f"{member} {what}".lstrip())


def _size_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    """Yield what would keep the command from being started, which PAI tells as a failure of its own."""
    variables = hyperparameter_variables(spec)
    found = list(_length_problems("hyperparameters", "", max(variables.values(), key=len)))
    yield from found
    whole = [f"{name}={value}" for name, value in {**spec.environments, **variables}.items()]
    if not found and (size := sum(map(_size, whole))) > _MOST_TEXT:
        text = f"and environments have {size:,} bytes together; a process takes at most {_MOST_TEXT:,}: use a file"
        yield Problem("hyperparameters", text)


def _line_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    yield from environment_problems(spec.environments, spec.requirements)
    for name, value in spec.labels.items():
        if problem := label_problem(name, value):
            yield Problem("labels", f": {problem}")
    names = Counter(metric.name for metric in spec.metric_definitions)
    for name in (name for name, count in names.items() if count > 1):
        yield Problem("metric_definitions", f": {shown(name)} is there twice; give each metric one regex")
    for metric in spec.metric_definitions:
        if not metric.name:
            yield Problem("metric_definitions", ": a name is empty; give each metric one")
        yield from _metric_problems(metric)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _metric_problems(metric: MetricDefinition) -> Iterator[Problem]:
    try:
        groups = re.compile(metric.regex).groups
    except re.error as error:
        yield Problem("metric_definitions", f": the regex of {metric.name!r} is not valid: {error}")
        return
    if groups != 1:
        yield Problem(
            "metric_definitions", f": the regex of {metric.name!r} must have one group (the value), not {groups}"
        )
