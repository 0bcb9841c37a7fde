"""Jobs that must not stay as they are for ever: on a full disk, during a reset."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.jobs.store import JobStore, Record
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.running.bound_storage import BoundObjects
from airflow_provider_pai.local.running.environments import Environments, Interpreter
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.runner import Runner
from airflow_provider_pai.local.running.runner_context import RunnerContext
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from tests.support.waits import PATIENCE, wait_until

BLOCKED = 1.0
"""Seconds after which a thread that is not over is taken for one that waits."""


class FullStore(JobStore):
    """A store whose disk can be full: from the moment a job is to become ``full_at``, until ``space`` is set."""

    full_at = ""
    full = False
    refused = 0
    before_clear: Callable[[], None] = staticmethod(lambda: None)

    def change(self, job_id: str, change: Callable[[Record], Any]) -> Record:
        if change(self.existing(job_id)).get("Status") == self.full_at:
            self.full, self.full_at = True, ""
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().change(job_id, change)

    def clear(self) -> None:
        self.before_clear()
        super().clear()


class LocalRuntimeHarness:
    def __init__(self, home: Path, slots: int = 2) -> None:
        self.store = FullStore(home, lambda: datetime.now(UTC))
        self.objects = ObjectStore(home / "oss")
        environments = Environments(home / "cache", Interpreter.at(), os.environ)
        runtime = ProcessRuntime(Sandbox(home, environments.folders, Mode.PLAIN), environments)
        self.shop = RunnerContext(
            self.store, BoundObjects(self.objects, {}), runtime, "r", lambda: datetime.now(UTC), grace_seconds=0.7
        )
        self.runner = Runner(self.shop, slots)
        self.runner.start()

    def create(self, command: str) -> str:
        spec = TrainingJobSpec(command, "ecs.c6.large", image_uri="a/b:1", job_name="job")
        return str(self.store.create(create_body(spec, "1"))["TrainingJobId"])

    def submit(self, command: str) -> str:
        job_id = self.create(command)
        self.runner.submit(job_id)
        return job_id

    def says(self, job_id: str, line: str) -> None:
        wait_until(lambda: line in self.store.files(job_id).log.tail(99))

    def end(self, job_id: str) -> tuple[str, str]:
        wait_until(lambda: "ReasonCode" in self.store.existing(job_id))
        return self.store.existing(job_id)["Status"], self.store.existing(job_id)["ReasonCode"]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[LocalRuntimeHarness]:
    made = LocalRuntimeHarness(tmp_path / "home")
    yield made
    made.store.full = False
    made.runner.close()
    made.store.close()
    made.objects.close()


def test_a_job_that_ended_while_the_disk_was_full_ends_as_it_did_when_there_is_space(
    harness: LocalRuntimeHarness,
) -> None:
    harness.store.full_at = "Succeed"
    job_id = harness.submit("echo done")
    wait_until(lambda: harness.store.refused >= 2)
    assert harness.store.existing(job_id)["Status"] == "Running"
    harness.store.full = False
    assert harness.end(job_id) == ("Succeed", "TrainingJobSucceed")


def test_instances_that_ended_on_a_full_disk_are_shown_as_ended(harness: LocalRuntimeHarness) -> None:
    job_id = harness.submit("echo begun; while [ ! -e go ]; do sleep 0.05; done; exit 3")
    harness.says(job_id, "begun")
    wait_until(lambda: harness.store.existing(job_id)["Status"] == "Running")
    harness.store.full = True
    (harness.store.files(job_id).work.home / "go").touch()
    wait_until(lambda: harness.store.refused >= 2)
    harness.store.full = False
    assert harness.end(job_id) == ("Failed", "UserCommandFailed")
    assert [row["Status"] for row in harness.store.existing(job_id)["Instances"]] == ["Failed"]


def test_a_job_that_cannot_become_running_fails_and_its_command_is_killed(harness: LocalRuntimeHarness) -> None:
    harness.store.full_at = "Running"
    job_id = harness.submit("sleep 600")
    wait_until(lambda: harness.store.refused >= 2)
    harness.store.full = False
    assert harness.end(job_id) == ("Failed", "InternalError")
    assert [row["Status"] for row in harness.store.existing(job_id)["Instances"]] == ["Failed"]


def test_closing_does_not_wait_for_space(harness: LocalRuntimeHarness) -> None:
    harness.store.full_at = "Succeed"
    job_id = harness.submit("true")
    wait_until(lambda: harness.store.refused >= 1)
    closing = threading.Thread(target=harness.runner.close, daemon=True)
    closing.start()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert harness.store.existing(job_id)["Status"] == "Running"


def test_a_job_that_cannot_be_queued_is_not_there(harness: LocalRuntimeHarness) -> None:
    harness.store.full = True
    with pytest.raises(OSError, match="No space left"):
        harness.submit("true")
    assert harness.store.all() == []


def test_a_waiting_job_still_waits_when_its_end_cannot_be_written(tmp_path: Path, harness: LocalRuntimeHarness) -> None:
    jobs = [harness.submit(f"echo begun; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done") for _ in range(3)]
    harness.says(jobs[1], "begun")
    harness.store.full = True
    with pytest.raises(OSError, match="No space left"):
        harness.runner.stop(jobs[2])
    harness.store.full = False
    (tmp_path / "go").touch()
    assert harness.end(jobs[2]) == ("Succeed", "TrainingJobSucceed")


def test_a_job_created_while_a_reset_ends_others_is_forgotten_and_never_starts(
    tmp_path: Path, harness: LocalRuntimeHarness
) -> None:
    old = harness.submit("trap 'echo asked' TERM; echo begun; while true; do sleep 0.1; done")
    harness.says(old, "begun")
    reset = threading.Thread(target=harness.runner.reset)
    reset.start()
    harness.says(old, "asked")
    harness.submit(f"touch {tmp_path}/started; sleep 600")
    reset.join(PATIENCE)
    assert harness.store.all() == []
    assert not (tmp_path / "started").exists()
    assert harness.end(harness.submit("true")) == ("Succeed", "TrainingJobSucceed")


def test_a_job_that_comes_while_a_reset_forgets_jobs_has_no_life_without_a_record(harness: LocalRuntimeHarness) -> None:
    job_id = harness.create("sleep 600")
    late = threading.Thread(target=harness.runner.submit, args=(job_id,))

    def submit_late() -> None:
        late.start()
        late.join(BLOCKED)

    harness.store.before_clear = submit_late
    harness.runner.reset()
    late.join(PATIENCE)
    assert harness.store.all() == []
    assert [thread for thread in threading.enumerate() if thread.name == job_id] == []
