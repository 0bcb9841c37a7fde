"""@task.pai_training: functions as jobs, against local PAI and in local mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, TaskDeferred, task

from airflow_provider_pai.decorators.training import PAITrainingDecoratedOperator, pai_training_task
from airflow_provider_pai.errors import JobError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.ownership import KEY_LABEL
from devtools.waits import wait_for
from tests.support.attempt import Attempt, executed, training
from tests.support.triggerer import run_trigger

CLOUD: dict[str, Any] = {"image": {"framework_name": "PyTorch"}, "instance_type": "ecs.c6.large", "poll_interval": 0.2}
LOCAL: dict[str, Any] = {"instance_type": "local"}


def double(value: float) -> float:
    return value * 2


def score(rate: float, *, epochs: int = 3, name: str = 'é \' "$x" `y`', more: dict[str, Any] | None = None) -> Any:
    import math

    return {"rate": double(rate), "epochs": epochs, "name": name, "more": more, "pi": round(math.pi, 2)}


def failing(text: str) -> None:
    raise ValueError(text)


def sleeper(seconds: float) -> None:
    import time

    time.sleep(seconds)


def useful(value: int) -> int:
    from helper import triple

    return int(triple(value))


def reporting(steps: int) -> str:
    import pai_report

    for step in range(steps):
        pai_report.progress((step + 1) / steps, f"step {step + 1}")
        pai_report.metric("loss", 1 / (step + 1), step=step)
    pai_report.metric("diverged", float("nan"))
    return "done"


def operator(function: Any, *args: Any, include: Any = (), arguments: Any = None, **kwargs: Any) -> Any:
    with DAG("d", schedule=None):
        made = pai_training_task(function, include=include, **(arguments or CLOUD))(*args, **kwargs)
    return made.operator


def run(made: Any, attempt: Attempt | None = None) -> Any:
    attempt = attempt or Attempt(task_id=made.task_id)
    try:
        return executed(made, attempt.context)
    except TaskDeferred as deferred:
        return made.execute_complete(attempt.context, run_trigger(deferred), **deferred.kwargs or {})


@pytest.mark.parametrize(
    "arguments", [CLOUD, {**CLOUD, "deferrable": True}, LOCAL], ids=["waiting", "deferred", "local mode"]
)
def test_the_functions_value_is_the_tasks(pai: LocalPAI, arguments: dict[str, Any]) -> None:
    attempt = Attempt(task_id="score")
    more = {"a": [1, None, True, {"b": "c"}], "": "\n\t"}
    made = operator(score, 0.5, include=[double], more=more, arguments=arguments)
    assert run(made, attempt) == score(0.5, more=more)
    assert attempt.xcoms["status"] == "Succeed"
    assert attempt.xcoms["model_uri"]
    assert attempt.xcoms["result"] == score(0.5, more=more)


def test_an_exception_is_the_tasks_error_with_its_traceback_last(pai: LocalPAI) -> None:
    with pytest.raises(JobError) as error:
        run(operator(failing, "no such column: age"))
    lines = str(error.value).splitlines()
    assert lines[-1] == "ValueError: no such column: age"
    line = failing.__code__.co_firstlineno + 1
    assert any(f'pai_task.py", line {line}, in failing' in each for each in lines)


def giving_up(code: int) -> None:
    import sys

    sys.exit(code)


@pytest.mark.parametrize(
    "arguments", [CLOUD, {**CLOUD, "deferrable": True}, LOCAL], ids=["waiting", "deferred", "local mode"]
)
def test_a_function_can_skip_its_task(pai: LocalPAI, arguments: dict[str, Any]) -> None:
    with pytest.raises(AirflowSkipException, match="ended with exit code 99"):
        run(operator(giving_up, 99, arguments={**arguments, "skip_on_exit_code": [98, 99]}))
    with pytest.raises(JobError):
        run(operator(giving_up, 3, arguments={**arguments, "skip_on_exit_code": 99}))


def test_modules_of_the_source_folder_can_be_imported(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def triple(x):\n    return x * 3\n")
    assert run(operator(useful, 4, arguments={**CLOUD, "source_dir": str(tmp_path)})) == 12
    (tmp_path / "pai_task.py").write_text("")
    with pytest.raises(AirflowFailException, match=r"source_dir has a file 'pai_task\.py'"):
        run(operator(useful, 4, arguments={**CLOUD, "source_dir": str(tmp_path)}))
    with pytest.raises(AirflowFailException, match="source_dir 'oss://bucket/code/' must be a local folder"):
        run(operator(useful, 4, arguments={**CLOUD, "source_dir": "oss://bucket/code/"}))


def test_what_it_reports_is_in_the_result_and_no_noise_in_the_log(pai: LocalPAI, task_log: Iterator[list[str]]) -> None:
    attempt = Attempt(task_id="reporting")
    assert run(operator(reporting, 4), attempt) == "done"
    assert attempt.xcoms["metrics"] == {"loss": 0.25}
    shown = task_log()  # type: ignore[operator]
    assert not [line for line in shown if "##pai-report" in line]
    assert [line for line in shown if line.startswith("Progress: 100% (step 4)")]


def test_a_script_reports_back_also_when_it_fails(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import pai_report, sys\n"
        "pai_report.result({'best': 3})\npai_report.metric('acc', 0.5)\nsys.exit(int(sys.argv[1]))\n"
    )
    arguments = {"source_dir": str(tmp_path), "reports": True}
    value = executed(training(command="python train.py 0", **arguments), Attempt().context)
    assert (value["result"], value["metrics"]) == ({"best": 3}, {"acc": 0.5})
    with pytest.raises(JobError) as error:
        executed(training(command="python train.py 3", **arguments), Attempt().context)
    assert error.value.result == {"best": 3}


def test_a_retry_adopts_the_job_of_a_function(pai: LocalPAI) -> None:
    attempt = Attempt(task_id="double", max_tries=1)
    first = run(operator(double, 1), attempt)
    again = attempt.retried()
    assert run(operator(double, 1), again) == first
    assert again.xcoms["job_id"] == attempt.xcoms["job_id"]


def test_the_same_function_with_other_arguments_has_another_digest(pai: LocalPAI) -> None:
    attempts = [Attempt(task_id="double", map_index=index) for index in (0, 1, 2)]
    for attempt, value in zip(attempts, (1, 2, 1), strict=True):
        run(operator(double, value), attempt)
    jobs = [PAITrainingHook().get(attempt.xcoms["job_id"]) for attempt in attempts]
    assert len({job.labels[KEY_LABEL] for job in jobs}) == 3
    first, other, same = (job.code_uri for job in jobs)
    assert first == same != other


def test_a_retry_with_other_arguments_says_that_it_adopts_a_job_with_the_old_ones(
    pai: LocalPAI, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    attempt = Attempt(task_id="double", map_index=1, max_tries=2)
    run(operator(double, 1), attempt)
    again = attempt.retried()
    assert run(operator(double, 1), again) == 2
    assert "was submitted with other values" not in capsys.readouterr().out + caplog.text
    assert run(operator(double, 2), again.retried()) == 2
    assert "was submitted with other values of: source_dir" in capsys.readouterr().out + caplog.text
    # Another map index is another task.
    assert run(operator(double, 2), Attempt(attempt.run_id, "double", map_index=2, max_tries=1)) == 4


@pytest.mark.parametrize("index", [-1, 1])
def test_a_killed_task_stops_the_job_of_its_function(pai: LocalPAI, index: int) -> None:
    attempt, other = (Attempt(task_id="sleeper", map_index=each) for each in (index, 7))
    made = [operator(sleeper, 60, arguments={**CLOUD, "deferrable": True}) for _ in range(2)]
    for each, its in zip(made, (attempt, other), strict=True):
        with pytest.raises(TaskDeferred):
            executed(each, its.context)
    made[0].on_kill()
    hook = PAITrainingHook()
    wait_for(
        lambda: hook.get(attempt.xcoms["job_id"]).status,
        lambda found: found == "Terminated",
        "its end",
    )
    assert not hook.get(other.xcoms["job_id"]).is_terminal
    made[1].on_kill()


@pytest.mark.parametrize("value", [float("nan"), object(), {1: 2}, b"x"])
def test_an_argument_that_is_no_json_is_refused_before_anything_is_submitted(pai: LocalPAI, value: Any) -> None:
    before = pai.faults.counts().get("CreateTrainingJob", 0)
    with pytest.raises(AirflowFailException, match="argument value"):
        run(operator(double, value))
    assert pai.faults.counts().get("CreateTrainingJob", 0) == before


def test_what_cannot_travel_is_refused_when_the_dag_is_read() -> None:
    with pytest.raises(TypeError, match=r"function score uses 'double' in line \d+"):
        operator(score, 1)
    with pytest.raises(TypeError, match="takes no command"):
        operator(double, 1, arguments={**CLOUD, "command": "echo"})


def test_the_decorator_is_one_of_airflows_and_can_be_mapped(pai: LocalPAI) -> None:
    with DAG("mapped", schedule=None) as dag:

        @task.pai_training(**CLOUD)  # type: ignore[attr-defined]
        def add(one: int, other: int = 1) -> int:
            return one + other

        add.override(task_id="named").partial(other=2).expand(one=[1, 2, 3])
        single = add(add(1))
    assert set(dag.task_ids) == {"named", "add", "add__1"}
    assert isinstance(single.operator, PAITrainingDecoratedOperator)
    assert single.operator.upstream_task_ids == {"add"}


def test_a_parameter_that_is_called_like_airflows_context_gets_its_value(pai: LocalPAI) -> None:
    def day(ds: str | None = None) -> str | None:
        return ds

    attempt = Attempt(task_id="day")
    made = operator(day)
    assert executed(made, {**attempt.context, "ds": "2026-11-30"}) == "2026-11-30"

    def instance(ti: Any = None) -> Any:
        return ti

    with pytest.raises(AirflowFailException, match="parameter ti is Airflow's Attempt, which can't travel"):
        run(operator(instance))


def test_the_preview_of_a_dry_run_shows_the_package(pai: LocalPAI) -> None:
    preview = run(operator(double, 1, arguments={**CLOUD, "dry_run": True}))
    assert "pai_function.py" in json.dumps(preview["body"])
