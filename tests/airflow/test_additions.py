"""What a job gets beside its author's arguments: labels of the environment, the DAG's bundle, the trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.errors import JobFailedError
from airflow_provider_pai.hooks.additions import bundle_of
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.fingerprint import FINGERPRINT_LABEL
from airflow_provider_pai.model.training.ownership import KEY_LABEL
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.attempt import Attempt, training


@dataclass
class Bundle:
    """A DAG bundle as Airflow 3 has it."""

    name: str = "dags"
    version: str | None = "4f2c1d"


class Unreadable:
    """A bundle whose repository is gone."""

    name = "dags"

    @property
    def version(self) -> str:
        raise OSError("no repository")


@dataclass
class BundledAttempt(Attempt):
    """An attempt on Airflow 3."""

    bundle_instance: Any = None


def bundled(bundle: Any, **given: Any) -> BundledAttempt:
    attempt = BundledAttempt(**given)
    attempt.bundle_instance = bundle
    return attempt


def job_of(value: dict[str, Any]) -> JobSnapshot:
    return PAITrainingHook().client.send(get_training_job(value["job_id"]))


def test_a_job_has_the_labels_of_the_environment_and_the_tasks_own_win(
    pai: LocalPAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__LABELS", "team=search,cost_center=4711")
    labels = job_of(training(labels={"team": "ranking"}).execute(Attempt().context)).labels
    assert (labels["team"], labels["cost_center"]) == ("ranking", "4711")


def test_labels_that_cannot_be_read_fail_the_task_before_anything_is_sent(
    pai: LocalPAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__LABELS", "team")
    with pytest.raises(AirflowFailException, match=r"\[pai\] labels must be name=value"):
        training().execute(Attempt().context)
    assert pai.faults.counts().get("CreateTrainingJob", 0) == 0


def test_labels_and_result_name_the_bundle(pai: LocalPAI) -> None:
    attempt = bundled(Bundle())
    value = training().execute(attempt.context)
    assert (value["bundle_name"], value["bundle_version"]) == ("dags", "4f2c1d")
    labels = job_of(value).labels
    assert (labels["airflow.bundle_name"], labels["airflow.bundle_version"]) == ("dags", "4f2c1d")


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [(Attempt(), (None, None)), (bundled(Bundle(version=None)), ("dags", None)), (bundled(Unreadable()), (None, None))],
)
def test_a_bundle_that_says_nothing_is_left_out(attempt: Attempt, expected: tuple[str | None, str | None]) -> None:
    assert bundle_of(attempt) == expected


def test_another_bundle_trace_or_environment_is_no_other_job(
    pai: LocalPAI, monkeypatch: pytest.MonkeyPatch, task_log: Callable[[], list[str]]
) -> None:
    first = bundled(Bundle(), max_tries=1)
    submitted = training(wait_for_completion=False, retries=1).execute(first.context)
    task_log()
    monkeypatch.setenv("AIRFLOW__PAI__LABELS", "team=search")
    later = bundled(Bundle("other", "9e9e9e"), run_id=first.run_id, try_number=2, max_tries=1)
    with traced():
        adopted = training(wait_for_completion=False, retries=1).execute(later.context)
    assert adopted["job_id"] == submitted["job_id"]
    assert not [line for line in task_log() if "other values of" in line]


def test_the_additions_are_in_no_key_and_no_fingerprint(pai: LocalPAI, monkeypatch: pytest.MonkeyPatch) -> None:
    command = {"command": "exit 3", "retries": 1}
    first = bundled(Bundle(), max_tries=1)
    with pytest.raises(JobFailedError):
        training(**command).execute(first.context)
    monkeypatch.setenv("AIRFLOW__PAI__LABELS", "team=search")
    second = bundled(Bundle("other", "9e9e9e"), run_id=first.run_id, try_number=2, max_tries=1)
    with traced(), pytest.raises(JobFailedError):
        training(**command).execute(second.context)
    jobs = [job_of(attempt.xcoms) for attempt in (first, second)]
    assert jobs[0].job_id != jobs[1].job_id
    for label in (KEY_LABEL, FINGERPRINT_LABEL):
        assert jobs[0].labels[label] == jobs[1].labels[label]


def traced() -> Any:
    """A span that is current, as Airflow's is while it traces a task."""
    from opentelemetry import trace

    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    return trace.use_span(trace.NonRecordingSpan(context))


TRACE = f"00-{0xABC:032x}-{0xDEF:016x}-01"
PRINT = {"command": 'printf "%s" "$TRACEPARENT" > "$PAI_OUTPUT_MODEL/trace"'}


@pytest.mark.parametrize(
    ("environments", "expected"), [(None, TRACE), ({"TRACEPARENT": "00-own"}, "00-own")], ids=["the task's", "its own"]
)
def test_a_traced_tasks_job_knows_its_trace(pai: LocalPAI, environments: dict[str, str] | None, expected: str) -> None:
    with traced():
        value = training(**PRINT, environments=environments).execute(Attempt().context)
    assert PAITrainingHook().oss.read(_object(value["model_uri"] + "trace")) == expected.encode()


def test_the_job_of_a_task_that_is_not_traced_has_no_trace(pai: LocalPAI) -> None:
    request = training(dry_run=True).execute(Attempt().context)
    assert "TRACEPARENT" not in request["body"]["Environments"]
    with traced():
        request = training(dry_run=True).execute(Attempt().context)
    assert request["body"]["Environments"]["TRACEPARENT"] == TRACE


def _object(uri: str) -> Any:
    from airflow_provider_pai.model.uri import OssUri

    return OssUri.parse(uri)
