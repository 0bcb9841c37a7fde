"""Exactly one job per task attempt, whatever happens between two calls."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from airflow_provider_pai.api.training import create_training_job
from airflow_provider_pai.client.packaging.source import SMALL
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.arguments import checked_spec
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.attempt import Attempt, training
from tests.support.interrupted import Died, interrupted, once
from tests.support.waits import PATIENCE

SPEC = checked_spec({"command": "sleep 60", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"})
FIRST = JobOwner("tests", "dag", "run", "train")


@pytest.fixture
def identity(request: pytest.FixtureRequest, pai: LocalPAI) -> Iterator[JobOwner]:
    identity = JobOwner("tests", "dag", request.node.name, "train")
    yield identity
    for job in active(identity):
        PAITrainingHook().stop(job.job_id)


@pytest.fixture
def lag(pai: LocalPAI) -> Iterator[None]:
    """The list of jobs lags by a second."""
    set_lag(pai, 1.0)
    yield
    set_lag(pai, 0.0)


def set_lag(pai: LocalPAI, seconds: float) -> None:
    requests.post(
        f"{pai.ready.api}/_local/list-lag", json={"seconds": seconds}, headers=pai.ready.admin_headers, timeout=PATIENCE
    ).raise_for_status()


def jobs(identity: JobOwner) -> list[JobSnapshot]:
    return PAITrainingHook()._submission.jobs_of(identity)


def active(identity: JobOwner) -> list[JobSnapshot]:
    return [job for job in jobs(identity) if not job.is_terminal and "airflow.stopping" not in job.labels]


def submit(hook: PAITrainingHook, identity: JobOwner, spec: TrainingJobSpec = SPEC, name: str = "job") -> str:
    return hook.submit_or_adopt(spec, identity, name)[0].job_id


def impatient() -> PAITrainingHook:
    """A hook that does not wait for a list that may lag."""
    return PAITrainingHook(sleep=lambda _: None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("train.py", "model.py", "config.yaml"):
        (tmp_path / name).write_text(f"# {name}, of test {tmp_path}\n")
    return tmp_path


def with_bucket(pai: LocalPAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the bucket in the connection, so that PAI need not be asked for it."""
    uri = f"{pai.ready.airflow_conn_uri}&bucket={pai.ready.bucket}"
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", uri)


