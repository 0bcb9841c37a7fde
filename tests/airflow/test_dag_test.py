"""``dag.test()``, as a DAG's author tries it: no scheduler, no triggerer; on Airflow 2.11, too."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_pai.hooks.environment import environment
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.status import JobStatus
from tests.support.attempt import training
from tests.support.dag_test import tried
from tests.support.deploying import OLD, image_uri

DAG_FILE = """
import json
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_pai.operators.janitor import PAIJanitorOperator
from airflow_provider_pai.operators.training import PAITrainingOperator


@task
def tell(**values):
    print("PRINTED", json.dumps({name: values[name] for name in ("job_id", "model_uri", "orphans")}))


with DAG("tried", schedule=None) as dag:
    train = PAITrainingOperator(
        task_id="train",
        deferrable=True,
        command="sleep 2; echo trained",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        poll_interval=0.5,
    )
    janitor = PAIJanitorOperator(task_id="sweep", stop=True, min_age=timedelta(0))
    tell(job_id=train.output["job_id"], model_uri=train.output["model_uri"], orphans=janitor.output)

if __name__ == "__main__":
    dag.test()
"""


DEPLOYING = """
import json

from airflow.providers.common.compat.sdk import DAG, redact, task

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.sensors.services import PAIServiceSensor


@task
def trained():
    return {"model_uri": MODEL}


@task
def tell(deployed):
    from airflow_provider_pai.hooks.services import PAIServiceHook

    token = PAIServiceHook().token(deployed["service_name"])
    print("SHOWN", redact(f"to callers: {token}"))
    print("PRINTED", json.dumps(deployed))


with DAG("deploying", schedule=None) as dag:
    model = trained()
    deploy = PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=True,
        service_name=SERVICE,
        model_uri="{{ ti.xcom_pull(task_ids='trained')['model_uri'] }}",
        source_dir=SOURCE,
        image_uri=IMAGE,
        command="python serve.py",
        instance_type="ecs.c6.large",
        poll_interval=0.5,
        smoke_test={"json": {"rows": [[1, 2]]}, "expect_json": {"model": "{{ 'old' }}"}},
    )
    running = PAIServiceSensor(task_id="running", service_name="{{ ti.xcom_pull('deploy')['service_name'] }}")
    model >> deploy >> running >> tell(deploy.output)

if __name__ == "__main__":
    dag.test()
"""

GATES = """
import json

from airflow.providers.common.compat.sdk import DAG, task
from airflow.utils.session import create_session

from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

try:
    from airflow.models.asset import AssetEvent
except ImportError:
    from airflow.models.dataset import DatasetEvent as AssetEvent


@task
def downstream():
    pass


@task(trigger_rule="none_failed_min_one_success")
def join():
    pass


