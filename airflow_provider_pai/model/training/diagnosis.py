"""Why a job ended badly, what its author can do, and whether another attempt makes sense.

The service's reason codes decide first, then the words of its messages, then an exit code, then the status; words and
exit codes may also tell more of what a code names. The log never decides: a job may print anything, an error it has got
over as well as one it quotes, and a wrong guess would cost attempts that the author asked for. A log line only adds a
hint to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from airflow_provider_pai.model.training.exit_code import exit_code_in, exit_codes_in, known_exit_code
from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.failure_reasons import (
    EXIT_CODES,
    KILLED,
    NEVER_RAN,
    OTHER_EXIT_CODE,
    OVERDUE,
    OVERDUE_IN_QUEUE,
    REASONS,
    STOPPED,
    STOPPED_BY_AIRFLOW,
    STOPPED_BY_PERSON,
    UNEXPLAINED,
    FailureKind,
    FailureReason,
    Retry,
)
from airflow_provider_pai.model.training.log_cause import find_cause
from airflow_provider_pai.model.training.ownership import STOPPED_BY_LABEL, is_being_stopped
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus

_HINTED = (FailureKind.COMMAND, FailureKind.DATA, FailureKind.UNEXPLAINED)
"""Kinds of ends that the log may explain, exactly these: a job without a machine has no log that could."""
_WRONG_BODY = ("Missing", "Invalid", "BadRequest")
_PASSING = ("InvalidTimeStamp",)


@dataclass(frozen=True)
class Diagnosis:
    """What is thought of a job that ended badly.

    Attributes:
        details: what it rests on.
        kind: what sort of failure it is.
        retry: what another attempt makes of it.
        cause: what happened; one sentence without its full stop.
        advice: what the author can do; sentences.
        hint: what the log adds; empty when nothing is recognised.
    """

    details: FailureDetails = field(repr=False)
    kind: FailureKind
    retry: Retry
    cause: str
    advice: str
    hint: str = ""


def diagnose(details: FailureDetails, *, overdue: bool = False, resumable: bool = False) -> Diagnosis:
    """Return why a job ended badly.

    Args:
        details: the job, and what the service says of its end.
        overdue: whether Airflow stopped it, because it did not end in the task's time.
        resumable: whether another job resumes where this one stopped, from checkpoints.
    """
    if overdue:
        reason = OVERDUE if details.has_run else OVERDUE_IN_QUEUE
    else:
        reason = _by_code(details) or _by_words(details) or _by_exit_code(details) or _by_status(details)
    if reason.kind is FailureKind.STOPPED and is_being_stopped(details.job):
        reason = STOPPED_BY_AIRFLOW
    if details.job.status == JobStatus.TERMINATED and (person := details.job.labels.get(STOPPED_BY_LABEL)):
        reason = replace(STOPPED_BY_PERSON, cause=STOPPED_BY_PERSON.cause.format(person))
    if reason.kind is FailureKind.TIMEOUT and resumable:
        reason = replace(reason, retry=Retry.AS_USUAL)
    hint, advice = _hint(details) if reason.kind in _HINTED else ("", "")
    return Diagnosis(details, reason.kind, reason.retry, reason.cause, advice or reason.advice, hint)


def without_model(job: JobSnapshot, model_uri: str | None) -> Diagnosis:
    """Return what is thought of a job that has succeeded without leaving the model that others wait for.

    Args:
        job: the job.
        model_uri: folder of its output channel ``model``; None when it has none.
    """
    place = model_uri or "its output channel"
    cause = f"The command ended well and left no model: {place} has no file with content that is from this job"
    advice = "Let it write the model into the folder that $PAI_OUTPUT_MODEL names, or leave model_asset out."
    return Diagnosis(FailureDetails(job), FailureKind.COMMAND, Retry.NEVER, cause, advice)


def retry_of_refusal(operation: str, status: int, code: str) -> Retry:
    """Return what another attempt makes of a refused request.

    A refused create is a job that never began; quotas are checked there, too [inferred].

    Args:
        operation: the operation that was refused.
        status: HTTP status of the answer.
        code: the service's error code.
    """
    if operation != "CreateTrainingJob":
        return Retry.AS_USUAL
    reason = next((reason for reason in REASONS if reason.has_code(code)), None)
    if reason:
        return reason.retry
    # What is wrong with the body is wrong with the next one, too (pai-api.md 1.6).
    wrong = status == 400 and code.startswith(_WRONG_BODY) and not code.startswith(_PASSING)
    return Retry.NEVER if wrong else Retry.AS_USUAL


def _by_code(details: FailureDetails) -> FailureReason | None:
    found = (reason for code in details.codes() if code for reason in REASONS if reason.has_code(code))
    reason = next(found, None)
    if reason is None:
        return None
    narrower = [each for each in REASONS[: REASONS.index(reason)] if each.kind is reason.kind]
    if refined := _by_message(details, narrower):
        return refined
    return _by_exit_code(details) or reason if reason.kind is FailureKind.COMMAND else reason


def _by_words(details: FailureDetails) -> FailureReason | None:
    return _by_message(details, REASONS)


def _by_message(details: FailureDetails, reasons: Sequence[FailureReason]) -> FailureReason | None:
    found = (reason for message in details.messages() if message for reason in reasons if reason.matches(message))
    return next(found, None)


def _by_exit_code(details: FailureDetails) -> FailureReason | None:
    code = next(filter(None, map(exit_code_in, details.messages())), None) or _common_exit_code(details.events)
    # Who stops a job ends its command, so there the exit code is no cause.
    if code is None or details.job.status == JobStatus.TERMINATED:
        return None
    reason = EXIT_CODES.get(code, OTHER_EXIT_CODE)
    return replace(reason, cause=f"{reason.cause} (exit code {code})")


def _common_exit_code(events: tuple[str, ...]) -> int | None:
    """Return the only exit code that events tell of: of several it isn't known which one took the others with it."""
    codes = exit_codes_in(events)
    return codes.pop() if len(codes) == 1 else None


def _by_status(details: FailureDetails) -> FailureReason:
    if details.job.status == JobStatus.TERMINATED:
        return STOPPED
    return UNEXPLAINED if details.has_run else NEVER_RAN


def _hint(details: FailureDetails) -> tuple[str, str]:
    """Return what the log adds, and what its author can do."""
    found = find_cause(details.log_tail, killed=known_exit_code(details) in KILLED)
    return (found.cause, found.advice) if found else ("", "")
