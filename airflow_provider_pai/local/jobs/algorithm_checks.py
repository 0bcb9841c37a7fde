"""What CreateTrainingJob refuses of the definitions in AlgorithmSpec, and what a job gets from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_pai.model.training.resources import JOB_TYPES

Body = Mapping[str, Any]

_BOOLEANS = ("true", "false")


def _is_boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return True


_READERS: Mapping[str, Callable[[str], object]] = {
    "Int": int,
    "Float": float,
    "Boolean": _is_boolean,
    "String": str,
    "Channel": str,
}


def algorithm_problems(body: Body) -> Iterator[str]:
    """Yield what is wrong with the definitions of a job.

    Args:
        body: a body of the operation's form, which has the required members.
    """
    algorithm, where = body["AlgorithmSpec"], "AlgorithmSpec"
    if algorithm["JobType"] not in JOB_TYPES:
        yield f"{where}.JobType is invalid: it must be one of {', '.join(JOB_TYPES)}, not {algorithm['JobType']!r}"
    for definition in algorithm.get("MetricDefinitions", ()):
        yield from _regex_problems(f"{where}.MetricDefinitions", repr(definition["Name"]), definition.get("Regex"))
    for name, definition in algorithm.get("ProgressDefinitions", {}).items():
        yield from _regex_problems(f"{where}.ProgressDefinitions", name, definition.get("Regex"))
    given = {pair["Name"]: pair.get("Value", "") for pair in body.get("HyperParameters", ())}
    for index, definition in enumerate(algorithm.get("HyperParameters", ())):
        yield from _hyperparameter_problems(f"{where}.HyperParameters[{index}]", definition, given)


def with_defaults(job: Body) -> dict[str, Any]:
    """Return a job with the defined values of the hyperparameters that it doesn't give [inferred].

    Args:
        job: a checked body of CreateTrainingJob, or a stored job.
    """
    given = {pair["Name"] for pair in job.get("HyperParameters", ())}
    added = [
        {"Name": definition["Name"], "Value": definition["DefaultValue"]}
        for definition in job["AlgorithmSpec"].get("HyperParameters", ())
        if definition.get("DefaultValue") and definition["Name"] not in given and definition.get("Type") != "Channel"
    ]
    return {**job, "HyperParameters": [*job.get("HyperParameters", ()), *added]}


def _regex_problems(where: str, name: str, regex: str | None) -> Iterator[str]:
    if not regex:
        yield f"{where} is invalid: {name} has no Regex"
        return
    try:
        groups = re.compile(regex).groups
    except re.error as error:
        yield f"{where} is invalid: the regex of {name} can't be read: {error}"
        return
    if groups != 1:
        yield f"{where} is invalid: the regex of {name} must have one group, the value, not {groups}"


def _hyperparameter_problems(where: str, definition: Body, given: Mapping[str, str]) -> Iterator[str]:
    name, kind = definition.get("Name", ""), definition.get("Type", "")
    if not name or not kind:
        yield f"{where} is invalid: Name and Type are required"
        return
    if kind not in _READERS:
        yield f"{where}.Type is invalid: it must be one of {', '.join(_READERS)}, not {kind!r}"
        return
    value = given.get(name) or definition.get("DefaultValue")
    if not value and name not in given and definition.get("Required"):
        yield f"HyperParameters {name} is required: AlgorithmSpec.HyperParameters says so"
    elif value:
        yield from _value_problems(f"HyperParameters {name}", kind, value)
        yield from _range_problems(where, name, kind, value, definition.get("Range", {}))


def _value_problems(where: str, kind: str, value: str) -> Iterator[str]:
    if not _can_be_read(kind, value):
        yield f"{where} is invalid: {value!r} is no value of its type, {kind}"


def _range_problems(where: str, name: str, kind: str, value: str, limits: Body) -> Iterator[str]:
    if limits.get("Pattern"):
        yield f"{where}.Range.Pattern is not supported: local PAI compares no values with patterns"
    unreadable = [
        each for each in ("Minimum", "Maximum") if limits.get(each) and not _can_be_read("Float", limits[each])
    ]
    for each in unreadable:
        yield f"{where}.Range.{each} is invalid: {limits[each]!r} is no number"
    if not unreadable and _can_be_read(kind, value) and not all(_limits_kept(kind, value, limits)):
        yield f"HyperParameters {name} is invalid: {value!r} is out of the range of AlgorithmSpec.HyperParameters"


def _limits_kept(kind: str, value: str, limits: Body) -> Sequence[bool]:
    """Return whether a value keeps each limit that its type has."""
    kept = [not limits.get("Enum") or value in limits["Enum"]]
    if kind in ("Int", "Float"):
        number = float(value)
        lowest, highest = float(limits.get("Minimum") or "-inf"), float(limits.get("Maximum") or "inf")
        kept.append(lowest < number if limits.get("ExclusiveMinimum") else lowest <= number)
        kept.append(number < highest if limits.get("ExclusiveMaximum") else number <= highest)
    if kind == "String":
        kept.append(limits.get("MinLength", 0) <= len(value) <= limits.get("MaxLength", len(value)))
    return kept


def _can_be_read(kind: str, text: str) -> bool:
    try:
        _READERS[kind](text)
    except ValueError:
        return False
    return True
