"""Functions as jobs in the DAGs that people write: mapped, grouped, templated, with rules, setup and callbacks."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_pai.local.server import LocalPAI
from tests.support.dag_test import tried

DAG_FILE = """
import json
from datetime import datetime, timezone
from typing import Any, Dict, List, TypedDict

from airflow.providers.common.compat.sdk import DAG, task, task_group
from airflow.decorators import setup, teardown

function = task.pai_training(image_uri="registry/image:1", instance_type="ecs.c6.large", poll_interval=0.2)


class Fitted(TypedDict):
    loss: float
    steps: int


@function
def pair(x: Any, more: Any = None) -> list:
    return [x, more]


@function
def fail(x: "Unknown" = 1) -> "Unknown":
    raise RuntimeError(f"bad {x}")


@function
def fitted() -> Fitted:
    return {"loss": 0.5, "steps": 2}


@function
def hiding() -> Dict[str, Any]:
    return {"metrics": 1, "other": 2}


@function
def of_context(params=None, ds=None):
    return [params["rate"], ds]


@function
def collected(gathered=[]):
    gathered.append(len(gathered))
    return gathered


@task
def numbers(count: int = 2) -> List[int]:
    return list(range(count))


@task
def config() -> Dict[str, Any]:
    return {"a": {"b": [1, 2]}, "c": "x"}


@task
def keywords():
    return [{"x": 1, "more": "a"}, {"x": 2}]


@task_group
def grouped(value):
    pair.override(task_id="second")(1, more=pair(value))


@setup
@function
def made():
    return "made"


@teardown
@function
def dropped(what):
    return what


def called(context):
    print("CALLBACK", context["ti"].task_id, type(context["exception"]).__name__)


with DAG("tried", schedule=None, params={"rate": 3}, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
    found = config()
    pair.override(task_id="nested")(1, more={"deep": [{"v": found["a"]}, numbers()], "pair": (1, 2)})
    pair.override(task_id="templated")("{{ params.rate }}", more=["{{ ds }}", {"k": "{{ task.task_id }}"}])
    pair.override(task_id="literal").partial(more="{{ params.rate }}").expand(x=["{{ task.task_id }}", "b"])
    pair.override(task_id="by_keywords").expand_kwargs(keywords())
    pair.override(task_id="of_none").expand(x=numbers(0))
    grouped.expand(value=numbers())
    bad = fail.override(on_failure_callback=called)()
    bad >> [
        pair.override(task_id=rule, trigger_rule=rule)(7) for rule in ("one_failed", "all_done", "all_success")
    ]
    pair.override(task_id="of_failed", trigger_rule="all_done")(1, more=bad)
    begun = made()
    begun >> pair.override(task_id="between")(1) >> dropped(begun)
    pair.override(task_id="dated")(datetime(2026, 1, 1))
    of_context()
    collected()
    loss = fitted()
    pair.override(task_id="of_member")(loss["loss"], more=loss["steps"])
    hiding()

if __name__ == "__main__":
    run = dag.test()
    values = {}
    for ti in run.get_task_instances():
        index = f"[{ti.map_index}]" if ti.map_index >= 0 else ""
        value = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
        values[ti.task_id + index] = value if str(ti.state) == "success" else str(ti.state)
    values["hiding.metrics"] = next(
        ti.xcom_pull(task_ids="hiding", key="metrics") for ti in run.get_task_instances() if ti.task_id == "hiding"
    )
    values["date"] = run.logical_date.strftime("%Y-%m-%d")
    print("PRINTED", json.dumps(values))
"""


def test_functions_as_jobs_are_tasks_as_others_are(pai: LocalPAI, tmp_path: Path) -> None:
    values, output = tried(pai, tmp_path, DAG_FILE, AIRFLOW__PAI__DEPLOYMENT_NAME="tried")
    date = values.pop("date")
    others = ("config", "keywords", "numbers", "numbers__1", "numbers__2")
    assert {name: value for name, value in values.items() if name not in others} == {
        "nested": [1, {"deep": [{"v": {"b": [1, 2]}}, [0, 1]], "pair": [1, 2]}],
        "templated": ["3", [date, {"k": "templated"}]],
        "literal[0]": ["literal", "3"],
        "literal[1]": ["b", "3"],
        "by_keywords[0]": [1, "a"],
        "by_keywords[1]": [2, None],
        "of_none": "skipped",
        "grouped.pair[0]": [0, None],
        "grouped.pair[1]": [1, None],
        "grouped.second[0]": [1, [0, None]],
        "grouped.second[1]": [1, [1, None]],
        "fail": "failed",
        "one_failed": [7, None],
        "all_done": [7, None],
        "all_success": "upstream_failed",
        "of_failed": [1, None],
        "made": "made",
        "between": [1, None],
        "dropped": "made",
        "dated": "failed",
        "of_context": [3, date],
        "collected": [0],
        "fitted": {"loss": 0.5, "steps": 2},
        "of_member": [0.5, 2],
        "hiding": {"metrics": 1, "other": 2},
        "hiding.metrics": 1,
    }
    assert "CALLBACK fail" in output
    assert "argument x is of the type datetime.datetime, which JSON does not have; pass its .isoformat()" in output
    assert "take the place of the job's own XComs metrics" in output
