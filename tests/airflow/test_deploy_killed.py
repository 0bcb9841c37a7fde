"""A deployment that is killed between any two calls, and tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, executed
from tests.support.deploying import NEW, OLD, Model, ask, deploying, quick_hook, run_trigger, services
from tests.support.interrupted import Died, interrupted

_AT_A_TIME = 3


@dataclass(frozen=True)
class Scenario:
    """What is deployed before, what is deployed then, and what must be true in the end.

    Attributes:
        strategy: how.
        before: the models that are served first, one after the other.
        model: the model that is deployed.
        answers: the name of the model that must answer in the end.
        fails: whether the deployment fails.
        deferrable: whether it waits in the triggerer; then each part of the task is a process of its own.
    """

    strategy: str
    before: Sequence[Model]
    model: Model
    answers: str
    fails: bool = False
    deferrable: bool = False


SCENARIOS = {
    "create": Scenario("rolling", (), NEW, "new"),
    "update": Scenario("rolling", (OLD,), NEW, "new"),
    "update that crashes": Scenario("rolling", (OLD,), Model("broken", crash=True), "old", fails=True),
    "update that answers 500": Scenario("rolling", (OLD,), Model("broken", status=500), "old", fails=True),
    "first of a group": Scenario("blue_green", (), NEW, "new"),
    "blue-green": Scenario("blue_green", (OLD,), NEW, "new"),
    "blue-green that answers 500": Scenario("blue_green", (OLD,), Model("broken", status=500), "old", fails=True),
    "deferred update that answers 500": Scenario(
        "rolling", (OLD,), Model("broken", status=500), "old", fails=True, deferrable=True
    ),
    "deferred blue-green": Scenario("blue_green", (OLD,), NEW, "new", deferrable=True),
    "canary back to a full house": Scenario("canary", (OLD, Model("other")), NEW, "new"),
}


class Death:
    """Kills at the k-th call: its effect has come about, its answer never arrived.

    Looks at a service that is coming up are one call: how many there are depends on the machine.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self._last = ""
        self.calls = 0

    def __call__(self, action: str) -> None:
        if action != "DescribeService" or self._last != action:
            self.calls += 1
        self._last = action
        if self.calls >= self._at:
            raise Died


def lives(scenario: Scenario, name: str, code: str, at: int) -> str | None:
    """Live through a scenario, killed at a call; return what is wrong in the end, None when the kill came too late."""
    for model in scenario.before:
        executed(deploying(name, model.stored(), code, strategy=scenario.strategy), Attempt().context)
    uri, attempt = scenario.model.stored(), Attempt(max_tries=1)

    def run(attempt: Attempt, make_hook: Callable[[], PAIServiceHook]) -> bool:
        event: dict[str, Any] | None = None
        while True:
            arguments = {"strategy": scenario.strategy, "retries": 1, "deferrable": scenario.deferrable}
            operator = deploying(name, uri, code, **arguments)
            operator.hook = make_hook()
            try:
                if event is None:
                    executed(operator, attempt.context)
                else:
                    operator.execute_complete(attempt.context, event)
            except ServiceError:
                return False
            except TaskDeferred as deferred:
                event = run_trigger(deferred)
            else:
                return True

    death = Death(at)
    try:
        run(attempt, lambda: interrupted(quick_hook(), after=death))
    except Died:
        succeeded = run(attempt.retried(), quick_hook)
        return "; ".join(wrong(scenario, name, succeeded=succeeded))
    return None


def wrong(scenario: Scenario, name: str, *, succeeded: bool) -> Iterator[str]:
    """Yield what is not as it must be after the retry."""
    if succeeded == scenario.fails:
        yield f"the retry {'succeeded' if succeeded else 'failed'}"
    if (model := ask(name)["model"]) != scenario.answers:
        yield f"{model} answers, not {scenario.answers}"
    found = services(name)
    slots = scenario.strategy != "rolling"
    names = {f"{name}_blue", f"{name}_green"} if slots else {name}
    if not {service.name for service in found} <= names or (not slots and len(found) != 1):
        yield f"there are {[service.name for service in found]}"
    if slots and sum(service.share for service in found) != 100:
        yield f"the weights are {[(service.name, service.share) for service in found]}"
    serving = [service for service in found if service.share or not slots]
    if [service.status for service in serving] != ["Running"]:
        yield f"serving are {[(service.name, service.status) for service in serving]}"


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_kill_at_any_call_and_a_retry_end_as_without_the_kill(
    pai: LocalPAI, name: str, code: str, scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    short = name[-20:].strip("_")
    ends: dict[int, str | None] = {}

    def live(at: int) -> bool:
        own = f"k{at}_{short}"
        try:
            ends[at] = lives(scenario, own, code, at)
        finally:
            _delete(own)
        return ends[at] is not None

    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        for first in count(1, _AT_A_TIME):
            if not all(threads.map(live, range(first, first + _AT_A_TIME))):
                break
    killed = {at: found for at, found in ends.items() if found is not None}
    with capsys.disabled():
        print(f"\n{len(killed)} kills")
    assert len(killed) >= len(scenario.before) + 3
    assert {at: found for at, found in killed.items() if found} == {}


def _delete(name: str) -> None:
    hook = PAIServiceHook()
    for service in services(name):
        hook.delete(service.name)
