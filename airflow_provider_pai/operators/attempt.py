"""What a task attempt is, in the words of PAI: owner of its job, deadline, whether another attempt follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_pai import configuration
from airflow_provider_pai.model.problem import Problem

if TYPE_CHECKING:
    from airflow_provider_pai.model.training.ownership import JobOwner


def owner_of(ti: Any, retries: int) -> JobOwner:
    """Return the owner of a task instance's job.

    Args:
        ti: the running task instance.
        retries: the task's number of retries.
    """
    from airflow_provider_pai.hooks.airflow_state import region_of
    from airflow_provider_pai.hooks.environment import environment
    from airflow_provider_pai.model.training.ownership import JobOwner

    is_later = ti.try_number > 1
    named = environment(with_former=is_later)
    region_id, region_index = region_of(ti)
    return JobOwner(
        deployment=named.name,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        region_id=region_id,
        region_index=region_index,
        max_tries=ti.max_tries or 0,
        retries=retries,
        try_number=ti.try_number,
        started=ti.start_date,
        # A first try has no jobs under a former name, and a shared one may have those of others.
        former=named.former if is_later else (),
    )


def local_owner_of(ti: Any) -> JobOwner:
    """Return the owner of a job that runs on this worker and ends with its task: no other process looks for it."""
    from airflow_provider_pai.model.training.ownership import JobOwner

    map_index = -1 if ti.map_index is None else ti.map_index
    return JobOwner("local", ti.dag_id, ti.run_id, ti.task_id, map_index)


def waiting_problems(poll_interval: object, outage_limit: object, on_kill: object) -> list[Problem]:
    """Return what is wrong with how a task waits; a wrong time would end the waits of a whole triggerer."""
    # Loaded where it is first used: reading a DAG file judges nothing.
    from airflow_provider_pai.model.values import is_number, shown

    problems = []
    if not is_number(poll_interval) or poll_interval <= 0:
        problems.append(Problem("poll_interval", f"must be a number of seconds above 0, not {shown(poll_interval)}"))
    if not is_number(outage_limit) or outage_limit < 0:
        problems.append(Problem("outage_limit", f"must be a number of seconds, at least 0, not {shown(outage_limit)}"))
    if on_kill not in ("stop", "leave"):
        problems.append(Problem("on_kill", f"must be 'stop' or 'leave', not {shown(on_kill)}"))
    return problems


def deadline_of(ti: Any, execution_timeout: timedelta | None) -> datetime | None:
    """Return when the attempt must have ended; None for no limit. Airflow itself does not enforce it while deferred."""
    return ti.start_date + execution_timeout if execution_timeout and ti.start_date else None


def will_be_retried(ti: Any) -> bool:
    """Whether Airflow starts another attempt when this one fails; that one goes on with this one's job."""
    return bool(ti.try_number <= (ti.max_tries or 0))


def run_time_limit(max_run_time: int | None, execution_timeout: timedelta | None) -> tuple[int, str]:
    """Return the seconds after which PAI ends the job, and where the limit comes from: a dead Airflow can't bill on.

    The shorter of the task's two limits; ``[pai] max_run_time`` stands for a missing ``max_run_time``; without any, as
    long as a task looks for its jobs.

    Args:
        max_run_time: the operator's argument.
        execution_timeout: the task's.

    Raises:
        SpecError: the option is no number of seconds.
    """
    from airflow_provider_pai.model.training.ownership import LOOK_BACK

    limits = {"max_run_time": max_run_time}
    if max_run_time is None:
        limits = {"[pai] max_run_time in Airflow's configuration": configuration.max_run_time()}
    if execution_timeout:
        limits["execution_timeout"] = max(1, int(execution_timeout.total_seconds()))
    given = {source: limit for source, limit in limits.items() if limit is not None}
    if not given:
        longest = int(LOOK_BACK.total_seconds())
        return longest, "no limit is given; set max_run_time, execution_timeout or [pai] max_run_time to limit the cost"
    source = min(given, key=lambda name: given[name])
    return given[source], source


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
