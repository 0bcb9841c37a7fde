"""Looks at the versions that many tasks wait for, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.registry import PAGE_SIZE
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import NotFoundError, PAIError, TransportError
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.lifecycle.registry.waiting import first_version, judge_look
from airflow_provider_pai.lifecycle.registry.watcher import VersionWatcher
from airflow_provider_pai.model.registry.condition import VersionCondition
from airflow_provider_pai.model.registry.version import APPROVED, ModelVersion, RegisteredModel


@dataclass
class Registry:
    """A registry in memory that counts its calls."""

    models: dict[str, list[ModelVersion]]
    now: float = 0.0
    calls: list[float] = field(default_factory=list)
    broken_until: float = 0.0
    names: dict[str, str] = field(default_factory=dict)
    """Ids of models that have another one than their name."""

    def _count(self) -> None:
        self.calls.append(self.now)
        if self.now < self.broken_until:
            raise TransportError("no answer", sent=False)

    def find(self, name: str) -> RegisteredModel | None:
        self._count()
        model_id = self.names.get(name, name)
        return RegisteredModel(model_id, name) if model_id in self.models else None

    def versions(self, model: RegisteredModel) -> list[ModelVersion]:
        found = self.models.get(model.model_id)
        for _ in range(max(1, -(-len(found or ()) // PAGE_SIZE))):
            self._count()
        if found is None:
            raise NotFoundError("ListModelVersions", 404, "ModelNotFound", "gone")
        return found

    def page(self, number: int) -> Page[RegisteredModel]:
        self._count()
        names = list(self.models)[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        return Page(tuple(RegisteredModel(n, n, latest=self.models[n][-1]) for n in names), len(self.models))

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def watcher(self) -> VersionWatcher:
        return VersionWatcher(cast("ModelRegistry", self), clock=lambda: self.now, sleep=self.sleep)

    def approve(self, name: str) -> None:
        self.models[name] = [*self.models[name][:-1], replace(self.models[name][-1], approval_status=APPROVED)]


def version(name: str = "0.1.0", status: str = "Pending") -> ModelVersion:
    return ModelVersion(name, "oss://bucket/m/", status)


async def wait(registry: Registry, watcher: VersionWatcher, name: str, times: dict[str, float]) -> None:
    looks = watcher.watch(name, 10.0)
    async with aclosing(looks):
        policy = OutagePolicy(lambda *_: None, 3600, clock=lambda: registry.now)
        found = await first_version(looks, name, VersionCondition("0.1.0"), policy)
        assert found.is_approved
        times[name] = registry.now


def run_all(registry: Registry, names: Sequence[str], approvals: dict[float, str]) -> dict[str, float]:
    """Let tasks wait until all have their version; approve models at their times."""
    times: dict[str, float] = {}

    async def people() -> None:
        for moment in sorted(approvals):
            while registry.now < moment:
                await asyncio.sleep(0)
            registry.approve(approvals[moment])

    async def everything() -> None:
        watcher = registry.watcher()
        await asyncio.gather(people(), *(wait(registry, watcher, name, times) for name in names))
        assert watcher.is_idle
        await watcher.close()

    asyncio.run(everything())
    return times


def assert_within_rate(registry: Registry) -> None:
    """In no minute there are more calls than seconds, but for those of one look."""
    for first in range(0, int(registry.now), 60):
        made = [call for call in registry.calls if first <= call < first + 60]
        assert len(made) <= 60 + max(1, -(-max(map(len, registry.models.values())) // PAGE_SIZE)), first


def test_models_of_many_versions_cost_one_call_a_second_too() -> None:
    names = [f"model-{number}" for number in range(5)]
    many = [version(f"0.{number}.0") for number in range(1, 2000)]
    registry = Registry({name: [*many, version()] for name in names})
    run_all(registry, names, {600.0 + number: name for number, name in enumerate(names)})
    assert_within_rate(registry)


def test_a_model_that_is_deleted_and_made_again_is_found_again() -> None:
    registry = Registry({"churn": [version()]})

    async def people(watcher: VersionWatcher, times: dict[str, float]) -> None:
        waiting = asyncio.create_task(wait(registry, watcher, "churn", times))
        while registry.now < 50:
            await asyncio.sleep(0)
        registry.models.clear()
        while registry.now < 100:
            await asyncio.sleep(0)
        registry.models["another id"] = [version(status=APPROVED)]
        registry.names["churn"] = "another id"
        await waiting
        await watcher.close()

    times: dict[str, float] = {}
    asyncio.run(people(registry.watcher(), times))
    assert 100 <= times["churn"] <= 130


def test_five_hundred_tasks_cost_one_call_a_second_and_see_an_approval_soon() -> None:
    names = [f"model-{number}" for number in range(500)]
    registry = Registry({name: [version()] for name in names})
    approvals = {900.0 + 3 * number: name for number, name in enumerate(names)}
    times = run_all(registry, names, approvals)
    assert len(times) == 500
    seconds = registry.now
    assert_within_rate(registry)
    assert len(registry.calls) <= seconds + 2
    late = sorted(times[name] - moment for moment, name in approvals.items())
    assert late[len(late) // 2] <= 20
    assert late[-1] <= 90


def test_tasks_that_wait_for_one_model_share_its_looks() -> None:
    registry = Registry({"churn": [version()]})

    async def twice() -> None:
        watcher = registry.watcher()
        times: dict[str, float] = {}

        async def approve() -> None:
            while registry.now < 100:
                await asyncio.sleep(0)
            registry.approve("churn")

        await asyncio.gather(approve(), *(wait(registry, watcher, "churn", times) for _ in range(50)))
        await watcher.close()

    asyncio.run(twice())
    assert len(registry.calls) <= 70


def test_an_outage_is_borne_and_asks_less_and_less() -> None:
    registry = Registry({"churn": [version()]}, broken_until=1000.0)
    times = run_all(registry, ["churn"], {1.0: "churn"})
    assert 1000 <= times["churn"] <= 1070
    assert len(registry.calls) <= 60


def test_a_model_that_comes_later_is_found() -> None:
    registry = Registry({})
    registry.models["late"] = [version()]
    assert run_all(registry, ["late"], {30.0: "late"})["late"] >= 30


def test_a_version_that_is_gone_ends_the_wait_with_patience_for_a_list_that_lags() -> None:
    now = [0.0]
    policy = OutagePolicy(lambda *_: None, 3600, clock=lambda: now[0])
    wanted = VersionCondition("0.2.0")
    assert judge_look([version()], "churn", wanted, policy) is None
    now[0] = 61.0
    with pytest.raises(NotFoundError, match=r"has no version 0\.2\.0; it may have been deleted"):
        judge_look([version()], "churn", wanted, policy)


def test_a_fault_of_the_watcher_itself_ends_every_wait() -> None:
    class Broken(Registry):
        def find(self, name: str) -> Any:
            raise ZeroDivisionError

    async def one() -> Any:
        looks = Broken({}).watcher().watch("x", 1.0)
        async with aclosing(looks):
            return await anext(looks)

    assert isinstance(asyncio.run(one()), PAIError)
