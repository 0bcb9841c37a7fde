"""How measured numbers are spread: the middle, the end of nearly all, and the worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Spread:
    """Quantiles of samples; all zero when there are none.

    Attributes:
        count: number of samples.
        p50: the median.
        p99: what 99 of 100 are at most.
        most: the largest.
    """

    count: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> Self:
        """Return the spread of samples."""
        ordered = sorted(samples)
        if not ordered:
            return cls(0, 0, 0, 0)
        last = len(ordered) - 1
        return cls(len(ordered), ordered[round(last * 0.5)], ordered[round(last * 0.99)], ordered[-1])