def test_little_code_and_its_job_take_four_requests_and_a_look_for_copies(
    pai: LocalPAI, identity: JobOwner, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bucket(pai, monkeypatch)
    hook = PAITrainingHook()
    submit(hook, identity, replace(SPEC, source_dir=str(source)))
    assert pai.faults.counts() == {
        "ListTrainingJobs": 2,
        "ListEcsSpecs": 1,
        "oss:PUT": 1,
        "CreateTrainingJob": 1,
    }


def test_unchanged_code_takes_no_more_and_is_not_sent(
    pai: LocalPAI, identity: JobOwner, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bucket(pai, monkeypatch)
    (source / "table.bin").write_bytes(os.urandom(SMALL))
    spec = replace(SPEC, source_dir=str(source))
    submit(PAITrainingHook(), replace(identity, run_id=f"{identity.run_id} before"), spec)
    pai.faults.reset_counts()
    submit(PAITrainingHook(), identity, spec)
    assert pai.faults.counts() == {
        "ListTrainingJobs": 2,
        "ListEcsSpecs": 1,
        "oss:HEAD": 1,
        "CreateTrainingJob": 1,
    }


def test_a_later_try_that_adopts_needs_nothing_but_the_look(pai: LocalPAI, identity: JobOwner, source: Path) -> None:
    spec = replace(SPEC, source_dir=str(source))
    job_id = submit(PAITrainingHook(), identity, spec)
    pai.faults.reset_counts()
    assert submit(PAITrainingHook(), replace(identity, try_number=2), spec) == job_id
    assert pai.faults.counts() == {"ListTrainingJobs": 1, "UpdateTrainingJobLabels": 1}


def test_the_instance_type_is_looked_up_while_jobs_are(pai: LocalPAI, identity: JobOwner) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    def meet() -> None:
        both.wait()

    first, second = once("ListTrainingJobs", meet), once("ListEcsSpecs", meet)

    def before(action: str) -> None:
        first(action)
        second(action)

    submit(interrupted(PAITrainingHook(), before=before), identity)


def test_two_copies_that_look_before_either_creates_end_with_one_job(pai: LocalPAI, identity: JobOwner) -> None:
    other: list[str] = []
    hook = interrupted(
        PAITrainingHook(),
        before=once("CreateTrainingJob", lambda: other.append(submit(PAITrainingHook(), identity, name="other"))),
    )
    mine = submit(hook, identity, name="mine")
    # Whichever it is: the one who did not get it finds it, see the next test.
    assert [job.job_id for job in active(identity)] == [mine]
    assert len(jobs(identity)) == 2
    assert len(other) == 1


@pytest.mark.parametrize("command", ["sleep 20", "true"])
def test_a_task_adopts_the_job_of_the_copy_that_stopped_its_own(pai: LocalPAI, command: str) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60")
    identity, hook = operator._owner_in(attempt.context), PAITrainingHook()
    mine = submit(hook, identity)
    body = create_body(replace(SPEC, labels=identity.labels(), command=command, job_name="twin"), "12345")
    twin = hook.client.send(create_training_job(body))
    if command == "true":
        hook.wait(twin, interval=0.1, show=list)
    hook.stop(mine)
    stopped = hook.wait(mine, interval=0.1, show=list)
    event = {"job_id": mine, "status": stopped.status, "error": None, "timeout": False}
    assert operator.execute_complete(attempt.context, event)["job_id"] == twin
    assert attempt.xcoms["job_id"] == twin


def test_a_copy_that_creates_after_a_later_try_has_settled_ends_with_one_job_too(
    pai: LocalPAI, identity: JobOwner
) -> None:
    later = JobOwner(identity.deployment, identity.dag_id, identity.run_id, identity.task_id, try_number=2)
    zombie = interrupted(
        PAITrainingHook(),
        before=once("CreateTrainingJob", lambda: jobs_of_later.append(submit(impatient(), later))),
    )
    jobs_of_later: list[str] = []
    kept = submit(zombie, identity, name="late")
    assert [job.job_id for job in active(identity)] == [kept]
    assert len(jobs_of_later) == 1


def test_a_copy_of_a_cleared_task_stops_the_job_it_has_just_created(pai: LocalPAI, identity: JobOwner) -> None:
    cleared = JobOwner(
        identity.deployment, identity.dag_id, identity.run_id, identity.task_id, max_tries=1, try_number=2
    )
    new: list[str] = []
    zombie = interrupted(
        PAITrainingHook(), before=once("CreateTrainingJob", lambda: new.append(submit(impatient(), cleared)))
    )
    with pytest.raises(PAIError, match="Superseded"):
        submit(zombie, identity)
    assert [job.job_id for job in active(identity)] == new


@pytest.mark.usefixtures("lag")
def test_a_job_that_the_list_does_not_show_yet_is_waited_for(pai: LocalPAI, identity: JobOwner) -> None:
    waits: list[float] = []
    hook = PAITrainingHook(sleep=lambda seconds: (waits.append(seconds), set_lag(pai, 0.0))[0])
    job_id = submit(hook, identity)
    assert waits == [1.0]
    assert [job.job_id for job in active(identity)] == [job_id]


@pytest.mark.usefixtures("lag")
def test_a_lost_answer_and_a_lagging_list_make_one_job(pai: LocalPAI, identity: JobOwner) -> None:
    pai.faults.add(Fault("CreateTrainingJob", FaultKind.DROP_AFTER))
    job_id = submit(PAITrainingHook(), identity)
    assert [job.job_id for job in active(identity)] == [job_id]


def test_a_create_that_was_refused_is_not_looked_for(pai: LocalPAI, identity: JobOwner) -> None:
    pai.faults.add(Fault("CreateTrainingJob", FaultKind.ERROR, status=400, code="InvalidParameter"))
    hook = PAITrainingHook()
    with pytest.raises(PAIError, match="InvalidParameter"):
        submit(hook, identity)
    assert not hook.is_unsettled
    assert pai.faults.counts()["ListTrainingJobs"] == 1


def test_a_process_that_dies_right_after_the_create_leaves_its_job_to_the_next_try(pai: LocalPAI) -> None:
    def die() -> None:
        raise Died

    attempt = Attempt(max_tries=1)
    operator = training(retries=1)
    operator.hook = interrupted(PAITrainingHook(), after=once("CreateTrainingJob", die))
    with pytest.raises(Died):
        operator.execute(attempt.context)
    value = training(retries=1).execute(attempt.retried().context)
    assert value["status"] == "Succeed"
    assert pai.faults.counts()["CreateTrainingJob"] == 1


@pytest.mark.usefixtures("lag")
def test_a_task_that_is_killed_in_the_middle_of_the_create_stops_what_comes_of_it(pai: LocalPAI) -> None:
    def die() -> None:
        raise Died

    attempt = Attempt()
    operator = training(command="sleep 60")
    operator.hook = interrupted(PAITrainingHook(), after=once("CreateTrainingJob", die))
    with pytest.raises(Died):
        operator.execute(attempt.context)
    # What Airflow does on SIGTERM, in the same process.
    operator.on_kill()
    identity = operator._owner
    assert identity is not None
    set_lag(pai, 0.0)
    assert len(jobs(identity)) == 1
    assert active(identity) == []


def test_a_job_that_succeeds_although_it_is_being_stopped_is_not_paid_for_twice(pai: LocalPAI) -> None:
    first = Attempt(max_tries=1)
    operator = training(command="sleep 60", wait_for_completion=False, retries=1)
    job_id = operator.execute(first.context)["job_id"]
    hook = PAITrainingHook()
    hook.label(job_id, {"airflow.stopping": "true"})
    # The stop itself comes too late: the job ends well meanwhile.
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 1:
            _end_well(pai, job_id)

    retry = training(command="sleep 60", wait_for_completion=False, retries=1)
    pai.faults.add(Fault("StopTrainingJob", FaultKind.ERROR, status=503, times=5))
    retry.hook = interrupted(PAITrainingHook(sleep=sleep), sleep=lambda _: None)
    assert retry.execute(first.retried().context)["job_id"] == job_id
    assert sleeps == [2.0]
    assert pai.faults.counts()["CreateTrainingJob"] == 1


def _end_well(pai: LocalPAI, job_id: str) -> None:
    body = {"Status": "Succeed", "ReasonCode": "TrainingJobSucceed", "ReasonMessage": "by hand"}
    requests.post(
        f"{pai.ready.api}/_local/jobs/{job_id}/status", json=body, headers=pai.ready.admin_headers, timeout=PATIENCE
    ).raise_for_status()
    PAITrainingHook().wait(job_id, interval=0.1, show=list)


def test_a_stop_that_was_lost_is_sent_again_before_another_job_is_submitted(pai: LocalPAI) -> None:
    first = Attempt(max_tries=1)
    operator = training(command="sleep 60", wait_for_completion=False, retries=1)
    old = operator.execute(first.context)["job_id"]
    # All that has arrived of a stop.
    PAITrainingHook().label(old, {"airflow.stopping": "true"})
    new = training(command="sleep 60", wait_for_completion=False, retries=1).execute(first.retried().context)["job_id"]
    hook = PAITrainingHook()
    assert hook.get(old).status == "Terminated"
    assert not hook.get(new).is_terminal
    hook.stop(new)


def test_a_job_is_not_given_up_because_its_copies_could_not_be_looked_for(pai: LocalPAI, identity: JobOwner) -> None:
    hook = PAITrainingHook(sleep=lambda _: None)

    def outage() -> None:
        pai.faults.add(Fault("ListTrainingJobs", FaultKind.DROP_BEFORE, times=5))

    job_id = submit(interrupted(hook, after=once("CreateTrainingJob", outage), sleep=lambda _: None), identity)
    assert [job.job_id for job in active(identity)] == [job_id]
    assert not hook.is_unsettled


def test_a_task_that_is_ended_while_it_prepares_submits_nothing(pai: LocalPAI) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60")
    operator.hook = interrupted(PAITrainingHook(), after=once("ListEcsSpecs", operator.on_kill))
    with pytest.raises(PAIError, match="the task is being ended"):
        operator.execute(attempt.context)
    assert "CreateTrainingJob" not in pai.faults.counts()
