"""Registering a model, its approval, and its lineage, against local PAI: what a task's author sees."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.lineage import Lineage
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from airflow_provider_pai.sensors.registry import PAIModelVersionSensor
from tests.support.attempt import Attempt, executed, training
from tests.support.deploying import NEW, OLD, ask
from tests.support.waits import PATIENCE


class Pulling(Attempt):
    """A task instance whose upstream tasks have pushed XComs."""

    def xcom_pull(self, *, task_ids: str, key: str) -> Any:
        return UPSTREAM.get(task_ids, {}).get(key)


UPSTREAM: dict[str, dict[str, Any]] = {}


@pytest.fixture
def model_name() -> str:
    return f"churn-{uuid4().hex[:8]}"


@pytest.fixture
def model_uri(pai: LocalPAI) -> str:
    uri = PAIOSSHook().default_folder("registry", uuid4().hex)
    PAIOSSHook().write(f"{uri}model.joblib", b"a model")
    return uri


def register(model_name: str, **arguments: Any) -> PAIRegisterModelOperator:
    return PAIRegisterModelOperator(**{"task_id": "register", "model_name": model_name, **arguments})


def run(operator: Any, attempt: Attempt | None = None) -> Any:
    return executed(operator, (attempt or Attempt(task_id="register")).context)


def fired(deferred: TaskDeferred, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Run the trigger of a deferral, made again from its row, while something else happens."""
    path, arguments = deferred.trigger.serialize()
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))

    async def events() -> list[Any]:
        async def wait() -> list[Any]:
            return [event.payload async for event in trigger.run()]

        found, _ = await asyncio.gather(wait(), asyncio.to_thread(meanwhile))
        return found

    (payload,) = asyncio.run(events())
    event: dict[str, Any] = json.loads(json.dumps(payload))
    return event


def test_a_trained_model_becomes_a_version_with_its_metrics_and_its_lineage(pai: LocalPAI, model_name: str) -> None:
    data = PAIOSSHook().default_folder("registry", "data", uuid4().hex)
    PAIOSSHook().write(f"{data}rows.csv", b"a,b\n")
    command = "echo acc=0.93; cp -r $PAI_INPUT_TRAIN $PAI_OUTPUT_MODEL/"
    trained = executed(
        training(
            command=command,
            inputs={"train": data},
            hyperparameters={"rate": 0.1, "api_key": "s3cret"},
            metric_definitions=[{"name": "acc", "regex": "acc=([0-9.]+)"}],
        ),
        Attempt().context,
    )
    value = run(register(model_name, job_id=trained["job_id"], framework_type="XGBoost"))
    assert value["version_name"] == "0.1.0"
    assert value["approval_status"] == "Pending"
    assert value["model_uri"] == trained["model_uri"]
    hook = PAIModelRegistryHook()
    version = hook.version(model_name, "0.1.0")
    assert version.metrics == {"acc": 0.93}
    assert (version.job_id, version.framework_type) == (trained["job_id"], "XGBoost")
    hook.approve(model_name, "0.1.0", by="ada")
    for lineage in (hook.lineage(model_name, "0.1.0"), hook.lineage_of_uri(trained["model_uri"])):
        assert lineage.job_id == trained["job_id"]
        assert lineage.command == command
        assert lineage.hyperparameters == {"rate": "0.1", "api_key": "***"}
        assert lineage.inputs["train"].complete
        (item,) = lineage.inputs["train"].objects
        assert item["size"] == 4
        assert item["key"].endswith("rows.csv")
        assert item["etag"]
        assert (lineage.airflow["dag_id"], lineage.airflow["registered_by"]) == ("tests", "tests.register")
    assert hook.lineage(model_name, "0.1.0").approved_by == "ada"


def test_a_retry_a_clear_and_another_task_find_the_version_that_is_there(model_name: str, model_uri: str) -> None:
    arguments: dict[str, Any] = {"model_uri": model_uri, "metrics": {"acc": 1}}
    attempt = Attempt(task_id="register")
    results = [run(register(model_name, **arguments), each) for each in (attempt, attempt.retried(), attempt.cleared())]
    assert results[0] == results[1] == results[2]
    assert len(PAIModelRegistryHook().versions(model_name)) == 1
    assert attempt.xcoms["version_name"] == "0.1.0"


