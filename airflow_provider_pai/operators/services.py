"""Deletes services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_pai.errors import PAIError, ServiceError, SpecError
from airflow_provider_pai.operators.attempt import waiting_problems
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.services import PAIServiceHook


class PAIDeleteServiceOperator(BaseOperator):
    """Deletes a service, or all services of a group, and waits until they are gone; what is gone already is no error.

    The task's result is the list of the names of the services that it has deleted.

    Args:
        service_name: the service, or with ``group=True`` the group.
        group: True deletes all services of the group ``service_name``, as the strategies ``blue_green`` and ``canary``
            make them. Default False.
        poll_interval: seconds between two looks. Default 5.
        timeout: seconds that the deletion of each service may take. Default 600.
        pai_conn_id: Airflow connection. Default ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        kwargs: those of every operator.

    Raises:
        AirflowFailException: wrong arguments or wrong credentials.
        ServiceError: a service is still there.
    """

    template_fields: Sequence[str] = ("service_name", "pai_conn_id", "region_id", "workspace_id")
    ui_color = "#ffe6cc"

    def __init__(
        self,
        *,
        service_name: str,
        group: bool = False,
        poll_interval: float = 5.0,
        timeout: float = 600.0,
        pai_conn_id: str = "pai_default",
        region_id: str | None = None,
        workspace_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service_name = service_name
        self.group = group
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.pai_conn_id = pai_conn_id
        self.region_id = region_id
        self.workspace_id = workspace_id

    @cached_property
    def hook(self) -> PAIServiceHook:
        """Does what is done to the services."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.services import PAIServiceHook

        return PAIServiceHook(self.pai_conn_id, region_id=self.region_id, workspace_id=self.workspace_id)

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Delete what there is, and wait until it is gone."""
        from airflow_provider_pai.model.serving.validation import name_problems

        with airflow_errors(), closing(self.hook) as hook:
            problems = [
                *name_problems("service_name", self.service_name),
                *waiting_problems(self.poll_interval, self.timeout, "leave"),
            ]
            if problems:
                raise SpecError(problems)
            names = self._names(hook)
            if not names:
                self.log.info("There is no service to delete")
            failures = self._failures(partial(self._delete, hook), names)
            failures |= self._failures(partial(self._gone, hook), [name for name in names if name not in failures])
            for error in failures.values():
                raise error
            return names

    def _names(self, hook: PAIServiceHook) -> list[str]:
        """Return what is to be deleted; that a list holds the group's services only is not left to EAS alone."""
        if not self.group:
            return [self.service_name] if hook.find(self.service_name) else []
        return [
            service.name for service in hook.services(group=self.service_name) if service.group == self.service_name
        ]

    def _failures(self, act: Callable[[str], None], names: Sequence[str]) -> dict[str, PAIError]:
        """Do something to all services, and return how it failed: one that stays doesn't keep the others."""
        failures = {}
        for name in names:
            try:
                act(name)
            except PAIError as error:
                self.log.warning("Service %s: %s", name, error)
                failures[name] = error
        return failures

    def _delete(self, hook: PAIServiceHook, name: str) -> None:
        self.log.info("Deleting service %s", name)
        hook.delete(name)

    def _gone(self, hook: PAIServiceHook, name: str) -> None:
        from airflow_provider_pai.model.serving.reconcile import WaitCondition, WaitResult
        from airflow_provider_pai.model.serving.status import ServiceStatus

        awaited = WaitCondition(status=ServiceStatus.DELETED)
        seen, verdict = hook.wait(name, awaited, interval=self.poll_interval, limit=self.timeout)
        if verdict is not WaitResult.REACHED:
            status = f"{seen.status} ({seen.why})" if seen else "not to be seen"
            raise ServiceError(f"service {name} was to be deleted, but is {status}", seen)
