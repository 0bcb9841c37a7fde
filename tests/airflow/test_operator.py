"""PAITrainingOperator against local PAI: what a task's author sees."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_pai.api.training import get_training_job, list_training_jobs
from airflow_provider_pai.client.packaging.source import SMALL
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.errors import JobFailedError, JobStoppedError, JobTimeoutError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.ownership import LOOK_BACK
from airflow_provider_pai.model.training.status import JobStatus
from airflow_provider_pai.operators.attempt import owner_of
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.attempt import Attempt, training
from tests.support.triggerer import run_trigger


@pytest.fixture
def hook(pai: LocalPAI) -> PAITrainingHook:
    return PAITrainingHook()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import os, sys, time\n"
        "time.sleep(0.7)  # long enough to be deferred\n"
        "print('training with', sys.argv[1:])\n"
        "print('accuracy=0.75')\n"
        "open(os.environ['PAI_OUTPUT_MODEL'] + 'model.txt', 'w').write('a model')\n"
    )
    return folder


def trained(source: Path, **arguments: Any) -> Any:
    return training(
        source_dir=str(source),
        command="python train.py $PAI_USER_ARGS",
        hyperparameters={"lr": 0.1},
        metric_definitions=[{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
        **arguments,
    )


def raw_job(hook: PAITrainingHook, job_id: str) -> dict[str, Any]:
    """GetTrainingJob as it is on the wire."""
    return hook.client.send(replace(get_training_job(job_id), parse=dict))  # type: ignore[arg-type]


def jobs_of(pai: LocalPAI, hook: PAITrainingHook, attempt: Attempt) -> list[Any]:
    call = list_training_jobs(
        hook.config.workspace_id, start_time=utc_now() - LOOK_BACK, labels=owner_of(attempt, 0).filters()[0]
    )
    return list(hook.client.send(call).items)


def test_a_task_returns_where_its_model_lies(pai: LocalPAI, source: Path) -> None:
    attempt = Attempt()
    value = trained(source).execute(attempt.context)
    assert value["status"] == "Succeed"
    assert value["model_uri"].startswith(f"oss://{pai.ready.bucket}/")
    assert value["model_uri"].endswith("/model/")
    assert value["metrics"] == {"accuracy": 0.75}
    assert value["outputs"]["model"] == value["model_uri"]
    assert value["job_name"].startswith("train_2")
    assert set(value) == {
        "model_uri", "job_id", "job_name", "status", "outputs", "metrics", "console_url", "image_uri", "code_uri",
        "duration_s",
    }  # fmt: skip
    assert PAIOSSHook().read(value["model_uri"] + "model.txt") == b"a model"
    assert attempt.xcoms["model_uri"] == value["model_uri"]
    assert attempt.xcoms["job_id"] == value["job_id"]
    assert value["job_id"] in attempt.xcoms["console_url"]
    assert attempt.xcoms == {**value, "_pai_link": value["console_url"]}, "each member is readable by its own key"
    json.dumps(value)


def test_without_xcoms_nothing_but_the_link_is_pushed(pai: LocalPAI) -> None:
    attempt = Attempt()
    value = training(do_xcom_push=False).execute(attempt.context)
    assert attempt.xcoms == {"_pai_link": value["console_url"]}


def test_a_job_that_leaves_no_model_is_said_and_makes_no_event(
    pai: LocalPAI, task_log: Callable[[], list[str]]
) -> None:
    value = training(command="true").execute(Attempt().context)
    assert not any("its model is at" in line for line in task_log())
    assert value["status"] == "Succeed"
    operator = training(command="true", model_asset="oss://models/none")
    with pytest.raises(JobFailedError, match="left no model") as failure:
        operator.execute(Attempt().context)
    assert str(failure.value).splitlines()[-1].startswith("what to do: Let it write the model into")


def test_log_lines_appear_once_and_in_order_in_the_task_log(
    pai: LocalPAI, source: Path, task_log: Callable[[], list[str]]
) -> None:
    operator = training(command="for i in $(seq 1 250); do echo line $i; done")
    operator.execute(Attempt().context)
    assert [text for text in task_log() if text.startswith("line ")] == [f"line {i}" for i in range(1, 251)]


def test_a_deferred_task_gives_the_same_result(pai: LocalPAI, source: Path, task_log: Callable[[], list[str]]) -> None:
    attempt = Attempt()
    operator = trained(source, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    assert attempt.xcoms["job_id"] in attempt.xcoms["console_url"]
    event = run_trigger(deferred.value)
    assert task_log().count("training with ['--lr', '0.1']") == 1
    value = trained(source, deferrable=True).execute_complete(attempt.context, event)
    assert value["status"] == "Succeed"
    assert value["metrics"] == {"accuracy": 0.75}
    assert value["image_uri"]
    assert attempt.xcoms["model_uri"] == value["model_uri"]


def test_trigger_row_and_event_hold_no_secret(pai: LocalPAI, source: Path) -> None:
    attempt = Attempt()
    with pytest.raises(TaskDeferred) as deferred:
        trained(source, deferrable=True, environments={"HIDDEN": "not for the event"}).execute(attempt.context)
    everything = json.dumps([deferred.value.trigger.serialize(), run_trigger(deferred.value)])
    assert pai.ready.access_key_secret not in everything
    assert "not for the event" not in everything


def test_a_trigger_that_leaves_its_job_does_so_when_it_is_killed(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    with pytest.raises(TaskDeferred) as deferred:
        training(command="sleep 60", deferrable=True, on_kill="leave").execute(attempt.context)
    _, arguments = deferred.value.trigger.serialize()
    assert arguments["stop_on_kill"] is False
    pai.faults.reset_counts()
    asyncio.run(PAITrainingTrigger(**json.loads(json.dumps(arguments))).on_kill())
    assert pai.faults.counts() == {}
    job_id = attempt.xcoms["job_id"]
    assert not hook.get(job_id).is_terminal
    hook.stop(job_id)


def test_without_waiting_the_task_returns_at_once(pai: LocalPAI, hook: PAITrainingHook) -> None:
    value = training(command="sleep 60", wait_for_completion=False).execute(Attempt().context)
    assert value["status"] not in ("Succeed", "Failed")
    hook.stop(value["job_id"])


def test_a_failed_job_fails_the_task_with_its_reason_and_keeps_its_last_log_lines(pai: LocalPAI) -> None:
    with pytest.raises(JobFailedError, match="ended as Failed") as failure:
        training(command="echo before; echo the reason is here >&2; exit 3").execute(Attempt().context)
    assert failure.value.log_tail[-1] == "the reason is here"
    assert failure.value.snapshot.status == JobStatus.FAILED


def test_a_job_stopped_by_somebody_else_is_no_success(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    hook.stop(attempt.xcoms["job_id"])
    with pytest.raises(JobStoppedError, match="Terminated"):
        operator.execute_complete(attempt.context, run_trigger(deferred.value))


def test_a_retry_goes_on_with_the_running_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=2)
    operator = training(command="sleep 60", wait_for_completion=False, retries=2)
    job_id = operator.execute(first.context)["job_id"]
    assert operator.execute(first.retried().context)["job_id"] == job_id
    assert [job.job_id for job in jobs_of(pai, hook, first)] == [job_id]
    hook.stop(job_id)


def test_a_retry_after_a_failed_job_submits_a_new_one(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=1)
    with pytest.raises(JobFailedError):
        training(command="exit 1", retries=1).execute(first.context)
    value = training(command="echo fine", retries=1).execute(first.retried().context)
    assert value["status"] == "Succeed"
    assert {job.status for job in jobs_of(pai, hook, first)} == {"Failed", "Succeed"}


def test_a_cleared_task_stops_the_old_job_and_submits_a_new_one(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt()
    operator = training(command="sleep 60", wait_for_completion=False)
    old = operator.execute(first.context)["job_id"]
    new = operator.execute(first.cleared().context)["job_id"]
    assert new != old
    assert hook.wait(old, interval=0.1, show=list).status == "Terminated"
    assert not hook.get(new).is_terminal
    hook.stop(new)


def test_a_killed_task_stops_its_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    operator = training(command="sleep 60", wait_for_completion=False)
    job_id = operator.execute(Attempt().context)["job_id"]
    operator.on_kill()
    assert hook.wait(job_id, interval=0.1, show=list).status == "Terminated"


def test_a_dying_copy_does_not_stop_the_job_that_a_later_try_has_taken(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=2)
    dying = training(command="sleep 60", wait_for_completion=False, retries=2)
    job_id = dying.execute(first.context)["job_id"]
    alive = training(command="sleep 60", wait_for_completion=False, retries=2)
    assert alive.execute(first.retried().context)["job_id"] == job_id
    dying.on_kill()
    assert hook.get(job_id).status not in ("Terminated", "Failed")
    alive.on_kill()
    assert hook.wait(job_id, interval=0.1, show=list).status == "Terminated"


def test_a_job_that_is_being_stopped_is_not_taken_by_the_next_try(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=2)
    operator = training(command="trap '' TERM; sleep 60", wait_for_completion=False, retries=2)
    old = operator.execute(first.context)["job_id"]
    operator.on_kill()
    new = operator.execute(first.retried().context)["job_id"]
    assert new != old
    hook.stop(new)


def test_a_run_that_was_deleted_and_made_again_trains_again(pai: LocalPAI) -> None:
    first = Attempt(max_tries=1)
    old = training(command="true", retries=1).execute(first.context)
    assert training(command="true", retries=1).execute(first.retried().context)["job_id"] == old["job_id"]
    again = Attempt(run_id=first.run_id, max_tries=1)
    assert training(command="true", retries=1).execute(again.context)["job_id"] != old["job_id"]


def test_refused_credentials_while_waiting_leave_no_job_behind(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt(max_tries=2)
    pai.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, status=403, code="Forbidden.RAM"))
    with pytest.raises(AirflowFailException):
        training(command="sleep 60", retries=2).execute(attempt.context)
    assert hook.wait(attempt.xcoms["job_id"], interval=0.1, show=list).status == "Terminated"


def test_a_deferral_that_fails_leaves_the_job_to_the_next_try(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt(max_tries=2)
    operator = training(command="sleep 60", deferrable=True, retries=2)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    with pytest.raises(AirflowException, match="the trigger is broken"):
        operator.resume_execution("__fail__", {"error": "the trigger is broken"}, attempt.context)
    job_id = attempt.xcoms["job_id"]
    assert not hook.get(job_id).is_terminal
    hook.stop(job_id)


def test_a_deferral_that_fails_on_the_last_try_stops_the_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    with pytest.raises(AirflowException, match="Trigger timeout"):
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, attempt.context)
    assert hook.wait(attempt.xcoms["job_id"], interval=0.1, show=list).status == "Terminated"


def test_what_the_triggerer_can_not_watch_the_worker_does(pai: LocalPAI) -> None:
    attempt = Attempt()
    operator = training(command="sleep 1", deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    event = {"job_id": attempt.xcoms["job_id"], "status": None, "error": "AuthError: ...", "timeout": False}
    assert operator.execute_complete(attempt.context, event)["status"] == "Succeed"


def test_a_lost_answer_to_create_leaves_exactly_one_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    pai.faults.add(Fault("CreateTrainingJob", FaultKind.DROP_AFTER))
    attempt = Attempt()
    value = training().execute(attempt.context)
    assert value["status"] == "Succeed"
    assert [job.job_id for job in jobs_of(pai, hook, attempt)] == [value["job_id"]]
    assert pai.faults.counts()["CreateTrainingJob"] == 1


def test_a_throttled_create_is_sent_again(pai: LocalPAI, hook: PAITrainingHook) -> None:
    pai.faults.add(Fault("CreateTrainingJob", FaultKind.THROTTLE, times=2, retry_after_ms=50))
    attempt = Attempt()
    assert training().execute(attempt.context)["status"] == "Succeed"
    assert len(jobs_of(pai, hook, attempt)) == 1


@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.HTML, FaultKind.THROTTLE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("deferrable", [False, True])
def test_errors_while_waiting_do_not_fail_the_task(pai: LocalPAI, kind: FaultKind, deferrable: bool) -> None:
    attempt = Attempt()
    operator = training(command="sleep 1", deferrable=deferrable)
    pai.faults.add(Fault("GetTrainingJob", kind, times=2))
    pai.faults.add(Fault("ListTrainingJobLogs", kind, times=3))
    if deferrable:
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(attempt.context)
        value = operator.execute_complete(attempt.context, run_trigger(deferred.value))
    else:
        value = operator.execute(attempt.context)
    assert value["status"] == "Succeed"


def test_execution_timeout_of_a_deferred_task_stops_the_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", deferrable=True, execution_timeout=timedelta(seconds=2))
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    event = run_trigger(deferred.value)
    assert event["timeout"] is True
    assert hook.wait(attempt.xcoms["job_id"], interval=0.1, show=list).status == "Terminated"
    with pytest.raises((JobTimeoutError, JobStoppedError)):
        operator.execute_complete(attempt.context, event)


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


def test_a_dry_run_tells_where_local_inputs_would_go(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("one")
    request = training(inputs={"one": str(tmp_path / "one.csv")}, dry_run=True).execute(Attempt().context)
    (channel,) = request["body"]["InputChannels"]
    assert channel["InputUri"].startswith(f"oss://{pai.ready.bucket}/pai/input_data/")
    assert channel["InputUri"].endswith("/one.csv")
    assert pai.faults.counts().get("oss:PUT", 0) == 0


def test_a_local_input_that_is_not_there_is_named(pai: LocalPAI) -> None:
    with pytest.raises(AirflowFailException, match=r"inputs\['train'\].*no/such/data"):
        training(inputs={"train": "no/such/data"}).execute(Attempt().context)
