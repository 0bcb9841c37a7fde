"""What a task attempt is: its time limit, its names, and what tells that it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.airflow_state import region_of
from airflow_provider_pai.hooks.task_attempt import owner_of, run_time_limit
from airflow_provider_pai.model.training.job_name import MAX_NAME, cut_name, job_name, name_problems
from airflow_provider_pai.operators.attempt import refusal_of_airflow
from tests.support.attempt import Attempt

DAY, HOUR = 86_400, 3_600


@pytest.mark.parametrize(
    ("given", "timeout", "configured", "limit", "source"),
    [
        (HOUR, None, "", HOUR, "max_run_time"),
        (HOUR, timedelta(minutes=10), "", 600, "execution_timeout"),
        (60, timedelta(minutes=10), "", 60, "max_run_time"),
        (None, timedelta(minutes=10), "", 600, "execution_timeout"),
        (None, None, str(DAY), DAY, "[pai] max_run_time"),
        (None, timedelta(hours=1), str(DAY), HOUR, "execution_timeout"),
        (2 * DAY, None, str(DAY), 2 * DAY, "max_run_time"),
        (None, None, "", 30 * DAY, "no limit is given"),
    ],
)
def test_the_limit_that_holds_says_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
    given: int | None,
    timeout: timedelta | None,
    configured: str,
    limit: int,
    source: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__MAX_RUN_TIME", configured)
    found, said = run_time_limit(given, timeout)
    assert found == limit
    assert said.startswith(source)


@pytest.mark.parametrize("configured", ["a day", "-1", "0", "1.5"])
def test_an_option_that_is_no_limit_is_refused(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__MAX_RUN_TIME", configured)
    with pytest.raises(SpecError, match="max_run_time"):
        run_time_limit(None, None)


@pytest.mark.parametrize("length", [1, 100, 240, 241, 250])
def test_a_task_id_of_any_length_makes_a_name_that_pai_takes(length: int) -> None:
    submitted = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    names = {job_name(cut_name("t" * (length - 1) + end), submitted) for end in "ab"}
    assert len(names) == 2, "two long ids stay two names"
    assert all(len(name) <= MAX_NAME and name.endswith("_20260102_030405") for name in names)
    assert not [problem for name in names for problem in name_problems(name.removesuffix("_20260102_030405"))]


@pytest.mark.parametrize("base", ["b" * 241, "a\nb"])
def test_a_base_that_an_author_gives_is_checked(base: str) -> None:
    assert [problem.argument for problem in name_problems(base)] == ["base_job_name"]


def test_an_attempt_outside_of_loops_has_no_region() -> None:
    attempt = Attempt()
    for nothing in (None, "", "00000000-0000-0000-0000-000000000000"):
        attempt.region_id, attempt.region_index = nothing, 0
        assert region_of(attempt) == ("", -1)
    attempt.region_id, attempt.region_index = "0198a0e0", 3
    assert region_of(attempt) == ("0198a0e0", 3)
    assert owner_of(attempt, 0).region == ("0198a0e0", 3)


class Answer(Exception):
    """An error that holds an HTTP answer, as httpx has it."""

    def __init__(self, status_code: int) -> None:
        super().__init__(str(status_code))
        self.response = type("Response", (), {"status_code": status_code})()


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (Answer(404), True),
        (Answer(409), True),
        (Answer(429), False),
        (Answer(503), False),
        (ConnectionError("no route"), False),
        (TimeoutError("late"), False),
        (RuntimeError("what Airflow says"), True),
    ],
    ids=repr,
)
def test_an_outage_of_airflow_is_no_refusal(error: Exception, refused: bool) -> None:
    assert refusal_of_airflow(error) is refused
