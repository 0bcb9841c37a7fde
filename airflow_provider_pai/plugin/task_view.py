"""What the Training tab shows of a task besides its job: why there is none yet, and what Airflow does next."""

from __future__ import annotations

from typing import Any

from airflow_provider_pai.model.monitor.explanation import time_text
from airflow_provider_pai.model.monitor.relation import JobRelation, try_of
from airflow_provider_pai.model.training.owner_labels import read_names
from airflow_provider_pai.plugin.task_page import TaskOnPage
from airflow_provider_pai.plugin.trouble import Trouble
from airflow_provider_pai.plugin.watched_job import WatchedJob

_BEFORE = {
    None: "Airflow has not scheduled the task yet.",
    "scheduled": "Airflow has scheduled the task, and waits for a free slot of its pool or executor.",
    "queued": "Airflow has put the task into its executor's queue, and waits for a free worker.",
    "up_for_retry": "The last try failed; Airflow starts another one when the retry delay is over.",
    "up_for_reschedule": "Airflow starts the task again later.",
    "running": "The task prepares its job: it reads the arguments, packs the code and submits it.",
    "restarting": "The task is being started again.",
}
_ON_WORKER = "The job of this task runs on Airflow's worker itself (instance_type): its log is on the tab Logs."
_NO_JOB = "This task instance has no PAI training job: it does something else."
_NO_JOB_OF_FUNCTION = (
    "No training job of this task instance is known. A function's job is shown here as soon as "
    "PAITrainingHook().train(...) has submitted it; jobs that a function starts in another way are not."
)
_NO_JOB_LEFT = (
    "No job of this task instance is known, and its state in Airflow is {}: it ended before it had submitted one, a "
    "person set the state, or it was a dry run. The tab Logs says more."
)
_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
_SOON, _LATER = 5.0, 30.0
"""Seconds after which a page asks Airflow for the task again: it may get another job, also when it is cleared."""


def task_view(task: TaskOnPage) -> dict[str, Any]:
    """Return what a page shows of a task instance before its job was read."""
    view: dict[str, Any] = {"state": "none", "headline": "No training job", "lines": [_NO_JOB], "next_s": None}
    if task.job is not None:
        view = {"state": "unknown", "headline": "Asking PAI", "lines": [], "next_s": 1.0}
    elif task.on_worker:
        view |= {"headline": "Runs on the worker", "lines": [_ON_WORKER]}
    elif task.trains and task.state in _BEFORE:
        view = {"state": "waiting", "headline": "No job yet", "lines": [_BEFORE[task.state]], "next_s": _SOON}
    elif task.is_function:
        view |= {"lines": [_NO_JOB_OF_FUNCTION], "next_s": task_interval(task)}
    elif task.trains:
        view |= {"lines": [_NO_JOB_LEFT.format(task.state)], "next_s": _LATER}
    return {**view, "task": _task(task), "stop": {"warning": _warning(task)}}


def unread_view(trouble: Trouble) -> dict[str, Any]:
    """Return what a page shows of a job that was never read."""
    return {"state": "unknown", "headline": trouble.headline, "lines": [trouble.text], "advice": trouble.advice}


def stale_text(trouble: Trouble, seen: WatchedJob) -> str:
    """Return what a page says above a job that it could read before, and now can't."""
    when = time_text(seen.observation.seen)
    return f"{trouble.headline}: what this page shows is of {when}. {trouble.text} {trouble.advice}".rstrip()


def task_interval(task: TaskOnPage) -> float:
    """Return the seconds after which to look at the task again, when there is nothing more to be read of its job."""
    return _LATER if task.state in _ENDED else _SOON


def job_note(task: TaskOnPage, seen: WatchedJob) -> str:
    """Return a sentence on the task where its state is not what one would think of its job's; empty where it is."""
    job = seen.observation.job
    if seen.relation is not JobRelation.OWN:
        _, run_id, task_id = read_names(job.labels) or ("", "", "")
        return f"This is the job of task {task_id} in run {run_id}, which this task waits for."
    if not job.is_terminal:
        return f"Airflow's task has ended ({task.state}) and its job still runs." if task.state in _ENDED else ""
    if task.state == "up_for_retry":
        return f"Airflow starts try {task.try_number + 1} of {task.max_tries + 1} when the retry delay is over."
    if 0 < try_of(job) < task.try_number:
        return f"This is the job of try {try_of(job)}; try {task.try_number} has no job yet."
    if task.state not in _ENDED:
        return f"The job has ended; Airflow's task is still {task.state or 'to be scheduled'}."
    if job.is_success and task.state == "failed":
        return "The job succeeded, but Airflow's task failed after it: its log on the tab Logs says why."
    if not job.is_success and task.state != "failed":
        return f"Airflow's task has the state {task.state}, whatever became of its job."
    return ""


def _task(task: TaskOnPage) -> dict[str, Any]:
    """Return which try and which iteration a page is about."""
    iterations = [
        {
            "number": each.number,
            "state": each.state,
            "region_id": each.place.region_id,
            "region_index": each.place.region_index,
            "is_shown": each.place == task.place,
        }
        for each in task.iterations
    ]
    tries = f"Try {task.try_number} of {task.max_tries + 1}" if task.max_tries and task.try_number else ""
    return {"state": task.state, "try": task.try_number, "tries": tries, "iterations": iterations, "note": ""}


def _warning(task: TaskOnPage) -> str:
    if not task.retries_left:
        return "The job ends, and the task fails."
    tries = "1 retry" if task.retries_left == 1 else f"{task.retries_left} retries"
    return (
        f"The job ends, and this try of the task fails. The task has {tries} left, so that Airflow may start another "
        "job. To end the task itself, mark it as failed instead: that stops the job, too."
    )
