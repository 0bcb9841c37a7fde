"""Histories of approvals and deployments: what is rejected never serves, the newest approved version does at last."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.lifecycle.registry.models import ApprovalIsFinal
from airflow_provider_pai.lifecycle.registry.waiting import wait_for_version
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.condition import VersionCondition
from airflow_provider_pai.model.registry.inference import MODEL_VERSION_LABEL
from airflow_provider_pai.model.registry.spec import RegistrationSpec
from airflow_provider_pai.model.registry.version import (
    APPROVED,
    FINAL_STATUSES,
    PENDING,
    REJECTED,
    ModelVersion,
    newest,
)
from tests.support.served_version import serve
from tests.support.settled_services import SettledServices

HISTORIES = int(os.environ.get("APPROVAL_HISTORIES", "20"))


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI whose services are at once what is wanted."""
    home = tmp_path_factory.mktemp("pai")
    with LocalPAI(home, sandbox=Mode.PLAIN, service_runtime=SettledServices) as pai:
        yield pai


class History:
    """One model, people who decide on its versions, and tasks that deploy it one after the other."""

    def __init__(self, rng: random.Random) -> None:
        self.name, self.service = f"churn-{uuid4().hex[:8]}", f"s_{uuid4().hex[:8]}"
        self._rng = rng
        self._registry, self._services = PAIModelRegistryHook(sleep=lambda _: None), PAIServiceHook()
        self._runs: list[str] = []
        self._resolved: ModelVersion | None = None
        self._numbers = 0

    def close(self) -> None:
        if self._services.find(self.service):
            self._services.delete(self.service)
        self._registry.close()
        self._services.close()

    def step(self) -> None:
        """Do one of the things that may happen at any time."""
        acts = (self.register, self.decide, self.decide, self.decide_at_once, self.deploy_by_name, self.run_task)
        self._rng.choice(acts)()

    def register(self) -> None:
        self._numbers += 1
        spec = RegistrationSpec(
            self.name,
            f"https://example.com/models/{self._numbers}",
            inference_spec={"image_uri": "image:1", "command": "serve", "instance_type": "ecs.c6.large"},
        )
        self._registry.register(spec)

    def decide(self) -> None:
        """A person decides, perhaps for the second time and differently."""
        if (version := self._any()) is None:
            return
        status = self._rng.choice(FINAL_STATUSES)
        before = version.approval_status
        try:
            self._answer(version.name, status)
        except ApprovalIsFinal:
            assert before not in (PENDING, status)
        else:
            assert before in (PENDING, status)
            # Each approval is followed by a deployment: that of its own task, or of a watcher.
            self._runs += ["deploy"] if status == APPROVED and before == PENDING else []

    def decide_at_once(self) -> None:
        """Two people decide in the same moment: one answer counts, and the other person gets an error."""
        if (version := self._any(PENDING)) is None:
            return
        statuses: list[str] = []

        def answer(status: str) -> None:
            try:
                self._answer(version.name, status)
            except ApprovalIsFinal as error:
                statuses.append(error.version.approval_status)

        threads = [threading.Thread(target=answer, args=(status,)) for status in FINAL_STATUSES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        now = self._registry.version(self.name, version.name).approval_status
        assert statuses == [now]
        self._runs += ["deploy"] if now == APPROVED else []

    def deploy_by_name(self) -> None:
        """A task waits for a version, with a look that may be old by now, and wants to deploy just this one."""
        if (version := self._any()) is None:
            return
        condition = VersionCondition(version.name, FINAL_STATUSES)
        found = wait_for_version(
            self._registry.registry,
            self.name,
            condition,
            interval=1,
            outage=OutagePolicy(print, 60),
            seconds_left=lambda: 0.0,
            sleep=lambda _: None,
        )
        if found is not None and found.is_approved:
            assert self._registry.approved_version(self.name, version.name).uri == version.uri
        elif self._registry.version(self.name, version.name).approval_status != APPROVED:
            with pytest.raises(SpecError, match="only an approved version may serve"):
                self._registry.approved_version(self.name, version.name)

    def run_task(self) -> None:
        """The next task chooses a version, or deploys the one that it has chosen a while ago."""
        if self._resolved is not None:
            self._deploy(self._resolved)
            self._resolved = None
            self._runs.pop()
        elif self._runs:
            self._resolved = self._registry.approved_version(self.name)

    def end(self) -> None:
        """Let all tasks come to their end, and judge what serves."""
        while self._runs:
            self.run_task()
        approved = newest(self._versions(), APPROVED)
        assert self.served() == (approved.name if approved else None)

    def served(self) -> str | None:
        found = self._services.find(self.service)
        return found.labels[MODEL_VERSION_LABEL] if found else None

    def _deploy(self, version: ModelVersion) -> None:
        serve(self._services, self.service, self.name, version, model_uri="oss://pai-local/model/")
        served = self.served()
        assert served == version.name
        assert self._registry.version(self.name, version.name).approval_status == APPROVED

    def _answer(self, version_name: str, status: str) -> None:
        hook = PAIModelRegistryHook()
        try:
            (hook.approve if status == APPROVED else hook.reject)(self.name, version_name, by="a person")
        finally:
            hook.close()

    def _any(self, status: str | None = None) -> ModelVersion | None:
        versions = [each for each in self._versions() if status in (None, each.approval_status)]
        return self._rng.choice(versions) if versions else None

    def _versions(self) -> list[ModelVersion]:
        model = self._registry.find(self.name)
        return self._registry.registry.versions(model) if model else []


def test_a_rejected_version_never_serves_and_the_newest_approved_one_does_at_last(
    settled: LocalPAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", settled.ready.airflow_conn_uri)
    outcomes: set[str] = set()
    for seed in range(HISTORIES):
        history = History(random.Random(seed))
        history.register()
        for _ in range(random.Random(seed).randint(3, 25)):
            history.step()
        history.end()
        outcomes |= {each.approval_status for each in history._versions()}
        history.close()
    assert outcomes == {PENDING, APPROVED, REJECTED}
