"""How a job is doing: one table of statuses, and what is known of a job at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class JobStatus(StrEnum):
    """Statuses of a PAI training job, as ``alipai`` 0.4.13 lists them."""

    CREATING = "Creating"
    CREATED = "Created"
    CREATE_FAILED = "CreateFailed"
    INITIALIZING = "Initializing"
    INITIALIZE_FAILED = "InitializeFailed"
    SUBMITTED = "Submitted"
    RUNNING = "Running"
    SUCCEED = "Succeed"
    FAILED = "Failed"
    TERMINATED = "Terminated"


ACTIVE_STATUSES = (
    JobStatus.CREATING,
    JobStatus.CREATED,
    JobStatus.INITIALIZING,
    JobStatus.SUBMITTED,
    JobStatus.RUNNING,
)
WAITING_STATUSES = frozenset(ACTIVE_STATUSES) - {JobStatus.RUNNING}
"""Before the job's command runs; there is no log worth reading yet."""
TERMINAL_STATUSES = frozenset(JobStatus) - frozenset(ACTIVE_STATUSES)
_LISTS = ("instances", "failed_instances", "metrics_without_value")


def moment(text: str) -> datetime | None:
    """Read a time of PAI's answers; None when it is none, since what is only shown must not break what waits."""
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Transition:
    """One status a job was in.

    Attributes:
        status: the status.
        start: when it was entered, ISO 8601 in UTC; empty when unknown.
        end: when it was left; empty while it lasts.
        reason_code: the service's short reason; empty when there is none.
        reason_message: the reason in words; empty when there is none.
    """

    status: str
    start: str = ""
    end: str = ""
    reason_code: str = ""
    reason_message: str = ""

    @property
    def reason(self) -> str:
        """The reason as one phrase, code first; empty when there is none."""
        return _phrase(self.reason_code, self.reason_message)


@dataclass(frozen=True)
class JobSnapshot:
    """What is known of a job at one moment.

    Attributes:
        job_id: PAI's id of the job.
        status: its status. A text, not a :class:`JobStatus`: the service may add values, and an unknown one
            counts as active.
        name: the job's name.
        workspace_id: the workspace it runs in.
        reason_code: why it is in this status, short; empty when there is no reason.
        reason_message: the same in words.
        created: creation time, ISO 8601 in UTC.
        duration_s: run time in seconds; None when the service did not say.
        labels: its labels.
        outputs: URI of each output channel.
        image_uri: image it runs in; empty when the answer does not tell (list items don't).
        code_uri: where its source code lies; empty when the answer does not tell.
        metrics: last value of each metric that has one.
        metrics_without_value: metrics with a last value that is no finite number; an older one does not stand for it.
        metric_regexes: regular expression of each metric that is read from the log; empty when the answer does not
            tell (list items don't).
        progress: how far it is, in the unit its algorithm counts in; None when the answer does not tell (list items
            don't).
        remaining_s: seconds it still needs by its own account; None when the answer does not tell.
        instance_count: number of instances it was asked for.
        instances: names of its instances, the ids of log streams; empty when the answer does not tell (list items
            don't), or while there are none.
        failed_instances: those of them that have failed.
        transitions: statuses it went through, oldest first.
        resource_id: the quota that it takes a share of; empty with an instance type, or when the answer does not tell.
    """

    job_id: str
    status: str
    name: str = ""
    workspace_id: str = ""
    reason_code: str = ""
    reason_message: str = ""
    created: str = ""
    duration_s: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    image_uri: str = ""
    code_uri: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_without_value: Sequence[str] = ()
    metric_regexes: Mapping[str, str] = field(default_factory=dict)
    progress: float | None = None
    remaining_s: int | None = None
    instance_count: int = 1
    instances: Sequence[str] = ()
    failed_instances: Sequence[str] = ()
    transitions: Sequence[Transition] = ()
    resource_id: str = ""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, well or badly."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_success(self) -> bool:
        """Whether the job did what it was asked for. A stopped job did not."""
        return self.status == JobStatus.SUCCEED

    @property
    def reason(self) -> str:
        """The reason as one phrase, code first; empty when there is none."""
        return _phrase(self.reason_code, self.reason_message)


def _phrase(code: str, message: str) -> str:
    return ": ".join(part for part in (code, message) if part)
