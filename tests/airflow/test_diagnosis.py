"""What the author of a task reads when its job ended badly, and whether Airflow tries again."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_pai.api.training import stop_training_job
from airflow_provider_pai.errors import (
    APIError,
    JobCapacityError,
    JobCommandError,
    JobDataError,
    JobError,
    JobFailedError,
    JobImageError,
    JobInterruptedError,
    JobPermissionError,
    JobStoppedError,
    JobTimeoutError,
)
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from devtools.waits import wait_for
from tests.support.attempt import Attempt, training
from tests.support.waits import PATIENCE

EVIDENCE = ("GetTrainingJobErrorInfo", "ListTrainingJobEvents", "ListTrainingJobLogs")


@pytest.fixture
def hook(pai: LocalPAI) -> PAITrainingHook:
    """Waits for jobs in small steps."""
    return PAITrainingHook(sleep=lambda seconds: time.sleep(seconds / 50))


def failure(hook: PAITrainingHook, **arguments: Any) -> JobError:
    """The error of a task whose job ends badly by itself, so soon perhaps that the task isn't even deferred."""
    attempt = Attempt()
    with pytest.raises((TaskDeferred, JobError)) as first:
        training(deferrable=True, **arguments).execute(attempt.context)
    if isinstance(first.value, JobError):
        return first.value
    job_id = attempt.xcoms["job_id"]
    hook.wait(job_id, interval=5, show=list)
    with pytest.raises(JobError) as caught:
        resume(hook, job_id, attempt, **arguments)
    return caught.value


def resume(hook: PAITrainingHook, job_id: str, attempt: Attempt, *, timeout: bool = False, **arguments: Any) -> None:
    """What the worker does when the trigger has seen the job's end, or that the task's time is over."""
    status = None if timeout else hook.get(job_id).status
    event = {"job_id": job_id, "status": status, "error": None, "timeout": timeout}
    training(deferrable=True, **arguments).execute_complete(attempt.context, event)


def deferred(attempt: Attempt, command: str = "sleep 60", **arguments: Any) -> str:
    """Defer a task whose job runs for long; returns the job."""
    with pytest.raises(TaskDeferred):
        training(command=command, deferrable=True, **arguments).execute(attempt.context)
    job_id: str = attempt.xcoms["job_id"]
    return job_id


@dataclass
class Ended:
    """A deferred task whose job the cloud has ended; local PAI can't end it so, therefore it is done by hand."""

    hook: PAITrainingHook
    job_id: str
    attempt: Attempt

    def failure(self, **arguments: Any) -> Exception:
        """The error of the task, had it these arguments."""
        with pytest.raises((JobError, AirflowFailException)) as caught:
            resume(self.hook, self.job_id, self.attempt, **arguments)
        return caught.value


def ended(pai: LocalPAI, hook: PAITrainingHook, status: str, code: str, message: str) -> Ended:
    attempt = Attempt()
    job_id = deferred(attempt)
    body = {"Status": status, "ReasonCode": code, "ReasonMessage": message}
    requests.post(
        f"{pai.ready.api}/_local/jobs/{job_id}/status", json=body, headers=pai.ready.admin_headers, timeout=PATIENCE
    ).raise_for_status()
    hook.wait(job_id, interval=5, show=list)
    return Ended(hook, job_id, attempt)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_command_is_explained_from_its_reason_to_its_last_line(
    pai: LocalPAI, hook: PAITrainingHook, deferrable: bool
) -> None:
    command = "echo before; echo the reason is here >&2; exit 3"
    if deferrable:
        error = failure(hook, command=command)
    else:
        with pytest.raises(JobError) as caught:
            training(command=command).execute(Attempt().context)
        error = caught.value
    assert type(error) is JobCommandError
    job_id = error.snapshot.job_id
    text = str(error)
    assert text.startswith(f"training job {job_id} ended as Failed: UserCommandFailed: Instance {job_id}-master-0 ")
    assert "\nwhat happened: The command failed (exit code 3)\nwhat to do: Read the job's last log lines" in text
    assert re.search(rf"^console: http://127.0.0.1:[0-9]+/pages/jobs/.*{job_id}$", text, re.MULTILINE)
    assert re.search(rf"^events:\n(  .*\n)*  .*{job_id}-master-0 ended with exit code 3$", text, re.MULTILINE)
    assert text.splitlines()[-2].startswith("what happened: ")
    assert text.splitlines()[-1].startswith("what to do: "), "what to do comes last"
    assert "the reason is here" not in text, "the task's log shows the job's log already"
    assert error.log_tail[-2:] == ("before", "the reason is here")
    assert f"Instance {job_id}-master-0 started" not in text, "only events of trouble are shown"


