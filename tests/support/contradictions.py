"""What a stored state of a job or a service says that can't be true at one time, and stores that look at each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.eas.views import explained, status
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES

_INSTANCES: Mapping[str, set[str]] = {
    "Creating": set(),
    "Created": set(),
    "Initializing": {"Pending"},
    "Submitted": {"Pending"},
    "Running": {"Running"},
    "Succeed": {"Succeeded"},
}
"""What the instances of a job in a status can be. A job may fail, or be stopped, when some or all of them are done."""
_ENDED = {"Succeeded", "Failed"}


def of_job(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself in a stored job."""
    now, transitions = record["Status"], record["StatusTransitions"]
    instances = {each["Status"] for each in record.get("Instances", ())}
    if instances - _INSTANCES.get(now, _ENDED):
        yield f"{now} with instances that are {sorted(instances)}"
    if now not in ("Creating", "Created") and now not in TERMINAL_STATUSES and not instances:
        yield f"{now} without instances"
    if transitions[-1]["Status"] != now:
        yield f"{now}, but {transitions[-1]['Status']} by its transitions"
    if [each for each in transitions[:-1] if "EndTime" not in each]:
        yield f"{now}, and an earlier status that has not ended"
    is_over = now in TERMINAL_STATUSES
    if ("EndTime" in transitions[-1]) != is_over or ("ReasonCode" in record) != is_over:
        yield f"{now}, and its end or its reason says otherwise"


def of_service(service: ServiceRecord) -> Iterator[str]:
    """Yield what contradicts itself in a stored service, as it is shown."""
    now, seen, wanted = status(service), service.seen, service.wanted
    _, message = explained(service)
    what = f"{now} ({message}; {seen.running} running, {seen.pending} pending, version {seen.version})"
    settled = seen.settled == wanted.generation
    rules = {
        "it runs, and nothing of it does": now == "Running" and not seen.running,
        "it runs, and not what is wanted": now == "Running" and not (settled and seen.version == wanted.version),
        "it waits for an instance, and has one": now == "Waiting" and settled and seen.running > 0,
        "nothing has answered, and something runs": not seen.version and seen.running > 0,
        "it is stopped, and something runs": now == "Stopped" and (seen.running or seen.pending),
        "it has failed for now, and is not settled": now == "Failed" and not settled,
        "it comes up, and nothing is to come": now in ("Starting", "Creating") and seen.status == now and settled,
        "it has a version that is none": seen.version > service.versions[-1].number,
    }
    yield from (f"{what}: {text}" for text, broken in rules.items() if broken)


class RememberingJobStore(JobStore):
    """A store of jobs that looks at each state that is stored."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.contradictions: list[str] = []

    def create(self, *arguments: Any, **local: Any) -> Mapping[str, Any]:
        return self._seen(super().create(*arguments, **local))

    def change(self, job_id: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
        return self._seen(super().change(job_id, change))

    def _seen(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        self.contradictions += of_job(record)
        return record


class RememberingServiceStore(ServiceStore):
    """A store of services that looks at each state that is stored.

    Attributes:
        contradictions: what was wrong with one.
        states: status and number of running instances of each.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.contradictions: list[str] = []
        self.states: list[tuple[str, int]] = []

    def change(self, name: str, change: Callable[[ServiceRecord], ServiceRecord]) -> ServiceRecord:
        changed = super().change(name, change)
        self.contradictions += of_service(changed)
        self.states.append((changed.seen.status, changed.seen.running))
        return changed
