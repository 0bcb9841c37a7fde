"""From an author's arguments for a gate, as they come out of a DAG file, to bars, comparisons and metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from airflow_provider_pai.model.gate.gate import Bar, Comparison
from airflow_provider_pai.model.masking import masked_text
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import Reader
from airflow_provider_pai.model.registry.names import name_problems
from airflow_provider_pai.model.serving.names import is_service_name
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import kind, number, shown

_DIRECTIONS = {"higher": True, "lower": False}
_TEXTS = ("model_uri", "metrics_file", "champion_service", "champion_model")
_COMPARE = "{'accuracy': {'direction': 'higher', 'min_improvement': 0.0}}"


def numbers_in(metrics: Mapping[Any, Any]) -> dict[str, float]:
    """Return the metrics that are finite numbers; what is none is left out."""
    read = {str(name): number(value) for name, value in metrics.items()}
    return {name: value for name, value in read.items() if value is not None}


def is_undefined(value: object) -> bool:
    """Whether a metric was given, and has no value: None, or a number that is not finite."""
    if value is None:
        return True
    try:
        return not isinstance(value, bool) and isinstance(value, Real | str) and not math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def read_bars(value: object) -> tuple[list[Bar], list[Problem]]:
    """Read ``bars``: a number (the least value) or ``min`` and ``max`` by metric.

    Returns:
        The bars, and what is wrong with them.
    """
    if value is None:
        return [], []
    if not isinstance(value, Mapping):
        return [], [Problem("bars", f"must be a dict such as {{'accuracy': {{'min': 0.9}}}}, not {kind(value)}")]
    bars, problems = [], []
    for metric, limits in value.items():
        place = f"[{metric!r}]"
        given = limits if isinstance(limits, Mapping) else {"min": limits}
        wrong = _unknown("bars", place, given, ("min", "max")) or [
            Problem("bars", f"{place}: {name} must be a finite number, not {kind(limit)}")
            for name, limit in given.items()
            if number(limit) is None
        ]
        bar = Bar(str(metric), number(given.get("min")), number(given.get("max")))
        if not given:
            wrong = [Problem("bars", f"{place} must have min, max or both")]
        elif bar.minimum is not None and bar.maximum is not None and bar.minimum > bar.maximum:
            wrong = [Problem("bars", f"{place}: min {bar.minimum:g} is above max {bar.maximum:g}")]
        bars.append(bar)
        problems += wrong
    return bars, problems


def read_comparisons(value: object) -> tuple[list[Comparison], list[Problem]]:
    """Read ``compare``: ``direction`` and ``min_improvement`` by metric.

    Returns:
        The comparisons, and what is wrong with them.
    """
    if value is None:
        return [], []
    if not isinstance(value, Mapping) or not all(isinstance(item, Mapping) for item in value.values()):
        return [], [Problem("compare", f"must be a dict of dicts such as {_COMPARE}, not {kind(value)}")]
    comparisons, problems = [], []
    for metric, item in value.items():
        place = f"[{metric!r}]"
        problems += _unknown("compare", place, item, ("direction", "min_improvement"))
        direction, wanted = str(item.get("direction", "higher")), number(item.get("min_improvement", 0.0))
        if direction not in _DIRECTIONS:
            problems.append(Problem("compare", f"{place}: direction must be 'higher' or 'lower', not {direction!r}"))
        if wanted is None:
            text = f"{place}: min_improvement must be a finite number, not {kind(item['min_improvement'])}"
            problems.append(Problem("compare", text))
        comparisons.append(Comparison(str(metric), _DIRECTIONS.get(direction, True), wanted or 0.0))
    return comparisons, problems


@dataclass(frozen=True)
class ModelMetrics:
    """What is known of a model's metrics.

    Attributes:
        values: the metrics that are finite numbers.
        without_value: why others have no value, by name: those that are needed, and those with a last value that is no
            finite number. An older value never stands for it.
    """

    values: Mapping[str, float]
    without_value: Mapping[str, str]


def read_metrics(value: Mapping[Any, Any], names: Iterable[str], source: str) -> ModelMetrics:
    """Read a model's metrics.

    Args:
        value: metrics by name, as they were given or found.
        names: those that are needed.
        source: the argument, or the file, that they are from.
    """
    read = numbers_in(value)
    given = {str(name): item for name, item in value.items()}
    has = ", ".join(masked_text(name) for name in given) or "nothing"
    without = {
        name: f"it is {shown(item)}, which is no finite number" for name, item in given.items() if name not in read
    }
    missing = f"{source} has {has}; a metric has no value when its last one is no finite number"
    without |= {name: missing for name in dict.fromkeys(names) if name not in given}
    return ModelMetrics(read, without)


@dataclass(frozen=True)
class GateArguments:
    """What an author says of a gate.

    Attributes:
        bars: what metrics must reach.
        comparisons: how they must stand to the champion's.
        metrics: the model's metrics; None when they are read from its folder.
        folder: the model's folder; None when it was not given.
        metrics_file: name of the file in a model's folder that holds its metrics.
        champion_service: the service that serves the champion; empty for none.
        champion_model: the registered model with the champion as newest approved version; empty for none.
        unknown_passes: whether a champion's metric that is not known lets the model pass.
    """

    bars: Sequence[Bar]
    comparisons: Sequence[Comparison]
    metrics: Mapping[Any, Any] | None
    folder: OssUri | None
    metrics_file: str
    champion_service: str
    champion_model: str
    unknown_passes: bool


def read_gate(arguments: Mapping[str, Any]) -> tuple[GateArguments, list[Problem]]:
    """Turn the arguments of a gate into what it checks, and say everything that is wrong with them.

    Args:
        arguments: the operator's arguments by name, all of ``GATE_ARGUMENTS``.

    Returns:
        The arguments, which may be used only when there are no problems, and the problems.
    """
    reader = Reader(arguments)
    texts = {
        name: reader.text(name) or "" for name in ("model_uri", "metrics_file", "champion_service", "champion_model")
    }
    metrics = None if arguments["metrics"] is None else reader.mapping("metrics", "a dict of numbers by name")
    dicts = {
        "bars": reader.mapping("bars", "a dict such as {'accuracy': {'min': 0.9}}"),
        "compare": reader.mapping("compare", f"a dict of dicts such as {_COMPARE}"),
    }
    bars, wrong = read_bars(dicts["bars"])
    comparisons, more = read_comparisons(dicts["compare"])
    folder, address = _read_folder(texts["model_uri"])
    given = GateArguments(
        bars=bars,
        comparisons=comparisons,
        metrics=metrics,
        folder=folder,
        metrics_file=texts["metrics_file"],
        champion_service=texts["champion_service"],
        champion_model=texts["champion_model"],
        unknown_passes=_is(arguments["missing_champion"], "pass"),
    )
    found = [*wrong, *more, *address, *_combination_problems(given, dicts, arguments)]
    return given, [*reader.problems, *(problem for problem in found if problem.argument not in reader.unread)]


def normal_folder(uri: str) -> str:
    """Return the address of a model's folder in the one form in which two can be compared."""
    folder, _ = _read_folder(uri)
    return str(folder or uri)


