"""How jobs end: by themselves, stopped, out of time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pai.local.jobs.transitions import Outcome
from airflow_provider_pai.local.jobs.views import job_detail
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.model.training.status import JobStatus
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.process_jobs import left_behind, sleepers, unique_seconds
from tests.support.waits import LONGER, wait_until


def test_a_failing_command_fails_the_job_and_its_outputs_are_kept(harness: LocalRuntimeHarness) -> None:
    job = harness.run("echo 7 > $PAI_OUTPUT_CHECKPOINTS/epoch; exit 3", outputs={"checkpoints": "oss://bkt/c/"})
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "UserCommandFailed")
    assert "exit code 3" in job["ReasonMessage"]
    assert harness.get("c/epoch").strip() == "7"


def test_a_command_that_is_not_found_is_explained(harness: LocalRuntimeHarness) -> None:
    assert "exit code 127 (the command was not found)" in harness.run("no-such-program")["ReasonMessage"]


@pytest.mark.parametrize("mode", list(Mode))
def test_stop_asks_first_and_then_kills_children_that_will_not_listen(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path, mode: Mode
) -> None:
    harness = build(mode, grace=LONGER)
    marker = unique_seconds()
    command = f"""
        (trap '' TERM; sleep {marker} & echo stubborn; wait; sleep {marker}) &
        trap 'echo saved > $PAI_OUTPUT_CHECKPOINTS/last; echo asked; exit 0' TERM
        echo ready
        while true; do sleep 0.1; done
    """
    job_id = harness.submit(command, outputs={"checkpoints": "oss://bkt/c/"})
    harness.says(job_id, "ready")
    harness.says(job_id, "stubborn")
    assert harness.runner.stop(job_id)
    harness.says(job_id, "asked")
    job = harness.ended_in_time(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Terminated", "StoppedByUser")
    assert harness.get("c/last").strip() == "saved"
    wait_until(lambda: not sleepers(marker))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_script_may_take_its_time_to_end_although_its_shell_does_not(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    harness = build(mode, grace=LONGER)
    harness.put(
        "code/train.py",
        """
        import os, signal, sys, time
        def asked(number, frame):
            time.sleep(0.4)
            open(os.environ["PAI_OUTPUT_CHECKPOINTS"] + "last", "w").write("saved")
            sys.exit(0)
        signal.signal(signal.SIGTERM, asked)
        print("ready", flush=True)
        while True:
            time.sleep(0.1)
        """,
    )
    job_id = harness.submit("python train.py; true", code="code/", outputs={"checkpoints": "oss://bkt/last/"})
    harness.says(job_id, "ready")
    harness.runner.stop(job_id)
    assert harness.ended(job_id)["Status"] == "Terminated"
    assert harness.get("last/last") == "saved"


def test_a_command_that_ends_leaves_nothing_behind(harness: LocalRuntimeHarness) -> None:
    marker = unique_seconds()
    job = harness.run(f"sleep {marker} & echo done")
    assert (job["Status"], harness.printed(job)) == ("Succeed", ["done"])
    wait_until(lambda: not sleepers(marker))


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_even_what_left_the_session_is_ended_with_the_job(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    harness = build(mode)
    marker = unique_seconds()
    assert harness.run(left_behind(marker).replace("env -i ", ""))["Status"] == "Succeed"
    wait_until(lambda: not sleepers(marker))


def test_a_job_that_runs_too_long_is_ended_and_fails(harness: LocalRuntimeHarness) -> None:
    job_id = harness.submit("echo started; sleep 600", max_run_time=3600)
    harness.says(job_id, "started")
    job = harness.ended_in_time(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "MaxRunningTimeExceeded")
    assert harness.printed(job) == ["started"]
    view = job_detail(job, [], [], harness.time.now(), "{workspace}{job}")
    assert view["Duration"] >= 3600


def test_a_job_that_ended_can_not_be_stopped(harness: LocalRuntimeHarness) -> None:
    job = harness.run("true")
    assert not harness.runner.stop(job["TrainingJobId"])
    assert harness.store.existing(job["TrainingJobId"])["Status"] == "Succeed"


def test_more_jobs_than_slots_wait_and_can_be_stopped_while_they_wait(
    build: Callable[..., LocalRuntimeHarness],
) -> None:
    harness = build(slots=1)
    first, second, third = (harness.submit(f"echo begin; sleep {wait}") for wait in (600, 0, 0))
    harness.says(first, "begin")
    assert harness.store.existing(second)["Status"] == "Created"
    assert harness.runner.stop(second)
    assert harness.store.existing(second)["Status"] == "Terminated"
    assert "Instances" not in harness.store.existing(second)
    harness.runner.stop(first)
    assert harness.ended(third)["Status"] == "Succeed"
    order = [harness.store.existing(job)["StatusTransitions"] for job in (first, third)]
    assert order[1][2]["StartTime"] >= order[0][-1]["StartTime"], "the third did not wait for the slot"


def test_a_job_can_be_ended_by_hand_in_any_way(harness: LocalRuntimeHarness) -> None:
    job_id = harness.submit("echo begin; sleep 600")
    harness.says(job_id, "begin")
    by_hand = Outcome(JobStatus.CREATE_FAILED, "ByHand", "as an administrator wished")
    assert harness.runner.move(job_id, by_hand)
    wait_until(lambda: harness.store.existing(job_id)["Status"] == "CreateFailed")
    assert harness.store.existing(job_id)["ReasonCode"] == "ByHand"


def test_reset_ends_and_forgets_all_jobs(build: Callable[..., LocalRuntimeHarness]) -> None:
    harness = build(slots=1)
    marker = unique_seconds()
    first = harness.submit(f"echo begin; sleep {marker}")
    harness.submit("true")
    harness.says(first, "begin")
    harness.runner.reset()
    assert harness.store.all() == []
    assert not sleepers(marker)
    assert harness.run("true")["Status"] == "Succeed"


def test_outputs_that_can_not_be_stored_fail_the_job_and_stay_on_disk(harness: LocalRuntimeHarness) -> None:
    outputs = {"model": "oss://gone/m/", "logs": "oss://bkt/l/"}
    harness.objects.create_bucket("gone")
    job_id = harness.submit(
        "echo go; sleep 0.5; echo x > $PAI_OUTPUT_MODEL/x; echo y > $PAI_OUTPUT_LOGS/y", outputs=outputs
    )
    harness.says(job_id, "go")
    harness.objects.delete_bucket("gone")
    job = harness.ended(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "OutputUploadFailed")
    assert "model" in job["ReasonMessage"]
    assert (harness.store.files(job_id).work.ml / "output/model/x").read_text() == "x\n"
    assert harness.get("l/y") == "y\n"


def test_the_folder_of_a_job_goes_when_its_outputs_are_stored(harness: LocalRuntimeHarness) -> None:
    job = harness.run("true")
    assert not harness.store.files(job["TrainingJobId"]).work.path.exists()


# Preparation ----------------------------------------------------------------------------------------------------------
