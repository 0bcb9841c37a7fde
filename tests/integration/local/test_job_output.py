"""What jobs print and leave: metrics, log lines, outputs."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.running.job_run import JobRun
from airflow_provider_pai.local.running.ports import Ports
from airflow_provider_pai.local.running.runner_context import CancellationToken
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.model.training.resources import UserVpcConfig
from airflow_provider_pai.model.training.spec import MetricDefinition
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.process_jobs import left_behind, sleepers, unique_seconds
from tests.support.waits import wait_until


def test_metrics_are_read_from_the_commands_lines(harness: LocalRuntimeHarness) -> None:
    definitions = (MetricDefinition("loss", r"loss=([\d.a-z]+)"), MetricDefinition("acc", r"acc: (.*)"))
    job = harness.run(
        "echo loss=0.5; echo loss=nan; echo acc: 0.9; echo acc: bad; echo loss=0.25", metric_definitions=definitions
    )
    files = harness.store.files(job["TrainingJobId"])
    assert [(point["Name"], point.get("Value")) for point in files.metrics.all()] == [
        ("loss", 0.5),
        ("loss", None),
        ("acc", 0.9),
        ("acc", None),
        ("loss", 0.25),
    ]
    assert harness.printed(job)[-1] == (
        "Metric acc has no value: what was printed last, 'bad', is no finite number such as 0.93"
    )
    assert {point["Name"]: point.get("Value") for point in files.metrics.latest()} == {"loss": 0.25, "acc": None}


def test_metrics_are_not_read_from_the_launchers_lines(harness: LocalRuntimeHarness) -> None:
    definition = MetricDefinition("x", r"SEED=(\d+)")
    job = harness.run("true", environments={"SEED": "7"}, metric_definitions=(definition,))
    assert "SEED=7" in harness.log(job)
    assert harness.store.files(job["TrainingJobId"]).metrics.all() == []


@pytest.mark.parametrize("command", ["sleep 600", "sleep 1; exit 1"])
def test_a_job_on_a_full_disk_fails_with_that_reason(build: Callable[..., LocalRuntimeHarness], command: str) -> None:
    harness = build(Mode.PLAIN)
    object.__setattr__(harness.workshop, "disk_full", lambda: True)
    job = harness.run(command)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "DiskFull")
    assert job["ReasonMessage"].startswith("The disk that local PAI uses on this machine is full: free some space")


def test_the_log_names_what_is_taken_without_effect(harness: LocalRuntimeHarness) -> None:
    job = harness.run("true", user_vpc_config=UserVpcConfig("vpc-1", "sg-1"))
    assert "UserVpc is taken without effect: this machine has no VPC: jobs use its network" in harness.log(job)


def test_links_that_lead_out_and_pipes_are_logged_as_not_stored(harness: LocalRuntimeHarness) -> None:
    job = harness.run(
        """
        cd $PAI_OUTPUT_CHECKPOINTS && mkdir ck-5 && echo 5 > ck-5/w && ln -s ck-5 last
        ln -s ${PAI_OUTPUT_CHECKPOINTS}ck-5/w best && mkfifo pipe && ln -s /etc/passwd out && echo z > z
        """,
        outputs={"checkpoints": "oss://bkt/ck/"},
    )
    assert job["Status"] == "Succeed", harness.log(job)
    keys = [stored.key for stored in harness.objects.list_objects("bkt", "ck/").objects]
    assert keys == ["ck/best", "ck/ck-5/w", "ck/last/w", "ck/z"]
    logged = [line for line in harness.log(job) if "is not stored" in line]
    why = "it is a link that leads out of the channel's folder, or to itself"
    assert logged[0] == f"Output channel checkpoints: out is not stored: {why}"
    assert logged[1:] == ["Output channel checkpoints: pipe is not stored: it is a pipe"]


def test_progress_bars_leave_their_last_state_and_their_metrics(harness: LocalRuntimeHarness) -> None:
    job = harness.run(
        r"""
        i=0; while [ $i -lt 3000 ]; do i=$((i+1)); printf '\r%d/3000 loss=%d.5' $i $((3000-i)); done; echo
        echo done
        """,
        metric_definitions=(MetricDefinition("loss", r"loss=([0-9.]+)"),),
    )
    printed = harness.printed(job)
    assert printed[-2:] == ["3000/3000 loss=0.5", "done"]
    assert len(printed) < 100
    assert harness.store.files(job["TrainingJobId"]).metrics.latest()[0]["Value"] == 0.5


def test_strange_output_becomes_lines(harness: LocalRuntimeHarness) -> None:
    harness.put(
        "code/p.py",
        r"""
        import sys
        out = sys.stdout.buffer
        out.write(b"bad \xff byte\n" + b"x" * 200_000 + b"\n" + b"after\r\n" + b"\x00nul\n" + b"y" * 65536 + b"\nend")
        """,
    )
    printed = harness.printed(harness.run("python p.py", code="code/"))
    assert printed[0] == "bad \ufffd byte"
    assert "".join(printed[1:5]) == "x" * 200_000
    assert [len(line) for line in printed[1:4]] == [65536] * 3
    assert printed[5:7] == ["after", " nul"]
    assert printed[7] == "y" * 65536
    assert printed[8:] == ["end"]


def test_lines_can_be_read_while_the_job_runs(harness: LocalRuntimeHarness) -> None:
    harness.put("code/p.py", "import time; print('first', flush=True); time.sleep(600)")
    job_id = harness.submit("python p.py", code="code/")
    harness.says(job_id, "first")
    assert harness.store.existing(job_id)["Status"] == "Running"
    harness.runner.stop(job_id)
    assert harness.ended(job_id)["Status"] == "Terminated"


# What a job may do ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["home", "/", "/proc"])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_job_can_not_publish_the_servers_folder(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path, mode: Mode, target: str
) -> None:
    harness = build(mode)
    (tmp_path / "home" / "key").write_text("secret")
    command = f"out=${{PAI_OUTPUT_MODEL%/}}; rmdir $out; ln -s {tmp_path / target} $out"
    job = harness.run(command, outputs={"model": "oss://bkt/m/"})
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "OutputUploadFailed")
    assert "replaced by a link" in job["ReasonMessage"]
    assert not harness.objects.list_objects("bkt").objects


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_a_job_can_not_publish_a_folder_around_its_outputs(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path, mode: Mode
) -> None:
    harness = build(mode)
    (tmp_path / "home" / "output" / "model").mkdir(parents=True)
    (tmp_path / "home" / "output" / "model" / "key").write_text("secret")
    for link in ("ml", "ml/output"):
        job = harness.run(
            f"cd $HOME/..; mv {link} away; ln -s {tmp_path}/home{link[2:]} {link}", outputs={"model": "oss://bkt/m/"}
        )
        assert "replaced by a link" in job["ReasonMessage"]
    assert not harness.objects.list_objects("bkt").objects


def test_outputs_that_the_job_did_not_touch_stay_as_they_are_and_deleted_ones_go(harness: LocalRuntimeHarness) -> None:
    for name in ("theirs", "mine", "old"):
        harness.put(f"shared/{name}", "first")
    job_id = harness.submit(
        "cd $PAI_OUTPUT_CHECKPOINTS; echo begun; while [ ! -e go ]; do sleep 0.05; done; echo new > mine; rm old go",
        outputs={"checkpoints": "oss://bkt/shared/"},
    )
    harness.says(job_id, "begun")
    harness.put("shared/theirs", "of another job")
    (harness.store.files(job_id).work.ml / "output/checkpoints/go").touch()
    assert harness.ended(job_id)["Status"] == "Succeed"
    assert (harness.get("shared/theirs"), harness.get("shared/mine")) == ("of another job", "new\n")
    keys = [stored.key for stored in harness.objects.list_objects("bkt", "shared/").objects]
    assert keys == ["shared/mine", "shared/theirs"]


def test_a_job_in_bubblewrap_has_no_capabilities(build: Callable[..., LocalRuntimeHarness]) -> None:
    harness = build(Mode.BUBBLEWRAP)
    job = harness.run("grep CapEff /proc/self/status; mount -o remount,rw /etc 2>/dev/null && echo bad")
    assert harness.printed(job) == ["CapEff:\t0000000000000000"]


def test_a_job_with_unshare_does_not_see_the_servers_folder(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path
) -> None:
    harness = build(Mode.UNSHARE)
    (tmp_path / "home" / "key").write_text("secret")
    job = harness.run(f"cat {tmp_path}/home/key; ls {tmp_path}/home; touch /ml/a $HOME/a $TMPDIR/a && ls /ml")
    assert "No such file" in harness.printed(job)[0]
    assert harness.printed(job)[1:] == ["jobs", "a", "input"]


@pytest.mark.parametrize(("mode", "word"), [(Mode.UNSHARE, "run as root"), (Mode.PLAIN, "PAI_* variables")])
def test_the_log_says_what_a_weak_mode_does_not_protect(
    build: Callable[..., LocalRuntimeHarness], caplog: pytest.LogCaptureFixture, mode: Mode, word: str
) -> None:
    harness = build(mode)
    said = [line for line in harness.log(harness.run("true")) if word in line]
    assert len(said) == 1
    assert "key included" in said[0]
    assert "apt-get install bubblewrap" in said[0]
    assert said[0] in caplog.messages


@pytest.mark.parametrize("mode", list(Mode))
def test_not_even_a_process_without_session_and_variables_outlives_its_job(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    marker = unique_seconds()
    assert build(mode).run(left_behind(marker))["Status"] == "Succeed"
    assert not sleepers(marker)


def open_files() -> list[Path]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        # Other threads close theirs meanwhile.
        with contextlib.suppress(FileNotFoundError):
            found.append(entry.readlink())
    return found


def readers() -> int:
    return sum("_read" in thread.name for thread in threading.enumerate())


def test_what_outlives_a_job_that_kills_what_would_end_it_holds_nothing_in_the_server(
    build: Callable[..., LocalRuntimeHarness],
) -> None:
    harness = build(Mode.PLAIN)
    harness.run("true")
    before = readers()
    marker = unique_seconds()
    job = harness.run(f"{left_behind(marker)}; echo done; kill -9 $PPID; sleep 600")
    wait_until(lambda: sleepers(marker))
    left = sleepers(marker)
    try:
        assert harness.printed(job) == ["done"]
        wait_until(lambda: readers() <= before)
        pipe = Path(f"/proc/{left[0]}/fd/1").readlink()
        assert pipe not in open_files()
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def test_changes_are_found_after_a_restart_of_the_server_too(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path
) -> None:
    harness = build()
    harness.put("c/old", "first")
    harness.put("c/same", "first")
    job_id = harness.submit(
        "rm $PAI_OUTPUT_C/old; echo begun; sleep 600",
        outputs={"c": "oss://bkt/c/"},
    )
    harness.says(job_id, "begun")
    harness.put("c/same", "of another job")
    other = JobRun(job_id, harness.workshop, CancellationToken(), Ports())
    other.save_outputs(transitions.SERVER_DIED)
    assert [stored.key for stored in harness.objects.list_objects("bkt", "c/").objects] == ["c/same"]
    assert harness.get("c/same") == "of another job"
    harness.runner.stop(job_id)
    harness.ended(job_id)
