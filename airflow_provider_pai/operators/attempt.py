"""What of a task attempt is the operators' own: its deadline, and whether Airflow has ended it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

DEFER_PADDING = timedelta(minutes=5)
"""A trigger's own deadline comes first; how much later Airflow's timeout is, for a triggerer that is gone."""
ROLLBACK_RESERVE = timedelta(minutes=5)
"""The end of an attempt's time that is kept for a rollback: a deferred task must be given a worker before it."""
ROLLBACK_PART = 5
"""Of a short time only a fifth is kept."""


def deadline_of(ti: Any, execution_timeout: timedelta | None) -> datetime | None:
    """Return when the attempt must have ended; None for no limit. Airflow itself does not enforce it while deferred."""
    return ti.start_date + execution_timeout if execution_timeout and ti.start_date else None


def deployment_deadline(ti: Any, execution_timeout: timedelta | None, limit: float, *, rolls_back: bool) -> datetime:
    """Return when a wait of a deployment must be over, so that the attempt has time for a rollback.

    Args:
        ti: the task instance of the attempt.
        execution_timeout: the task's.
        limit: seconds that the wait may take otherwise.
        rolls_back: whether the previous version is waited for; that may take half of what is kept for it.
    """
    deadline = datetime.now(UTC) + timedelta(seconds=limit)
    end = deadline_of(ti, execution_timeout)
    if end is None or execution_timeout is None:
        return deadline
    reserve = min(ROLLBACK_RESERVE, execution_timeout / ROLLBACK_PART)
    return min(deadline, end - (reserve / 2 if rolls_back else reserve))


def refusal_of_airflow(error: BaseException) -> bool:
    """Whether Airflow has refused what an attempt wants to store: then the attempt is over, and a later one may run.

    An Airflow that can't be reached, or fails, says nothing about the attempt.

    Args:
        error: what pushing an XCom has raised. On Airflow 3 it holds the answer of the execution API.
    """
    status = _status_of(error)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    return not (isinstance(error, OSError) or type(error).__module__.startswith(("httpx", "httpcore", "sqlalchemy")))


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error tells of, as Airflow's SDK (``error.error.detail``) and httpx have it."""
    detail = getattr(getattr(error, "error", None), "detail", None) or {}
    for status in (detail.get("status_code"), getattr(getattr(error, "response", None), "status_code", None)):
        if isinstance(status, int):
            return status
    return None
