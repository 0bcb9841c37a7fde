"""Operator that deletes services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.base_operator import PAIBaseOperator, PollInterval, as_flag, as_seconds, templated
from airflow_provider_pai.errors import PAIError, ServiceError, SpecError
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.model.serving.status import ServiceSnapshot


class PAIDeleteServiceOperator(PAIBaseOperator):
    """Deletes a service, or all services of a group, and waits until they are gone; what is gone already is no error.

    The task's result is the list of the names of the services that it has deleted.

    Args:
        service_name: the service, or with ``group=True`` the group.
        group: True deletes all services of the group ``service_name``, as the strategies ``blue_green`` and ``canary``
            make them. Default False.
        poll_interval: seconds between two looks. Default: ``[pai] poll_interval``, else 5.
        timeout: seconds that the deletion of each service may take. Default 600.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.

    Raises:
        AirflowFailException: wrong arguments or wrong credentials.
        ServiceError: a service is still there.
    """

    template_fields: Sequence[str] = templated("service_name", *PAIBaseOperator.template_fields)
    flags: Sequence[str] = ("group",)
    poll_interval = PollInterval(5.0)

    def __init__(
        self,
        *,
        service_name: str,
        group: bool = False,
        poll_interval: float | None = None,
        timeout: float = 600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service_name = service_name
        self.group = as_flag(group)
        self.poll_interval = poll_interval
        self.timeout = as_seconds(timeout)

    @cached_property
    def hook(self) -> PAIServiceHook:
        """Makes the calls for the services."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.services import PAIServiceHook

        return PAIServiceHook(**self.connection_arguments)

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Delete what there is, and wait until it is gone."""
        from airflow_provider_pai.model.reading import seconds_problems
        from airflow_provider_pai.model.serving.validation import read_service_name

        with airflow_errors(), closing(self.hook) as hook:
            name, problems = read_service_name("service_name", self.service_name)
            problems += [
                *self._flag_problems(),
                *seconds_problems("poll_interval", self.poll_interval),
                *seconds_problems("timeout", self.timeout, zero=True),
            ]
            if problems:
                raise SpecError(problems)
            names = self._names(hook, name)
            if not names:
                self.log.info("There is no service to delete")
            failures = self._for_each(partial(self._delete, hook), names)
            failures |= self._for_each(
                partial(self._wait_until_deleted, hook), [name for name in names if name not in failures]
            )
            for error in failures.values():
                raise error
            return names

    def _names(self, hook: PAIServiceHook, name: str) -> list[str]:
        """Return the services to delete; that a list holds the group's services only is not left to EAS alone."""
        if not self.group:
            return [name] if hook.find(name) else []
        return [service.name for service in hook.services(group=name) if self._group_of(hook, service) == name]

    def _group_of(self, hook: PAIServiceHook, listed: ServiceSnapshot) -> str:
        """Return a listed service's group; a list that does not tell it does not say that there is none."""
        if listed.group:
            return listed.group
        service = hook.find(listed.name)
        if service and not service.group and not service.config:
            text = f"EAS tells neither the group nor the configuration of service {listed.name}; nothing was deleted."
            raise ServiceError(
                f"{text}\nWhat to do: run the task again, or delete the group in PAI's console.", service
            )
        return service.group if service else ""

    def _for_each(self, act: Callable[[str], None], names: Sequence[str]) -> dict[str, PAIError]:
        """Do something to all services, and return the failures: one that fails does not keep the others."""
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

    def _wait_until_deleted(self, hook: PAIServiceHook, name: str) -> None:
        from airflow_provider_pai.model.serving.failure import readiness
        from airflow_provider_pai.model.serving.status import ServiceStatus
        from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult

        condition = WaitCondition(status=ServiceStatus.DELETED)
        seen = hook.wait(name, condition, interval=self.poll_interval, limit=self.timeout)
        if seen.result is not WaitResult.REACHED:
            text = f"Service {name} was to be deleted, but it {readiness(seen.service)}."
            raise ServiceError(f"{text}\nWhat to do: see in PAI's console what holds it.", seen.service)
