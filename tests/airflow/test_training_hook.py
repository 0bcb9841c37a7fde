"""PAITrainingHook.train and .jobs: training from a plain function."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import get_current_context

from airflow_provider_pai import links
from airflow_provider_pai.errors import JobCommandError, JobStoppedError, SpecError, TransportError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model import names
from airflow_provider_pai.model.training.status import JobSnapshot
from devtools.waits import wait_for
from tests.support.attempt import Attempt, executed, training

LEAST: dict[str, Any] = {
    "command": "echo loss=0.5",
    "image": {"framework_name": "PyTorch"},
    "instance_type": "ecs.c6.large",
    "metric_definitions": [{"name": "loss", "regex": "loss=([0-9.]+)"}],
    "poll_interval": 0.2,
}


def train(hook: PAITrainingHook | None = None, **arguments: Any) -> dict[str, Any]:
    return (hook or PAITrainingHook()).train(**{**LEAST, **arguments})


@contextmanager
def running(attempt: Attempt, **task: Any) -> Iterator[Attempt]:
    """Let this be the task that runs here, as Airflow does around a function."""
    attempt.task = SimpleNamespace(**{"retries": 0, "execution_timeout": None, **task})  # type: ignore[attr-defined]
    with current_context(attempt.context):
        assert get_current_context()["ti"] is attempt
        yield attempt


def current_context(context: Any) -> Any:
    try:
        from airflow.sdk.execution_time.context import set_current_context
    except ImportError:
        # Airflow 2.11.
        from airflow.models.taskinstance import set_current_context  # type: ignore[no-redef, attr-defined]
    return set_current_context(context)


def jobs_of(attempt: Attempt) -> list[JobSnapshot]:
    return PAITrainingHook().jobs({"airflow.run_id": attempt.run_id})


def ended_as(attempt: Attempt, status: str) -> bool:
    """Wait until the one job of a task has a status."""
    return wait_for(lambda: [job.status for job in jobs_of(attempt)] == [status], bool, status)


def test_a_script_gets_the_operators_result(pai: LocalPAI) -> None:
    value = train()
    assert value.keys() == executed(training(), Attempt().context).keys()
    assert (value["status"], value["metrics"]) == ("Succeed", {"loss": 0.5})
    assert value["job_name"].startswith("train_")
    # Each call of a script is a job of its own.
    assert train()["job_id"] != value["job_id"]


def test_a_job_reports_back_and_its_log_names_the_authors_folder(
    pai: LocalPAI, tmp_path: Any, task_log: Callable[[], list[str]]
) -> None:
    (tmp_path / "train.py").write_text("import pai_report\npai_report.result([1])\n")
    command = "python train.py && echo 1 > $PAI_OUTPUT_MODEL/model.txt"
    with running(Attempt(), execution_timeout=timedelta(minutes=90)):
        value = train(command=command, source_dir=str(tmp_path), reports=True)
    assert value["result"] == [1]
    lines = task_log()
    for said in (
        "PAI ends the job after 1 h 30 min at the latest (execution_timeout)",
        f"Uploaded source code of {tmp_path} (",
    ):
        assert any(line.startswith(said) for line in lines), lines
    assert lines[-1].startswith(f"Job {value['job_id']} has succeeded; its model is at {value['model_uri']}")


def test_the_error_is_the_operators(pai: LocalPAI) -> None:
    with pytest.raises(JobCommandError, match=r"(?s)exit code 3.*what to do:"):
        train(command="exit 3")


def test_a_task_has_one_job_and_a_retry_adopts_it(pai: LocalPAI) -> None:
    with running(Attempt(max_tries=1), retries=1, execution_timeout=timedelta(minutes=3)) as first:
        value = train()
    (job,) = jobs_of(first)
    assert (job.job_id, job.labels["airflow.task_id"]) == (value["job_id"], "train")
    with running(first.retried(), retries=1):
        assert train()["job_id"] == value["job_id"]
    assert len(jobs_of(first)) == 1


def test_a_task_keeps_where_its_job_is_found(pai: LocalPAI) -> None:
    with running(Attempt()) as attempt:
        value = train()
    region, workspace = pai.ready.region_id, pai.ready.workspace_id
    assert attempt.xcoms == {
        "_pai_link": value["console_url"],
        "_pai_connection": {"pai_conn_id": "pai_default", "region_id": region, "workspace_id": workspace},
    }


def test_the_link_of_a_function_is_found_where_that_of_an_operator_is() -> None:
    assert names.LINK_KEY == links.LINK_KEY


def test_a_task_that_can_not_keep_it_still_trains(pai: LocalPAI) -> None:
    class WithoutXComs(Attempt):
        def xcom_push(self, key: str, value: Any) -> None:
            raise ConnectionError("no XCom today")

    with running(WithoutXComs()):
        assert train()["status"] == "Succeed"


def test_a_second_job_of_an_attempt_is_refused(pai: LocalPAI) -> None:
    with running(Attempt()) as attempt:
        train()
        with pytest.raises(SpecError, match="called before"):
            train()
    assert len(jobs_of(attempt)) == 1


def test_a_failure_leaves_the_job_to_the_next_attempt_or_stops_it(pai: LocalPAI) -> None:
    attempt = Attempt(max_tries=1)
    for left, expected in ((attempt, "Running"), (attempt.retried(), "Terminated")):
        pai.faults.add(Fault("GetTrainingJob", FaultKind.DROP_BEFORE, times=3))
        with running(left, retries=1), pytest.raises(TransportError):
            train(command="sleep 60", outage_limit=0)
        pai.faults.clear()
        assert ended_as(attempt, expected)


def test_an_interrupt_stops_the_job(pai: LocalPAI) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with running(Attempt(max_tries=3)) as attempt, pytest.raises(KeyboardInterrupt):
        train(PAITrainingHook(sleep=interrupt), command="sleep 60")
    assert ended_as(attempt, "Terminated")


def test_sigterm_stops_the_job_and_reaches_the_handler_of_before(pai: LocalPAI) -> None:
    assert threading.current_thread() is threading.main_thread()
    reached: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: reached.append(number))

    def end(seconds: float) -> None:
        if not reached:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(seconds)

    try:
        with running(Attempt(max_tries=3)), pytest.raises(JobStoppedError):
            train(PAITrainingHook(sleep=end), command="sleep 60")
        assert reached == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"deferrable": True}, "deferrable"),
        ({"kommand": "echo"}, "kommand"),
        ({"command": None}, "command"),
        ({"instance_type": "local"}, "instance_type"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"outage_limit": "soon"}, "outage_limit"),
        ({"log_level": "LOUD"}, "log_level"),
        ({"base_job_name": 7.5}, "base_job_name"),
        ({"source_dir": "/nowhere"}, "source_dir"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_submitted(
    pai: LocalPAI, arguments: dict[str, Any], name: str
) -> None:
    before = pai.faults.counts().get("CreateTrainingJob", 0)
    with pytest.raises(SpecError) as error:
        train(**arguments)
    assert name in [problem.argument for problem in error.value.problems]
    assert pai.faults.counts().get("CreateTrainingJob", 0) == before


def test_jobs_are_listed_by_labels_and_status(pai: LocalPAI) -> None:
    ids = [train(labels={"purpose": purpose})["job_id"] for purpose in ("one", "other")]
    hook = PAITrainingHook()
    assert [job.job_id for job in hook.jobs({"purpose": "one"}, status="Succeed")] == ids[:1]
    assert hook.jobs({"purpose": "one"}, status="Running") == []
    assert set(ids) <= {job.job_id for job in hook.jobs()}
