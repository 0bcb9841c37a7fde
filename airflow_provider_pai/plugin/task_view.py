"""What the Training tab shows of a task whose job is not known, or not read yet, as plain JSON."""

from __future__ import annotations

from typing import Any

from airflow_provider_pai.plugin.task_page import TaskOnPage

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
_NO_JOB = "This task instance has no PAI training job."


def task_view(task: TaskOnPage) -> dict[str, Any]:
    """Return what a page shows of a task instance before its job was read."""
    view: dict[str, Any] = {"state": "none", "headline": "No training job", "lines": [_NO_JOB], "next_s": None}
    if task.job is not None:
        view = {"state": "loading", "headline": "Asking PAI", "lines": [], "next_s": 1.0}
    elif task.on_worker:
        view |= {"headline": "Runs on the worker", "lines": [_ON_WORKER]}
    elif task.trains and task.state in _BEFORE:
        view = {"state": "waiting", "headline": "No job yet", "lines": [_BEFORE[task.state]], "next_s": 5.0}
    return {**view, "task": {"state": task.state, "try": task.try_number}, "stop": {"warning": _warning(task)}}


def _warning(task: TaskOnPage) -> str:
    if not task.retries_left:
        return "The job ends, and the task fails."
    tries = "1 retry" if task.retries_left == 1 else f"{task.retries_left} retries"
    return (
        f"The job ends, and this try of the task fails. The task has {tries} left, so that Airflow may start another "
        "job. To end the task itself, mark it as failed instead: that stops the job, too."
    )
