from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.training import LOG_PAGE_SIZE
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.blocking import FINAL_READS, MORE_TRIES, wait_for_end
from airflow_provider_pai.client.polling.interval import QUICKEST, SOLE_LOOK_INTERVAL, Backoff
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import AuthError, PAIError, ThrottledError, TransportError
from airflow_provider_pai.model.training.status import JobSnapshot

FINAL_PAUSES = (1.0, 2.0)
"""Seconds before each of the last looks at the log, where lines may come for three seconds."""
INTERVAL = QUICKEST
"""So that every pause is as long as the first."""
NO_ANSWER = TransportError("no answer", sent=True)
THROTTLED = ThrottledError("ListTrainingJobLogs", 429, "Throttling.User", "slow down")


class Job:
    """A job that takes its next status, or fails to answer, each time it is asked for; and who waits for it.

    Args:
        story: statuses and errors; the last one stays.
    """

    def __init__(self, *story: str | PAIError, lines: int = 0, late: Iterable[str] = ()) -> None:
        self._story = list(story)
        self._late = list(late)
        self.log = [f"line {number}" for number in range(lines)]
        self.now = 0.0
        self.slept: list[float] = []
        self.shown: list[str] = []
        self.notified: list[str] = []
        self.log_errors: list[PAIError] = []
        self.pausing: Callable[[], None] = lambda: None

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        assert attempts == 1
        body: dict[str, Any]
        if call.action == "GetTrainingJob":
            now = self._story.pop(0) if len(self._story) > 1 else self._story[0]
            if isinstance(now, PAIError):
                raise now
            self.log.append(f"{now} at {self.now:g}")
            body = {"TrainingJobId": "train1", "Status": now}
        else:
            if self.log_errors:
                raise self.log_errors.pop()
            size = min(int(call.query["PageSize"]), LOG_PAGE_SIZE)
            first = (int(call.query["PageNumber"]) - 1) * size
            body = {"Logs": self.log[first : first + size], "TotalCount": len(self.log)}
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def sleep(self, seconds: float) -> None:
        self.pausing()
        self.slept.append(seconds)
        self.now += seconds
        if self.slept[-len(FINAL_PAUSES) :] == list(FINAL_PAUSES):
            self.log += self._late

    def waited_for(
        self, limit: float = 100.0, log_delay: float = sum(FINAL_PAUSES), interval: float = INTERVAL
    ) -> JobSnapshot:
        return wait_for_end(
            self,
            "train1",
            interval=interval,
            outage=OutagePolicy(lambda *_: None, limit, clock=lambda: self.now),
            log=TaskLog(LogReader(self, "train1", lambda *_: None), Checkpoint(), log_delay),
            show=self.shown.extend,
            notify=self.notified.extend,
            sleep=self.sleep,
            backoff=Backoff(chance=lambda: 0.0),
        )


@pytest.mark.parametrize("status", ["Succeed", "Failed", "Terminated", "CreateFailed", "InitializeFailed"])
def test_waiting_ends_with_any_end_of_the_job(status: str) -> None:
    job = Job("Creating", "Running", status)
    assert job.waited_for() == JobSnapshot("train1", status)
    # Of a job that has failed each line counts.
    assert job.slept == [INTERVAL, INTERVAL, *FINAL_PAUSES[: 1 if status == "Succeed" else 2]]


def test_looks_are_rarer_while_nothing_changes_and_never_so_rare_that_an_end_is_seen_late() -> None:
    job = Job("Creating", *["Running"] * 60, "Succeed")
    job.waited_for(interval=10.0)
    pauses = job.slept[: -len(FINAL_PAUSES)]
    assert pauses[0] == pauses[1] == QUICKEST
    assert pauses[1:] == sorted(pauses[1:])
    assert pauses[-1] == SOLE_LOOK_INTERVAL


def test_the_log_of_a_quiet_job_is_read_no_oftener_than_promised_and_once_more_at_its_end() -> None:
    job = Job("Creating", *["Running"] * 600, "Succeed")
    reads = []
    send = job.send

    def counted(call: Call[T], *, attempts: int | None = None) -> T:
        if call.action != "GetTrainingJob":
            reads.append(job.now)
        return send(call, attempts=attempts)

    job.send = counted  # type: ignore[method-assign]
    job.waited_for(interval=10.0)
    gaps = [later - earlier for earlier, later in pairwise(sorted({at for at in reads if 200 < at < 1000}))]
    assert gaps
    assert min(gaps) >= 10.0
    assert len(job.shown) == 602


def test_a_job_that_has_ended_already_is_read_once() -> None:
    job = Job("Succeed")
    assert job.waited_for().is_success
    assert job.slept == [FINAL_PAUSES[0]]


def test_each_change_of_status_is_logged_once() -> None:
    job = Job("Creating", "Running", "Running", "Running", "Pausing", "Running", "Succeed")
    job.waited_for()
    assert job.notified == [
        f"Job train1: {status}" for status in ("Creating", "Running", "Pausing", "Running", "Succeed")
    ]


def test_an_unknown_status_is_waited_through() -> None:
    assert Job("Pausing", "Pausing", "Succeed").waited_for().is_success


