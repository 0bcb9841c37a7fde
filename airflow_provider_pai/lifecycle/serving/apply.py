"""Brings one service to a configuration: look, decide, do the one next thing, look again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.api.services import update_service_label
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import APIError, AuthError, ConflictError, PAIError, ProtocolError, TransportError
from airflow_provider_pai.model.serving.reconcile import Action, ReconcilePlan, plan
from airflow_provider_pai.model.serving.request import PASSED_LABEL, labelled
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.services import PAIServiceHook

_ROUNDS = 4
_PAUSE = 2.0


class Rollout:
    """Creates or updates one service, at most once for each configuration that is wanted.

    Args:
        hook: does what is done to the service.
        body: the service JSON.
        digest: tells it from others.
        owner: the task instance that asks for it.

    Attributes:
        changed: whether a version was asked for.
        started: whether the service was started.
        dormant: whether the service was stopped when it got its version.
    """

    def __init__(self, hook: PAIServiceHook, body: Mapping[str, Any], digest: str, owner: str) -> None:
        self._hook = hook
        self._name: str = body["name"]
        self._body = body
        self._digest = digest
        self._owner = owner
        self.changed = self.started = self.dormant = False

    def advance(self) -> tuple[ReconcilePlan, ServiceSnapshot | None]:
        """Do what can be done now.

        Returns:
            What is left: to wait (``await``, ``settle``), or ``nothing``; and the service as it was seen before.

        Raises:
            PAIError: EAS refuses.
        """
        failure: PAIError | None = None
        for _ in range(_ROUNDS):
            existing = self._hook.find(self._name)
            wanted = plan(existing, self._digest, self._owner)
            if wanted.action in (Action.AWAIT, Action.SETTLE, Action.NOTHING):
                return wanted, existing
            failure = self._done(wanted)
            if wanted.action is Action.UPDATE and existing and existing.status == ServiceStatus.STOPPED:
                # An update alone does not start what was stopped [inferred].
                self.dormant = True
                if failure is None:
                    continue
            if failure is None:
                return ReconcilePlan(Action.AWAIT, wanted.version, wanted.previous), existing
            self._hook.log.warning("%s: looking what has become of it", failure)
            self._hook.sleep(_PAUSE)
        raise failure or PAIError(f"service {self._name} can't be brought to its configuration")

    def is_own(self, service: ServiceSnapshot | None) -> bool:
        """Whether this task instance has asked for what a service is to be."""
        return service is not None and service.digest == self._digest and service.owner == self._owner

    def _done(self, wanted: ReconcilePlan) -> PAIError | None:
        """Do one thing; return the error after which only a look can tell whether it was done."""
        if wanted.action is Action.START:
            self.started = True
        else:
            self.changed = True
        try:
            self._act(wanted)
        except PAIError as error:
            if not _is_open(error, wanted.action) or self._is_refusal(error, wanted.action):
                raise
            return error
        return None

    def _is_refusal(self, error: PAIError, action: Action) -> bool:
        """Whether a create was refused for another reason than that the name is taken."""
        refused = isinstance(error, APIError) and not is_passing(error)
        return action is Action.CREATE and refused and self._hook.find(self._name) is None

    def _act(self, wanted: ReconcilePlan) -> None:
        hook, name = self._hook, self._name
        if wanted.action is Action.START:
            hook.log.info("Starting service %s", name)
            hook.start(name)
            return
        config = labelled(self._body, version=wanted.version, previous=wanted.previous, owner=self._owner)
        if wanted.action is Action.CREATE:
            hook.log.info("Creating service %s", name)
            hook.create(config)
        else:
            hook.log.info("Updating service %s to version %d", name, wanted.version)
            hook.update(name, config)


def note_passed(hook: PAIServiceHook, service: ServiceSnapshot) -> None:
    """Note on a service that the version that answers has passed its test.

    Without the right to do so it is left out: then no task takes one version for better than another.
    """
    if service.passed == service.current_version:
        return
    labels = {PASSED_LABEL: str(service.current_version)}
    try:
        hook.client.send(update_service_label(hook.config.region_id, service.name, labels))
    except PAIError as error:
        hook.log.warning("That service %s has passed its test can't be noted on it (%s)", service.name, error)


def _is_open(error: PAIError, action: Action) -> bool:
    """Whether only a look can tell if the change happened, or if somebody else was quicker.

    How EAS refuses a name that is taken is not documented, so every refused create is looked after [inferred].
    """
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, AuthError):
        return False
    if isinstance(error, ConflictError | ProtocolError) or is_passing(error):
        return True
    return action is Action.CREATE and isinstance(error, APIError)
