"""The way of one deployment: what follows from what is seen, in this process or in the one that resumes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.errors import PAIError, ServiceError, TransportError, shortened
from airflow_provider_pai.hooks.rollout import Rollout
from airflow_provider_pai.hooks.traffic import Traffic
from airflow_provider_pai.model.rollout import Awaited, Move, Verdict
from airflow_provider_pai.model.service_body import NO_VERSION, digest
from airflow_provider_pai.model.service_status import ServiceSnapshot, ServiceStatus
from airflow_provider_pai.model.smoke import SmokeTest, complaint
from airflow_provider_pai.model.strategy import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.model.service import ServiceSpec

SETTLE, UP, BACK = "settle", "up", "back"
_EVENTS = 10
_LINES = 15
_BEGINNINGS = 5
_CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True)
class State:
    """How far a deployment is; what a deferred task needs to go on, plain values only.

    Attributes:
        name: the service.
        phase: what is waited for: ``settle`` (something else is under way), ``up`` (the wanted version), ``back`` (the
            version before).
        digest: tells the wanted configuration.
        version: the version that is waited for.
        previous: the version to go back to; 0 when there was no service before, None when there is none.
        changed: whether this task has changed the service.
        beginnings: how often it has begun.
        failure: why the wanted version is given up; empty while it isn't.
    """

    name: str
    phase: str
    digest: str
    version: int = NO_VERSION
    previous: int | None = None
    changed: bool = False
    beginnings: int = 1
    failure: str = ""

    @property
    def awaited(self) -> Awaited:
        """What is waited for."""
        return Awaited() if self.phase == SETTLE else Awaited(self.version, back=self.phase == BACK)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class Deployment:
    """Brings a service to what is wanted, and back when that is no good.

    Args:
        hook: does what is done to the services.
        spec: the service.
        wishes: how.
        owner: the task instance.
        wait: waits for a service; in a deferred task it raises and :meth:`proceed` is called by the one that resumes.
        since: when the task began.
    """

    def __init__(
        self,
        hook: PAIServiceHook,
        spec: ServiceSpec,
        wishes: Wishes,
        owner: str,
        wait: Callable[[State], tuple[ServiceSnapshot | None, Verdict]],
        since: datetime | None = None,
    ) -> None:
        self._hook = hook
        self._spec = spec
        self._wishes = wishes
        self._owner = owner
        self._wait = wait
        self._since = since or datetime.now(UTC)

    def begin(self, *, beginnings: int = 1, changed: bool = False) -> dict[str, Any]:
        """Look, and go on from there; return the task's result."""
        if beginnings > _BEGINNINGS:
            raise ServiceError(f"service {self._spec.service_name} is changed by others again and again; giving up")
        body = self._hook.preparation.body(self._spec)
        wanted = digest(body)
        name = self._target(wanted)
        rollout = Rollout(self._hook, {**body, "name": name}, wanted, self._owner)
        plan, existing = rollout.advance()
        state = State(
            name, UP, wanted, plan.version, plan.previous, changed or rollout.is_own(existing), beginnings=beginnings
        )
        if plan.move is Move.SETTLE:
            return self._await(replace(state, phase=SETTLE))
        if plan.move is Move.NOTHING and existing is not None:
            return self._judge(state, existing)
        return self._await(replace(state, changed=state.changed or rollout.acted))

    def proceed(self, state: State, seen: ServiceSnapshot | None, verdict: Verdict) -> dict[str, Any]:
        """Go on after a wait.

        Args:
            state: what was waited for.
            seen: the service as it was last seen; None when it could not be.
            verdict: what that means.
        """
        status = seen.status if seen else "not to be seen"
        if state.phase == SETTLE and verdict is Verdict.PENDING:
            raise ServiceError(f"service {state.name} is still {status}: what is under way there does not end", seen)
        if state.phase == SETTLE:
            return self.begin(beginnings=state.beginnings + 1, changed=state.changed)
        if state.phase == BACK:
            raise self._gone_back(state, seen, verdict)
        if verdict is Verdict.REACHED and seen is not None:
            return self._judge(state, seen)
        if seen is not None and seen.status == ServiceStatus.STOPPED:
            # An update alone does not start what was stopped [inferred].
            return self.begin(beginnings=state.beginnings + 1, changed=state.changed)
        if verdict is Verdict.PENDING:
            return self._give_up(state, f"it did not come up in time; it is {status}")
        return self._give_up(state, f"it is {status}{f' ({seen.why})' if seen and seen.why else ''}")

    def _await(self, state: State) -> dict[str, Any]:
        seen, verdict = self._wait(state)
        return self.proceed(state, seen, verdict)

    def _target(self, wanted: str) -> str:
        """Return the name of the service that gets the configuration; nobody's requests go to its old model."""
        if not self._wishes.slots:
            return self._spec.service_name
        slots = self._traffic.slots
        name = slots.target(wanted)
        target = next((slot for slot in (slots.blue, slots.green) if slot and slot.name == name), None)
        if target is not None and target.digest != wanted:
            self._traffic.clear(name)
        return name

    @cached_property
    def _traffic(self) -> Traffic:
        return Traffic(self._hook, self._spec.service_name)

    def _judge(self, state: State, seen: ServiceSnapshot) -> dict[str, Any]:
        """The wanted version runs: try it, give it its traffic, return the result."""
        if seen.digest and seen.digest != state.digest:
            raise ServiceError(
                f"service {state.name} was changed by somebody else meanwhile; it is left as it is", seen
            )
        if wrong := self._tried(state.name):
            return self._give_up(state, wrong)
        if self._wishes.slots:
            shifted, wrong = self._shifted(state)
            state = replace(state, changed=state.changed or shifted)
            if wrong:
                return self._give_up(state, wrong)
            if not self._wishes.keep_old:
                self._traffic.rest(state.name)
        return self._result(state)

    def _tried(self, name: str) -> str:
        """Return what is wrong with a service's answers; empty when nothing is."""
        test = self._wishes.smoke_test
        try:
            answer = self._hook.ask(name, test or SmokeTest())
        except TransportError as error:
            return f"the smoke test fails: {error}" if test else ""
        if test is None:
            if not answer.is_routed:
                self._hook.log.warning("EAS's gateway does not lead to service %s yet", name)
            return ""
        wrong = complaint(test, answer)
        return f"the smoke test fails: {wrong}" if wrong else ""

    def _shifted(self, state: State) -> tuple[bool, str]:
        """Move the traffic step by step; return whether any was moved, and what was wrong after a step."""
        known = self._warnings(state.name)
        shifted = False
        while self._traffic.shift(state.name, self._wishes.steps):
            shifted = True
            self._hook.sleep(self._wishes.step_pause)
            service = self._hook.find(state.name)
            if service is None or service.status != ServiceStatus.RUNNING:
                return shifted, f"it is {service.status if service else 'gone'} after a part of the traffic was its own"
            if fresh := [line for line in self._warnings(state.name) if line not in known]:
                return shifted, f"it has trouble since a part of the traffic is its own: {shortened(fresh[-1])}"
            if wrong := self._tried(state.name):
                return shifted, wrong
        return shifted, ""

    def _give_up(self, state: State, why: str) -> dict[str, Any]:
        """Go back to what was there before, and fail."""
        lines = [f"service {state.name} is no good in version {state.version}: {why}", *self._evidence(state.name)]
        state = replace(state, failure="\n".join(lines))
        if self._wishes.leave:
            raise self._failed(state, "it is left as it is (on_failure='leave')")
        try:
            state = self._on_the_way_back(state)
        except ServiceError:
            raise
        except PAIError as error:
            raise self._failed(state, f"the way back was not possible, so the service is as it was: {error}") from error
        return self._await(state)

    def _on_the_way_back(self, state: State) -> State:
        """Go back, and return what is to be waited for.

        Raises:
            ServiceError: there is nothing to wait for.
        """
        if self._wishes.slots:
            raise self._retreated(state)
        if not state.changed:
            raise self._failed(state, "this task has not changed it, so nothing is rolled back")
        if state.previous is None:
            raise self._failed(state, "no version before it is known, so nothing is rolled back")
        if state.previous == NO_VERSION:
            self._hook.delete(state.name)
            raise self._failed(state, "there was no version before it; the service was deleted")
        self._hook.log.warning("%s\nGoing back to version %d", state.failure, state.previous)
        self._go_back(state.name, state.previous)
        return replace(state, phase=BACK, version=state.previous)

    def _go_back(self, name: str, version: int) -> None:
        try:
            self._hook.update_version(name, version)
        except PAIError as error:
            self._hook.log.warning("Going back to version %d: %s", version, error)
            # An answer that was lost, and the repetition then refused: the version is on its way, or answers.
            seen = self._hook.find(name)
            if seen is None or (seen.is_settled and seen.status != ServiceStatus.RUNNING):
                raise

    def _gone_back(self, state: State, seen: ServiceSnapshot | None, verdict: Verdict) -> ServiceError:
        if verdict is Verdict.REACHED:
            return self._failed(state, f"version {state.version} answers again")
        status = f"is {seen.status}" if seen else "can't be seen"
        return self._failed(state, f"the way back to version {state.version} failed, too: the service {status}")

    def _retreated(self, state: State) -> ServiceError:
        """Give the traffic back to the other service and put this one to rest."""
        other = self._traffic.slots.other(state.name)
        if not state.changed and (other is None or not other.share):
            return self._failed(state, "this task has not changed it, so nothing is rolled back")
        if other is None and state.previous == NO_VERSION:
            self._hook.delete(state.name)
            return self._failed(state, "there was no service before it; it was deleted")
        self._traffic.retreat(state.name)
        self._hook.stop(state.name)
        ending = f"service {other.name} has all the traffic, as before" if other else "nothing; it was stopped"
        return self._failed(state, ending)

    def _failed(self, state: State, ending: str) -> ServiceError:
        url = self._hook.console_url(state.name)
        return ServiceError(f"{state.failure}\nwhat answers now: {ending}\nconsole: {url}")

    def _evidence(self, name: str) -> list[str]:
        """Return the service's latest warnings and lines of output, as far as they can be read."""
        parts: list[str] = []
        try:
            warnings = self._warnings(name)[-_EVENTS:]
            output = self._hook.logs(name)[-_LINES:]
        except PAIError as error:
            self._hook.log.warning("Events and logs of service %s can't be read (%s)", name, error)
            return parts
        for title, lines in (("events", warnings), ("last log lines", output)):
            if lines:
                parts += [f"{title}:", *(f"  {shortened(line)}" for line in lines)]
        return parts

    def _warnings(self, name: str) -> list[str]:
        since = (self._since - _CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        events = self._hook.events(name, event_type="Warning", since=since)
        return [f"{event.time} {event.reason}: {event.message}" for event in events]

    def _result(self, state: State) -> dict[str, Any]:
        service = self._hook.describe(state.name)
        called = self._spec.service_name if self._wishes.slots else state.name
        endpoints = self._hook.endpoints(called)
        return {
            "service_name": service.name,
            "version": service.current_version,
            "endpoint": endpoints.internet,
            "intranet_endpoint": endpoints.intranet,
            "group": service.group or None,
            "model_uri": self._spec.model_uri or None,
            "console_url": self._hook.console_url(service.name),
            "changed": state.changed,
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
