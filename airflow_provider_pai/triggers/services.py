"""Waits in the triggerer for a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_pai.hooks.process_end import watch_trigger
from airflow_provider_pai.triggers.base import PAIBaseTrigger, seconds_until
from airflow_provider_pai.triggers.settling import is_interrupted, settle

if TYPE_CHECKING:
    from airflow_provider_pai.model.serving.status import ServiceSnapshot


class PAIServiceTrigger(PAIBaseTrigger):
    """Fires one event when a condition on a service holds, or can't hold any more.

    The event is plain JSON: ``service_name``, ``snapshot`` (without anything secret; None when the service could not
    be seen), ``verdict`` (``reached``, ``failed``, or ``pending`` after the deadline), ``error`` (text, None when all
    is well) and ``state``. Nothing is stopped when the task is killed: the next attempt continues with the service.
    Ctrl-C in ``dag.test()``, after which no other attempt comes, rolls a deployment back.

    Args:
        service_name: the service.
        awaited: what is waited for, the members of a ``WaitCondition``.
        pai_conn_id: id of the Airflow connection; looked up in the triggerer, never stored resolved.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        poll_interval: seconds between two looks.
        deadline: ISO 8601 time at which to give up; None for never.
        outage_limit: seconds that EAS may be unreachable; None for the client's default.
        state: what the task continues with; handed back in the event as it is. (``dag.test()`` loses what a task gives
            to its resume method otherwise; seen on 3.3.2.)
        rollback: how a deployment is rolled back: ``owner``, ``group`` and ``leave``, as
            :func:`~airflow_provider_pai.lifecycle.serving.rollback.abort_deployment` has them. None for not at all.
        newer: arguments of a newer version, ignored.
    """

    def __init__(
        self,
        service_name: str,
        awaited: Mapping[str, Any] | None = None,
        pai_conn_id: str = "pai_default",
        region_id: str | None = None,
        workspace_id: str | None = None,
        poll_interval: float = 10.0,
        deadline: str | None = None,
        outage_limit: float | None = None,
        state: Mapping[str, Any] | None = None,
        rollback: Mapping[str, Any] | None = None,
        **newer: Any,  # noqa: ARG002 - a trigger row may come from a newer version
    ) -> None:
        super().__init__(pai_conn_id, region_id, workspace_id)
        self.service_name = service_name
        self.awaited = awaited
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.outage_limit = outage_limit
        self.state = state
        self.rollback = rollback

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event."""
        begun = asyncio.get_running_loop().time()
        watch_trigger()
        try:
            event = await self._outcome()
        except asyncio.CancelledError:
            if self.state:
                await self._end_interrupted()
            raise
        except Exception as error:
            # Whatever happened, the worker must hear of it: a trigger that ends without an event says nothing.
            self.log.exception("Waiting for service %s failed", self.service_name)
            event = self._event(error=f"{type(error).__name__}: {error}")
        await settle(begun)
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _end_interrupted(self) -> None:
        """Say what becomes of a deployment that is not waited for any more."""
        if not is_interrupted():
            # A triggerer that ends or hands over.
            self._warn_of_what_is_left("the next attempt continues with it")
            return
        # Of dag.test(): no other attempt comes.
        if self.rollback is not None:
            try:
                self.log.warning("%s", await self._roll_back(self.rollback))
            except Exception:
                self.log.exception("The rollback of service %s was not possible", self.service_name)
            else:
                return
        self._warn_of_what_is_left(
            "run the task again to complete the deployment, or deploy the model of before to roll it back"
        )

    def _warn_of_what_is_left(self, advice: str) -> None:
        text = "The wait for service %s was interrupted, and the service is left as it is: %s"
        self.log.warning(text, self.service_name, advice)

    async def _roll_back(self, how: Mapping[str, Any]) -> str:
        from airflow_provider_pai.hooks.services import PAIServiceHook

        with closing(
            PAIServiceHook(self.pai_conn_id, region_id=self.region_id, workspace_id=self.workspace_id)
        ) as hook:
            await hook.aconfig()
            return await asyncio.to_thread(hook.abort_deployment, dict(self.state or {}), "Interrupted", **how)

    async def _outcome(self) -> dict[str, Any]:
        from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
        from airflow_provider_pai.hooks.services import PAIServiceHook
        from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult

        condition = WaitCondition.from_json(self.awaited or {})
        limit = OUTAGE_LIMIT if self.outage_limit is None else self.outage_limit
        with closing(PAIServiceHook(**self.connection_arguments)) as hook:
            await hook.aconfig()
            watcher = hook.watch(self.service_name, condition, outage_limit=limit)
            while (result := await asyncio.to_thread(watcher.look)) is WaitResult.PENDING:
                left = seconds_until(self.deadline)
                if left is not None and left <= 0:
                    break
                pause = watcher.pause(self.poll_interval)
                await asyncio.sleep(pause if left is None else min(pause, left))
        return self._event(snapshot=watcher.seen, result=str(result))

    def _event(
        self, *, snapshot: ServiceSnapshot | None = None, result: str | None = None, error: str | None = None
    ) -> dict[str, Any]:
        seen = snapshot.to_json() if snapshot else None
        event = {"service_name": self.service_name, "snapshot": seen, "verdict": result, "error": error}
        return {**event, "state": self.state}
