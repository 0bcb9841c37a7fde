"""What the operator makes of its arguments, and refuses."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.packaging.source import SMALL
from airflow_provider_pai.errors import JobFailedError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, trained, training


def raw_job(hook: PAITrainingHook, job_id: str) -> dict[str, Any]:
    """GetTrainingJob as it is on the wire."""
    return hook.client.send(replace(get_training_job(job_id), parse=dict))  # type: ignore[arg-type]


def test_execution_timeout_is_also_pais_own_limit(pai: LocalPAI, hook: PAITrainingHook) -> None:
    operator = training(wait_for_completion=False, execution_timeout=timedelta(minutes=5), max_run_time=600)
    job_id = operator.execute(Attempt().context)["job_id"]
    assert raw_job(hook, job_id)["Scheduler"]["MaxRunningTimeInSeconds"] == "300"


def test_unchanged_source_code_uploads_nothing(pai: LocalPAI, source: Path) -> None:
    # Of less, one request may send all of it again in place of asking first.
    (source / "table.bin").write_bytes(os.urandom(SMALL))
    first = trained(source).execute(Attempt().context)
    pai.faults.reset_counts()
    second = trained(source).execute(Attempt().context)
    assert second["code_uri"] == first["code_uri"]
    # The job's own outputs do not pass through the wire, so every PUT would be an upload of ours.
    assert pai.faults.counts().get("oss:PUT", 0) == 0


def test_requirements_of_the_source_folder_are_sent_along(pai: LocalPAI, source: Path, hook: PAITrainingHook) -> None:
    (source / "requirements.txt").write_text("# what it needs\nsome-package==1.0  # pinned\n")
    operator = trained(source, requirements=["other-package"], wait_for_completion=False)
    job_id = operator.execute(Attempt().context)["job_id"]
    assert raw_job(hook, job_id)["PythonRequirements"] == ["some-package==1.0", "other-package"]
    hook.stop(job_id)


BAD = {
    "command": {"command": " "},
    "image_uri is missing": {"image": None},
    "contradict": {"image_uri": "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04"},
    "instance_type": {"instance_type": "large"},
    "instance_type 'ecs.c6.nonesuch' is unknown": {"instance_type": "ecs.c6.nonesuch"},
    "instance_count": {"instance_count": 0},
    "poll_interval": {"poll_interval": "often"},
    "does not exist": {"source_dir": "/no/such/folder"},
    "hyperparameters": {"hyperparameters": {"layers": [1, 2]}},
    "would both become PAI_HPS_A_B": {"hyperparameters": {"a-b": 1, "a_b": 2}},
    "inputs": {"inputs": {"train": "s3://bucket/key"}},
    "outputs": {"outputs": {"model": "not a uri"}},
    "no training image of 'Caffe'|no .* 'Caffe'|Caffe": {"image": {"framework_name": "Caffe"}},
    "1.12": {"image": {"framework_name": "PyTorch", "framework_version": "99.9"}},
    "pai_conn_id": {"pai_conn_id": "nonesuch"},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_fail_the_task_without_retry_and_before_anything_is_sent(pai: LocalPAI, message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        training(**BAD[message]).execute(Attempt().context)
    counts = pai.faults.counts()
    assert counts.get("CreateTrainingJob", 0) == 0
    assert not [name for name in counts if name in ("oss:PUT", "oss:POST")]


def test_a_source_folder_without_files_is_refused(pai: LocalPAI, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="has no files"):
        training(source_dir=str(tmp_path)).execute(Attempt().context)


def test_all_problems_are_listed_at_once(pai: LocalPAI) -> None:
    operator = training(
        command="", instance_type="x", hyperparameters={"a": None}, inputs={"b": "ftp://c"}, environments={"1": "d"}
    )
    with pytest.raises(AirflowFailException) as failure:
        operator.execute(Attempt().context)
    for argument in ("command", "instance_type", "hyperparameters['a']", "inputs['b']", "environments"):
        assert argument in str(failure.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("access_key_secret",), "access_key_secret"),
        (("access_key_id",), "access_key_id"),
    ],
)
def test_wrong_keys_fail_the_task_without_retry(
    pai: LocalPAI, monkeypatch: pytest.MonkeyPatch, change: tuple[str], message: str
) -> None:
    right = getattr(pai.ready, change[0])
    uri = pai.ready.airflow_conn_uri.replace(right, "wrong" + right[5:], 1)
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", uri)
    with pytest.raises(AirflowFailException, match=message) as failure:
        training().execute(Attempt().context)
    assert pai.ready.access_key_secret not in str(failure.value)


@pytest.mark.parametrize("missing", ["region_id", "workspace_id"])
def test_a_connection_without_region_or_workspace_is_named(
    pai: LocalPAI, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    uri = pai.ready.airflow_conn_uri.replace(f"{missing}=", "unused=", 1)
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", uri)
    with pytest.raises(AirflowFailException, match=f"pai_default.*{missing}"):
        training().execute(Attempt().context)


def test_a_dry_run_returns_the_request_and_sends_nothing_but_look_ups(pai: LocalPAI, source: Path) -> None:
    attempt = Attempt()
    operator = trained(source, dry_run=True, environments={"HF_TOKEN": "abc"}, user_vpc_config=None)
    request = operator.execute(attempt.context)
    assert (request["action"], request["method"]) == ("CreateTrainingJob", "POST")
    assert request["url"] == f"{pai.ready.api}/api/v1/trainingjobs"
    body = request["body"]
    assert body["AlgorithmSpec"]["CodeDir"]["LocationValue"]["Key"].endswith("/source.tar.gz")
    assert {"Key": "airflow.task_id", "Value": "train"} in body["Labels"]
    assert body["Environments"] == {"HF_TOKEN": "***"}
    json.dumps(request)
    sent = pai.faults.counts()
    assert not [name for name in sent if name.startswith(("Create", "oss:P"))], sent
    assert attempt.xcoms == {}


def test_what_a_dry_run_shows_is_what_is_sent(pai: LocalPAI, hook: PAITrainingHook, source: Path) -> None:
    shown = trained(source, dry_run=True).execute(Attempt(run_id="shown").context)["body"]
    value = trained(source).execute(Attempt(run_id="sent").context)
    sent = raw_job(hook, value["job_id"])
    same = ("AlgorithmSpec", "HyperParameters", "InputChannels", "Environments", "PythonRequirements", "WorkspaceId")
    assert {name: shown[name] for name in same} == {name: sent[name] for name in same}


def test_a_retry_keeps_the_image_of_the_try_before(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=1)
    chosen = {"framework_name": "PyTorch", "framework_version": "latest", "accelerator_type": "CPU"}
    with pytest.raises(JobFailedError):
        training(image=chosen, command="exit 3", retries=1).execute(first.context)
    ran = raw_job(hook, first.xcoms["job_id"])["AlgorithmSpec"]["Image"]
    # The catalog has moved on; a retry that chose anew would get another image.
    value = training(image={**chosen, "accelerator_type": "GPU"}, retries=1).execute(first.retried().context)
    assert value["image_uri"] == ran
    after_clear = training(image={**chosen, "accelerator_type": "GPU"}, retries=1).execute(first.cleared(1).context)
    assert after_clear["image_uri"] != ran


def test_a_local_input_is_uploaded_once_and_read_by_the_job(pai: LocalPAI, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "a.csv").write_text("1,2,3")
    (tmp_path / "one.csv").write_text("one")
    inputs = {"table": str(data), "one": f"file://{tmp_path}/one.csv"}
    command = 'cat "$PAI_INPUT_TABLE/deep/a.csv" "$PAI_INPUT_ONE" > "$PAI_OUTPUT_MODEL/seen"'
    value = training(command=command, inputs=inputs).execute(Attempt().context)
    assert PAIOSSHook().read(value["model_uri"] + "seen") == b"1,2,3one"
    pai.faults.reset_counts()
    training(command=command, inputs=inputs).execute(Attempt().context)
    # The model alone is written, by the job; no input is sent again.
    assert pai.faults.counts().get("oss:PUT", 0) == 0


def test_a_dry_run_shows_where_local_inputs_would_go(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("one")
    request = training(inputs={"one": str(tmp_path / "one.csv")}, dry_run=True).execute(Attempt().context)
    (channel,) = request["body"]["InputChannels"]
    assert channel["InputUri"].startswith(f"oss://{pai.ready.bucket}/pai/input_data/")
    assert channel["InputUri"].endswith("/one.csv")
    assert pai.faults.counts().get("oss:PUT", 0) == 0


def test_a_local_input_that_is_not_there_is_named(pai: LocalPAI) -> None:
    with pytest.raises(AirflowFailException, match=r"inputs\['train'\].*no/such/data"):
        training(inputs={"train": "no/such/data"}).execute(Attempt().context)
