"""The task behind a page."""

from __future__ import annotations

import pytest

from airflow_provider_pai.api.endpoints import console_url, model_page, service_page
from airflow_provider_pai.plugin.task_page import JobAddress, TaskOnPage, TaskPlace, job_id_of
from airflow_provider_pai.plugin.task_view import task_view

PLACE = TaskPlace("dag", "run", "train")


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:8000/", "https://pai.example"])
def test_a_link_to_a_job_tells_its_id(endpoint: str) -> None:
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
def test_another_link_tells_none(link: object) -> None:
    assert job_id_of(link) == ""


def task(state: str | None = None, **members: object) -> TaskOnPage:
    return TaskOnPage(state, 1, 0, **{"job": None, "earlier": (), **members})  # type: ignore[arg-type]


def test_before_its_job_a_task_waits_in_airflow() -> None:
    for state, word in ((None, "not scheduled"), ("queued", "free worker"), ("running", "prepares its job")):
        found = task_view(task(state))
        assert (found["state"], found["next_s"]) == ("waiting", 5.0)
        assert word in found["lines"][0]


def test_a_task_without_a_job_asks_for_nothing() -> None:
    for other in (task("success"), task("running", trains=False), task("running", on_worker=True)):
        found = task_view(other)
        assert (found["state"], found["next_s"]) == ("none", None)
    assert "on Airflow's worker itself" in task_view(task("running", on_worker=True))["lines"][0]


def test_who_stops_a_job_is_told_what_airflow_does_then() -> None:
    job = JobAddress(PLACE, "train1", ())
    assert task_view(task("deferred", job=job))["stop"]["warning"] == "The job ends, and the task fails."
    retried = TaskOnPage("deferred", 1, 2, job, ())
    assert "2 retries left" in task_view(retried)["stop"]["warning"]