def test_nothing_is_said_twice(pai: LocalPAI, hook: PAITrainingHook) -> None:
    text = str(failure(hook, command="echo the reason is here; exit 3"))
    assert "the reason is here" not in text, "the task's log shows it"
    assert "error information" not in text, "local PAI's says the same as the reason and the log"


def test_a_command_that_does_not_exist_is_named(pai: LocalPAI, hook: PAITrainingHook) -> None:
    text = str(failure(hook, command="nonesuch --epochs 3"))
    assert "what happened: The command was not found (exit code 127); the log says that nonesuch is not in" in text


def test_a_module_that_is_missing_is_named(pai: LocalPAI, hook: PAITrainingHook) -> None:
    error = failure(hook, command="python -c 'import nonesuch_module'")
    assert type(error) is JobCommandError
    assert "Python has no module nonesuch_module\nwhat to do: Add it to requirements" in str(error)


@pytest.mark.parametrize(("signal", "kind"), [("KILL", JobCommandError), ("TERM", JobInterruptedError)])
def test_a_command_that_was_ended_from_outside_may_be_tried_again(
    pai: LocalPAI, hook: PAITrainingHook, signal: str, kind: type[JobError]
) -> None:
    error = failure(hook, command=f"kill -{signal} $$", fail_fast=True)
    assert type(error) is kind


def test_an_input_that_is_not_there_is_named(pai: LocalPAI, hook: PAITrainingHook) -> None:
    uri = f"oss://{pai.ready.bucket}/no/such/data/"
    error = failure(hook, inputs={"train": uri}, fail_fast=True)
    assert type(error) is JobDataError
    assert error.snapshot.status == "InitializeFailed"
    assert uri in str(error)


def test_a_requirement_that_can_not_be_installed_is_named(pai: LocalPAI, hook: PAITrainingHook) -> None:
    error = failure(hook, requirements=[f"nonesuch @ {pai.ready.oss}/none/nonesuch-1.0-py3-none-any.whl"])
    assert type(error) is JobDataError
    assert "nonesuch-1.0-py3-none-any.whl" in str(error)


def test_a_job_that_ran_too_long_for_pai_asks_for_more_time(pai: LocalPAI, hook: PAITrainingHook) -> None:
    error = failure(hook, command="sleep 60", max_run_time=1)
    assert type(error) is JobTimeoutError
    assert "Raise max_run_time" in str(error)