def test_log_lines_are_shown_as_they_come() -> None:
    job = Job("Creating", "Running", "Succeed")
    job.waited_for()
    assert job.shown == job.log == ["Creating at 0", "Running at 1", "Succeed at 2"]


def test_log_lines_that_come_after_the_end_are_shown() -> None:
    job = Job("Running", "Failed", late=["Traceback", "ValueError"])
    job.waited_for()
    assert job.shown[-2:] == ["Traceback", "ValueError"]


def test_the_log_of_a_talkative_job_is_shown_to_its_end() -> None:
    job = Job("Succeed", lines=5 * PAGES_PER_READ * LOG_PAGE_SIZE)
    job.waited_for()
    assert job.shown == job.log


def test_what_is_there_when_a_job_ends_is_shown_at_once() -> None:
    job = Job("Succeed", lines=5 * PAGES_PER_READ * LOG_PAGE_SIZE)
    shown: list[int] = []
    job.pausing = lambda: shown.append(len(job.shown))
    job.waited_for()
    assert shown == [len(job.log)]


def test_a_log_that_is_behind_is_read_on_without_a_pause() -> None:
    job = Job("Running", "Running", "Running", "Succeed", lines=3 * PAGES_PER_READ * LOG_PAGE_SIZE)
    job.waited_for()
    assert job.shown == job.log
    assert job.slept == [FINAL_PAUSES[0]]


def test_where_a_log_is_complete_at_the_end_no_time_is_lost() -> None:
    job = Job("Running", "Succeed", lines=3)
    job.waited_for(log_delay=0.0)
    assert job.slept == [INTERVAL]
    assert job.shown == job.log


def test_a_last_look_that_fails_is_repeated_even_there() -> None:
    job = Job("Succeed", lines=3)
    job.log_errors = [NO_ANSWER]
    job.waited_for(log_delay=0.0)
    assert job.slept == [FINAL_PAUSES[0]]
    assert job.shown == job.log


def test_an_endless_log_does_not_hold_up_the_task() -> None:
    job = Job("Succeed", lines=(3 * FINAL_READS + 3) * PAGES_PER_READ * LOG_PAGE_SIZE)
    job.waited_for()
    assert job.shown == job.log[: len(job.shown)]
    assert len(job.shown) == (3 * FINAL_READS + 1) * PAGES_PER_READ * LOG_PAGE_SIZE
    # No level of lines leaves that out.
    assert "console" in job.notified[-2]


def test_the_end_of_a_log_is_asked_for_again_while_the_error_may_pass() -> None:
    job = Job("Succeed", lines=300)
    job.log_errors = [THROTTLED] * (1 + len(FINAL_PAUSES) + 2)
    job.waited_for()
    assert job.slept == [*FINAL_PAUSES, QUICKEST, QUICKEST, QUICKEST]
    assert job.shown == job.log
    assert job.notified[-1] == "Job train1: Succeed"


def test_a_service_that_says_when_to_come_back_for_the_end_of_a_log_is_obeyed() -> None:
    job = Job("Succeed", lines=300)
    later = ThrottledError("ListTrainingJobLogs", 429, "Throttling.User", "slow down", retry_after=17.0)
    job.log_errors = [later] * (1 + len(FINAL_PAUSES))
    job.waited_for()
    assert job.slept == [*FINAL_PAUSES, 17.0]
    assert job.shown == job.log


def test_an_unavailable_end_of_a_log_is_logged_as_missing() -> None:
    job = Job("Succeed", lines=3)
    job.log_errors = [THROTTLED] * 100
    assert job.waited_for().is_success
    assert len(job.slept) == len(FINAL_PAUSES) + MORE_TRIES
    assert job.shown == []
    assert "missing" in job.notified[-2]
    assert "Throttling.User" in job.notified[-2]


def test_a_refused_log_is_logged_as_missing_and_does_not_hold_up_the_wait() -> None:
    job = Job("Succeed", lines=3)
    job.log_errors = [AuthError("ListTrainingJobLogs", 403, "Forbidden", "no")] * 100
    job.waited_for()
    assert job.slept == list(FINAL_PAUSES)
    assert job.shown == []
    assert "Forbidden" in job.notified[-2]


def test_a_passing_error_is_waited_through() -> None:
    job = Job("Running", NO_ANSWER, NO_ANSWER, "Succeed")
    assert job.waited_for().is_success
    assert job.notified == ["Job train1: Running", "Job train1: Succeed"]
    assert job.slept == [INTERVAL, INTERVAL, INTERVAL, FINAL_PAUSES[0]]


def test_an_outage_that_lasts_ends_the_waiting() -> None:
    job = Job("Running", NO_ANSWER)
    with pytest.raises(TransportError):
        job.waited_for(limit=60)
    assert job.now == 61


def test_an_error_that_stays_ends_the_waiting_at_once() -> None:
    job = Job("Running", AuthError("GetTrainingJob", 403, "Forbidden", "no"))
    with pytest.raises(AuthError):
        job.waited_for()
    assert job.slept == [INTERVAL]


@pytest.mark.parametrize("minutes", [10, 59])
def test_minutes_of_outage_fail_nothing(minutes: int) -> None:
    job = Job("Running", *[NO_ANSWER] * (minutes * 60), "Running", "Succeed")
    assert job.waited_for(limit=3600.0).is_success
    assert job.now >= minutes * 60
