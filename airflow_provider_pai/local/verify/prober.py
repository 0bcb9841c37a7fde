"""What a probe is, and what it works with: questions, and a name for what it makes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from airflow_provider_pai.api.endpoints import PAI_STUDIO, Service
from airflow_provider_pai.local.verify.ledger import JOBS, KINDS, Ledger
from airflow_provider_pai.local.verify.requests import Endpoint, ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall

Verdict = bool | None
"""Whether an inferred behaviour is the endpoint's; None for one that could not be tried."""
PREFIX = "pai-verify-"
"""What the names of all that probes make begin with."""
ABSENT = "zzz0absent"


class Prober:
    """Sends what probes ask, and remembers what must be deleted.

    Args:
        sender: sends requests.
        region_id: the region.
        workspace_id: the workspace.
        ledger: remembers what is made.

    Attributes:
        last: the last answer of an API, for the report.
    """

    def __init__(self, sender: Endpoint, region_id: str, workspace_id: str, ledger: Ledger) -> None:
        self.sender = sender
        self.region_id = region_id
        self.workspace_id = workspace_id
        self.ledger = ledger
        self.last: ProbeAnswer | None = None

    def ask(
        self, service: Service, action: str, path: str, method: str = "GET", body: Any = None, **query: str
    ) -> ProbeAnswer:
        """Send a request and return the answer."""
        return self.send(ProbeCall(service, action, path, method, query, body))

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        """Send a request and return the answer."""
        self.last = None
        self.last = self.sender.send(ask)
        return self.last

    def make(self, kind: str, name: str, action: str, body: Mapping[str, Any]) -> ProbeAnswer:
        """Make something that has a name of ours; it is deleted at the end."""
        self.last = None
        self.last = self.ledger.make(
            kind, name, ProbeCall(KINDS[kind].service, action, KINDS[kind].path, "POST", body=body)
        )
        return self.last

    def new_name(self) -> str:
        """Return a name that nothing has."""
        return f"{PREFIX}{secrets.token_hex(8)}"

    def newest_job(self, **query: str) -> Mapping[str, Any] | None:
        """Return the newest job of the workspace that matches; None when there is none."""
        asked = {"WorkspaceId": self.workspace_id, "PageSize": "1", **query}
        rows = self.send(ProbeCall(PAI_STUDIO, "ListTrainingJobs", JOBS, query=asked)).rows("TrainingJobs")
        return rows[0] if rows else None

    @cached_property
    def bucket(self) -> str:
        """A bucket of its own, which is deleted at the end with all that is in it; empty when none can be made."""
        name = self.new_name()
        self.ledger.will_make_bucket(name)
        answer = self.sender.send_object(ObjectCall("PUT", name))
        if answer.is_refused:
            self.ledger.made_no_bucket(name)
        return name if answer.is_done else ""

    def object(
        self, method: str, key: str, content: bytes = b"", headers: Mapping[str, str] | None = None, **query: str
    ) -> ObjectAnswer:
        """Send a request about an object of the bucket."""
        return self.sender.send_object(ObjectCall(method, self.bucket, key, query, headers or {}, content))

    def again(self, ask: ProbeCall) -> ProbeAnswer:
        """Send a request twice with one nonce and return the second answer."""
        signed = replace(ask, nonce=secrets.token_hex(16))
        self.send(signed)
        return self.send(signed)


@dataclass(frozen=True)
class Probe:
    """One inferred behaviour.

    Attributes:
        key: short name, by which tables and tests refer to it.
        name: what is inferred, in words.
        run: tries it.
    """

    key: str
    name: str
    run: Callable[[Prober], Verdict]


def refuses(service: Service, action: str, path: str, **query: str) -> Callable[[Prober], Verdict]:
    """Return a probe of a list that refuses parameters as ``InvalidParameter``."""

    def run(prober: Prober) -> Verdict:
        return prober.ask(service, action, path, WorkspaceId=prober.workspace_id, **query).code == "InvalidParameter"

    return run


def absent(
    service: Service, action: str, path: str, code: str, method: str = "GET", status: int = 404, body: Any = None
) -> Callable[[Prober], Verdict]:
    """Return a probe of what is said about something that is not there."""

    def run(prober: Prober) -> Verdict:
        answer = prober.ask(service, action, path.format(region=prober.region_id, absent=ABSENT), method, body)
        return is_error(answer, status, code)

    return run


def is_error(answer: ProbeAnswer, status: int, code: str) -> bool:
    """Tell whether an answer is this error."""
    return (answer.status, answer.code) == (status, code)
