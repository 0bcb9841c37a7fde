"""The task behind a page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_pai.api.endpoints import console_url, model_page, service_page
from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.relation import JobRelation, TaskPlace
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.plugin.task_page import Iteration, JobAddress, TaskOnPage, job_id_of
from airflow_provider_pai.plugin.task_view import job_note, task_view
from airflow_provider_pai.plugin.watched_job import WatchedJob

PLACE = TaskPlace("dag", "run", "train")


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:8000/", "https://pai.example"])
def test_a_link_to_a_job_has_its_id(endpoint: str) -> None:
    assert job_id_of(console_url("cn-hangzhou", "12345", "train1", endpoint)) == "train1"


@pytest.mark.parametrize(
    "link",
    [
        service_page("cn-hangzhou", "12345", "churn"),
        service_page("cn-hangzhou", "12345", "churn", "http://127.0.0.1:8000"),
        model_page("cn-hangzhou", "12345", "model-1"),
        "https://elsewhere/#/training/jobs/train1/../x",
        "https://elsewhere/",
        "",
        None,
        7,
        {"path": "/pages/jobs/train1"},
    ],
)
def test_another_link_has_no_job_id(link: object) -> None:
    assert job_id_of(link) == ""


def task(state: str | None = None, **members: object) -> TaskOnPage:
    known = {"try_number": 1, "max_tries": 0, "job": None, "earlier": ()}
    return TaskOnPage(PLACE, state, **{**known, **members})  # type: ignore[arg-type]


def test_before_its_job_a_task_waits_in_airflow() -> None:
    for state, word in ((None, "not scheduled"), ("queued", "free worker"), ("running", "prepares its job")):
        found = task_view(task(state))
        assert (found["state"], found["next_s"]) == ("waiting", 5.0)
        assert word in found["lines"][0]


def test_the_page_of_a_function_asks_again_since_it_may_submit_a_job() -> None:
    found = task_view(task("running", trains=False, is_function=True))
    assert (found["state"], found["next_s"]) == ("none", 5.0)
    assert "PAITrainingHook().train(...)" in found["lines"][0]


def test_a_task_without_a_job_says_why() -> None:
    for other in (task("running", trains=False), task("running", on_worker=True)):
        found = task_view(other)
        assert (found["state"], found["next_s"]) == ("none", None)
    assert "on Airflow's worker itself" in task_view(task("running", on_worker=True))["lines"][0]
    ended = task_view(task("failed"))
    # It may be cleared, and have a job then.
    assert (ended["state"], ended["next_s"]) == ("none", 30.0)
    assert "its state in Airflow is failed" in ended["lines"][0]


def test_the_stop_button_says_what_airflow_does_then() -> None:
    job = JobAddress(PLACE, "train1", ())
    assert task_view(task("deferred", job=job))["stop"]["warning"] == "The job ends, and the task fails."
    retried = task_view(task("deferred", job=job, max_tries=2))
    assert "2 retries left" in retried["stop"]["warning"]
    assert retried["task"]["tries"] == "Try 1 of 3"


def test_the_iterations_of_a_loop_are_named() -> None:
    places = [TaskPlace("dag", "run", "train", -1, "c0ffee", number) for number in range(2)]
    iterations = tuple(Iteration(number, place, "success") for number, place in enumerate(places))
    shown = task_view(TaskOnPage(places[1], "success", 1, 0, None, (), iterations=iterations))["task"]["iterations"]
    assert [(each["number"], each["region_index"], each["is_shown"]) for each in shown] == [(0, 0, False), (1, 1, True)]


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        ("deferred", "Running", ""),
        ("failed", "Failed", ""),
        ("success", "Succeed", ""),
        ("up_for_retry", "Failed", "Airflow starts try 3 of 3"),
        ("queued", "Running", ""),
        ("running", "Succeed", "Airflow's task is still running"),
        (None, "Terminated", "still to be scheduled"),
        ("failed", "Succeed", "the tab Logs says why"),
        ("failed", "Running", "its job still runs"),
        ("skipped", "Failed", "has the state skipped"),
    ],
)
def test_where_task_and_job_differ_it_is_said(state: str | None, status: str, said: str) -> None:
    assert_note(state, status, said, job_try=2)


def test_the_job_of_an_earlier_try_is_named_so() -> None:
    assert_note("queued", "Failed", "This is the job of try 1; try 2 has no job yet.", job_try=1)


def assert_note(state: str | None, status: str, said: str, *, job_try: int) -> None:
    owner = JobOwner("air", PLACE.dag_id, PLACE.run_id, PLACE.task_id, try_number=job_try)
    job = JobSnapshot("train1", status, labels=owner.labels())
    seen = WatchedJob(JobObservation(job, datetime(2026, 1, 1, tzinfo=UTC)), "", {})
    note = job_note(task(state, try_number=2, max_tries=2), seen)
    assert said in note
    assert bool(said) == bool(note)


def test_the_job_of_another_task_is_named_by_it() -> None:
    labels = JobOwner("air", "dag", "run", "submit").labels()
    observation = JobObservation(JobSnapshot("train1", "Running", labels=labels), datetime(2026, 1, 1, tzinfo=UTC))
    note = job_note(task("running"), WatchedJob(observation, "", {}, JobRelation.SAME_DAG))
    assert note == "This is the job of task submit in run run, which this task waits for."
