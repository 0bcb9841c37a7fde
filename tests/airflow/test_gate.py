"""PAIModelGateOperator against local PAI: what a task's author sees."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from tests.support.attempt import Attempt
from tests.support.deploying import NEW, OLD, deploying

METRICS = {"accuracy": 0.95, "loss": 0.2}
PASSING, FAILING = {"accuracy": 0.9}, {"accuracy": {"min": 0.97}}


def gate(**arguments: Any) -> PAIModelGateOperator:
    least: dict[str, Any] = {"task_id": "gate", "metrics": METRICS, "bars": PASSING}
    return PAIModelGateOperator(**{**least, **arguments})


@pytest.fixture
def model_uri(pai: LocalPAI) -> str:
    """The folder of a model that no other test has."""
    uri = PAIOSSHook().default_folder("gate", uuid4().hex)
    PAIOSSHook().write(f"{uri}model.joblib", b"a model")
    return uri


def kept(uri: str, name: str = "metrics.json") -> Any:
    return json.loads(PAIOSSHook().read(uri + name))


def test_a_good_model_passes_and_the_result_says_what_decided(pai: LocalPAI) -> None:
    attempt = Attempt(task_id="gate")
    result = gate().execute(attempt.context)
    assert result == {
        "passed": True,
        "decided_by": "accuracy",
        "margin": pytest.approx(0.05),
        "reason": "accuracy is 0.95, must be at least 0.9 (its bar): holds by 0.05",
        "values": {"accuracy": 0.95},
        "champion": None,
        "champion_values": {},
        "model_uri": None,
    }
    assert attempt.xcoms["return_value"] == result


def test_a_bad_model_fails_the_task_without_retry_and_leaves_the_result(pai: LocalPAI) -> None:
    attempt = Attempt(task_id="gate")
    with pytest.raises(AirflowFailException, match=r"accuracy is 0\.95, must be at least 0.97") as failed:
        gate(bars=FAILING).execute(attempt.context)
    assert "misses by 0.02" in str(failed.value)
    assert attempt.xcoms["return_value"]["passed"] is False
    assert attempt.xcoms["return_value"]["decided_by"] == "accuracy"


def test_metrics_that_are_given_are_kept_beside_the_model(model_uri: str) -> None:
    gate(model_uri=model_uri).execute(Attempt(task_id="gate").context)
    assert kept(model_uri) == METRICS


def test_metrics_of_a_model_that_does_not_pass_are_kept_too(model_uri: str) -> None:
    with pytest.raises(AirflowFailException):
        gate(model_uri=model_uri, bars=FAILING).execute(Attempt(task_id="gate").context)
    assert kept(model_uri) == METRICS


def test_what_the_training_script_wrote_about_the_model_stays(model_uri: str) -> None:
    PAIOSSHook().write(f"{model_uri}metrics.json", json.dumps({"accuracy": 0.1, "rows": 369, "note": "x"}).encode())
    gate(model_uri=model_uri).execute(Attempt(task_id="gate").context)
    assert kept(model_uri) == {**METRICS, "rows": 369, "note": "x"}


def test_what_is_no_number_is_not_kept(model_uri: str) -> None:
    metrics = {"accuracy": 0.95, "gap": float("nan"), "note": "x"}
    gate(model_uri=model_uri, metrics=metrics).execute(Attempt(task_id="gate").context)
    assert kept(model_uri) == {"accuracy": 0.95}


@pytest.mark.parametrize("slash", ["", "/"])
def test_metrics_are_read_from_the_models_folder(model_uri: str, slash: str) -> None:
    PAIOSSHook().write(f"{model_uri}scores.json", b'{"accuracy": 0.5, "loss": NaN}')
    arguments = {"metrics": None, "model_uri": model_uri.rstrip("/") + slash, "metrics_file": "scores.json"}
    result = gate(**arguments, bars={"accuracy": 0.4}).execute(Attempt(task_id="gate").context)
    assert result["values"] == {"accuracy": 0.5}
    with pytest.raises(AirflowFailException, match="loss has no value: it is nan, which is no finite number"):
        gate(**arguments, bars={"loss": {"max": 1}}).execute(Attempt(task_id="gate").context)


def test_a_missing_metrics_file_is_an_error_that_says_what_to_do(model_uri: str) -> None:
    with pytest.raises(AirflowFailException, match=f"there is no {model_uri}metrics.json; let the training script"):
        gate(metrics=None, model_uri=model_uri).execute(Attempt(task_id="gate").context)


@pytest.mark.parametrize("metrics", [None, METRICS])
def test_a_model_that_is_a_file_is_one_clear_error(model_uri: str, metrics: Any) -> None:
    file = f"{model_uri}model.joblib"
    said = re.escape(f"model_uri '{file}' is a file; give its folder, '{model_uri}'")
    with pytest.raises(AirflowFailException, match=said):
        gate(model_uri=file, metrics=metrics).execute(Attempt(task_id="gate").context)
    assert [uri for uri, _ in PAIOSSHook().list(model_uri)] == [file]


@pytest.mark.parametrize("content", [b"accuracy=0.9", b"[0.9]", b"\xff\xfe"])
@pytest.mark.parametrize("metrics", [None, METRICS])
def test_a_file_without_metrics_is_an_error_and_is_not_changed(model_uri: str, content: bytes, metrics: Any) -> None:
    PAIOSSHook().write(f"{model_uri}metrics.json", content)
    with pytest.raises(AirflowFailException, match="holds no JSON object with metrics by name; name another file"):
        gate(metrics=metrics, model_uri=model_uri).execute(Attempt(task_id="gate").context)
    assert PAIOSSHook().read(f"{model_uri}metrics.json") == content


def test_judging_given_metrics_needs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PAI_DEFAULT", raising=False)
    assert gate().execute(Attempt(task_id="gate").context)["passed"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to judge": ({"metrics": None}, "metrics or model_uri must be given"),
    "nothing to check": ({"bars": None}, "bars or compare must name a metric"),
    "no bars at all": ({"bars": {}}, "bars or compare must name a metric"),
    "nothing to compare with": ({"compare": {"accuracy": {}}}, "and compare belong together"),
    "nothing to compare": ({"champion_service": "svc"}, "and compare belong together"),
    "a bar that is none": ({"bars": {"accuracy": "high"}}, r"bars\['accuracy'\]: min must be a finite number"),
    "metrics that are text": ({"metrics": "{'accuracy': 1}"}, "render_template_as_native_obj"),
    "a model on the worker": ({"model_uri": "/tmp/model"}, "model_uri: '/tmp/model' does not begin with oss://"),
    "a file elsewhere": ({"metrics_file": "../other.json"}, "metrics_file must be the name of a file"),
    "an unknown way to fail": ({"on_fail": "explode"}, "on_fail must be 'fail', 'skip' or 'branch', not 'explode'"),
    "an unknown wish": ({"missing_champion": "skip"}, "missing_champion must be 'fail' or 'pass', not 'skip'"),
    "no branches": ({"on_fail": "branch", "follow_task_ids_if_true": "a"}, "follow_task_ids_if_false must be given"),
    "needless branches": ({"follow_task_ids_if_true": "a"}, "follow_task_ids_if_true has no meaning without"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_fails_the_task_without_retry_and_is_named(pai: LocalPAI, name: str) -> None:
    arguments, said = WRONG[name]
    with pytest.raises(AirflowFailException, match=said):
        gate(**arguments).execute(Attempt(task_id="gate").context)


def test_all_wrong_arguments_are_reported_at_once(pai: LocalPAI) -> None:
    with pytest.raises(AirflowFailException) as failed:
        gate(bars=[], compare=[], on_fail="explode", model_uri="s3://b/k").execute(Attempt(task_id="gate").context)
    assert str(failed.value).startswith("4 problems:")


VALUELESS: dict[str, dict[str, Any]] = {
    "missing, as the training task leaves it out": {"metrics": {"f1": 0.9}},
    "none": {"metrics": {"accuracy": None}},
    "nan": {"metrics": {"accuracy": float("nan")}},
    "infinite": {"metrics": {"accuracy": float("inf")}},
    "nan as text": {"metrics": {"accuracy": "nan"}},
}


@pytest.mark.parametrize("name", VALUELESS)
def test_a_model_with_a_metric_without_a_value_does_not_pass(pai: LocalPAI, name: str) -> None:
    attempt = Attempt(task_id="gate")
    with pytest.raises(AirflowFailException, match="not good enough: accuracy has no value: "):
        gate(**VALUELESS[name]).execute(attempt.context)
    result = attempt.xcoms["return_value"]
    assert (result["passed"], result["decided_by"], result["margin"]) == (False, "accuracy", None)


def test_an_older_value_does_not_stand_for_one_that_is_none(model_uri: str) -> None:
    PAIOSSHook().write(f"{model_uri}metrics.json", json.dumps({"accuracy": 0.99, "rows": 369}).encode())
    with pytest.raises(AirflowFailException, match="accuracy has no value"):
        gate(model_uri=model_uri, metrics={"accuracy": float("nan")}).execute(Attempt(task_id="gate").context)
    assert kept(model_uri) == {"rows": 369}


COMPARED: dict[str, Any] = {"bars": None, "compare": {"accuracy": {}}}


def gated(service: str, uri: str, accuracy: float, **arguments: Any) -> dict[str, Any]:
    """Judge a model against the champion; the result, also of one that is not good enough."""
    attempt = Attempt(task_id="gate")
    operator = gate(
        **{**COMPARED, "metrics": {"accuracy": accuracy}, "model_uri": uri, "champion_service": service, **arguments}
    )
    with suppress(AirflowFailException):
        operator.execute(attempt.context)
    result: dict[str, Any] = attempt.xcoms["return_value"]
    return result


def test_a_model_is_compared_with_the_one_that_is_served(pai: LocalPAI, name: str, code: str) -> None:
    first, second, third = OLD.stored(), NEW.stored(), NEW.stored()
    verdict = gated(name, first, 0.9)
    assert (verdict["passed"], verdict["champion"], verdict["decided_by"]) == (True, None, None)
    assert verdict["reason"] == "there is no champion to compare with yet"

    deploying(name, first, code).execute(Attempt().context)
    worse = gated(name, second, 0.8)
    assert (worse["passed"], worse["decided_by"]) == (False, "accuracy")
    assert worse["margin"] == pytest.approx(-0.1)
    assert worse["champion"] == {"service": name, "model_uri": first, "version": 1}
    assert (worse["values"], worse["champion_values"]) == ({"accuracy": 0.8}, {"accuracy": 0.9})

    better = gated(name, third, 0.95, compare={"accuracy": {"min_improvement": 0.01}})
    assert (better["passed"], better["decided_by"]) == (True, "accuracy")
    deploying(name, third, code).execute(Attempt().context)
    assert gated(name, second, 0.92)["champion"] == {"service": name, "model_uri": third, "version": 2}


def test_the_model_that_is_served_already_passes(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    deploying(name, uri, code).execute(Attempt().context)
    again = gated(name, uri.rstrip("/"), 0.9, compare={"accuracy": {"min_improvement": 0.5}})
    assert (again["passed"], again["reason"]) == (True, f"this is the champion itself, that of service {name}")


@pytest.mark.parametrize(("missing_champion", "passed"), [("fail", False), ("pass", True)])
def test_a_champion_without_metrics_is_decided_by_the_author(
    pai: LocalPAI, name: str, code: str, missing_champion: str, passed: bool
) -> None:
    uri = OLD.stored()
    deploying(name, uri, code).execute(Attempt().context)
    verdict = gated(name, NEW.stored(), 0.9, missing_champion=missing_champion)
    assert verdict["passed"] is passed
    assert verdict["reason"] == f"accuracy of the champion of service {name} is not known ({uri})"


def test_the_champions_metrics_are_looked_for_where_the_models_are(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    PAIOSSHook().write(f"{uri}scores.json", b'{"accuracy": 0.7}')
    deploying(name, uri, code).execute(Attempt().context)
    verdict = gated(name, NEW.stored(), 0.8, metrics_file="scores.json")
    assert (verdict["passed"], verdict["champion_values"]) == (True, {"accuracy": 0.7})


def test_a_champion_that_may_not_be_read_is_an_error_and_not_a_missing_champion(pai: LocalPAI, model_uri: str) -> None:
    pai.faults.add(Fault("DescribeService", FaultKind.ERROR, times=100, status=403, code="NoPermission"))
    attempt = Attempt(task_id="gate")
    with pytest.raises(AirflowFailException, match="NoPermission"):
        gate(**COMPARED, model_uri=model_uri, champion_service="absent").execute(attempt.context)
    assert "return_value" not in attempt.xcoms