def test_a_job_that_ran_too_long_for_airflow_asks_for_more_time(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    job_id = deferred(attempt, "echo ready; sleep 60", execution_timeout=timedelta(minutes=5))
    wait_for(lambda: hook.get(job_id).status, lambda status: status == "Running", "the job to run")
    with pytest.raises(JobTimeoutError, match=r"was Running when its time was over.*(\n.*)*Raise execution_timeout"):
        resume(hook, job_id, attempt, timeout=True)
    assert hook.wait(job_id, interval=5, show=list).status == "Terminated"


def test_a_job_that_the_triggerer_stops_at_its_deadline_is_a_timeout(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    job_id = deferred(attempt)
    hook.stop(job_id)
    hook.wait(job_id, interval=5, show=list)
    with pytest.raises(JobTimeoutError, match="execution_timeout"):
        resume(hook, job_id, attempt, timeout=True)


def test_a_job_that_failed_just_before_its_time_was_over_has_failed(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    job_id = deferred(attempt, "sleep 1; exit 3")
    hook.wait(job_id, interval=5, show=list)
    with pytest.raises(JobCommandError):
        resume(hook, job_id, attempt, timeout=True)


def test_more_time_is_not_tried_again_at_once_unless_checkpoints_are_there(
    pai: LocalPAI, hook: PAITrainingHook
) -> None:
    task = ended(pai, hook, "Failed", "MaxRunningTimeExceeded", "it ran too long")
    checkpoints = f"oss://{pai.ready.bucket}/checkpoints/"
    assert type(task.failure(fail_fast=True)) is AirflowFailException
    assert type(task.failure(fail_fast=True, checkpoints_path=checkpoints)) is JobTimeoutError
    assert type(task.failure(fail_fast=True, outputs={"checkpoints": checkpoints})) is JobTimeoutError


def test_a_job_that_a_person_stopped_is_not_started_again_at_once(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    job_id = deferred(attempt)
    hook.client.send(stop_training_job(job_id))
    hook.wait(job_id, interval=5, show=list)
    with pytest.raises(JobStoppedError, match="Ask who stopped it"):
        resume(hook, job_id, attempt)
    with pytest.raises(AirflowFailException, match="Ask who stopped it"):
        resume(hook, job_id, attempt, fail_fast=True)


def test_a_job_that_airflow_stopped_may_be_tried_again(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    job_id = deferred(attempt)
    hook.stop(job_id)
    hook.wait(job_id, interval=5, show=list)
    with pytest.raises(JobStoppedError, match="Airflow itself stopped the job"):
        resume(hook, job_id, attempt, fail_fast=True)


CLOUD: dict[str, tuple[str, str, str, type[JobError], bool]] = {
    "spot": ("Failed", "JobFailed", "Pod train-master-0 was evicted: spot reclaimed", JobInterruptedError, False),
    "spot, stopped": ("Terminated", "SpotInstanceReclaimed", "", JobInterruptedError, False),
    "no machine": ("Failed", "ResourceAllocateFailed", "resource type is not enough", JobCapacityError, False),
    "no quota": ("CreateFailed", "QuotaExceeded", "the quota of the workspace is used up", JobCapacityError, False),
    "no image": ("Failed", "ErrImagePull", "dial tcp: i/o timeout", JobImageError, False),
    "no such image": ("InitializeFailed", "JobFailed", "manifest for a:1 not found", JobImageError, True),
    "no permission": ("Failed", "AccessDenied", "no right to access oss://bucket/", JobPermissionError, True),
    "PAI itself": ("Failed", "InternalError", "try again", JobFailedError, False),
    "stopped without a reason": ("Terminated", "", "", JobStoppedError, False),
}


@pytest.mark.parametrize("end", CLOUD)
def test_each_end_has_its_error_and_only_hopeless_ones_fail_at_once_when_asked_to(
    pai: LocalPAI, hook: PAITrainingHook, end: str
) -> None:
    status, code, message, kind, hopeless = CLOUD[end]
    task = ended(pai, hook, status, code, message)
    error = task.failure()
    assert type(error) is kind
    for part in (f"ended as {status}", code, message, "what to do: ", "console: http://"):
        assert part in str(error)
    fast = task.failure(fail_fast=True)
    assert type(fast) is (AirflowFailException if hopeless else kind)
    assert str(fast) == str(error)
    assert not hopeless or type(fast.__cause__) is kind


def test_a_failed_command_is_tried_again_unless_the_author_asked_to_fail_fast(
    pai: LocalPAI, hook: PAITrainingHook
) -> None:
    assert type(failure(hook, command="exit 3")) is JobCommandError
    with pytest.raises(AirflowFailException, match="exit code 3"):
        training(command="exit 3", fail_fast=True).execute(Attempt().context)


@pytest.mark.parametrize(
    ("code", "kind"), [("InvalidParameter", AirflowFailException), ("QuotaExceeded", APIError), ("Odd", APIError)]
)
def test_a_refused_job_fails_fast_only_for_what_is_wrong_with_it(
    pai: LocalPAI, code: str, kind: type[Exception]
) -> None:
    for fail_fast, expected in ((False, APIError), (True, kind)):
        pai.faults.add(Fault("CreateTrainingJob", FaultKind.ERROR, status=400, code=code))
        with pytest.raises(expected, match=code):
            training(fail_fast=fail_fast).execute(Attempt().context)


@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.HTML, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("operation", EVIDENCE)
def test_what_can_not_be_read_about_a_failed_job_does_not_hide_its_failure(
    pai: LocalPAI, hook: PAITrainingHook, operation: str, kind: FaultKind
) -> None:
    attempt = Attempt()
    job_id = deferred(attempt, "echo the last line; sleep 1; exit 3")
    hook.wait(job_id, interval=5, show=list)
    pai.faults.add(Fault(operation, kind, times=100))
    with pytest.raises(JobCommandError) as caught:
        resume(hook, job_id, attempt)
    assert "UserCommandFailed" in str(caught.value)
    # Where the task's log could not show it, the error information has it.
    assert ("the last line" in str(caught.value)) is (operation == "ListTrainingJobLogs")
    assert ("events:" in str(caught.value)) is (operation != "ListTrainingJobEvents")


def test_a_failure_is_reported_although_logs_events_and_error_info_are_missing(
    pai: LocalPAI, hook: PAITrainingHook
) -> None:
    attempt = Attempt()
    job_id = deferred(attempt, "sleep 1; exit 3")
    job = hook.wait(job_id, interval=5, show=list)
    for operation in ("ListTrainingJobLogs", "ListTrainingJobEvents", "GetTrainingJobErrorInfo"):
        pai.faults.add(Fault(operation, FaultKind.ERROR, times=1000))
    event = {"job_id": job_id, "status": job.status, "error": None, "timeout": False}
    with pytest.raises(JobCommandError, match=r"UserCommandFailed.*(\n.*)*console: http://"):
        training(deferrable=True).execute_complete(attempt.context, event)


def test_a_talkative_job_does_not_fill_the_error(pai: LocalPAI, hook: PAITrainingHook) -> None:
    loud = "import sys; [print(i, 'x' * 20_000) for i in range(200)]; sys.exit(1)"
    error = failure(hook, command=f'python -c "{loud}"')
    assert len(error.log_tail) == 50
    assert error.log_tail[-1].startswith("199 ")
    assert len(str(error)) < 50 * 600 + 3000
