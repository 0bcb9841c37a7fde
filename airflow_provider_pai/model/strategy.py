"""How a new model takes the place of the old one, as an author says it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

ROLLING, BLUE_GREEN, CANARY = "rolling", "blue_green", "canary"
STRATEGIES = (ROLLING, BLUE_GREEN, CANARY)
ROLLBACK, LEAVE = "rollback", "leave"
DEFAULT_STEPS = (10, 50, 100)
_FULL = 100


def traffic_steps(strategy: str, steps: Sequence[int] | None) -> tuple[int, ...]:
    """Return the percentages of traffic that a strategy stops at."""
    if strategy != CANARY:
        return (_FULL,)
    given = tuple(steps or DEFAULT_STEPS)
    return given if given[-1] == _FULL else (*given, _FULL)


def strategy_problems(
    strategy: Any, steps: Any, step_pause: Any, on_failure: Any, startup_timeout: Any
) -> Iterator[str]:
    """Yield what is wrong with how a new model takes the place of the old one, each beginning with the argument."""
    if strategy not in STRATEGIES:
        yield f"strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r:.60}"
    if on_failure not in (ROLLBACK, LEAVE):
        yield f"on_failure must be {ROLLBACK!r} or {LEAVE!r}, not {on_failure!r:.60}"
    if not _is_number(step_pause) or not math.isfinite(step_pause) or step_pause < 0:
        yield f"step_pause must be a number of seconds, at least 0, not {step_pause!r:.60}"
    if not _is_number(startup_timeout) or not math.isfinite(startup_timeout) or startup_timeout <= 0:
        yield f"startup_timeout must be a number of seconds above 0, not {startup_timeout!r:.60}"
    if steps is None:
        return
    if strategy != CANARY:
        yield f"steps are for strategy={CANARY!r} only; leave them out"
    elif not _are_steps(steps):
        yield f"steps must be ascending whole percentages from 1 to {_FULL}, such as [10, 50, 100], not {steps!r:.60}"


def _are_steps(steps: Any) -> bool:
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not steps:
        return False
    whole = all(isinstance(step, int) and not isinstance(step, bool) and 0 < step <= _FULL for step in steps)
    return whole and all(one < other for one, other in pairwise(steps))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
