"""What the page shows answers a person's questions: decided here, without a browser."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_pai.model.function.report import Report, ReportedError
from airflow_provider_pai.model.monitor.curve import Curve
from airflow_provider_pai.model.monitor.explanation import duration
from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.view import EarlierRun, job_view
from airflow_provider_pai.model.training.diagnosis import diagnose
from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAGES = {"model": "https://oss.console.aliyun.com/x", "other": "https://elsewhere"}
URL = "https://pai.console.aliyun.com/#/training/jobs/train1"


def job(status: str, **members: Any) -> JobSnapshot:
    transitions = (Transition("Creating", "2026-01-01T12:00:00Z", "2026-01-01T12:00:10Z"),)
    if status == "Running" or "duration_s" in members:
        transitions += (Transition("Running", "2026-01-01T12:00:10Z"),)
    known = {"name": "churn", "created": "2026-01-01T12:00:00Z", "transitions": transitions}
    return JobSnapshot("train1", status, **{**known, **members})


def seen(status: str, after_s: float = 70, *, members: dict[str, Any] | None = None, **more: Any) -> JobObservation:
    return JobObservation(job(status, **(members or {})), START + timedelta(seconds=after_s), **more)


def view(observation: JobObservation, *earlier: EarlierRun) -> dict[str, Any]:
    found = job_view(observation, earlier, URL, PAGES)
    json.dumps(found, allow_nan=False)
    return found


def loss(*values: float) -> dict[str, Curve]:
    return {"loss": Curve("loss", "step", tuple((float(step), value) for step, value in enumerate(values)))}


def test_why_does_it_wait() -> None:
    reason = Transition("Submitted", "2026-01-01T12:00:10Z", "", "ResourceNotEnough", "quota q1 is full")
    waiting = seen(
        "Submitted", 1500, members={"transitions": (reason,)}, waiting_before=2, events=("pulling", "no machine yet")
    )
    found = view(waiting)
    assert (found["state"], found["headline"]) == ("waiting", "Waiting for 25 min")
    text = " ".join(found["lines"])
    for part in (
        "its machines are not there",
        "quota q1 is full",
        "2 jobs wait before it",
        "no machine yet",
    ):
        assert part in text
    assert "quota" in found["advice"]
    next_one = view(seen("Created", waiting_before=0, running=1))
    assert "next of this workspace's waiting jobs, by the time of creation. 1 job runs" in " ".join(next_one["lines"])


def test_how_far_is_it() -> None:
    at = START + timedelta(seconds=50)
    running = seen("Running", 60, report=Report(progress=0.4, text="epoch 4/10"), progressed=at)
    found = view(running)
    assert (found["state"], found["headline"]) == ("running", "Running for 50 s")
    assert found["lines"][0].startswith(
        "40% done (epoch 4/10), about 50 s left at the speed so far: until about 2026-01-01T12:01:50Z"
    )
    assert found["progress"] == {"fraction": 0.4, "text": "epoch 4/10", "remaining_s": 50.0}


def test_progress_that_pai_knows_is_shown_where_the_job_reports_none() -> None:
    found = view(seen("Running", members={"progress": 25.0, "remaining_s": 90}))
    assert found["progress"] == {"fraction": 0.25, "text": "", "remaining_s": 90}
    assert view(seen("Running", members={"progress": 1234.0}))["progress"] is None
    endless = view(seen("Running", members={"progress": 0.1, "remaining_s": 10**15}))
    assert endless["lines"] == ["10% done."]
    barely = seen("Running", report=Report(progress=1e-300), progressed=START + timedelta(seconds=50))
    assert view(barely)["progress"]["remaining_s"] is None
    assert "pai_report.progress" in view(seen("Running"))["lines"][0]


def test_what_went_wrong_and_what_to_do() -> None:
    failed = job("Failed", reason_code="UserCommandFailed", reason_message="exit code 1", duration_s=61)
    tail = ("ModuleNotFoundError: No module named 'xgboost'",)
    diagnosis = diagnose(FailureDetails(failed, log_tail=tail))
    report = Report(error=ReportedError("ValueError", "bad data", ""))
    found = view(JobObservation(failed, START, diagnosis=diagnosis, log=tail, report=report))
    assert (found["state"], found["headline"]) == ("failed", "Failed after 1 min 1 s")
    text = " ".join(found["lines"])
    assert "Python has no module xgboost" in text
    assert "ValueError: bad data" in text
    assert found["advice"] == diagnosis.advice
    assert "Add it to requirements" in diagnosis.advice


def test_a_stopped_job_is_no_failed_one() -> None:
    assert view(seen("Terminated"))["state"] == "stopped"


def test_is_it_better_than_the_last() -> None:
    last = EarlierRun("yesterday", seen("Succeed", curves=loss(3, 2, 1)))
    found = view(seen("Succeed", members={"duration_s": 60}, curves=loss(3, 2, 0.5)), last)
    assert (found["state"], found["headline"]) == ("succeeded", "Finished after 1 min")
    assert found["lines"] == ["Compared with the last run that succeeded: loss better."]
    (curve,) = found["curves"]
    assert curve["said"] == "0.5: better than 1 in the run of 2026-01-01T12:00:00Z"
    assert [run["label"] for run in curve["runs"]] == ["this run", "2026-01-01T12:00:00Z"]
    running = view(seen("Running", curves=loss(3, 2.5)), last)
    assert running["curves"][0]["said"] == "2.5: worse than 2 in the run of 2026-01-01T12:00:00Z at step 1"
    failed = EarlierRun("run of a failure", seen("Failed", curves=loss(9)))
    behind = view(seen("Succeed", curves=loss(3, 2, 0.5)), failed, last)["curves"][0]
    assert behind["said"] == curve["said"]
    assert [run["label"] for run in behind["runs"]][1:] == ["2026-01-01T12:00:00Z (Failed)", "2026-01-01T12:00:00Z"]
    assert "first run" in view(seen("Succeed", curves=loss(3)))["lines"][0]


def test_a_run_that_is_not_read_yet_or_has_another_unit_is_left_out() -> None:
    other = EarlierRun("b", seen("Succeed", curves={"loss": Curve("loss", "s", ((0.0, 1.0),))}))
    found = view(seen("Succeed", curves=loss(1)), EarlierRun("a", None), other)
    assert [run["label"] for run in found["curves"][0]["runs"]] == ["this run"]


def test_ten_thousand_points_become_as_many_as_a_chart_shows() -> None:
    found = view(seen("Running", curves=loss(*map(float, range(10_000)))))
    assert len(found["curves"][0]["runs"][0]["points"]) <= 600


def test_no_text_shows_a_secret() -> None:
    leaking = "password=canary"
    observation = seen(
        "Failed",
        members={"reason_message": leaking, "name": leaking, "outputs": {"model": "oss://u:canary@b/k"}},
        log=(leaking, "Authorization: Bearer canary-canary"),
        events=(leaking,),
        unread=(leaking,),
        report=Report(progress=0.1, text=leaking, error=ReportedError("E", leaking, leaking)),
        curves={leaking: Curve(leaking, "step", ((0.0, 1.0),))},
    )
    assert "canary" not in json.dumps(view(observation, EarlierRun(leaking, None)))


def test_very_long_lines_of_the_log_are_cut() -> None:
    assert view(seen("Running", log=("line", "x" * 9000)))["log"]["lines"] == ["line", "x" * 2000]


def test_a_metric_that_is_no_number_is_named() -> None:
    curve = Curve("loss", "step", ((0.0, 1.0), (1.0, None)))
    found = view(seen("Running", curves={"loss": curve}))
    assert "The newest value of loss is NaN or infinite: the training may have diverged." in found["lines"]


def test_a_waiting_job_has_no_outputs_to_look_at() -> None:
    outputs = {"model": "oss://b/m/"}
    assert len(view(seen("Created", members={"outputs": outputs}))["links"]) == 1
    assert len(view(seen("Running", members={"outputs": outputs}))["links"]) == 2


def test_links_lead_to_pages_and_outputs_are_named() -> None:
    outputs = {"model": "oss://b/m/", "tensorboard": "oss://b/t/", "empty": ""}
    found = view(seen("Running", members={"outputs": outputs}))
    assert found["links"] == [
        {"label": "PAI console", "text": "train1", "url": URL},
        {"label": "Output model", "text": "oss://b/m/", "url": PAGES["model"]},
        {"label": "TensorBoard logs", "text": "oss://b/t/", "url": ""},
    ]
    assert job_view(seen("Running"), (), "javascript:alert(1)", {})["links"][0]["url"] == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (90000, "1 d 1 h")]
)
def test_time_spans_are_said_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
