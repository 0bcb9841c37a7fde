"""Whether a run is better than the one before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_pai.model.monitor.curve import Curve

_LOWER = re.compile(
    r"loss|err|mse|mae|mape|rmse|perplexity|ppl|entropy|divergence|(^|[^a-z])(kl|wer|cer|fid|nll|time|seconds|latency)"
    r"([^a-z]|$)"
)
_HIGHER = re.compile(
    r"acc|auc|precision|recall|score|bleu|rouge|ndcg|reward|throughput|dice"
    r"|(^|[^a-z])(f1|r2|map|iou|mrr|psnr|ssim|hits?|top\d?)([^a-z]|$)"
)


class ComparisonOutcome(StrEnum):
    """How a value compares with the one before."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    CHANGED = "changed"
    """Different, and which one is better the metric's name does not tell."""


@dataclass(frozen=True)
class MetricComparison:
    """A metric of this run beside that of the run before.

    Attributes:
        value: of this run.
        before: of the run before; at the same place where this run has not ended.
        outcome: what is to be thought of it.
        place: step or second of both values; None for the last values of both.
    """

    value: float
    before: float
    outcome: ComparisonOutcome
    place: float | None = None


def compare(curve: Curve, before: Curve, *, is_partial: bool) -> MetricComparison | None:
    """Compare a metric with that of an earlier run; None when one of them has no value.

    Args:
        curve: this run's.
        before: the earlier run's.
        is_partial: whether this run has not got to its end, so that the values at the same place are compared.
    """
    place = curve.points[-1][0] if is_partial and curve.points and curve.unit == before.unit else None
    value, other = curve.last, before.last if place is None else before.value_at(place)
    if value is None or other is None:
        return None
    return MetricComparison(value, other, _outcome(curve.name, value, other), place)


def _outcome(name: str, value: float, before: float) -> ComparisonOutcome:
    if value == before:
        return ComparisonOutcome.SAME
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).lower()
    lower, higher = _LOWER.search(text), _HIGHER.search(text)
    if bool(lower) == bool(higher):
        return ComparisonOutcome.CHANGED
    return ComparisonOutcome.BETTER if (value < before) == bool(lower) else ComparisonOutcome.WORSE
