"""What a page says of a job that can't be read: what is the matter and what to do, for every kind of error."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from airflow_provider_pai import errors
from airflow_provider_pai.model.monitor.relation import TaskPlace
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.plugin.page_state import PageStates
from airflow_provider_pai.plugin.shared import SharedObservations
from airflow_provider_pai.plugin.task_page import JobAddress, TaskOnPage
from airflow_provider_pai.plugin.trouble import NotThisTasksJobError, trouble_of, unanswered
from devtools.waits import PATIENCE

ADDRESS = JobAddress(TaskPlace("dag", "run", "train"), "train1", (("pai_conn_id", "pai_x"),))
REFUSED = ("GetTrainingJob", 400, "Some.Code", "some words", "request-1")
FOUND: list[Exception] = [
    errors.SpecError([Problem("region_id", "is missing"), Problem("workspace_id", "is missing")]),
    errors.AuthError(*REFUSED),
    errors.CredentialsError(*REFUSED, check="role_arn"),
    errors.NotFoundError(*REFUSED),
    errors.ThrottledError(*REFUSED),
    errors.ServerError(*REFUSED),
    errors.ConflictError(*REFUSED),
    errors.APIError(*REFUSED),
    errors.ProtocolError("GetTrainingJob: no JSON", "<html>"),
    errors.TransportError("GetTrainingJob: no answer from pai.example", sent=False),
    ValueError("of the secrets backend"),
    RuntimeError(),
]


@pytest.mark.parametrize("error", FOUND, ids=lambda error: type(error).__name__)
def test_every_error_has_a_headline_a_text_and_an_advice(error: Exception) -> None:
    found = trouble_of(error, ADDRESS)
    assert found.headline != found.text
    assert len(found.headline) < 40
    assert found.text.endswith(".")
    assert not found.text.endswith("..")
    assert found.advice.endswith(".")
    assert "{" not in found.advice


def test_the_text_of_an_error_that_is_not_ours_is_not_shown() -> None:
    found = trouble_of(ValueError("token=abc"), ADDRESS)
    assert "abc" not in f"{found}"
    assert "(ValueError)" in found.text


def test_a_secret_in_an_error_is_masked() -> None:
    error = errors.TransportError("no answer from https://user:hunter2@proxy.example", sent=False)
    assert "hunter2" not in trouble_of(error, ADDRESS).text


def test_the_connection_of_a_task_that_names_none_is_the_default() -> None:
    named_none = JobAddress(ADDRESS.place, "train1", ())
    assert "connection 'pai_default'" in trouble_of(errors.AuthError(*REFUSED), named_none).advice


def test_another_tasks_job_is_said_to_be_one() -> None:
    found = trouble_of(NotThisTasksJobError("job train1 is another task's"), ADDRESS)
    assert found.text == "Job train1 is another task's."


def test_a_first_answer_that_does_not_come_is_not_waited_for_in_silence() -> None:
    assert "12 s ago" in unanswered(ADDRESS, 12.3).text


class HeldObserver:
    """Looks until it is let go, and then fails."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.looks: list[str] = []

    def observe(self) -> Any:
        self.looks.append("look")
        self.let_go.wait(PATIENCE)
        raise errors.TransportError("GetTrainingJob: no answer from pai.example", sent=False)

    def close(self) -> None:
        pass


class HeldJobs(SharedObservations[Any]):
    """An observer of the test's looks at every job, and nothing is waited for."""

    def __init__(self, held: HeldObserver) -> None:
        super().__init__(clock=lambda: 0.0)
        self.held = held

    async def look(self, key: Any, observer: Any, patience: float) -> Any:
        return await super().look(key, lambda: self.held, 0)


def test_a_page_says_that_pai_is_silent_and_asks_for_no_earlier_runs_then() -> None:
    held = HeldObserver()
    earlier = tuple(JobAddress(TaskPlace("dag", f"run{n}", "train"), f"train{n}", ()) for n in range(2, 7))
    on_page = TaskOnPage(ADDRESS.place, "deferred", 1, 2, ADDRESS, earlier)

    async def ask() -> tuple[dict[str, Any], dict[str, Any]]:
        jobs = HeldJobs(held)
        states = PageStates(jobs)
        waiting = json.loads(await states.state(on_page, may_stop=True))
        held.let_go.set()
        while (failed := json.loads(await states.state(on_page, may_stop=True)))["headline"] == waiting["headline"]:
            await asyncio.sleep(0)
        return waiting, failed

    waiting, failed = asyncio.run(ask())
    assert (waiting["state"], waiting["headline"]) == ("unknown", "PAI has not answered yet")
    assert (waiting["next_s"], waiting["stop"]) == (1.0, None)
    assert failed["headline"] == "PAI can't be reached"
    assert held.looks == ["look"]