def _read_folder(uri: str) -> tuple[OssUri | None, list[Problem]]:
    if not uri:
        return None, []
    try:
        return OssUri.parse(uri).folder().without_endpoint(), []
    except ValueError as error:
        return None, [Problem("model_uri", f": {error}")]


def _combination_problems(
    given: GateArguments, dicts: Mapping[str, Mapping[Any, Any]], arguments: Mapping[str, Any]
) -> Iterator[Problem]:
    if given.metrics is None and arguments["metrics"] is None and not arguments["model_uri"]:
        yield Problem("metrics", "or model_uri must be given: what the model is judged by, or where that is kept")
    if not dicts["bars"] and not dicts["compare"]:
        yield Problem("bars", "or compare must name a metric; without one every model would pass")
    if given.champion_service and given.champion_model:
        yield Problem("champion_service", "and champion_model are both given: there is one champion")
    if bool(dicts["compare"]) != bool(given.champion_service or given.champion_model):
        text = "(or champion_model) and compare belong together: whom to compare with, and how"
        yield Problem("champion_service", text)
    if given.champion_service and not is_service_name(given.champion_service):
        yield Problem("champion_service", f"{shown(given.champion_service)} is no name of a service or group")
    if given.champion_model:
        yield from name_problems("champion_model", given.champion_model)
    if not re.fullmatch(r"[^/\\]+", given.metrics_file.strip()):
        text = f"must be the name of a file in the model's folder, not {shown(arguments['metrics_file'])}"
        yield Problem("metrics_file", text)
    for name, known in (("missing_champion", ("fail", "pass")), ("on_fail", ("fail", "skip", "branch"))):
        if not isinstance(arguments[name], str) or arguments[name] not in known:
            *first, last = map(repr, known)
            yield Problem(name, f"must be {', '.join(first)} or {last}, not {shown(arguments[name])}")
    yield from _follow_problems(arguments)


def _follow_problems(arguments: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("follow_task_ids_if_true", "follow_task_ids_if_false"):
        ids = arguments[name]
        if not isinstance(ids, str) and not (isinstance(ids, Sequence) and all(isinstance(each, str) for each in ids)):
            yield Problem(name, f"must be a task id, or a list of them, not {kind(ids)}")
        elif _is(arguments["on_fail"], "branch") and not ids:
            yield Problem(name, "must be given with on_fail='branch'")
        elif not _is(arguments["on_fail"], "branch") and ids:
            yield Problem(name, "has no meaning without on_fail='branch'")


def _is(value: object, word: str) -> bool:
    """Whether a value is this word; one of another type may refuse to be compared."""
    return isinstance(value, str) and value == word


def _unknown(argument: str, place: str, given: Mapping[Any, Any], known: tuple[str, ...]) -> list[Problem]:
    unknown = ", ".join(sorted({str(name) for name in given} - set(known)))
    return [Problem(argument, f"{place}: unknown {unknown}; it may have {' and '.join(known)}")] if unknown else []
