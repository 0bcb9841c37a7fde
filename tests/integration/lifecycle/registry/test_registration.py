"""Lives of a task that registers a model: whatever is lost or killed, each job has one version."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import APIError, PAIError, SpecError, TransportError
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.lifecycle.registry.models import ApprovalIsFinal, ModelRegistry
from airflow_provider_pai.lifecycle.registry.registration import Registered, Registration, register_or_adopt
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.registration import registration_key
from airflow_provider_pai.model.registry.spec import RegistrationSpec
from airflow_provider_pai.model.registry.version import PENDING, source_id

LIVES = int(os.environ.get("REGISTRY_LIVES", "150"))


class Killed(BaseException):
    """The process dies."""


class Unreliable:
    """Sends calls, and loses questions or answers, or dies, by chance."""

    def __init__(self, client: Sender, rng: random.Random, trouble: float) -> None:
        self._client, self._rng, self._trouble = client, rng, trouble

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        chance = self._rng.random()
        if chance < self._trouble / 3:
            raise TransportError("lost question", sent=False)
        answer = self._client.send(call, attempts=attempts)
        if chance < self._trouble * 2 / 3:
            raise TransportError("lost answer", sent=True)
        if chance < self._trouble:
            raise Killed
        return answer


@pytest.fixture
def hook(pai: LocalPAI) -> PAIModelRegistryHook:
    return PAIModelRegistryHook(sleep=lambda _: None)


def wanted(model_name: str, job_id: str, **more: Any) -> Registration:
    body = {"Uri": "oss://bucket/model/", "SourceType": "TrainingService", "SourceId": source_id("r", "1", job_id)}
    key = registration_key(model_name, job_id, "")
    return Registration(model_name, key, body["SourceId"], body, {}, **more)


def registered(hook: PAIModelRegistryHook, what: Registration) -> Registered:
    return _registered(hook.registry, what, hook)


def test_two_jobs_make_two_versions_and_a_second_registration_none(hook: PAIModelRegistryHook) -> None:
    name = f"churn-{uuid4().hex[:6]}"
    first = registered(hook, wanted(name, "one"))
    again = registered(hook, wanted(name, "one"))
    second = registered(hook, wanted(name, "two"))
    assert (first.version.name, first.existed) == ("0.1.0", False)
    assert (again.version.name, again.existed) == ("0.1.0", True)
    assert second.version.name == "0.2.0"


def test_a_wanted_name_that_is_another_jobs_is_refused_by_name(hook: PAIModelRegistryHook) -> None:
    name = f"churn-{uuid4().hex[:6]}"
    registered(hook, wanted(name, "one", version_name="1.0.0"))
    assert registered(hook, wanted(name, "one", version_name="1.0.0")).existed
    with pytest.raises(SpecError, match=r"version_name '1.0.0' .* is another job's"):
        registered(hook, wanted(name, "two", version_name="1.0.0"))
    with pytest.raises(APIError, match="VersionName"):
        registered(hook, wanted(name, "three", version_name="v1"))


def test_what_cannot_be_registered_is_refused_before_anything_is_created(hook: PAIModelRegistryHook) -> None:
    name = f"churn-{uuid4().hex[:8]}"
    for members in ({"metrics": {"loss": float("nan")}}, {"labels": {"a": "b=c"}}, {"version_name": "1"}):
        with pytest.raises(SpecError, match=next(iter(members))):
            hook.register(RegistrationSpec(name, "https://example.com/model", **members))
    with pytest.raises(SpecError, match="model_name"):
        hook.register(RegistrationSpec("a\nb", "https://example.com/model"))
    assert hook.find(name) is None


def test_a_message_names_the_newest_of_many_versions_only(hook: PAIModelRegistryHook) -> None:
    name = f"churn-{uuid4().hex[:8]}"
    hook.registry.create(name)
    model = hook.model(name)
    for _ in range(105):
        hook.registry.create_version(model, {"Uri": "https://example.com/model"})
    assert len(hook.registry.versions(model)) == 105
    with pytest.raises(SpecError, match=r"\(there are: 0\.105\.0, 0\.104\.0, .* and 95 more\)"):
        hook.approved_version(name)


def test_approval_is_final_and_a_later_rejection_is_refused(hook: PAIModelRegistryHook) -> None:
    name = f"churn-{uuid4().hex[:6]}"
    version = registered(hook, wanted(name, "one")).version
    approved = hook.approve(name, version.name, by="ada")
    assert (approved.is_approved, approved.labels["airflow.approved_by"]) == (True, "ada")
    assert hook.approve(name, version.name, by="bob").labels["airflow.approved_by"] == "ada"
    with pytest.raises(ApprovalIsFinal, match="is Approved, which is final"):
        hook.reject(name, version.name)
    assert hook.version(name, version.name).is_approved


def test_one_version_per_job_in_lives_full_of_trouble(hook: PAIModelRegistryHook) -> None:
    for seed in range(LIVES):
        rng = random.Random(seed)
        name, jobs = f"life-{uuid4().hex[:8]}", ["a", "b"][: rng.choice((1, 1, 2))]
        _live(hook, rng, name, jobs)
        versions = hook.versions(name)
        assert sorted(each.job_id for each in versions) == jobs, seed
        assert all(each.approval_status == PENDING for each in versions)


def _live(hook: PAIModelRegistryHook, rng: random.Random, name: str, jobs: list[str]) -> None:
    """Register each job by one or two live copies at a time until one copy says that it is done."""

    def until_done(copy: Callable[[], Registered]) -> None:
        for _ in range(50):
            try:
                copy()
            except (PAIError, Killed):
                continue
            return

    copies = []
    for job in jobs:
        for _ in range(rng.choice((1, 2))):
            client = Unreliable(hook.client, random.Random(rng.random()), rng.choice((0.0, 0.2, 0.5)))
            registry = ModelRegistry(client, hook.config.workspace_id, hook.log)
            copies.append(lambda r=registry, j=job: _registered(r, wanted(name, j), hook))
    threads = [threading.Thread(target=until_done, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _registered(registry: ModelRegistry, what: Registration, hook: PAIModelRegistryHook) -> Registered:
    return register_or_adopt(registry, what, log=hook.log, sleep=lambda _: None)
