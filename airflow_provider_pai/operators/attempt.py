"""What of a task attempt is the operators' own: how it waits, its deadline, whether Airflow has ended it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_provider_pai.model.problem import Problem


def waiting_problems(poll_interval: object, outage_limit: object, on_kill: object) -> list[Problem]:
    """Return what is wrong with how a task waits; a wrong time would end the waits of a whole triggerer."""
    # Loaded where it is first used: reading a DAG file judges nothing.
    from airflow_provider_pai.model.reading import seconds_problems
    from airflow_provider_pai.model.values import shown

    problems = seconds_problems("poll_interval", poll_interval)
    problems += seconds_problems("outage_limit", outage_limit, or_none=True)
    if not isinstance(on_kill, str) or on_kill not in ("stop", "leave"):
        problems.append(Problem("on_kill", f"must be 'stop' or 'leave', not {shown(on_kill)}"))
    return problems


def deadline_of(ti: Any, execution_timeout: timedelta | None) -> datetime | None:
    """Return when the attempt must have ended; None for no limit. Airflow itself does not enforce it while deferred."""
    return ti.start_date + execution_timeout if execution_timeout and ti.start_date else None


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
