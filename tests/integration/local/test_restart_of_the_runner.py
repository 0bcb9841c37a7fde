"""A server that is killed while jobs run, and started again."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.running.bound_storage import BoundObjects
from airflow_provider_pai.local.running.environments import Environments, Interpreter
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.processes import facts, kill_survivors
from airflow_provider_pai.local.running.runner import Runner
from airflow_provider_pai.local.running.runner_context import RunnerContext
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from tests.support.machine import missing
from tests.support.pages import REPOSITORY
from tests.support.waits import wait_until

FINISHED = "true"
UNDER_WAY = """
    echo 1 > $PAI_OUTPUT_CHECKPOINTS/n
    setsid sleep $MARK & (env -i setsid sh -c "while :; do /bin/sleep $MARK; done" &)
    echo $$ > $PAI_OUTPUT_CHECKPOINTS/pid; sleep $MARK
"""
WAITING = "echo at last"


def parts(home: Path, mode: Mode | None) -> tuple[JobStore, ObjectStore, Runner]:
    store = JobStore(home, lambda: datetime.now(UTC))
    objects = ObjectStore(home / "oss")
    environments = Environments(home / "cache", Interpreter.at(), os.environ)
    runtime = ProcessRuntime(Sandbox(home, environments.folders, mode), environments)
    shop = RunnerContext(
        store, BoundObjects(objects, {}), runtime, "cn-hangzhou", lambda: datetime.now(UTC), grace_seconds=0.3
    )
    return store, objects, Runner(shop, slots=1)


def serve(home: Path, mode: str, mark: str) -> None:
    """What the process that is killed does: one job finishes, one runs, one waits."""
    store, objects, runner = parts(home, Mode(mode))
    objects.create_bucket("bkt")
    runner.start()
    jobs = []
    for number, command in enumerate((FINISHED, UNDER_WAY, WAITING)):
        outputs = {"checkpoints": f"oss://bkt/{number}/"}
        spec = TrainingJobSpec(
            command, "ecs.c6.large", image_uri="a/b:1", job_name="job", outputs=outputs, environments={"MARK": mark}
        )
        jobs.append(store.create(create_body(spec, "1"))["TrainingJobId"])
        runner.submit(jobs[-1])
    wait_until(lambda: (store.files(jobs[1]).work.ml / "output/checkpoints/pid").exists())
    wait_until(lambda: store.existing(jobs[1])["Status"] == "Running")
    # Both that hide, and one that does not.
    wait_until(lambda: sum(b"sleep\0" in line and mark.encode() in line for line in command_lines()) >= 3)
    print(*jobs, flush=True)
    time.sleep(600)


def command_lines() -> list[bytes]:
    """Return the command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


@pytest.mark.parametrize("mode", list(Mode))
def test_a_kill_ends_what_runs_and_then_finished_jobs_stay_running_ones_fail_and_waiting_ones_run(
    tmp_path: Path, mode: Mode
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    try:
        Sandbox(home, (), mode)
    except RuntimeError as error:
        missing(mode, str(error))
    mark = f"621.{secrets.randbelow(10**9):09}"
    command = [sys.executable, "-m", "tests.integration.local.test_restart_of_the_runner", str(home), mode, mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as server:
        assert server.stdout is not None
        finished, under_way, waiting = server.stdout.readline().split()
        server.kill()
    leader = recorded_leader(home, under_way)
    # Without a restart: of a server that is not started again nothing may keep running on this machine.
    wait_until(lambda: not any(mark.encode() in line for line in command_lines()))

    store, objects, runner = parts(home, mode)
    runner.start()
    try:
        failed = store.existing(under_way)
        assert (failed["Status"], failed["ReasonCode"]) == ("Failed", "LocalServerDied")
        assert [each["Status"] for each in failed["Instances"]] == ["Failed"]
        assert objects.read("bkt", "1/n") == b"1\n", "the checkpoint of a job that died is lost"
        assert facts(leader) is None
        assert store.existing(finished)["Status"] == "Succeed"
        wait_until(lambda: store.existing(waiting)["Status"] == "Succeed")
        assert store.files(waiting).log.tail(1) == ["at last"]
    finally:
        runner.close()
        store.close()
        objects.close()


def recorded_leader(home: Path, job_id: str) -> int:

    record = json.loads((home / "jobs" / job_id / "job.json").read_text())
    return int(record["Local"]["Processes"][0][0])


def test_a_job_that_was_to_be_stopped_when_the_server_died_is_terminated(tmp_path: Path) -> None:
    store, objects, runner = parts(tmp_path, Mode.PLAIN)
    job_id = store.create(create_body(TrainingJobSpec("true", "e", image_uri="a", job_name="n"), "1"))["TrainingJobId"]
    store.change(job_id, lambda _: {"Status": "Running"})
    store.change_local(job_id, StopRequested=True)
    runner.start()
    assert (store.existing(job_id)["Status"], store.existing(job_id)["ReasonCode"]) == ("Terminated", "StoppedByUser")
    runner.close()
    store.close()
    objects.close()


def test_closing_fails_what_runs_and_leaves_what_waits(tmp_path: Path) -> None:
    store, objects, runner = parts(tmp_path, None)
    objects.create_bucket("bkt")
    runner.start()
    jobs = []
    for command in ("echo begun; sleep 600", "true"):
        spec = TrainingJobSpec(command, "ecs.c6.large", image_uri="a/b:1", job_name="job")
        jobs.append(store.create(create_body(spec, "1"))["TrainingJobId"])
        runner.submit(jobs[-1])
    wait_until(lambda: "begun" in store.files(jobs[0]).log.tail(9))
    runner.close()
    assert store.existing(jobs[0])["ReasonCode"] == "LocalServerStopped"
    assert store.existing(jobs[1])["Status"] == "Created"
    store.close()
    objects.close()


def test_a_process_that_got_the_id_of_a_dead_one_is_not_killed() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
        found = facts(other.pid)
        assert found is not None
        assert kill_survivors([(other.pid, "1")], "NO_PROCESS=has this") == 0
        assert other.poll() is None
        assert kill_survivors([(other.pid, found.started)], "NO_PROCESS=has this") == 1
        assert other.wait() == -signal.SIGKILL


def test_processes_of_a_job_without_its_leader_are_found_by_their_variable() -> None:
    variable = f"PAI_TRAINING_JOB_ID=train{secrets.token_hex(6)}"
    environment = {**dict([variable.split("=")]), "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True) as lost:
        wait_until(lambda: Path(f"/proc/{lost.pid}/comm").read_text() == "sleep\n")
        assert kill_survivors([], variable) == 1
        assert lost.wait() == -signal.SIGKILL


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
