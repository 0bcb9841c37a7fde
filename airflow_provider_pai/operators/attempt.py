"""What a task attempt is, in the words of PAI: identity of its job, deadline, whether another attempt follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_pai.model.identity import JobIdentity


def deployment_name() -> str:
    """Return what tells this Airflow from others that use the same PAI workspace.

    The option ``[pai] deployment_name``, else the base URL of its web pages.
    """
    # Loaded here: reading a DAG file needs no version.
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    pages = conf.get("api" if AIRFLOW_V_3_0_PLUS else "webserver", "base_url", fallback="")
    return str(conf.get("pai", "deployment_name", fallback="") or pages or "airflow")


def identity_of(ti: Any, retries: int) -> JobIdentity:
    """Return the identity of a task instance's job.

    Args:
        ti: the running task instance.
        retries: the task's number of retries; clearing a task that isn't running raises ``max_tries`` by what was used,
            so the difference is constant over automatic retries and new after such a clear.
    """
    map_index = ti.map_index
    return JobIdentity(
        deployment=deployment_name(),
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if map_index is None else map_index,
        generation=max(0, (ti.max_tries or 0) - retries),
        try_number=ti.try_number,
    )


def interval_problems(poll_interval: object) -> list[str]:
    """Return what is wrong with an interval; one that isn't a number would end the waits of a whole triggerer."""
    if isinstance(poll_interval, int | float) and not isinstance(poll_interval, bool) and poll_interval > 0:
        return []
    return [f"poll_interval must be a number of seconds above 0, not {poll_interval!r}"]


def deadline_of(ti: Any, execution_timeout: timedelta | None) -> datetime | None:
    """Return when the attempt must have ended; None for no limit. Airflow itself does not enforce it while deferred."""
    return ti.start_date + execution_timeout if execution_timeout and ti.start_date else None


def will_be_retried(ti: Any) -> bool:
    """Whether Airflow starts another attempt when this one fails; that one goes on with this one's job."""
    return bool(ti.try_number <= (ti.max_tries or 0))


def run_time_limit(max_run_time: int | None, execution_timeout: timedelta | None) -> int | None:
    """Return the seconds after which PAI ends the job: a dead Airflow can't bill for ever."""
    limits = [max_run_time, int(execution_timeout.total_seconds()) if execution_timeout else None]
    return min((limit for limit in limits if limit is not None), default=None)
