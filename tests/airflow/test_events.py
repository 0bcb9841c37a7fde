"""Event triggers against local PAI: a DAG starts once for each approved version, and for each job that has ended."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest
from airflow import __version__

from airflow_provider_pai.api.training import create_training_job, get_training_job
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.spec import RegistrationSpec
from airflow_provider_pai.triggers.announcing import STORED_SECONDS, has_confirmations
from airflow_provider_pai.triggers.events import PAIModelApprovedTrigger
from airflow_provider_pai.triggers.job_events import PAITrainingJobEndedTrigger
from tests.support.jobs import IMAGE
from tests.support.waits import PATIENCE

# By the version, not by what our code finds: where it finds nothing by mistake, this fails. `make test` runs on 3.3.
with_confirmations = pytest.mark.skipif(
    tuple(map(int, __version__.split(".")[:2])) < (3, 3), reason="Airflow confirms stored events from 3.3 on"
)


def register(name: str, number: int) -> None:
    PAIModelRegistryHook().register(RegistrationSpec(name, f"https://example.com/models/{number}"))


async def approved(name: str, count: int) -> list[str]:
    """Run a watcher's trigger, made again from its row, until it has fired so many events."""
    _, arguments = PAIModelApprovedTrigger(name, poll_interval=0.2).serialize()
    found = await payloads(PAIModelApprovedTrigger(**arguments), count)
    assert {each["model_name"] for each in found} == {name}
    return [each["version_name"] for each in found]


async def payloads(trigger: Any, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with aclosing(trigger.run()) as stream:
        async for event in stream:
            found.append(event.payload)
            if len(found) == count:
                # Asked for more, as the triggerer does, until what was announced is written down.
                pending = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(STORED_SECONDS + 1.5)
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)
                break
    return found


def test_each_approved_version_starts_the_dag_once_over_restarts(pai: LocalPAI) -> None:
    name = f"churn-{uuid4().hex[:8]}"
    hook = PAIModelRegistryHook()
    for number in (1, 2, 3):
        register(name, number)
    hook.approve(name, "0.1.0")
    hook.approve(name, "0.2.0")
    assert asyncio.run(approved(name, 1)) == ["0.2.0"]
    register(name, 4)
    hook.approve(name, "0.4.0")
    hook.approve(name, "0.3.0")
    assert asyncio.run(approved(name, 2)) == ["0.3.0", "0.4.0"]


def test_a_triggerer_that_is_killed_before_the_event_is_stored_announces_it_once_more(pai: LocalPAI) -> None:
    name = f"churn-{uuid4().hex[:8]}"
    register(name, 1)
    PAIModelRegistryHook().approve(name, "0.1.0")

    async def killed_at_once() -> str:
        async with aclosing(PAIModelApprovedTrigger(name, poll_interval=0.2).run()) as stream:
            return str((await anext(stream)).payload["version_name"])

    assert asyncio.run(killed_at_once()) == "0.1.0"
    assert asyncio.run(killed_at_once()) == "0.1.0"


class ConfirmingTriggerer:
    """What the triggerer does with one watcher where it confirms what is stored; Airflow's own manager of streams."""

    def __init__(self, trigger: Any) -> None:
        import structlog
        from airflow.triggers.shared_stream import SharedStreamManager

        self._trigger = trigger
        self._streams = SharedStreamManager(log=structlog.get_logger())
        self.payloads: list[dict[str, Any]] = []
        self._numbers: list[int] = []

    async def run(self) -> None:
        """Take events until it is cancelled."""
        key = self._trigger.shared_stream_key()
        raw = self._streams.subscribe(trigger_id=1, trigger=self._trigger, key=key)
        async for event in self._trigger.filter_shared_stream(raw):
            self.payloads.append(event.payload)
            number = self._streams.bind_pending_event(trigger_id=1, key=key)
            assert number is not None
            self._numbers.append(number)

    def confirm(self) -> None:
        """Say that all events are stored."""
        self._streams.confirm_persisted(self._numbers)

    async def stop(self) -> None:
        await self._streams.stop_all()


@with_confirmations
def test_an_announcement_is_written_down_when_airflow_has_stored_its_event(pai: LocalPAI) -> None:
    assert has_confirmations()
    name, store = f"churn-{uuid4().hex[:8]}", StateStore()
    hook = PAIModelRegistryHook()
    for number in (1, 2):
        register(name, number)
        hook.approve(name, f"0.{number}.0")

    def labelled() -> list[str]:
        model = hook.model(name)
        return sorted(
            each.name
            for each in hook.registry.versions(model)
            if any(label.startswith("airflow.announced.") for label in each.labels)
        )

    async def run(*, stored: bool) -> list[str]:
        trigger: Any = PAIModelApprovedTrigger(name, poll_interval=0.2)
        trigger.asset_state_store = store
        triggerer = ConfirmingTriggerer(trigger)
        task = asyncio.create_task(triggerer.run())
        while not triggerer.payloads or not await asyncio.to_thread(labelled):
            await asyncio.sleep(0.05)
        looks = pai.faults.counts()["ListModelVersions"]
        # The labels are read by such a call, too; each look makes one.
        while pai.faults.counts()["ListModelVersions"] < looks + 5:
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(labelled) == ["0.1.0"]
        if stored:
            triggerer.confirm()
            while await asyncio.to_thread(labelled) != ["0.1.0", "0.2.0"]:
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await triggerer.stop()
        return [each["version_name"] for each in triggerer.payloads]

    # The older one counts as announced from the first look on; the newest is announced until Airflow has it.
    assert asyncio.run(run(stored=False)) == ["0.2.0"]
    assert asyncio.run(run(stored=True)) == ["0.2.0"]


