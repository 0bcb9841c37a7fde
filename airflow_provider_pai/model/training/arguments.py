"""From an author's arguments, as they come out of a DAG file, to a :class:`TrainingJobSpec` that can work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from functools import partial
from typing import Any, TypeVar

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.image import ImageQuery
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import Reader
from airflow_provider_pai.model.training.resources import ExperimentConfig, InstanceSpec, SpotSpec, UserVpcConfig
from airflow_provider_pai.model.training.spec import FILLED_IN, MetricDefinition, TrainingJobSpec
from airflow_provider_pai.model.training.validation import problems
from airflow_provider_pai.model.values import kind, shown, truth, with_unix_lines

T = TypeVar("T")

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
    read = {each.name: _read(reader, each) for each in fields(TrainingJobSpec) if each.name not in FILLED_IN}
    spec = TrainingJobSpec(**{name: value for name, value in read.items() if value is not None})
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


def _read(reader: Reader, member: Field[Any]) -> Any:
    """Return a member of the spec as its type says; None for its default."""
    special = _SPECIAL.get(member.name)
    return special(reader) if special else _BY_TYPE[str(member.type)](reader, member.name)


def _record(made: type[T], reader: Reader, name: str) -> T | None:
    return reader.record(name, made)


def _name(reader: Reader, name: str) -> str | None:
    """Read a text of one word or line, of which none is the default."""
    return (reader.text(name, digits=True) or "").strip() or None


def _command(reader: Reader) -> str | None:
    if isinstance(reader.value("command"), list | tuple):
        reader.wrong("command", "must be one text for the shell, not a list; use shlex.join(...)")
        return None
    text = reader.text("command")
    return text if text is None else with_unix_lines(text)


def _environments(reader: Reader) -> dict[str, str]:
    return {name: with_unix_lines(text) for name, text in reader.texts("environments").items()}


def _requirements(reader: Reader) -> tuple[str, ...]:
    return tuple(line.removesuffix("\n").removesuffix("\r") for line in reader.lines("requirements"))


def _image(reader: Reader) -> ImageQuery | None:
    if reader.value("image") is None:
        return None
    before = len(reader.problems)
    value = reader.mapping("image", "a dict such as {'framework_name': 'PyTorch'}")
    if len(reader.problems) != before:
        return _ASKED_FOR
    if unknown := sorted(shown(name).strip("'") for name in value if name not in _IMAGE_MEMBERS):
        reader.wrong("image", f": unknown {', '.join(unknown)}; it may have {', '.join(_IMAGE_MEMBERS)}")
    wrong = [name for name in _IMAGE_TEXTS if not isinstance(value.get(name, ""), str)]
    for name in wrong:
        reader.wrong("image", f"[{name!r}] must be a text, not {kind(value[name])}")
    if not value.get("framework_name") and "framework_name" not in wrong:
        reader.wrong("image", ": framework_name is missing, for example 'PyTorch'")
    if len(reader.problems) != before:
        return _ASKED_FOR
    own = value.get("include_workspace", False)
    query = ImageQuery(**{**value, "include_workspace": own if (meant := truth(own)) is None else meant})
    reader.problems.extend(Problem("image", f": {problem}") for problem in query.problems())
    return query


def _metrics(reader: Reader) -> tuple[MetricDefinition, ...]:
    """Read metrics; the PAI SDK writes their members with capitals."""
    found = reader.records("metric_definitions", _METRICS)
    if found is None:
        return ()
    given = [{str(name).lower(): item for name, item in one.items()} for one in found]
    if all(set(one) == {"name", "regex"} and all(isinstance(item, str) for item in one.values()) for one in given):
        return tuple(MetricDefinition(one["name"], one["regex"]) for one in given)
    reader.wrong("metric_definitions", f"must be {_METRICS}")
    return ()


_METRICS = "a list of dicts with 'name' and 'regex', for example [{'name': 'accuracy', 'regex': 'accuracy=([0-9.]+)'}]"
_BY_TYPE: Mapping[str, Callable[[Reader, str], Any]] = {
    "bool": lambda reader, name: truth(reader.value(name)),
    "str": _name,
    "str | None": Reader.text,
    "int": Reader.whole,
    "int | None": Reader.whole,
    "Mapping[str, str]": Reader.texts,
    "Mapping[str, Any]": Reader.json,
    "tuple[str, ...]": Reader.lines,
    **{f"{made.__name__} | None": partial(_record, made) for made in (InstanceSpec, SpotSpec, UserVpcConfig)},
    "ExperimentConfig | None": partial(_record, ExperimentConfig),
}
"""How a member of the spec is read: as its type says ..."""
_SPECIAL: Mapping[str, Callable[[Reader], Any]] = {
    "command": _command,
    "environments": _environments,
    "requirements": _requirements,
    "image": _image,
    "metric_definitions": _metrics,
    "max_run_time": lambda reader: reader.seconds("max_run_time"),
}
"""... or in a way of its own."""
