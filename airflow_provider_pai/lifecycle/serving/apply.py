"""Brings one service to a configuration: look, decide, do the one next thing, look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import APIError, AuthError, ConflictError, PAIError, ProtocolError, TransportError
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.serving.reconcile import Action, ReconcilePlan, plan
from airflow_provider_pai.model.serving.request import PASSED_LABEL, labelled
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus

_LOOKS = 4
_PAUSE = 2.0


@dataclass(frozen=True)
class Applied:
    """What is left to do after a configuration was applied.

    Attributes:
        plan: to wait (``await``, ``settle``), or ``nothing``.
        service: the service as it was seen before; None when there was none.
    """

    plan: ReconcilePlan
    service: ServiceSnapshot | None


class ConfigurationApplier:
    """Creates or updates one service, at most once for each wanted configuration.

    Args:
        services: the services of the region.
        body: the service JSON.
        digest: identifies the configuration.
        owner: the task instance that asks for it.

    Attributes:
        changed: whether a version was asked for.
        started: whether the service was started.
        dormant: whether the service was stopped when it got its version.
    """

    def __init__(self, services: Services, body: Mapping[str, Any], digest: str, owner: str) -> None:
        self._services = services
        self._name: str = body["name"]
        self._body = body
        self._digest = digest
        self._owner = owner
        self.changed = self.started = self.dormant = False

    def apply(self) -> Applied:
        """Do what can be done now.

        Raises:
            PAIError: EAS refuses.
        """
        failure: PAIError | None = None
        for _ in range(_LOOKS):
            existing = self._services.find(self._name)
            wanted = plan(existing, self._digest, self._owner)
            if wanted.action in (Action.AWAIT, Action.SETTLE, Action.NOTHING):
                return Applied(wanted, existing)
            failure = self._act(wanted)
            if wanted.action is Action.UPDATE and existing and existing.status == ServiceStatus.STOPPED:
                # An update alone does not start what was stopped [inferred].
                self.dormant = True
                if failure is None:
                    continue
            if failure is None:
                return Applied(ReconcilePlan(Action.AWAIT, wanted.version, wanted.previous), existing)
            self._services.log.warning("%s. Looking whether it was done.", failure)
            self._services.sleep(_PAUSE)
        raise failure or PAIError(f"Service {self._name} could not be brought to its configuration.")

    def is_own(self, service: ServiceSnapshot | None) -> bool:
        """Whether this task instance has asked for the configuration of a service."""
        return service is not None and service.digest == self._digest and service.owner == self._owner

    def _act(self, wanted: ReconcilePlan) -> PAIError | None:
        """Do one thing; return the error after which only a look can tell whether it was done."""
        if wanted.action is Action.START:
            self.started = True
        else:
            self.changed = True
        try:
            self._send(wanted)
        except PAIError as error:
            if not _is_open(error, wanted.action) or self._is_refused(error, wanted.action):
                raise
            return error
        return None

    def _is_refused(self, error: PAIError, action: Action) -> bool:
        """Whether a create was refused for another reason than that the name is taken."""
        refused = isinstance(error, APIError) and not is_passing(error)
        return action is Action.CREATE and refused and self._services.find(self._name) is None

    def _send(self, wanted: ReconcilePlan) -> None:
        services, name = self._services, self._name
        if wanted.action is Action.START:
            services.log.info("Starting service %s", name)
            services.start(name)
            return
        config = labelled(self._body, version=wanted.version, previous=wanted.previous, owner=self._owner)
        if wanted.action is Action.CREATE:
            services.log.info("Creating service %s", name)
            services.create(config)
        else:
            services.log.info("Updating service %s to version %d", name, wanted.version)
            services.update(name, config)


def mark_passed(services: Services, service: ServiceSnapshot) -> None:
    """Note on a service that the version that answers has passed its test.

    Without the right to do so the note is left out: then each version counts as good as any other.
    """
    if service.passed == service.current_version:
        return
    try:
        services.label(service.name, {PASSED_LABEL: str(service.current_version)})
    except PAIError as error:
        services.log.warning(
            "Cannot label service %s as tested (%s); a later rollback may return to an untested version",
            *(service.name, error),
        )


def _is_open(error: PAIError, action: Action) -> bool:
    """Whether only a look can tell if the change happened, or if another task was quicker.

    How EAS refuses a name that is taken is not documented, so after every refused create the service is looked up
    [inferred].
    """
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, AuthError):
        return False
    if isinstance(error, ConflictError | ProtocolError) or is_passing(error):
        return True
    return action is Action.CREATE and isinstance(error, APIError)