def test_versions_approved_together_after_an_empty_beginning_are_all_announced(pai: LocalPAI) -> None:
    name, store = f"churn-{uuid4().hex[:8]}", StateStore()
    hook = PAIModelRegistryHook()

    def watch() -> Any:
        trigger: Any = PAIModelApprovedTrigger(name, poll_interval=0.2)
        trigger.asset_state_store = store
        return trigger

    async def look_once() -> None:
        async with aclosing(watch().run()) as stream:
            pending = asyncio.ensure_future(anext(stream))
            while not store.values:
                await asyncio.sleep(0.05)
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)

    asyncio.run(look_once())
    for number in (1, 2):
        register(name, number)
        hook.approve(name, f"0.{number}.0")
    found = asyncio.run(payloads(watch(), 2))
    assert [each["version_name"] for each in found] == ["0.1.0", "0.2.0"]


class StateStore:
    """Keeps values as an asset's state store does."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def aget(self, key: str) -> Any:
        return self.values.get(key)

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = value


def run_job(pai: LocalPAI, labels: dict[str, str], command: str = "true") -> str:
    """Run a job that a person submitted, to its end."""
    body = {
        "TrainingJobName": "by_hand",
        "WorkspaceId": pai.ready.workspace_id,
        "AlgorithmSpec": {
            "Command": ["sh", "-c", command],
            "Image": IMAGE,
            "JobType": "PyTorchJob",
            "OutputChannels": [{"Name": "model"}],
        },
        "OutputChannels": [{"Name": "model", "OutputUri": f"oss://{pai.ready.bucket}/{uuid4().hex}/"}],
        "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
        "Labels": [{"Key": key, "Value": value} for key, value in labels.items()],
    }
    client = PAITrainingHook().client
    job_id = client.send(create_training_job(body))
    deadline = time.monotonic() + PATIENCE
    while not client.send(get_training_job(job_id)).is_terminal:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job_id


@pytest.mark.parametrize("has_store", [True, False])
def test_each_job_that_ends_starts_the_dag_once_over_restarts(pai: LocalPAI, has_store: bool) -> None:
    labels, store = {"project": uuid4().hex[:8], "kind": "nightly"}, StateStore()

    def watch(count: int) -> list[dict[str, Any]]:
        _, arguments = PAITrainingJobEndedTrigger(labels, ["Succeed", "Failed"], poll_interval=0.2).serialize()
        trigger: Any = PAITrainingJobEndedTrigger(**arguments)
        if has_store:
            trigger.asset_state_store = store
        return asyncio.run(payloads(trigger, count))

    before = {run_job(pai, labels), run_job(pai, labels)}
    run_job(pai, {"project": labels["project"]})
    (first,) = watch(1)
    # Both may have ended in the same second.
    assert first["job_id"] in before
    assert first["status"] == "Succeed"
    assert first["model_uri"].startswith("oss://")
    assert labels.items() <= first["labels"].items()
    # The triggerer is away.
    ended = [run_job(pai, labels, "exit 1"), run_job(pai, labels)]
    found = {each["job_id"]: each for each in watch(2)}
    assert found.keys() == set(ended)
    assert [found[job_id]["status"] for job_id in ended] == ["Failed", "Succeed"]
    assert found[ended[0]]["reason_code"] == "UserCommandFailed"


def test_jobs_that_end_together_after_an_empty_beginning_are_all_announced(pai: LocalPAI) -> None:
    labels, store = {"project": uuid4().hex[:8]}, StateStore()

    async def look_once() -> None:
        trigger: Any = PAITrainingJobEndedTrigger(labels, poll_interval=0.1)
        trigger.asset_state_store = store
        async with aclosing(trigger.run()) as stream:
            pending = asyncio.ensure_future(anext(stream))
            while not store.values:
                await asyncio.sleep(0.05)
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)

    asyncio.run(look_once())
    ended = [run_job(pai, labels), run_job(pai, labels)]
    trigger: Any = PAITrainingJobEndedTrigger(labels, poll_interval=0.1)
    trigger.asset_state_store = store
    assert {each["job_id"] for each in asyncio.run(payloads(trigger, 2))} == set(ended)


def test_a_watcher_of_every_job_of_the_workspace_is_refused() -> None:
    with pytest.raises(ValueError, match="labels must name at least one label"):
        PAITrainingJobEndedTrigger({})
