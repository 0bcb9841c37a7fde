"""What OpenLineage learns: asked as its provider asks, written by its own library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.errors import JobCommandError, ServiceError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.lineage.facts import dataset_name
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from airflow_provider_pai.testing.local_pai import PAITestServer
from tests.support.attempt import Attempt, executed, training
from tests.support.deploying import OLD, deploying
from tests.support.triggerer import run_trigger


def event(operator: Any, moment: str, attempt: Attempt | None = None) -> dict[str, Any]:
    """Return the event that OpenLineage's provider makes of an operator's answer, as it is sent."""
    from airflow.providers.openlineage.extractors.base import DefaultExtractor
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.serde import Serde

    extractor = DefaultExtractor(operator)
    found = {
        "start": lambda: extractor.extract(),
        "complete": lambda: extractor.extract_on_complete(attempt),
        "failure": lambda: extractor.extract_on_failure(attempt),
    }[moment]()
    assert found is not None, "the provider has caught an error"
    made = RunEvent(
        eventType=RunState.OTHER,
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(runId=str(uuid4()), facets=found.run_facets),
        job=Job(namespace="tests", name=f"{operator.task_id}", facets=found.job_facets),
        inputs=found.inputs,
        outputs=found.outputs,
        producer="https://example.com/tests",
    )
    written: dict[str, Any] = json.loads(Serde.to_json(made))
    for facet in facets(written):
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/")
        assert facet["_producer"]
    return written


def facets(written: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (written["run"], written["job"], *written["inputs"], *written["outputs"]):
        yield from (part.get("facets") or {}).values()


def names(datasets: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["namespace"], each["name"], each["facets"]["datasetType"]["datasetType"]) for each in datasets]


JOB: dict[str, Any] = {
    "command": "echo accuracy=0.9; echo model > $PAI_OUTPUT_MODEL/model",
    "metric_definitions": [{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
    "hyperparameters": {"epochs": 3, "api_token": "a-secret-value"},
}


def test_a_training_task_reports_its_inputs_and_outputs(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('hello')\n")
    PAIOSSHook().write(f"oss://{pai.ready.bucket}/tables/day=1/rows.csv", b"1,2")
    table = f"oss://{pai.ready.bucket}.oss-cn-hangzhou.aliyuncs.com/tables/day=1/"
    inputs = {"table": table, "same": f"oss://{pai.ready.bucket}/tables/day=1/", "here": str(tmp_path / "train.py")}
    operator = training(**JOB, inputs=inputs, source_dir=str(tmp_path), deferrable=True)
    begun = event(operator, "start")
    assert names(begun["inputs"]) == [
        (f"oss://{pai.ready.bucket}", "tables/day=1/", "FILE"),
        ("file", str(tmp_path / "train.py"), "FILE"),
    ]
    assert (begun["outputs"], begun["job"]["facets"]) == ([], {})
    attempt = Attempt()
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    resumed = training(**JOB, inputs=inputs, source_dir=str(tmp_path), deferrable=True)
    value = resumed.execute_complete(attempt.context, run_trigger(deferred.value), **deferred.value.kwargs or {})
    done = event(resumed, "complete", attempt)
    assert names(done["inputs"]) == names(begun["inputs"])
    bucket, _, key = value["model_uri"].removeprefix("oss://").partition("/")
    assert names(done["outputs"])[0] == (f"oss://{bucket}", key, "MODEL")
    assert {kind for _, _, kind in names(done["outputs"])[1:]} == {"FILE"}
    job = done["run"]["facets"]["pai_trainingJob"]
    assert (job["jobId"], job["status"], job["consoleUrl"]) == (value["job_id"], "Succeed", value["console_url"])
    assert (job["metrics"], job["imageUri"]) == ({"accuracy": 0.9}, value["image_uri"])
    assert done["run"]["facets"]["externalQuery"]["externalQueryId"] == value["job_id"]
    assert done["job"]["facets"]["sourceCodeLocation"]["url"] == value["code_uri"]
    parameters = {each["key"]: each["value"] for each in done["run"]["facets"]["executionParameters"]["parameters"]}
    assert parameters == {"epochs": "3", "api_token": "***"}
    assert "a-secret-value" not in json.dumps([begun, done])


def test_a_failed_training_task_reports_its_cause(pai: LocalPAI) -> None:
    operator, attempt = training(command="exit 3"), Attempt()
    with pytest.raises(JobCommandError):
        operator.execute(attempt.context)
    reported = event(operator, "failure", attempt)["run"]["facets"]
    assert reported["pai_failure"]["kind"] == "command"
    assert reported["pai_failure"]["cause"]
    assert reported["pai_failure"]["advice"]
    assert reported["pai_trainingJob"]["status"] == "Failed"


def test_a_task_that_never_had_a_job_reports_the_inputs_it_was_given(pai: LocalPAI) -> None:
    operator = training(command="", inputs={"table": "oss://a-bucket/table/", "none": None, "odd": "oss://X/"})
    with pytest.raises(Exception, match="command"):
        operator.execute(Attempt().context)
    reported = event(operator, "failure", Attempt())
    assert names(reported["inputs"]) == [("oss://a-bucket", "table/", "FILE")]
    assert "externalQuery" not in reported["run"]["facets"]


def test_a_registered_model_is_made_of_the_model_in_oss(pai: LocalPAI) -> None:
    model_uri, name = OLD.stored(), f"churn-{uuid4().hex[:8]}"
    operator = PAIRegisterModelOperator(task_id="register", model_name=name, model_uri=model_uri)
    attempt = Attempt(task_id="register")
    value = executed(operator, attempt.context)
    reported = event(operator, "complete", attempt)
    assert names(reported["inputs"]) == [("oss://pai-local", model_uri.removeprefix("oss://pai-local/"), "MODEL")]
    place = f"pai://{pai.ready.region_id}/{pai.ready.workspace_id}"
    assert names(reported["outputs"]) == [(place, f"models/{name}/{value['version_name']}", "MODEL")]
    assert reported["run"]["facets"]["pai_modelVersion"]["approvalStatus"] == value["approval_status"]
    assert event(operator, "start")["run"]["facets"]["pai_modelVersion"]["modelName"] == name


def test_a_service_is_made_of_its_model(pai: LocalPAI, name: str, code: str) -> None:
    model_uri, attempt = OLD.stored(), Attempt(task_id="deploy")
    operator = deploying(name, model_uri, code)
    value = operator.execute(attempt.context)
    reported = event(operator, "complete", attempt)
    assert names(reported["inputs"]) == [("oss://pai-local", model_uri.removeprefix("oss://pai-local/"), "MODEL")]
    assert names(reported["outputs"]) == [(f"pai://{pai.ready.region_id}", f"services/{name}", "SERVICE")]
    assert reported["run"]["facets"]["pai_service"]["version"] == value["version"]
    broken = deploying(name, OLD.stored(), code, command="exit 1", startup_timeout=20)
    with pytest.raises(ServiceError):
        broken.execute(Attempt(task_id="deploy").context)
    assert event(broken, "failure", attempt)["outputs"] == []


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("oss://a-bucket", "oss://a-bucket", "/"),
        ("oss://a-bucket/a/?endpoint=oss-cn-beijing.aliyuncs.com", "oss://a-bucket", "a/"),
        ("nas://fs-1.cn-hangzhou/data/", "nas://fs-1.cn-hangzhou", "data/"),
        ("odps://project/tables/rows", "odps://project", "tables/rows"),
        ("d-abc123/v1", "pai://datasets", "d-abc123/v1"),
        ("/data/rows.csv", "file", "/data/rows.csv"),
    ],
)
def test_each_kind_of_data_has_a_name(uri: str, namespace: str, name: str) -> None:
    found = dataset_name(uri)
    assert found is not None
    assert (found.namespace, found.name) == (namespace, name)


@pytest.mark.parametrize("nothing", [None, "", 3, "oss://X/", ["a"]])
def test_what_is_no_place_has_no_name(nothing: object) -> None:
    assert dataset_name(nothing) is None


DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

with DAG("lineage_events", schedule=None):
    PAITrainingOperator(
        task_id="train",
        command="echo trained",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        inputs={"table": "oss://a-bucket/table/"},
        poll_interval=0.2,
    )
"""


def test_airflow_sends_it(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "lineage_events.py").write_text(DAG_FILE.replace("a-bucket", pai.ready.bucket))
    PAIOSSHook().write(f"oss://{pai.ready.bucket}/table/rows.csv", b"1,2")
    transport = {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}
    env = {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}
    run = PAITestServer(pai, "pai_default").run_dag(tmp_path / "lineage_events.py", env=env)
    assert run.state == "success", run.output
    reported = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    ended = [
        each for each in reported if each["job"]["name"] == "lineage_events.train" and each["eventType"] == "COMPLETE"
    ]
    assert len(ended) == 1
    assert ended[0]["run"]["facets"]["pai_trainingJob"]["jobId"] == run.xcom("train", "job_id")
    assert [each["name"] for each in ended[0]["inputs"]] == ["table/"]
