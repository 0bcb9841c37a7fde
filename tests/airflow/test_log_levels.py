"""What of a job's log a task's log shows, and with which levels; exit codes that skip a task."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_provider_pai.errors import JobCommandError
from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, executed, training
from tests.support.triggerer import run_trigger

FAILING = (
    "echo step 1; echo WARNING:a:few rows; sleep 1.5; echo 'Traceback (most recent call last):'; "
    "echo '  File \"train.py\", line 3, in f'; echo 'ValueError: no such column'; exit 3"
)
JOB_LINES = ("step 1", "WARNING:a:few rows", "ValueError: no such column")
Levels = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def levels(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Levels:
    """Level and text of each line of the task's log, as Airflow 3 prints it and 2.11 hands it to logging."""
    caplog.set_level("INFO", logger="airflow.task")

    def lines() -> list[tuple[str, str]]:
        printed = re.finditer(r"\[(\w+) +\] (.*?)(?=  +\[|$)", capsys.readouterr().out, re.MULTILINE)
        found = [(line[1], line[2].rstrip().split(" [airflow")[0]) for line in printed]
        return found or [(record.levelname.lower(), record.getMessage()) for record in caplog.records]

    return lines


def run(deferrable: bool, **arguments: Any) -> Any:
    made, attempt = training(deferrable=deferrable, **arguments), Attempt()
    try:
        return executed(made, attempt.context)
    except TaskDeferred as deferred:
        again = training(deferrable=deferrable, **arguments)
        return again.execute_complete(attempt.context, run_trigger(deferred), **deferred.kwargs or {})


def is_folded(texts: list[str], text: str) -> bool:
    """Whether a line of the log lies in a group."""
    before = [each for each in texts[: texts.index(text)] if each.startswith(("::group::", "::endgroup::"))]
    return bool(before) and before[-1] == "::group::Launch of the job"


@pytest.mark.parametrize("deferrable", [False, True])
def test_lines_have_their_levels_and_the_launch_is_folded(pai: LocalPAI, levels: Levels, deferrable: bool) -> None:
    with pytest.raises(JobCommandError) as error:
        run(deferrable, command=FAILING)
    shown = levels()
    texts = [text for _, text in shown]
    found = {text: level for level, text in shown}
    assert [found[line] for line in JOB_LINES] == ["info", "warning", "error"]
    assert found["Traceback (most recent call last):"] == found['  File "train.py", line 3, in f'] == "error"
    # A slow launch is read in several parts, each a group.
    assert is_folded(texts, 65 * "-")
    assert not is_folded(texts, "step 1")
    # Each line once, and none again in the error, which comes last; but it names what the command ended with.
    assert [texts.count(line) for line in JOB_LINES] == [1, 1, 1]
    *others, last = JOB_LINES
    assert not [line for line in others if line in str(error.value)]
    assert str(error.value).count(last) == 1
    assert str(error.value).splitlines()[-1].startswith("what to do:")


@pytest.mark.parametrize("deferrable", [False, True])
def test_lines_below_the_level_are_left_out_and_the_error_then_has_the_last_ones(
    pai: LocalPAI, levels: Levels, deferrable: bool
) -> None:
    with pytest.raises(JobCommandError, match=r"(?s)step 1.*no such column"):
        run(deferrable, command=FAILING, log_level="error")
    texts = [text for _, text in levels()]
    assert [line in texts for line in JOB_LINES] == [False, False, True]
    assert not [text for text in texts if "::group::" in text]


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_log_can_be_left_to_pai(pai: LocalPAI, levels: Levels, deferrable: bool) -> None:
    before = pai.faults.counts().get("ListTrainingJobLogs", 0)
    value = run(deferrable, command="echo step 1; sleep 1", show_logs=False)
    texts = [text for _, text in levels()]
    assert "step 1" not in texts
    assert any(value["model_uri"] in text for text in texts)
    assert pai.faults.counts().get("ListTrainingJobLogs", 0) == before
    with pytest.raises(JobCommandError, match=r"(?s)last log lines of the job:.*step 2"):
        run(deferrable, command="echo step 2; exit 3", show_logs=False)


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_exit_code_can_skip_the_task(pai: LocalPAI, deferrable: bool) -> None:
    command = "sleep 1; exit 99"
    with pytest.raises(AirflowSkipException, match="ended with exit code 99"):
        run(deferrable, command=command, skip_on_exit_code=[3, 99])
    with pytest.raises(JobCommandError):
        run(deferrable, command=command, skip_on_exit_code=3)


def test_an_exit_code_can_skip_the_task_in_local_mode(pai: LocalPAI) -> None:
    with pytest.raises(AirflowSkipException, match="ended with exit code 99"):
        run(False, command="exit 99", instance_type="local", skip_on_exit_code=99)


def test_a_code_that_the_job_only_prints_skips_nothing(pai: LocalPAI) -> None:
    with pytest.raises(JobCommandError):
        run(False, command="echo ended with exit code 99; exit 3", skip_on_exit_code=99)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"log_level": "LOUD"}, "log_level"),
        ({"log_level": None}, "log_level"),
        ({"show_logs": "often"}, "show_logs"),
        ({"skip_on_exit_code": [0]}, "skip_on_exit_code"),
        ({"skip_on_exit_code": "99"}, "skip_on_exit_code"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_submitted(
    pai: LocalPAI, arguments: dict[str, Any], name: str
) -> None:
    before = pai.faults.counts().get("CreateTrainingJob", 0)
    with pytest.raises(AirflowFailException, match=f"{name} must be"):
        run(False, **arguments)
    assert pai.faults.counts().get("CreateTrainingJob", 0) == before
