"""Start a DAG when something has happened at PAI, for ``AssetWatcher`` of Airflow 3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.configuration import conn_id
from airflow_provider_pai.triggers.announcing import Announcement, AnnouncingTrigger
from airflow_provider_pai.triggers.beginning import Beginning

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
    from airflow_provider_pai.model.registry.version import ModelVersion


class PAIModelApprovedTrigger(AnnouncingTrigger):
    """Fires an event for each newly approved version of a model, wherever it was approved.

    The rules, so that no approval is lost over a restart of the triggerer, however it ends:

    - What was announced is a label on the version, so a triggerer that was away announces what was approved meanwhile.
      The label is written when Airflow has stored the event. A triggerer that is killed between the two, which is a
      second or two, announces that version once more: deploying a version that serves already changes nothing.
    - Of versions that were approved before the watcher's first look the newest is announced. From Airflow 3.3 on the
      asset's state store keeps that there was such a look; before, a label on any version says it. There, of what is
      approved while the triggerer is away before anything was announced, the newest is announced.

    The event is plain JSON: ``model_name``, ``version_name``, ``model_uri``, ``metrics``, ``job_id``, ``approved_by``.

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
        self._mark: Callable[[ModelVersion], None]

    async def announcements(self, store: Any) -> AsyncGenerator[Sequence[Announcement], None]:
        """Yield the newly approved versions after each look."""
        from airflow_provider_pai.errors import PAIError

        registry, watcher, announcement, labels, environments = await asyncio.to_thread(_load)
        environment = await asyncio.to_thread(environments.environment)
        connection = (self.pai_conn_id, self.region_id, self.workspace_id)
        label = labels.announcement_label(environment.name, (self.model_name, *connection))
        hook = registry.PAIModelRegistryHook(**self.connection_arguments)
        announced, beginning = set[str](), Beginning(store, label, self.log.warning)
        has_begun = await beginning.read() is not None
        with closing(hook):
            config = await hook.aconfig()
            self._mark = partial(self._label, hook, label)
            async with aclosing(
                watcher.watch_versions(config, hook.keys, self.model_name, self.poll_interval)
            ) as looks:
                async for look in looks:
                    if isinstance(look, PAIError):
                        self.log.warning("Model %s can't be looked at now (%s)", self.model_name, look)
                        continue
                    plan = announcement.plan_announcements(look, label, announced, has_begun=has_begun)
                    for version in plan.skip:
                        await self.note(version)
                    if not has_begun:
                        has_begun = True
                        await beginning.keep(datetime.now(UTC))
                    announced |= {each.name for each in (*plan.skip, *plan.fire)}
                    yield [Announcement(self._payload(each), each) for each in plan.fire]

    async def note(self, thing: ModelVersion) -> None:
        """Label a version as announced."""
        from airflow_provider_pai.errors import PAIError

        try:
            await asyncio.to_thread(self._mark, thing)
        except PAIError as error:
            self.log.warning(
                "Version %s of model %s can't be labelled (%s); after a restart of the triggerer it is announced again",
                *(thing.name, self.model_name, error),
            )

    def _label(self, hook: PAIModelRegistryHook, label: str, version: ModelVersion) -> None:
        hook.label(self.model_name, version.name, {label: "true"})

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