def test_the_metrics_of_a_job_are_registered_as_its_task_returns_them(pai: LocalPAI, model_name: str) -> None:
    regexes = {"cut": "cut=([0-9.]+)", "gone": "gone=(\\S+)", "kept": "kept=([0-9.]+)"}
    trained = executed(
        training(
            command="echo cut=0.5 gone=0.5 kept=0.5; echo cut=9.8e-05 gone=nan; echo model > $PAI_OUTPUT_MODEL/m",
            metric_definitions=[{"name": name, "regex": regex} for name, regex in regexes.items()],
        ),
        Attempt().context,
    )
    assert trained["metrics"] == {"kept": 0.5}
    run(register(model_name, job_id=trained["job_id"]))
    assert PAIModelRegistryHook().version(model_name, "0.1.0").metrics == trained["metrics"]


def test_a_file_is_registered_unless_it_is_to_be_mounted(model_name: str, model_uri: str) -> None:
    file = f"{model_uri}model.joblib"
    container = {"image_uri": "serve:1", "command": "serve", "instance_type": "ecs.c6.large"}
    with pytest.raises(AirflowFailException, match="is a file; give its folder"):
        run(register(model_name, model_uri=file, metrics={}, inference_spec=container))
    assert PAIModelRegistryHook().find(model_name) is None
    for served in ({}, {"processor": "xgboost", "instance_type": "ecs.c6.large"}):
        run(register(f"{model_name}-{len(served)}", model_uri=file, metrics={}, inference_spec=served))


@pytest.mark.parametrize("operation", ["CreateModel", "CreateModelVersion"])
@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE, FaultKind.HTML])
def test_a_lost_answer_makes_no_second_version(
    pai: LocalPAI, model_name: str, model_uri: str, operation: str, kind: FaultKind
) -> None:
    pai.faults.add(Fault(operation, kind))
    attempt = Attempt(task_id="register")
    operator = register(model_name, model_uri=model_uri)
    try:
        run(operator, attempt)
    except PAIError:
        run(operator, attempt.retried())
    assert [each.name for each in PAIModelRegistryHook().versions(model_name)] == ["0.1.0"]


