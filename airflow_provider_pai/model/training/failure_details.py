"""What is known of a job that ended badly: all that a diagnosis rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus

_EVENTS_SHOWN = 10
_EVENT_TIME = re.compile(r"^[\[(]?\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?[\])]?\s*")
_TELLING = re.compile(
    r"warning|error|fail|evict|preempt|reclaim|backoff|insufficient|not enough|exceed|denied|kill|unhealthy|terminated"
    r"|exit(?:ed)? (?:with )?code:? [1-9]",
    re.IGNORECASE,
)
"""Words of events that tell of trouble; PAI's events are plain texts without a level [inferred from its SDK]."""


@dataclass(frozen=True)
class ErrorInfo:
    """Why a job failed, in the service's words; all empty when it has nothing to say."""

    code: str = ""
    message: str = ""
    additional_info: str = ""


@dataclass(frozen=True)
class FailureDetails:
    """A job, and what the service says of its end. What could not be read is empty.

    Attributes:
        job: the job as it was last seen.
        error: GetTrainingJobErrorInfo's answer.
        events: its events, oldest first.
        log_tail: its last log lines, oldest first.
    """

    job: JobSnapshot
    error: ErrorInfo = ErrorInfo()
    events: tuple[str, ...] = ()
    log_tail: tuple[str, ...] = ()

    @property
    def has_run(self) -> bool:
        """Whether the command was ever started."""
        statuses = {self.job.status, *(transition.status for transition in self.job.transitions)}
        return JobStatus.RUNNING in statuses or bool(self.job.duration_s)

    def codes(self) -> Iterator[str]:
        """Yield the service's reason codes, the one to believe most first."""
        yield self.job.reason_code
        yield self.error.code
        # A reason of an earlier status explains why the job waited, not why it ended.
        yield from (transition.reason_code for transition in self.job.transitions[-1:])

    def messages(self) -> Iterator[str]:
        """Yield what the service says in words, the one to believe most first.

        Events of a job that has run tell how it was started, so they say nothing of its end.
        """
        yield self.job.reason_message
        yield from (transition.reason_message for transition in self.job.transitions[-1:])
        yield self.error.message
        if not self.has_run:
            yield from reversed(self.events)

    def telling_events(self) -> tuple[str, ...]:
        """Return the last events that tell of trouble, each text once, where it came last."""
        latest: dict[str, str] = {}
        for event in self.events:
            if _TELLING.search(event):
                text = _EVENT_TIME.sub("", event)
                latest.pop(text, None)
                latest[text] = event
        return tuple(latest.values())[-_EVENTS_SHOWN:]
