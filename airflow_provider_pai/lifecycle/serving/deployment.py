"""The way of one deployment: what follows from what is seen, in this process or in the one that resumes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.errors import PAIError, ServiceError, TransportError
from airflow_provider_pai.lifecycle.serving.apply import Rollout, note_passed
from airflow_provider_pai.lifecycle.serving.evidence import ServiceFailureDetails
from airflow_provider_pai.lifecycle.serving.traffic_shift import TrafficShift
from airflow_provider_pai.model.serving.reconcile import (
    FOREIGN,
    Action,
    RollbackAction,
    WaitCondition,
    WaitResult,
    is_foreign,
    plan_rollback,
)
from airflow_provider_pai.model.serving.request import NO_VERSION, digest
from airflow_provider_pai.model.serving.smoke_test import SmokeTest, response_problem
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus
from airflow_provider_pai.model.serving.strategy import RolloutOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.model.serving.spec import ServiceSpec

SETTLE, UP, BACK = "settle", "up", "back"
_BEGINNINGS = 5


@dataclass(frozen=True)
class State:
    """How far a deployment is; what a deferred task needs to go on, plain values only.

    Attributes:
        name: the service.
        phase: what is waited for: ``settle`` (something else is under way), ``up`` (the wanted version), ``back`` (the
            version before).
        digest: tells the wanted configuration.
        version: the version that is waited for.
        changed: whether this task has asked for the version.
        dormant: whether the service was stopped when it got the version, so that it is still to be started.
        started: whether this task has started the service.
        beginnings: how often it has begun.
        failure: why the wanted version is given up; empty while it isn't.
    """

    name: str
    phase: str
    digest: str
    version: int = NO_VERSION
    changed: bool = False
    dormant: bool = False
    started: bool = False
    beginnings: int = 1
    failure: str = ""

    @property
    def awaited(self) -> WaitCondition:
        """What is waited for."""
        return WaitCondition() if self.phase == SETTLE else WaitCondition(self.version, back=self.phase == BACK)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class Deployment:
    """Brings a service to what is wanted, and back when that is no good.

    Args:
        hook: does what is done to the services.
        spec: the service.
        options: how.
        owner: the task instance.
        wait: waits for a service; in a deferred task it raises and :meth:`proceed` is called by the one that resumes.
        since: when the task began.
    """

    def __init__(
        self,
        hook: PAIServiceHook,
        spec: ServiceSpec,
        options: RolloutOptions,
        owner: str,
        wait: Callable[[State], tuple[ServiceSnapshot | None, WaitResult]],
        since: datetime | None = None,
    ) -> None:
        self._hook = hook
        self._spec = spec
        self._options = options
        self._owner = owner
        self._wait = wait
        self._evidence = ServiceFailureDetails(hook, since or datetime.now(UTC))
        self._shifting = TrafficShift(hook, spec.service_name, owner, self._evidence, self._tried)

    def begin(self, before: State | None = None) -> dict[str, Any]:
        """Look, and go on from there; return the task's result.

        Args:
            before: how far the deployment was when it must begin again.
        """
        beginnings = before.beginnings + 1 if before else 1
        if beginnings > _BEGINNINGS:
            raise ServiceError(f"service {self._spec.service_name} is changed by others again and again; giving up")
        body = self._hook.preparation.body(self._spec)
        wanted = digest(body)
        name = self._shifting.target(wanted) if self._options.slots else self._spec.service_name
        rollout = Rollout(self._hook, {**body, "name": name}, wanted, self._owner)
        plan, existing = rollout.advance()
        state = State(
            *(name, UP, wanted, plan.version),
            changed=rollout.changed or rollout.is_own(existing) or bool(before and before.changed),
            dormant=rollout.dormant,
            started=rollout.started or bool(before and before.started),
            beginnings=beginnings,
        )
        if plan.action is Action.SETTLE:
            return self._await(replace(state, phase=SETTLE))
        if plan.action is Action.NOTHING and existing is not None:
            return self._judge(state, existing)
        return self._await(state)

    def proceed(self, state: State, seen: ServiceSnapshot | None, verdict: WaitResult) -> dict[str, Any]:
        """Go on after a wait.

        Args:
            state: what was waited for.
            seen: the service as it was last seen; None when it could not be.
            verdict: what that means.
        """
        status = seen.status if seen else "not to be seen"
        if state.phase == SETTLE and verdict is WaitResult.PENDING:
            raise ServiceError(f"service {state.name} is still {status}: what is under way there does not end", seen)
        if state.phase == SETTLE:
            return self.begin(state)
        if state.phase == BACK:
            raise self._gone_back(state, seen, verdict)
        if verdict is WaitResult.REACHED and seen is not None:
            return self._judge(state, seen)
        if seen is not None and seen.status == ServiceStatus.STOPPED and state.dormant and not state.started:
            # An update alone does not start what was stopped [inferred].
            return self.begin(state)
        if verdict is WaitResult.PENDING:
            return self._give_up(state, f"it did not come up in time; it is {status}")
        return self._give_up(state, f"it is {status}{f' ({seen.why})' if seen and seen.why else ''}")

    def _await(self, state: State) -> dict[str, Any]:
        seen, verdict = self._wait(state)
        return self.proceed(state, seen, verdict)

    def _judge(self, state: State, seen: ServiceSnapshot) -> dict[str, Any]:
        """The wanted version runs: try it, give it its traffic, return the result."""
        self._own(state, seen)
        if wrong := self._tried(state.name):
            return self._give_up(state, wrong)
        if self._options.slots:
            options = self._options
            if wrong := self._shifting.shift(state.name, state.digest, options.steps, options.step_pause):
                return self._give_up(state, wrong)
            if not options.keep_old:
                self._shifting.rest(state.name)
        return self._result(state)

    def _own(self, state: State, seen: ServiceSnapshot | None) -> ServiceSnapshot:
        """Return the service, if it is what this deployment wants.

        Raises:
            ServiceError: somebody else has made something else of it, which is left.
        """
        if seen is None or is_foreign(seen, state.digest):
            before = f"\nbefore that: {state.failure}" if state.failure else ""
            raise ServiceError(f"service {state.name}: {FOREIGN}{before}", seen)
        return seen

    def _tried(self, name: str) -> str:
        """Return what is wrong with a service's answers; empty when nothing is."""
        test = self._options.smoke_test
        try:
            answer = self._hook.ask(name, test or SmokeTest())
        except TransportError as error:
            return f"the smoke test fails: {error}" if test else ""
        if test is None:
            if not answer.is_routed:
                self._hook.log.warning("EAS's gateway does not lead to service %s yet", name)
            return ""
        wrong = response_problem(test, answer)
        return f"the smoke test fails: {wrong}" if wrong else ""

    def _give_up(self, state: State, why: str) -> dict[str, Any]:
        """Go back to what was there before, and fail."""
        lines = [f"service {state.name} is no good in version {state.version}: {why}"]
        lines += self._evidence.lines(state.name)
        state = replace(state, failure="\n".join(lines))
        if self._options.leave:
            raise self._failed(state, "it is left as it is (on_failure='leave')")
        try:
            state = self._on_the_way_back(state)
        except ServiceError:
            raise
        except PAIError as error:
            ending = f"the way back was not possible ({error}); {self._told(state.name)}"
            raise self._failed(state, ending) from error
        return self._await(state)

    def _on_the_way_back(self, state: State) -> State:
        """Go back, and return what is to be waited for.

        Raises:
            ServiceError: there is nothing to wait for.
        """
        now = self._own(state, self._hook.find(state.name))
        if self._options.slots:
            raise self._failed(state, self._shifting.withdraw(state.name, state.digest, started=state.started))
        found = plan_rollback(now, state.digest, self._owner, started=state.started)
        if found.undo is RollbackAction.BACK:
            self._hook.log.warning("%s\nGoing back to version %d", state.failure, found.version)
            self._go_back(state.name, found.version)
            return replace(state, phase=BACK, version=found.version)
        if found.undo is RollbackAction.DELETE:
            self._hook.delete(state.name)
        elif found.undo is RollbackAction.STOP:
            self._hook.stop(state.name)
        raise self._failed(state, found.said)

    def _go_back(self, name: str, version: int) -> None:
        try:
            self._hook.update_version(name, version)
        except PAIError as error:
            self._hook.log.warning("Going back to version %d: %s", version, error)
            # An answer that was lost, and the repetition then refused: the version is on its way, or answers.
            seen = self._hook.find(name)
            if seen is None or (seen.is_settled and seen.status != ServiceStatus.RUNNING):
                raise

    def _gone_back(self, state: State, seen: ServiceSnapshot | None, verdict: WaitResult) -> ServiceError:
        if verdict is WaitResult.REACHED:
            return self._failed(state, f"version {state.version} answers again")
        status = f"is {seen.status}, version {seen.current_version} answers" if seen else "can't be seen"
        return self._failed(state, f"the way back to version {state.version} failed, too: the service {status}")

    def _failed(self, state: State, ending: str) -> ServiceError:
        url = self._hook.console_url(state.name)
        return ServiceError(f"{state.failure}\nwhat answers now: {ending}\nconsole: {url}")

    def _told(self, name: str) -> str:
        """Return how the service is at this moment."""
        try:
            now = self._hook.find(name)
        except PAIError:
            return "how the service is can't be seen"
        if now is None:
            return "there is no such service"
        traffic = f" with weight {now.share} in its group's traffic" if self._options.slots else ""
        return f"the service is {now.status}, version {now.current_version} answers{traffic}"

    def _result(self, state: State) -> dict[str, Any]:
        service = self._own(state, self._hook.find(state.name))
        note_passed(self._hook, service)
        called = self._spec.service_name if self._options.slots else state.name
        endpoints = self._hook.endpoints(called)
        return {
            "service_name": service.name,
            "version": service.current_version,
            "endpoint": endpoints.internet,
            "intranet_endpoint": endpoints.intranet,
            "group": service.group or None,
            "model_uri": self._spec.model_uri or None,
            "console_url": self._hook.console_url(service.name),
            "changed": state.changed or state.started or self._shifting.moved,
        }

    def abandon(self, state: State, why: str) -> ServiceError:
        """Begin the way back, as far as this task answers for it, without waiting for its end; return what is left.

        Args:
            state: what was last waited for.
            why: the reason.

        Raises:
            PAIError: the way back is not possible.
        """
        if state.phase == BACK:
            return self._failed(state, f"version {state.version}, as soon as the way back to it is over")
        state = replace(state, failure=f"service {state.name} is given up: {why}")
        try:
            back = self._on_the_way_back(state)
        except ServiceError as ending:
            return ending
        return self._failed(back, f"version {back.version}, as soon as the way back to it is over")


def state_of(value: Mapping[str, Any]) -> State:
    """Read what :meth:`State.to_json` wrote; members of a newer version are ignored."""
    known = State.__dataclass_fields__
    return State(**{name: item for name, item in value.items() if name in known})
