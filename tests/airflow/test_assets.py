"""Assets as Airflow knows them, and the news of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset, TaskDeferred

from airflow_provider_pai.assets.model import asset_extra, read_model_asset
from airflow_provider_pai.assets.oss import convert_asset_to_openlineage, create_asset
from airflow_provider_pai.errors import JobCommandError
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.operators.training import PAITrainingOperator
from tests.support.attempt import Attempt, training
from tests.support.triggerer import run_trigger

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime as ProvidersManager

    KIND = "asset"
except ImportError:
    from airflow.providers_manager import ProvidersManager
    from airflow.utils.context import OutletEventAccessors

    KIND = "dataset"

MODEL = "oss://models/churn"


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("oss://bucket/models/churn/", "oss://bucket/models/churn"),
        ("OSS://bucket/models/churn", "oss://bucket/models/churn"),
        ("oss://bucket.oss-cn-hangzhou.aliyuncs.com/models/churn", "oss://bucket/models/churn"),
        ("oss://bucket/models/churn?endpoint=oss-cn-hangzhou.aliyuncs.com", "oss://bucket/models/churn"),
        ("oss://bucket", "oss://bucket/"),
    ],
)
def test_one_place_has_one_uri_however_it_is_written(given: str, uri: str) -> None:
    assert Asset(uri=given).uri == uri


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_uri_that_names_no_bucket_is_refused() -> None:
    # 2.11 only warns of it; here, warnings are errors.
    with pytest.raises((ValueError, UserWarning), match="has no valid bucket name"):
        Asset(uri="oss://NOT_A_BUCKET/models")


def test_airflow_makes_and_translates_assets_of_the_scheme_with_our_functions() -> None:
    manager: Any = ProvidersManager()
    assert getattr(manager, f"{KIND}_factories")["oss"] is create_asset
    assert getattr(manager, f"{KIND}_to_openlineage_converters")["oss"] is convert_asset_to_openlineage


def test_an_asset_is_made_of_bucket_and_key() -> None:
    asset = create_asset(bucket="bucket", key="/models/churn/", extra={"rows": 3})
    assert (asset.uri, asset.extra) == ("oss://bucket/models/churn", {"rows": 3})


def test_a_text_becomes_the_asset_that_other_dags_make_of_it() -> None:
    for text in (MODEL, f"{MODEL}/", "churn"):
        made, meant = read_model_asset(text), Asset(text)
        assert (made.uri, getattr(made, "name", "")) == (meant.uri, getattr(meant, "name", ""))


@pytest.mark.parametrize(
    "given",
    ["", 1, True, [MODEL], {"uri": MODEL}, " ", "\n", "x" * 2000, "oss://", "airflow://x", "https://me:hunter2@host/x"],
)
def test_what_is_no_asset_does_not_break_the_dag_file_and_is_refused_by_name_when_the_task_runs(given: Any) -> None:
    operator = training(model_asset=given)
    assert operator.outlets == []
    with pytest.raises(AirflowFailException, match="model_asset "):
        operator.execute(context_of(Attempt()))


def test_airflow_knows_the_asset_from_the_dag_once() -> None:
    other = Asset("oss://bucket/report")
    assert training(model_asset=MODEL, outlets=[other]).outlets == [other, read_model_asset(MODEL)]
    asset = Asset(MODEL)
    assert training(model_asset=asset, outlets=[asset]).outlets == [asset]
    assert training().outlets == []


def trained(**arguments: Any) -> PAITrainingOperator:
    return training(
        command="sleep 0.7; echo accuracy=0.75; echo model > $PAI_OUTPUT_MODEL/model.txt",
        metric_definitions=[{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
        model_asset=MODEL,
        **arguments,
    )


def context_of(attempt: Attempt) -> Any:
    return {**attempt.context, "outlet_events": OutletEventAccessors()}


def events(operator: PAITrainingOperator, context: Any) -> list[Any]:
    """The extras of the events that Airflow makes of the task's success: one for each asset in its outlets."""
    return [context["outlet_events"][asset].extra for asset in operator.outlets]


def test_the_asset_event_of_a_model_names_its_uri_job_image_and_code(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("pass")
    operator, context = trained(source_dir=str(tmp_path)), context_of(Attempt())
    value = operator.execute(context)
    (extra,) = events(operator, context)
    digest = value["code_uri"].split("/")[-2]
    assert extra == {
        "model_uri": value["model_uri"],
        "job_id": value["job_id"],
        "image_uri": value["image_uri"],
        "code_uri": value["code_uri"],
        "console_url": value["console_url"],
        "metrics": {"accuracy": 0.75},
        "code_digest": digest,
    }
    assert len(bytes.fromhex(digest)) == 32
    json.dumps(extra, allow_nan=False)


def test_a_deferred_task_emits_the_same_asset_event_from_the_worker(pai: LocalPAI) -> None:
    attempt = Attempt()
    operator, context = trained(deferrable=True), context_of(attempt)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert events(operator, context) == [{}]
    again, resumed = trained(deferrable=True), context_of(attempt)
    value = again.execute_complete(resumed, run_trigger(deferred.value))
    (extra,) = events(again, resumed)
    assert extra["model_uri"] == value["model_uri"]
    assert extra["metrics"] == {"accuracy": 0.75}


def test_a_dry_run_emits_no_asset_event(pai: LocalPAI) -> None:
    operator, context = trained(dry_run=True, outlets=[Asset("oss://bucket/report")]), context_of(Attempt())
    operator.execute(context)
    assert [asset.uri for asset in operator.outlets] == ["oss://bucket/report"]


def test_a_model_on_the_worker_emits_no_asset_event(pai: LocalPAI, tmp_path: Path) -> None:
    operator, context = trained(instance_type="local", image=None, output_path=str(tmp_path)), context_of(Attempt())
    assert operator.execute(context)["status"] == "Succeed"
    assert events(operator, context) == []


def test_a_job_that_failed_emits_no_asset_event(pai: LocalPAI) -> None:
    context = context_of(Attempt())
    with pytest.raises(JobCommandError):
        training(command="exit 3", model_asset=MODEL).execute(context)
    assert len(context["outlet_events"]) == 0


def test_model_asset_is_refused_without_wait_for_completion(pai: LocalPAI) -> None:
    with pytest.raises(AirflowFailException, match="model_asset needs wait_for_completion=True"):
        training(model_asset=MODEL, wait_for_completion=False).execute(context_of(Attempt()))


def test_an_asset_event_omits_metrics_without_a_value_and_digests_of_code_given_by_uri() -> None:
    result = {
        "model_uri": "oss://b/m/", "job_id": "train1", "image_uri": None, "console_url": "https://x",
        "code_uri": "oss://b/code/", "metrics": {"a": 1.0, "b": float("nan")},
    }  # fmt: skip
    assert asset_extra(result)["metrics"] == {"a": 1.0}
    assert asset_extra(result)["code_digest"] is None
    assert asset_extra({**result, "code_uri": None})["code_digest"] is None