def test_model_job_and_metrics_come_from_the_one_upstream_task_that_made_a_model(
    model_name: str, model_uri: str
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    with DAG("d", schedule=None):
        train, other = training(task_id="train"), training(task_id="other")
        operator = register(model_name)
        [train, other] >> operator
    UPSTREAM["train"] = {"model_uri": model_uri, "metrics": {"acc": 0.5}}
    value = run(operator, Pulling(task_id="register"))
    assert value["model_uri"] == model_uri
    assert PAIModelRegistryHook().version(model_name, "0.1.0").metrics == {"acc": 0.5}
    UPSTREAM["other"] = {"model_uri": "oss://b/x/"}
    with pytest.raises(AirflowFailException, match="model_uri must be given: upstream tasks other, train"):
        run(operator, Pulling(task_id="register"))
    UPSTREAM.clear()
    with pytest.raises(AirflowFailException, match="no upstream task has one"):
        run(operator, Pulling(task_id="register"))


def test_an_approval_ends_the_wait_of_a_deferred_task(model_name: str, model_uri: str) -> None:
    operator = register(model_name, model_uri=model_uri, wait_for_approval=True, deferrable=True, poll_interval=0.2)
    attempt = Attempt(task_id="register")
    with pytest.raises(TaskDeferred) as deferred:
        run(operator, attempt)
    assert attempt.xcoms["approval_status"] == "Pending"
    event = fired(deferred.value, lambda: PAIModelRegistryHook().approve(model_name, "0.1.0"))
    value = operator.execute_complete(attempt.context, event)
    assert value["approval_status"] == attempt.xcoms["approval_status"] == "Approved"


@pytest.mark.parametrize(("on_rejected", "error"), [("fail", AirflowFailException), ("skip", AirflowSkipException)])
def test_a_rejection_fails_or_skips(model_name: str, model_uri: str, on_rejected: str, error: type[Exception]) -> None:
    arguments = {"model_uri": model_uri, "wait_for_approval": True, "poll_interval": 0.1, "on_rejected": on_rejected}
    run(register(model_name, model_uri=model_uri))
    PAIModelRegistryHook().reject(model_name, "0.1.0")
    with pytest.raises(error, match=r"0\.1\.0 of model .* was rejected"):
        run(register(model_name, **arguments))


def test_a_missing_approval_is_an_error_that_says_what_to_do(model_name: str, model_uri: str) -> None:
    arguments = {"model_uri": model_uri, "wait_for_approval": True, "approval_timeout": 0.3, "poll_interval": 0.1}
    with pytest.raises(AirflowException, match=r"neither approved nor rejected within 0 s; decide on it"):
        run(register(model_name, **arguments))
    with pytest.raises(TaskDeferred) as deferred:
        run(register(model_name, **arguments, deferrable=True))
    with pytest.raises(AirflowException, match="neither approved nor rejected"):
        register(model_name, **arguments).execute_complete(Attempt().context, fired(deferred.value))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"model_uri": "nowhere"}, "model_uri"),
        ({"format_type": "Pickle"}, "format_type"),
        ({"framework_type": "PyTorch"}, "framework_type"),
        ({"approval_status": "approved"}, "approval_status"),
        ({"version_name": "1"}, "version_name"),
        ({"metrics": {"m": "x" * 9000}}, "metrics"),
        ({"metrics": {"m": float("nan")}}, "metrics"),
        ({"labels": {"airflow.key": "x"}}, "labels"),
        ({"labels": {"a": "b=c"}}, "labels"),
        ({"inference_spec": {"image_uri": "x", "instance_type": "nonsense"}}, "inference_spec"),
        ({"inference_spec": {"service_name": "x"}}, "inference_spec"),
        ({"on_rejected": "ignore"}, "on_rejected"),
        ({"approval_timeout": "soon"}, "approval_timeout"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"model_name": ""}, "model_name"),
    ],
)
def test_wrong_arguments_are_refused_by_name_before_anything_is_registered(
    model_name: str, model_uri: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(AirflowFailException, match=rf"\b{named}\b"):
        run(register(**{"model_name": model_name, "model_uri": model_uri, **arguments}))
    assert PAIModelRegistryHook().find(model_name) is None


def test_a_sensor_finds_the_newest_approved_version(pai: LocalPAI, model_name: str, model_uri: str) -> None:
    def sensor(**arguments: Any) -> PAIModelVersionSensor:
        least: dict[str, Any] = {"task_id": "wait", "model_name": model_name, "poke_interval": 0.1, "timeout": 0.5}
        return PAIModelVersionSensor(**{**least, **arguments})

    with pytest.raises(AirflowSensorTimeout):
        run(sensor())
    for number in (1, 2, 3):
        run(register(model_name, model_uri=f"{model_uri}{number}/"))
    hook = PAIModelRegistryHook()
    hook.approve(model_name, "0.2.0")
    hook.approve(model_name, "0.1.0")
    hook.reject(model_name, "0.3.0")
    assert run(sensor())["version_name"] == "0.2.0"
    with pytest.raises(TaskDeferred) as deferred:
        run(sensor(deferrable=True, version_name="0.3.0", timeout=PATIENCE))
    with pytest.raises(AirflowFailException, match=r"0\.3\.0 .* is Rejected, which is final"):
        sensor().execute_complete(Attempt().context, fired(deferred.value))
    with pytest.raises(AirflowFailException, match="target_status"):
        run(sensor(target_status="Good"))


@pytest.mark.parametrize("content", [b"damaged", b"", b"[]", b"{}", b'{"of_a_newer_version": 1}', b"\xff"])
def test_a_model_without_a_record_still_says_which_job_made_it(pai: LocalPAI, model_name: str, content: bytes) -> None:
    trained = executed(training(command="echo x > $PAI_OUTPUT_MODEL/m"), Attempt().context)
    run(register(model_name, job_id=trained["job_id"]))
    hook = PAIModelRegistryHook()
    hook.oss.write(_record(trained["model_uri"]), content)
    assert hook.lineage(model_name, "0.1.0") == Lineage(
        model_uri=hook.version(model_name, "0.1.0").uri,
        model_name=model_name,
        version_name="0.1.0",
        approval_status="Pending",
        job_id=trained["job_id"],
    )


def _record(model_uri: str) -> Any:
    from airflow_provider_pai.model.uri import OssUri

    return OssUri.parse(f"{model_uri}lineage.json")


INFERENCE = {"image_uri": "registry/serve:1", "command": "python serve.py", "instance_type": "ecs.c6.large"}


def test_the_newest_approved_version_is_deployed_and_says_so(pai: LocalPAI, name: str, code: str) -> None:
    hook = PAIModelRegistryHook()
    for model in (OLD, NEW):
        run(register(name, model_uri=model.stored(), inference_spec={**INFERENCE, "source_dir": code}))
    with pytest.raises(AirflowFailException, match=r"no approved version \(there are: 0\.2\.0, 0\.1\.0\)"):
        run(by_name(name))
    with pytest.raises(AirflowFailException, match="version is that of a registered model; give model, too"):
        run(PAIDeployServiceOperator(task_id="deploy", service_name=name, version="0.1.0", **INFERENCE))
    hook.approve(name, "0.1.0")
    with pytest.raises(AirflowFailException, match=r"version '0\.2\.0' of model .* is Pending; only an approved"):
        run(by_name(name, version="0.2.0"))
    assert run(by_name(name))["changed"]
    assert ask(name)["model"] == "old"
    hook.approve(name, "0.2.0")
    assert run(by_name(name, version="0.1.0"))["changed"] is False
    run(by_name(name))
    assert ask(name)["model"] == "new"
    labels = PAIServiceHook().describe(name).labels
    assert (labels["airflow.model"], labels["airflow.model_version"]) == (name, "0.2.0")
    lineage = PAIServiceHook().lineage(name)
    assert (lineage.service_name, lineage.version_name, lineage.approval_status) == (name, "0.2.0", "Approved")


def test_a_deferred_deployment_keeps_the_version_it_began_with(pai: LocalPAI, name: str, code: str) -> None:
    hook, oss = PAIModelRegistryHook(), PAIOSSHook()
    source = oss.upload(code, oss.default_folder("registry", "serve", uuid4().hex))
    run(register(name, model_uri=OLD.stored(), inference_spec={**INFERENCE, "source_dir": source}))
    hook.approve(name, "0.1.0")
    attempt = Attempt()
    with pytest.raises(TaskDeferred) as deferred:
        run(by_name(name, deferrable=True), attempt)
    run(register(name, model_uri=NEW.stored(), approval_status="Approved", inference_spec={**INFERENCE}))
    result: Any = deferred.value
    while isinstance(result, TaskDeferred):
        event = fired(result)
        try:
            result = by_name(name, deferrable=True).execute_complete(attempt.context, event)
        except TaskDeferred as again:
            result = again
    assert ask(name)["model"] == "old"


def test_the_champion_may_be_the_newest_approved_version(pai: LocalPAI, model_name: str, model_uri: str) -> None:
    def gate(**arguments: Any) -> Any:
        least: dict[str, Any] = {"task_id": "gate", "champion_model": model_name, "compare": {"acc": {}}}
        return run(PAIModelGateOperator(**{**least, "metrics": {"acc": 0.8}, **arguments}))

    assert gate(bars={"acc": 0.5})["champion"] is None
    run(register(model_name, model_uri=f"{model_uri}1/", metrics={"acc": 0.9}, approval_status="Approved"))
    run(register(model_name, model_uri=f"{model_uri}2/", metrics={"acc": 0.99}))
    with pytest.raises(AirflowFailException, match=r"champion's 0\.9"):
        gate()
    assert gate(metrics={"acc": 0.95})["champion"] == {
        "model": model_name,
        "model_uri": f"{model_uri}1/",
        "version": "0.1.0",
    }
    with pytest.raises(AirflowFailException, match="champion_service and champion_model are both given"):
        gate(champion_service="svc")


def by_name(name: str, **arguments: Any) -> PAIDeployServiceOperator:
    least: dict[str, Any] = {"task_id": "deploy", "service_name": name, "model": name, "poll_interval": 0.2}
    return PAIDeployServiceOperator(**{**least, **arguments})
