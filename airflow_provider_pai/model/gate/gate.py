"""Whether a model is good enough: its metrics against bars and against the model that is served now.

Every check gives a margin, how far a value lies on the good side of its limit. Metrics have different units, so margins
are compared in proportion to their limits: the check with the smallest one decides, in a pass as in a failure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GATE_ARGUMENTS = (
    *("metrics", "model_uri", "metrics_file", "bars", "champion_service", "champion_model", "compare"),
    *("missing_champion", "on_fail", "follow_task_ids_if_true", "follow_task_ids_if_false"),
)
"""Names of what an author says of a gate."""
METRICS_FILE = "metrics.json"
"""Where a model's metrics are kept, in the folder of the model."""
_ROUNDING = 1e-9
"""Part of a limit that is no difference: 0.92 + 0.01 and 0.93 are not the same float."""


@dataclass(frozen=True)
class Bar:
    """What a metric must reach.

    Attributes:
        metric: its name.
        minimum: least value; None for no such limit.
        maximum: greatest value; None for no such limit.
    """

    metric: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Comparison:
    """How a metric must stand to the champion's.

    Attributes:
        metric: its name.
        higher_is_better: whether a higher value is the better one.
        min_improvement: how much better it must be; 0 lets an equal one pass, below 0 a worse one.
    """

    metric: str
    higher_is_better: bool = True
    min_improvement: float = 0.0


@dataclass(frozen=True)
class Champion:
    """The model that is served now.

    Attributes:
        service: the service that serves it; empty for a version of the model registry.
        model_uri: where it lies; empty when the service's configuration names no model.
        version: version of the service, or name of the version in the model registry.
        metrics: its metrics by name, as far as they are known.
        model: the registered model that has it as newest approved version; empty for a service's.
    """

    service: str
    model_uri: str = ""
    version: int | str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    model: str = ""

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"model {self.model}" if self.model else f"service {self.service}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        name = {"model": self.model} if self.model else {"service": self.service}
        return {**name, "model_uri": self.model_uri or None, "version": self.version}


