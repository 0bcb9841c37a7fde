"""Event triggers against local PAI: a DAG starts once for each approved version."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.spec import RegistrationSpec
from airflow_provider_pai.triggers.events import PAIModelApprovedTrigger


def register(name: str, number: int) -> None:
    PAIModelRegistryHook().register(RegistrationSpec(name, f"https://example.com/models/{number}"))


async def events(name: str, count: int) -> list[str]:
    """Run a watcher's trigger, made again from its row, until it has fired so many events."""
    _, arguments = PAIModelApprovedTrigger(name, poll_interval=0.2).serialize()
    found: list[str] = []
    async with aclosing(PAIModelApprovedTrigger(**arguments).run()) as stream:
        async for event in stream:
            payload: dict[str, Any] = event.payload
            assert payload["model_name"] == name
            found.append(payload["version_name"])
            if len(found) == count:
                # Asked for more, as the triggerer does: only then the event counts as taken.
                pending = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(1.5)
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
    assert asyncio.run(events(name, 1)) == ["0.2.0"]
    register(name, 4)
    hook.approve(name, "0.4.0")
    hook.approve(name, "0.3.0")
    assert asyncio.run(events(name, 2)) == ["0.3.0", "0.4.0"]