with DAG("tried", schedule=None) as dag:
    train = PAITrainingOperator(
        task_id="train",
        deferrable=True,
        command="sleep 2; echo accuracy=0.75; echo model > $PAI_OUTPUT_MODEL/model.txt",
        metric_definitions=[{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        poll_interval=0.5,
        model_asset="oss://models/tried",
    )
    PAITrainingOperator.partial(
        task_id="mapped",
        command="echo model > $PAI_OUTPUT_MODEL/model.txt",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        poll_interval=0.5,
        model_asset="oss://models/tried",
    ).expand(hyperparameters=[{"depth": 1}, {"depth": 2}])
    metrics = train.output["metrics"]
    for name, bar in (("good", 0.7), ("bad", 0.8)):
        branches = {
            "follow_task_ids_if_true": f"{name}_deploy",
            "follow_task_ids_if_false": [f"{name}_report", f"{name}_keep"],
        }
        gate = PAIModelGateOperator(
            task_id=f"{name}_branch", metrics=metrics, bars={"accuracy": bar}, on_fail="branch", **branches
        )
        ends = [downstream.override(task_id=f"{name}_{end}")() for end in ("deploy", "report", "keep")]
        gate >> ends >> join.override(task_id=f"{name}_join")()

        skip = PAIModelGateOperator(
            task_id=f"{name}_skip",
            metrics=metrics,
            model_uri=train.output["model_uri"],
            bars={"accuracy": bar},
            on_fail="skip",
        )
        skip >> downstream.override(task_id=f"{name}_next")() >> downstream.override(task_id=f"{name}_after_next")()

if __name__ == "__main__":
    if hasattr(dag, "sync_to_db"):
        # Airflow 2.11 makes an event only of what the DAG processor has seen.
        dag.sync_to_db()
    run = dag.test()
    with create_session() as session:
        extras = [event.extra for event in session.query(AssetEvent)]
    tasks = {ti.task_id: ti for ti in run.get_task_instances()}
    printed = {
        "events": extras,
        "states": {task_id: str(ti.state) for task_id, ti in tasks.items()},
        "results": {
            task_id: ti.xcom_pull(task_ids=task_id)
            for task_id, ti in tasks.items()
            if task_id.endswith(("branch", "skip"))
        },
        "model_uri": tasks["train"].xcom_pull(task_ids="train")["model_uri"],
    }
    print("PRINTED", json.dumps(printed))
"""


AGREED = """
import json
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_pai.hooks.environment import environment

with ThreadPoolExecutor(8) as threads:
    print("PRINTED", json.dumps([*{each.name for each in threads.map(lambda _: environment(), range(8))}]))
"""


def test_processes_with_the_database_at_hand_have_one_id_from_the_first_moment_on(
    pai: LocalPAI, tmp_path: Path
) -> None:
    printed, _ = tried(pai, tmp_path, AGREED)
    assert len(printed) == 1
    assert re.fullmatch(r"airflow-[0-9a-f]{32}", *printed)


def test_a_deferred_task_and_the_janitor_run_in_dag_test(pai: LocalPAI, tmp_path: Path) -> None:
    hook = PAITrainingHook()
    deleted = JobOwner(environment().name, "tried", "a run that was deleted", "train")
    orphan = hook.submit_or_adopt(training(command="sleep 600")._checked_spec({}), deleted, "orphan")[0].job_id
    printed, output = tried(pai, tmp_path, DAG_FILE, AIRFLOW__PAI__DEPLOYMENT_NAME=environment().name)
    assert "trained" in output
    assert hook.get(printed["job_id"]).is_success
    assert printed["model_uri"] == hook.get(printed["job_id"]).outputs["model"]
    assert {found["job_id"]: found["state"] for found in printed["orphans"]}[orphan] == "gone"
    assert hook.wait(orphan, interval=0.2, show=list).status == JobStatus.TERMINATED


def test_a_model_is_deployed_in_dag_test_and_its_token_is_masked(
    pai: LocalPAI, tmp_path: Path, name: str, code: str
) -> None:
    uri = OLD.stored()
    values = {"MODEL": uri, "SERVICE": name, "SOURCE": code, "IMAGE": image_uri()}
    head = "\n".join(f"{variable} = {value!r}" for variable, value in values.items())
    printed, output = tried(pai, tmp_path, head + DEPLOYING)
    assert (printed["service_name"], printed["version"], printed["model_uri"]) == (name, 1, uri)
    assert "SHOWN to callers: ***" in output
    assert PAIServiceHook().describe(name).token not in output


def test_gates_branch_by_their_verdicts_and_the_model_emits_an_asset_event(pai: LocalPAI, tmp_path: Path) -> None:
    printed, _ = tried(pai, tmp_path, GATES)
    assert {name for name, state in printed["states"].items() if state == "skipped"} == {
        "good_report", "good_keep", "bad_deploy", "bad_next", "bad_after_next",
    }  # fmt: skip
    assert set(printed["states"].values()) == {"success", "skipped"}
    assert {name: result["passed"] for name, result in printed["results"].items()} == {
        "good_branch": True, "good_skip": True, "bad_branch": False, "bad_skip": False,
    }  # fmt: skip
    assert printed["results"]["bad_skip"]["model_uri"] == printed["model_uri"]
    uris = {printed["model_uri"], *(event["model_uri"] for event in printed["events"])}
    jobs = [job for job in PAITrainingHook().jobs({"airflow.dag_id": "tried"}) if job.outputs["model"] in uris]
    names = {job.labels["airflow.deployment"] for job in jobs}
    assert len(jobs) == 3
    assert re.fullmatch(r"airflow-[0-9a-f]{32}", "".join(names)), (
        "all tasks have one id, kept in this Airflow's database"
    )
    by_model = {event["model_uri"]: event["metrics"] for event in printed["events"]}
    assert by_model.pop(printed["model_uri"]) == {"accuracy": 0.75}
    assert list(by_model.values()) == [{}, {}]  # of the mapped tasks
