"""From an author's arguments, as they come out of a DAG file, to a :class:`TrainingJobSpec` that can work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.image import ImageQuery
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import Reader
from airflow_provider_pai.model.training.resources import ExperimentConfig, InstanceSpec, SpotSpec, UserVpcConfig
from airflow_provider_pai.model.training.spec import DEFAULT_JOB_TYPE, MetricDefinition, TrainingJobSpec
from airflow_provider_pai.model.training.validation import problems
from airflow_provider_pai.model.values import kind, truth

_IMAGE_TEXTS = ("framework_name", "framework_version", "accelerator_type", "image_scope")
_IMAGE_MEMBERS = (*_IMAGE_TEXTS, "include_workspace")
_ASKED_FOR = ImageQuery("-")
"""Stands for a query that can't be read, so that there is no second complaint about a missing image."""


def read_spec(arguments: Mapping[str, Any]) -> tuple[TrainingJobSpec, list[Problem]]:
    """Turn arguments into a spec and say everything that is wrong with them.

    Args:
        arguments: the operator's arguments by name; None stands for "not given".

    Returns:
        The spec, made of what could be read, and all problems; the spec may be used only when there are none.
    """
    reader = Reader(arguments)
    command, resources = _command(reader), _resources(reader)
    spec = TrainingJobSpec(
        command=command,
        image_uri=reader.text("image_uri"),
        image=_image(reader),
        source_dir=reader.text("source_dir"),
        base_job_name=reader.text("base_job_name") or "training_job",
        job_type=reader.text("job_type") or DEFAULT_JOB_TYPE,
        hyperparameters=reader.texts("hyperparameters"),
        inputs=reader.texts("inputs"),
        outputs=reader.texts("outputs"),
        output_path=reader.text("output_path"),
        checkpoints_path=reader.text("checkpoints_path"),
        max_run_time=reader.whole("max_run_time"),
        environments=reader.texts("environments"),
        requirements=reader.lines("requirements"),
        labels=reader.texts("labels"),
        metric_definitions=_metrics(reader),
        reports=truth(reader.value("reports")) or False,
        description=reader.text("description") or "",
        **resources,
    )
    # What could not be read is "missing" only to the spec, not to its author.
    return spec, [*reader.problems, *(found for found in problems(spec) if found.argument not in reader.unread)]


def checked_spec(arguments: Mapping[str, Any]) -> TrainingJobSpec:
    """Turn arguments into a spec.

    Raises:
        SpecError: listing every problem.
    """
    spec, found = read_spec(arguments)
    if found:
        raise SpecError(found)
    return spec


def _resources(reader: Reader) -> dict[str, Any]:
    """Read what a job runs on and where it belongs."""
    texts = ("instance_type", "resource_id", "resource_type", "role_arn")
    algorithm = ("algorithm_name", "algorithm_version", "algorithm_provider")
    return {
        **{name: (reader.text(name) or "").strip() for name in (*texts, *algorithm)},
        "instance_count": 1 if (count := reader.whole("instance_count")) is None else count,
        "instance_spec": reader.record("instance_spec", InstanceSpec),
        "spot_spec": reader.record("spot_spec", SpotSpec),
        "priority": reader.whole("priority"),
        "user_vpc_config": reader.record("user_vpc_config", UserVpcConfig),
        "experiment_config": reader.record("experiment_config", ExperimentConfig),
        "settings": reader.json("settings"),
        "credential_config": reader.json("credential_config"),
    }


def _command(reader: Reader) -> str:
    if isinstance(reader.value("command"), list | tuple):
        reader.wrong("command", "must be one text for the shell, not a list; use shlex.join(...)")
        return ""
    return reader.text("command") or ""


def _image(reader: Reader) -> ImageQuery | None:
    value = reader.value("image")
    if value is None:
        return None
    if not isinstance(value, Mapping):
        text = f"must be a dict such as {{'framework_name': 'PyTorch'}}, not {kind(value)}"
        reader.problems.append(Problem("image", text))
        return _ASKED_FOR
    unknown = sorted(set(map(str, value)) - set(_IMAGE_MEMBERS))
    if unknown:
        text = f": unknown {', '.join(unknown)}; it may have {', '.join(_IMAGE_MEMBERS)}"
        reader.problems.append(Problem("image", text))
    wrong = [name for name in _IMAGE_TEXTS if not isinstance(value.get(name, ""), str)]
    for name in wrong:
        reader.problems.append(Problem("image", f"[{name!r}] must be a text, not {kind(value[name])}"))
    if not value.get("framework_name") and "framework_name" not in wrong:
        reader.problems.append(Problem("image", ": framework_name is missing, for example 'PyTorch'"))
    if unknown or wrong or not value.get("framework_name"):
        return _ASKED_FOR
    query = ImageQuery(**value)
    reader.problems.extend(Problem("image", f": {problem}") for problem in query.problems())
    return query


def _metrics(reader: Reader) -> tuple[MetricDefinition, ...]:
    value = reader.value("metric_definitions")
    if value is None:
        return ()
    if isinstance(value, Sequence) and all(_is_metric(item) for item in value):
        return tuple(MetricDefinition(item["name"], item["regex"]) for item in value)
    text = "must be a list of dicts with 'name' and 'regex', for example "
    reader.problems.append(
        Problem("metric_definitions", text + "[{'name': 'accuracy', 'regex': 'accuracy=([0-9.]+)'}]")
    )
    return ()


def _is_metric(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(name), str) for name in ("name", "regex"))