@dataclass(frozen=True)
class MetricCheck:
    """One value against one limit.

    Attributes:
        metric: name of the metric.
        value: the model's.
        limit: what it is held against.
        at_least: whether the limit is the least value, not the greatest.
        what: what the limit is, in words.
    """

    metric: str
    value: float
    limit: float
    at_least: bool
    what: str

    @property
    def margin(self) -> float:
        """How far the value is on the good side, in units of the metric; 0 or more passes."""
        if math.isclose(self.value, self.limit, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
            return 0.0
        return self.value - self.limit if self.at_least else self.limit - self.value

    @property
    def proportion(self) -> float:
        """The margin in proportion to the limit."""
        return self.margin / abs(self.limit) if self.limit else math.copysign(math.inf, self.margin or 1.0)

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        how = "holds" if self.margin >= 0 else "misses"
        wanted = f"must be {bound} {self.limit:g} ({self.what})"
        return f"{self.metric} is {self.value:g}, {wanted}: {how} by {abs(self.margin):g}"


@dataclass(frozen=True)
class GateVerdict:
    """What is thought of a model.

    Attributes:
        passed: whether it is good enough.
        reason: why, in one or more sentences.
        decided_by: the metric that decided; None when there was nothing to check.
        margin: by how much it decided, 0 or more when the model passed; None when a value was missing.
        values: the model's values of the metrics looked at.
        champion: what it was compared with; None when nothing is served.
    """

    passed: bool
    reason: str
    decided_by: str | None = None
    margin: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    champion: Champion | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a dict of plain JSON."""
        champion = self.champion
        known = champion.metrics if champion else {}
        return {
            "passed": self.passed,
            "decided_by": self.decided_by,
            "margin": self.margin,
            "reason": self.reason,
            "values": dict(self.values),
            "champion": champion.to_json() if champion else None,
            "champion_values": {name: known[name] for name in self.values if name in known},
        }


def judge(
    metrics: Mapping[str, float],
    bars: Sequence[Bar] = (),
    comparisons: Sequence[Comparison] = (),
    champion: Champion | None = None,
    *,
    without_value: Mapping[str, str] | None = None,
    model_uri: str = "",
    unknown_passes: bool = False,
) -> GateVerdict:
    """Judge a model.

    Args:
        metrics: its metrics. A model that lacks one that bars or comparisons name does not pass.
        bars: what they must reach.
        comparisons: how they must stand to the champion's.
        champion: the model served now; None when there is none, and then there is nothing to compare with.
        without_value: why metrics have no value, by name.
        model_uri: where the model lies; a champion that lies there is this very model.
        unknown_passes: whether a champion's metric that is not known lets the model pass, instead of failing it.
    """
    needed = names_of(bars, comparisons)
    values = {name: metrics[name] for name in needed if name in metrics}
    if lacking := [name for name in needed if name not in metrics]:
        why = without_value or {}
        reason = "; ".join(f"{name} has no value: {why.get(name, 'it is not known')}" for name in lacking)
        return GateVerdict(False, reason, lacking[0], None, values, champion)
    rival = champion if champion and not (model_uri and champion.model_uri == model_uri) else None
    known = rival.metrics if rival else {}
    missing = [item.metric for item in comparisons if item.metric not in known] if rival else []
    checks = [*_bar_checks(metrics, bars), *_champion_checks(metrics, comparisons, known)]
    notes = _notes(champion, rival, missing) if comparisons else []
    failed = sorted((check for check in checks if check.margin < 0), key=lambda check: check.proportion)
    if not failed and missing and not unknown_passes:
        return GateVerdict(False, "; ".join(notes), missing[0], None, values, champion)
    deciding = failed or sorted(checks, key=lambda check: check.proportion)[:1]
    reason = "; ".join([*map(str, deciding), *notes])
    if not deciding:
        return GateVerdict(True, reason, None, None, values, champion)
    return GateVerdict(not failed, reason, deciding[0].metric, deciding[0].margin, values, champion)


def names_of(bars: Iterable[Bar], comparisons: Iterable[Comparison]) -> list[str]:
    """Return the metrics that are looked at, each once."""
    return list(dict.fromkeys([*(bar.metric for bar in bars), *(item.metric for item in comparisons)]))


def _bar_checks(metrics: Mapping[str, float], bars: Iterable[Bar]) -> list[MetricCheck]:
    limits = [
        (bar.metric, limit, at_least)
        for bar in bars
        for limit, at_least in ((bar.minimum, True), (bar.maximum, False))
        if limit is not None
    ]
    return [MetricCheck(metric, metrics[metric], limit, at_least, "its bar") for metric, limit, at_least in limits]


def _champion_checks(
    metrics: Mapping[str, float], comparisons: Iterable[Comparison], known: Mapping[str, float]
) -> list[MetricCheck]:
    checks = []
    for item in comparisons:
        if item.metric not in known:
            continue
        best = known[item.metric]
        wanted = f" and {item.min_improvement:g} better" if item.min_improvement else ""
        limit = best + (item.min_improvement if item.higher_is_better else -item.min_improvement)
        what = f"the champion's {best:g}{wanted}"
        checks.append(MetricCheck(item.metric, metrics[item.metric], limit, item.higher_is_better, what))
    return checks


def _notes(champion: Champion | None, rival: Champion | None, missing: Sequence[str]) -> list[str]:
    """Say what could not be compared, and why."""
    if champion is None:
        return ["there is no champion to compare with yet"]
    if rival is None:
        return [f"this is the champion itself, that of {champion.title}"]
    if not missing:
        return []
    where = rival.model_uri or "its model, which the service's configuration does not name"
    return [f"{', '.join(missing)} of the champion of {rival.title} is not known ({where})"]
