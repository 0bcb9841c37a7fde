"""Start a DAG when something has happened at PAI, for ``AssetWatcher`` of Airflow 3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_pai.configuration import conn_id
from airflow_provider_pai.triggers.base import PAIBaseTrigger
from airflow_provider_pai.triggers.event_base import EventTrigger

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
    from airflow_provider_pai.model.registry.version import ModelVersion


class PAIModelApprovedTrigger(PAIBaseTrigger, EventTrigger):
    """Fires an event for each newly approved version of a model, wherever it was approved.

    Of versions that were approved before the watcher's first start the newest is announced. What was announced is a
    label on the version, so a triggerer that was away announces what was approved meanwhile; one that dies within a
    second of an event may announce that version once more. The event is plain JSON: ``model_name``, ``version_name``,
    ``model_uri``, ``metrics``, ``job_id``, ``approved_by``.

    ::

        approved = Asset("oss://models/churn", watchers=[
            AssetWatcher(name="churn_approved", trigger=PAIModelApprovedTrigger("churn")),
        ])

    Args:
        model_name: the model; one that does not exist yet is waited for.
        pai_conn_id: id of the Airflow connection; looked up in the triggerer, never stored resolved. Default:
            ``[pai] default_conn_id``, else ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        poll_interval: seconds between two looks. Default 10.
        newer: arguments of a newer version, ignored.
    """

    def __init__(
        self,
        model_name: str,
        pai_conn_id: str | None = None,
        region_id: str | None = None,
        workspace_id: str | None = None,
        poll_interval: float = 10.0,
        **newer: Any,  # noqa: ARG002 - a trigger row may come from a newer version
    ) -> None:
        super().__init__(conn_id(pai_conn_id), region_id, workspace_id)
        self.model_name = model_name
        self.poll_interval = poll_interval

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each version, for as long as the watcher is there."""
        from airflow_provider_pai.errors import PAIError

        registry, watcher, announcement, labels, environments = await asyncio.to_thread(_load)
        environment = await asyncio.to_thread(environments.environment)
        connection = (self.pai_conn_id, self.region_id, self.workspace_id)
        label = labels.announcement_label(environment.name, (self.model_name, *connection))
        hook = registry.PAIModelRegistryHook(**self.connection_arguments)
        announced: set[str] = set()
        with closing(hook):
            config = await hook.aconfig()
            looks = watcher.watch_versions(config, hook.keys, self.model_name, self.poll_interval)
            async with aclosing(looks):
                async for look in looks:
                    if isinstance(look, PAIError):
                        self.log.warning("Model %s can't be looked at now (%s)", self.model_name, look)
                        continue
                    plan = announcement.plan_announcements(look, label, announced)
                    for version in plan.skip:
                        announced.add(version.name)
                        await self._mark(hook, version, label)
                    for version in plan.fire:
                        yield TriggerEvent(self._payload(version))  # type: ignore[no-untyped-call]
                        announced.add(version.name)
                        await self._mark(hook, version, label)

    async def _mark(self, hook: PAIModelRegistryHook, version: ModelVersion, label: str) -> None:
        from airflow_provider_pai.errors import PAIError

        try:
            await asyncio.to_thread(hook.label, self.model_name, version.name, {label: "true"})
        except PAIError as error:
            self.log.warning(
                "Version %s of model %s can't be labelled (%s); after a restart of the triggerer it is announced again",
                *(version.name, self.model_name, error),
            )

    def _payload(self, version: ModelVersion) -> dict[str, Any]:
        from airflow_provider_pai.model.registry.registration import APPROVED_BY_LABEL

        return {
            "model_name": self.model_name,
            "version_name": version.name,
            "model_uri": version.uri,
            "metrics": dict(version.metrics),
            "job_id": version.job_id or None,
            "approved_by": version.labels.get(APPROVED_BY_LABEL),
        }


def _load() -> tuple[Any, ...]:
    from airflow_provider_pai.hooks import environment as environments
    from airflow_provider_pai.hooks import registry
    from airflow_provider_pai.lifecycle.registry import watcher
    from airflow_provider_pai.model.registry import announcement
    from airflow_provider_pai.model.training import announcement_label

    return registry, watcher, announcement, announcement_label, environments
