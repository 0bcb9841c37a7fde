"""How a new model takes the place of the old one, as an author says it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import seconds_problems
from airflow_provider_pai.model.serving.smoke_test import SmokeTest, read_smoke_test
from airflow_provider_pai.model.values import number, shown, whole

ROLLING, BLUE_GREEN, CANARY = "rolling", "blue_green", "canary"
STRATEGIES = (ROLLING, BLUE_GREEN, CANARY)
ROLLBACK, LEAVE = "rollback", "leave"
DEFAULT_STEPS = (10, 50, 100)
_FULL = 100


ROLLOUT_ARGUMENTS = ("strategy", "steps", "step_pause", "keep_old", "smoke_test", "on_failure", "startup_timeout")
"""Names of what an author says of a deployment, beside the service itself."""


@dataclass(frozen=True)
class RolloutOptions:
    """What a task wants of its deployment.

    Attributes:
        smoke_test: request that the service must answer rightly; None for none.
        paired: whether two services take turns in a group.
        steps: percentages of traffic to stop at; the last is 100.
        step_pause: seconds between two steps.
        keep_old: whether the service that had the traffic before keeps running.
        leave: whether what has failed stays as it is.
    """

    smoke_test: SmokeTest | None = None
    paired: bool = False
    steps: tuple[int, ...] = (_FULL,)
    step_pause: float = 0.0
    keep_old: bool = True
    leave: bool = False


def read_rollout_options(arguments: Mapping[str, Any]) -> tuple[RolloutOptions, list[Problem]]:
    """Turn arguments into what is wanted of a deployment and say everything that is wrong with them.

    Args:
        arguments: the operator's arguments by name, all of :data:`ROLLOUT_ARGUMENTS`.

    Returns:
        The options, which may be used only when there are no problems, and the problems.
    """
    given = {name: arguments[name] for name in ROLLOUT_ARGUMENTS}
    given["steps"] = _read_steps(given["steps"])
    given |= {
        name: number(given[name]) for name in ("step_pause", "startup_timeout") if number(given[name]) is not None
    }
    smoke_test, problems = read_smoke_test(given["smoke_test"])
    problems += _problems(given)
    if problems:
        # Membership alone would compare with any value.
        paired = isinstance(given["strategy"], str) and given["strategy"] in (BLUE_GREEN, CANARY)
        return RolloutOptions(paired=paired), problems
    options = RolloutOptions(
        smoke_test,
        paired=given["strategy"] != ROLLING,
        steps=_traffic_steps(given["strategy"], given["steps"]),
        step_pause=given["step_pause"],
        # Anything else than a flag is refused by its name elsewhere.
        keep_old=given["keep_old"] is not False,
        leave=given["on_failure"] == LEAVE,
    )
    return options, []


def _read_steps(value: Any) -> Any:
    """Return steps that may be written as JSON, or as texts; what can't be read stays, and is refused."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return [step if (read := whole(step)) is None else read for step in value]


def _traffic_steps(strategy: str, steps: Sequence[int] | None) -> tuple[int, ...]:
    """Return the percentages of traffic that a strategy stops at."""
    if strategy != CANARY:
        return (_FULL,)
    given = tuple(steps or DEFAULT_STEPS)
    return given if given[-1] == _FULL else (*given, _FULL)


def _problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    strategy, steps, pause, limit = (given[name] for name in ("strategy", "steps", "step_pause", "startup_timeout"))
    is_known = isinstance(strategy, str) and strategy in STRATEGIES
    if not is_known:
        yield Problem("strategy", f"must be one of {', '.join(STRATEGIES)}, not {shown(strategy)}")
    if not isinstance(given["on_failure"], str) or given["on_failure"] not in (ROLLBACK, LEAVE):
        yield Problem("on_failure", f"must be {ROLLBACK!r} or {LEAVE!r}, not {shown(given['on_failure'])}")
    yield from seconds_problems("step_pause", pause, zero=True)
    yield from seconds_problems("startup_timeout", limit)
    if steps is not None and is_known and strategy != CANARY:
        yield Problem("steps", f"are for strategy={CANARY!r} only; leave them out")
    elif steps is not None and not _are_steps(steps):
        yield Problem(
            "steps", f"must be ascending whole percentages from 1 to {_FULL}, such as [10, 50, 100], not {shown(steps)}"
        )


def _are_steps(steps: Any) -> bool:
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not steps:
        return False
    whole = all(isinstance(step, int) and not isinstance(step, bool) and 0 < step <= _FULL for step in steps)
    return whole and all(one < other for one, other in pairwise(steps))
