"""Waits in the triggerer for the approval of a model version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_pai.triggers.base import PAIBaseTrigger, seconds_until
from airflow_provider_pai.triggers.settling import settle

if TYPE_CHECKING:
    from airflow_provider_pai.model.registry.version import ModelVersion


class PAIModelVersionTrigger(PAIBaseTrigger):
    """Fires one event when a version of a model has one of the wanted approval statuses.

    All triggers of an event loop and identity share their looks: at most one call a second. The event is plain JSON:
    ``model_name``, ``version_name`` and ``approval_status`` (None after the deadline or an error), ``timeout`` and
    ``error`` (text, None when all is well). There is nothing to stop when the task is killed.

    Args:
        model_name: the model; one that does not exist yet is waited for.
        version_name: this version; None for the newest that has one of the statuses.
        statuses: approval statuses that end the wait. Default: ``Approved``.
        pai_conn_id: id of the Airflow connection; looked up in the triggerer, never stored resolved.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        poll_interval: seconds between two looks.
        deadline: ISO 8601 time at which to give up; None for never.
        outage_limit: seconds that PAI may be unreachable; None for the client's default.
        newer: arguments of a newer version, ignored.
    """

    def __init__(
        self,
        model_name: str,
        version_name: str | None = None,
        statuses: list[str] | None = None,
        pai_conn_id: str = "pai_default",
        region_id: str | None = None,
        workspace_id: str | None = None,
        poll_interval: float = 10.0,
        deadline: str | None = None,
        outage_limit: float | None = None,
        **newer: Any,  # noqa: ARG002 - a trigger row may come from a newer version
    ) -> None:
        super().__init__(pai_conn_id, region_id, workspace_id)
        self.model_name = model_name
        self.version_name = version_name
        self.statuses = statuses
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.outage_limit = outage_limit

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event."""
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds_until(self.deadline)):
                event = self._event(await self._version())
        except TimeoutError:
            event = self._event(timeout=True)
        except Exception as error:
            # Whatever happened, the worker must hear of it: a trigger that ends without an event says nothing.
            self.log.exception("Waiting for model %s failed", self.model_name)
            event = self._event(error=f"{type(error).__name__}: {error}")
        await settle(begun)
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _version(self) -> ModelVersion:
        # Loaded in a thread: the event loop is shared with all other triggers.
        hooks, watcher, waiting, outage, conditions = await asyncio.to_thread(_load)
        limit = outage.OUTAGE_LIMIT if self.outage_limit is None else self.outage_limit
        condition = conditions.VersionCondition(
            self.version_name or "", tuple(self.statuses or conditions.VersionCondition.statuses)
        )
        hook = hooks.PAIModelRegistryHook(**self.connection_arguments)
        with closing(hook):
            config = await hook.aconfig()
            looks = watcher.watch_versions(config, hook.keys, self.model_name, self.poll_interval)
            async with aclosing(looks):
                policy = outage.OutagePolicy(self.log.warning, limit)
                found: ModelVersion = await waiting.first_version(looks, self.model_name, condition, policy)
        return found

    def _event(
        self, version: ModelVersion | None = None, *, timeout: bool = False, error: str | None = None
    ) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "version_name": version.name if version else None,
            "approval_status": version.approval_status if version else None,
            "timeout": timeout,
            "error": error,
        }


def _load() -> tuple[Any, ...]:
    from airflow_provider_pai.client.polling import outage
    from airflow_provider_pai.hooks import registry as hooks
    from airflow_provider_pai.lifecycle.registry import waiting, watcher
    from airflow_provider_pai.model.registry import condition

    return hooks, watcher, waiting, outage, condition
