"""What is to be registered, read from an author's arguments."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import Reader
from airflow_provider_pai.model.registry.inference import INFERENCE_ARGUMENTS, is_service_json
from airflow_provider_pai.model.registry.names import name_problems
from airflow_provider_pai.model.registry.version import (
    APPROVAL_STATUSES,
    FORMAT_TYPES,
    FRAMEWORK_TYPES,
    PENDING,
    VERSION_NAME,
)
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.serving.validation import read_service
from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES, RESERVED_PREFIX
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import shown

METRICS_BYTES = 8192
"""Longest JSON of a version's metrics."""
_DICTS = ("metrics", "labels", "inference_spec")
_DUMMY = {"service_name": "model", "model_uri": "oss://bucket/model/"}


@dataclass(frozen=True)
class RegistrationSpec:
    """A model version as its author describes it; immutable.

    Attributes:
        model_name: the model; it is created when the workspace has none of the name.
        model_uri: OSS folder, or object, of the model, or its http(s) address; empty for the job's model.
        job_id: the training job that made it; empty for none.
        metrics: metrics by name; None for those of the job.
        format_type: format of the files; empty for none.
        framework_type: framework; empty for none.
        inference_spec: how it is served: arguments of a deployment, or a service JSON.
        approval_status: ``Pending`` or ``Approved``; a version that is ``Rejected`` at once is one, too.
        version_name: such as ``1.2.0``; empty for the next one.
        labels: labels of the version.
        description: free text about the version.
        model_description: free text about the model, for when it is created.
    """

    model_name: str
    model_uri: str = ""
    job_id: str = ""
    metrics: Mapping[str, Any] | None = None
    format_type: str = ""
    framework_type: str = ""
    inference_spec: Mapping[str, Any] = field(default_factory=dict)
    approval_status: str = PENDING
    version_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    model_description: str = ""


def read_registration(arguments: Mapping[str, Any]) -> tuple[RegistrationSpec, list[Problem]]:
    """Turn arguments, as they come out of a DAG file, into a spec and say everything that is wrong with them.

    Args:
        arguments: the operator's arguments by name; None stands for "not given".
    """
    reader = Reader(arguments)
    names = ("model_uri", "job_id", "format_type", "framework_type", "version_name", "description")
    texts = {name: reader.text(name) or "" for name in (*names, "model_description")}
    spec = RegistrationSpec(
        model_name=reader.text("model_name") or "",
        metrics=reader.json("metrics") if arguments.get("metrics") is not None else None,
        inference_spec=reader.json("inference_spec"),
        approval_status=reader.text("approval_status") or PENDING,
        labels=reader.texts("labels"),
        **texts,
    )
    found = [each for each in registration_problems(spec) if each.argument not in reader.unread]
    return spec, [*reader.problems, *found]


def registration_problems(spec: RegistrationSpec) -> Iterator[Problem]:
    """Yield what is wrong with a registration."""
    if wrong := [name for name in _DICTS if not isinstance(getattr(spec, name) or {}, Mapping)]:
        yield from (Problem(name, f"must be a dict, not {shown(getattr(spec, name))}") for name in wrong)
        return
    yield from name_problems("model_name", spec.model_name)
    if spec.model_uri and not spec.model_uri.startswith(("http://", "https://")):
        yield from _uri_problems(spec.model_uri)
    choices = {"format_type": FORMAT_TYPES, "framework_type": FRAMEWORK_TYPES, "approval_status": APPROVAL_STATUSES}
    for name, allowed in choices.items():
        if (value := getattr(spec, name)) and value not in allowed:
            yield Problem(name, f"must be one of {', '.join(allowed)}, not {shown(value)}")
    if spec.version_name and not VERSION_NAME.fullmatch(spec.version_name):
        yield Problem("version_name", f"must be like 0.1.0 or 2.3.4_beta, not {shown(spec.version_name)}")
    yield from metrics_problems(spec.metrics or {})
    yield from _label_problems(spec.labels)
    yield from _inference_problems(spec.inference_spec)


def metrics_problems(metrics: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with metrics: a request is JSON, which has no NaN and no infinity."""
    endless = [name for name, value in metrics.items() if isinstance(value, float) and not math.isfinite(value)]
    yield from (Problem("metrics", f"[{shown(name)}] is {metrics[name]}; leave it out") for name in endless)
    if endless:
        return
    try:
        json.dumps(metrics, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        yield Problem("metrics", f"can't be written as JSON ({error})")
        return
    size = len(json.dumps(metrics, ensure_ascii=False).encode("utf-8", "replace"))
    if size > METRICS_BYTES:
        largest = max(metrics, key=lambda name: len(json.dumps(metrics[name])))
        text = f"have {size} bytes as JSON, {METRICS_BYTES} at most; leave out, for example, {shown(largest)}"
        yield Problem("metrics", text)


def service_of(inference_spec: Mapping[str, Any]) -> tuple[ServiceSpec, list[Problem]]:
    """Return the service that an inference spec of arguments describes, and what is wrong with it."""
    spec, found = read_service({**inference_spec, **_DUMMY})
    return spec, [Problem("inference_spec", f"[{each.argument!r}] {each.text}") for each in found]


def _uri_problems(uri: str) -> Iterator[Problem]:
    try:
        OssUri.parse(uri)
    except ValueError as error:
        yield Problem("model_uri", f": {error}")


def _label_problems(labels: Mapping[Any, Any]) -> Iterator[Problem]:
    for name, value in labels.items():
        if not isinstance(name, str) or not isinstance(value, str):
            yield Problem("labels", f"[{shown(name)}] must be a text with a text, not {shown(value)}")
            continue
        if not name or any(len(text.encode("utf-8", "replace")) > LABEL_BYTES for text in (name, value)):
            yield Problem("labels", f"[{shown(name)}] must have a name, and {LABEL_BYTES} bytes at most each")
        if name.startswith(RESERVED_PREFIX):
            yield Problem("labels", f"[{shown(name)}] is reserved for what identifies the task; use another name")
        if any(sign in text for sign in "=," for text in (name, value)):
            yield Problem("labels", f"[{shown(name)}] must have neither '=' nor ',' in name and value")


def _inference_problems(inference_spec: Mapping[str, Any]) -> Iterator[Problem]:
    if not inference_spec or is_service_json(inference_spec):
        if unknown := [name for name in inference_spec if name in ("service_name", "model_uri", "group", "labels")]:
            known = ", ".join(INFERENCE_ARGUMENTS)
            yield Problem("inference_spec", f"[{unknown[0]!r}] belongs to a service; give some of {known}")
        return
    yield from service_of(inference_spec)[1]
