"""What a task attempt is, in the words of PAI: owner of its job, its time limit, whether another attempt follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_pai import configuration
from airflow_provider_pai.hooks.airflow_state import region_of
from airflow_provider_pai.hooks.environment import environment
from airflow_provider_pai.model.training.ownership import LOOK_BACK, JobOwner


def owner_of(ti: Any, retries: int) -> JobOwner:
    """Return the owner of a task instance's job.

    Args:
        ti: the running task instance.
        retries: the task's number of retries.
    """
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
    map_index = -1 if ti.map_index is None else ti.map_index
    return JobOwner("local", ti.dag_id, ti.run_id, ti.task_id, map_index)


def will_be_retried(ti: Any) -> bool:
    """Whether Airflow starts another attempt when this one fails; that attempt adopts this one's job."""
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
