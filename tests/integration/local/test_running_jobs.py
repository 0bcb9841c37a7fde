"""Jobs that really run: processes, files, archives, environments."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.jobs.transitions import Outcome
from airflow_provider_pai.local.jobs.views import job_detail
from airflow_provider_pai.local.running.environments import Environments, Interpreter
from airflow_provider_pai.local.running.job_run import CancellationToken, JobRun
from airflow_provider_pai.local.running.ports import Ports
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.model.training.resources import UserVpcConfig
from airflow_provider_pai.model.training.spec import MetricDefinition
from airflow_provider_pai.model.training.status import JobStatus
from tests.support.local_runtime import LocalRuntimeHarness, now, wait_until
from tests.support.machine import missing

SEEN = [
    "TrainingJob launch starting",
    "Change to Working Directory, /ml/usercode/",
    "User program launching",
    "-" * 65,
]


def processes(
    home: Path, cache: Path, mode: Mode | None = None, slots: int = 2, grace: float = 0.5
) -> LocalRuntimeHarness:
    environments = Environments(cache, Interpreter.at(), os.environ)
    return LocalRuntimeHarness(
        home, ProcessRuntime(Sandbox(home, environments.folders, mode), environments), slots, grace
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Iterator[Callable[..., LocalRuntimeHarness]]:
    harnesses: list[LocalRuntimeHarness] = []

    def new(
        mode: Mode | None = None, slots: int = 2, grace: float = 0.5, home: Path = tmp_path / "home"
    ) -> LocalRuntimeHarness:
        try:
            harnesses.append(processes(home, cache, mode, slots, grace))
        except RuntimeError as error:
            missing(str(mode), str(error))
        return harnesses[-1]

    yield new
    for harness in harnesses:
        harness.close()


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[LocalRuntimeHarness]:
    harness = processes(tmp_path_factory.mktemp("home"), cache)
    yield harness
    harness.close()


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


# What a job sees ------------------------------------------------------------------------------------------------------

LOOK_AROUND = """
    import json, os, sys
    print(os.getcwd())
    print(os.environ["PAI_HPS"], sys.argv[1:])
    print(open(os.environ["PAI_INPUT_TRAIN"]).read())
    print(sorted(os.listdir(os.environ["PAI_INPUT_FOLDER"])))
    print(json.load(open(os.environ["PAI_CONFIG_DIR"] + "hyperparameters.json")))
    print(os.environ["MASTER_ADDR"], os.environ["RANK"], os.environ["WORLD_SIZE"], os.environ["OWN"])
    open(os.environ["PAI_OUTPUT_MODEL"] + "model.txt", "w").write("trained")
    os.makedirs(os.environ["PAI_OUTPUT_MODEL"] + "deep")
    open(os.environ["PAI_OUTPUT_MODEL"] + "deep/er.txt", "w").write("more")
"""


@pytest.mark.parametrize("mode", list(Mode))
def test_a_script_sees_the_contract_and_its_outputs_end_in_oss(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    harness = build(mode)
    harness.put("code/train.py", LOOK_AROUND)
    harness.put("data/train.csv", "1,2")
    harness.put("data/other.csv", "3,4")
    job = harness.run(
        "python train.py $PAI_USER_ARGS",
        code="code/",
        hyperparameters={"lr": "0.1"},
        inputs={"train": "oss://bkt/data/train.csv", "folder": "oss://bkt.oss-cn-hangzhou.aliyuncs.com/data/"},
        outputs={"model": "oss://bkt/out/model/"},
        environments={"OWN": "mine"},
    )
    root = str(harness.store.files(job["TrainingJobId"]).work.ml) if mode is Mode.PLAIN else "/ml"
    assert harness.printed(job) == [
        f"{root}/usercode",
        "{\"lr\":\"0.1\"} ['--lr', '0.1']",
        "1,2",
        "['other.csv', 'train.csv']",
        "{'lr': '0.1'}",
        "127.0.0.1 0 1 mine",
    ]
    assert (job["Status"], job["ReasonCode"]) == ("Succeed", "TrainingJobSucceed")
    assert (harness.get("out/model/model.txt"), harness.get("out/model/deep/er.txt")) == ("trained", "more")


def test_the_log_begins_as_pais_and_the_statuses_are_all_recorded(harness: LocalRuntimeHarness) -> None:
    harness.put("code/x.txt", "")
    job = harness.run("echo one; echo two >&2; printf 'no end'", code="code/", environments={"MY_TOKEN": "abc"})
    log = harness.log(job)
    ml = str(harness.store.files(job["TrainingJobId"]).work.ml)
    assert [seen for line in log if (seen := line.replace(ml, "/ml")) in SEEN] == SEEN
    assert "MY_TOKEN=***" in log
    assert log[-3:] == ["one", "two", "no end"]
    statuses = [entry["Status"] for entry in job["StatusTransitions"]]
    assert statuses == ["Creating", "Created", "Initializing", "Submitted", "Running", "Succeed"]
    assert all("EndTime" in entry for entry in job["StatusTransitions"])
    assert job["Instances"] == [{"Name": f"{job['TrainingJobId']}-master-0", "Role": "master", "Status": "Succeeded"}]
    events = [text for _, text in harness.store.files(job["TrainingJobId"]).events()]
    assert f"{job['TrainingJobId']} Running" in events


def test_the_log_says_that_the_image_is_not_pulled(harness: LocalRuntimeHarness) -> None:
    version = Interpreter.at().version
    line = f"Image registry/image:1 is not pulled: the command runs with this machine's Python {version}"
    assert line in harness.log(harness.run("true"))


def test_the_servers_environment_does_not_leak(harness: LocalRuntimeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "a-secret-of-airflow")
    harness.put("code/p.py", "import os; print(sorted(os.environ), 'a-secret-of-airflow' in os.environ.values())")
    job = harness.run("python p.py; cat /proc/self/environ /proc/1/environ | tr '\\0' '\\n'", code="code/")
    assert "'PAI_TRAINING_JOB_ID'" in harness.printed(job)[0]
    assert "a-secret-of-airflow" not in "\n".join(harness.log(job))
    contract = {line.partition("=")[0] for line in harness.log(job) if "=" in line}
    assert set(harness.printed(job)[0].split("'")[1::2]) <= contract | {
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "PWD",
        "OLDPWD",
    }


def test_jobs_with_a_hard_coded_ml_at_the_same_time_do_not_see_each_other(
    build: Callable[..., LocalRuntimeHarness],
) -> None:
    harness = build(Mode.BUBBLEWRAP)
    command = "echo {0} > /ml/output/model/who; echo {0} > /tmp/who; sleep 0.7; cat /ml/output/model/who /tmp/who"
    jobs = [harness.submit(command.format(who), outputs={"model": f"oss://bkt/{who}/"}) for who in ("first", "second")]
    ended = [harness.ended(job) for job in jobs]
    assert [harness.printed(job) for job in ended] == [["first", "first"], ["second", "second"]]
    running = [job["StatusTransitions"][-2] for job in ended]
    assert running[1]["StartTime"] <= running[0]["EndTime"], "they did not run at the same time"


def test_a_job_in_bubblewrap_can_neither_see_the_server_nor_write_to_the_machine(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path
) -> None:
    harness = build(Mode.BUBBLEWRAP)
    (tmp_path / "home" / "secret").write_text("x")
    job = harness.run(
        f"cat {tmp_path}/home/secret; ls {tmp_path}/home; touch /usr/mine; touch /tmp/a $HOME/a && echo ok"
    )
    printed = "\n".join(harness.printed(job))
    assert "No such file" in printed
    assert "Read-only file system" in printed
    assert "oss" not in printed
    assert printed.endswith("ok")


def test_without_a_sandbox_the_log_says_how_to_get_one(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    harness = build(Mode.PLAIN)
    assert harness.workshop.runtime.mode == "plain"
    assert any("bubblewrap" in line for line in harness.log(harness.run("true")))


def test_existing_checkpoints_are_there_and_new_ones_are_added(harness: LocalRuntimeHarness) -> None:
    command = "cat /ml/output/checkpoints/n; echo $(($(cat $PAI_OUTPUT_CHECKPOINTS/n) + 1)) > $PAI_OUTPUT_CHECKPOINTS/n"
    harness.put("ck/n", "1")
    outputs = {"checkpoints": "oss://bkt/ck/"}
    command = command.replace("/ml/output/checkpoints/n", "$PAI_OUTPUT_CHECKPOINTS/n")
    assert harness.printed(harness.run(command, outputs=outputs)) == ["1"]
    assert harness.printed(harness.run(command, outputs=outputs)) == ["2"]
    assert harness.get("ck/n").strip() == "3"


def test_instances_get_their_rank_and_logs_of_their_own(harness: LocalRuntimeHarness) -> None:
    job = harness.run("echo rank $RANK of $WORLD_SIZE at $MASTER_ADDR as $HOSTNAME", instance_count=2)
    job_id, files = job["TrainingJobId"], harness.store.files(job["TrainingJobId"])
    names = [f"{job_id}-master-0", f"{job_id}-worker-0"]
    assert [item["Name"] for item in job["Instances"]] == names
    for rank, name in enumerate(names):
        assert files.instance_log(name).tail(1) == [f"rank {rank} of 2 at 127.0.0.1 as {name}"]
    assert {f"rank {rank} of 2 at 127.0.0.1 as {name}" for rank, name in enumerate(names)} <= set(harness.log(job))
    assert sum("is not pulled" in line for line in harness.log(job)) == 1


def test_one_failed_instance_fails_the_job_and_ends_the_others(harness: LocalRuntimeHarness) -> None:
    started = time.monotonic()
    job = harness.run("test $RANK = 0 && exec sleep 60; exit 4", instance_count=2)
    assert time.monotonic() - started < 20
    assert job["Status"] == "Failed"
    assert job["ReasonMessage"] == f"Instance {job['TrainingJobId']}-worker-0 ended with exit code 4"


def test_jobs_at_the_same_time_get_different_rendezvous_ports(harness: LocalRuntimeHarness) -> None:
    jobs = [harness.submit("echo port $MASTER_PORT; sleep 0.7") for _ in range(2)]
    ports = {harness.printed(harness.ended(job))[0] for job in jobs}
    assert len(ports) == 2


# How a job ends -------------------------------------------------------------------------------------------------------


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
    harness = build(mode)
    marker = f"{600 + list(Mode).index(mode)}.25"
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
    job = harness.ended(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Terminated", "StoppedByUser")
    assert "asked" in harness.printed(job)
    assert harness.get("c/last").strip() == "saved"
    wait_until(lambda: not running_with(marker), 3)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_script_may_take_its_time_to_end_although_its_shell_does_not(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    harness = build(mode, grace=5.0)
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
    began = time.monotonic()
    harness.runner.stop(job_id)
    assert harness.ended(job_id)["Status"] == "Terminated"
    assert time.monotonic() - began < 4
    assert harness.get("last/last") == "saved"


def running_with(word: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if arguments[:2] == [b"sleep", word.encode()]:
                found.append(int(entry.name))
    return found


def test_a_command_that_ends_leaves_nothing_behind(harness: LocalRuntimeHarness) -> None:
    started = time.monotonic()
    job = harness.run("sleep 611.5 & echo done")
    assert (job["Status"], harness.printed(job)) == ("Succeed", ["done"])
    assert time.monotonic() - started < 20
    wait_until(lambda: not running_with("611.5"), 3)


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_even_what_left_the_session_is_ended_with_the_job(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    harness = build(mode)
    started = time.monotonic()
    assert harness.run("setsid sleep 614.5 & sleep 0.2; echo done")["Status"] == "Succeed"
    wait_until(lambda: not running_with("614.5"), 3)
    assert time.monotonic() - started < 20


def test_a_job_that_runs_too_long_is_ended_and_fails(harness: LocalRuntimeHarness) -> None:
    job = harness.run("echo started; sleep 60", max_run_time=1)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "MaxRunningTimeExceeded")
    assert harness.printed(job) == ["started"]
    view = job_detail(job, [], [], now(), "{workspace}{job}")
    assert 1 <= view["Duration"] < 20


def test_a_job_that_ended_can_not_be_stopped(harness: LocalRuntimeHarness) -> None:
    job = harness.run("true")
    assert not harness.runner.stop(job["TrainingJobId"])
    assert harness.store.existing(job["TrainingJobId"])["Status"] == "Succeed"


def test_more_jobs_than_slots_wait_and_can_be_stopped_while_they_wait(
    build: Callable[..., LocalRuntimeHarness],
) -> None:
    harness = build(slots=1)
    first, second, third = (harness.submit(f"echo begin; sleep {wait}") for wait in (60, 0, 0))
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
    job_id = harness.submit("echo begin; sleep 60")
    harness.says(job_id, "begin")
    by_hand = Outcome(JobStatus.CREATE_FAILED, "ByHand", "as an administrator wished")
    assert harness.runner.move(job_id, by_hand)
    wait_until(lambda: harness.store.existing(job_id)["Status"] == "CreateFailed", 10)
    assert harness.store.existing(job_id)["ReasonCode"] == "ByHand"


def test_reset_ends_and_forgets_all_jobs(build: Callable[..., LocalRuntimeHarness]) -> None:
    harness = build(slots=1)
    first = harness.submit("echo begin; sleep 612.5")
    harness.submit("true")
    harness.says(first, "begin")
    harness.runner.reset()
    assert harness.store.all() == []
    assert not running_with("612.5")
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


def test_an_archive_is_unpacked_into_the_working_directory(harness: LocalRuntimeHarness) -> None:
    script = tarfile.TarInfo("pkg/run.sh")
    script.mode = 0o755
    link = tarfile.TarInfo("pkg/link.sh")
    link.type, link.linkname = tarfile.SYMTYPE, "../pkg/run.sh"
    harness.put("code/source.tar.gz", packed((script, b"#!/bin/sh\necho from the archive\n"), (link, b"")))
    job = harness.run("pwd; ./pkg/run.sh; ./pkg/link.sh", code="code/source.tar.gz")
    assert harness.printed(job)[1:] == ["from the archive", "from the archive"]


@pytest.mark.parametrize(
    ("members", "reason", "why"),
    [
        ({"code": "nothing/"}, "CodeUnavailable", "oss://bkt/nothing/"),
        ({"code": "nothing/source.tar.gz"}, "CodeUnavailable", "oss://bkt/nothing/source.tar.gz"),
        ({"code": "code/broken.tar.gz"}, "CodeUnavailable", "code/broken.tar.gz is refused"),
        ({"code": "code/hostile.tar.gz"}, "CodeUnavailable", "'../evil' leads out"),
        ({"inputs": {"train": "oss://bkt/none.csv"}}, "DataUnavailable", "input channel train"),
        ({"inputs": {"train": "oss://bkt/none/"}}, "DataUnavailable", "input channel train is empty"),
        ({"inputs": {"train": "oss://none/x/"}}, "DataUnavailable", "NoSuchBucket"),
    ],
)
def test_failed_preparation_says_what_was_wrong(
    harness: LocalRuntimeHarness, members: dict[str, Any], reason: str, why: str
) -> None:
    harness.put("code/broken.tar.gz", b"no archive")
    harness.put("code/hostile.tar.gz", packed((tarfile.TarInfo("../evil"), b"x")))
    job = harness.run("echo never", **members)
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", reason)
    assert why in job["ReasonMessage"]
    assert why in "\n".join(harness.log(job))
    assert "echo never" not in harness.log(job)


def wheel(folder: Path, name: str) -> Path:
    """A package that pip installs without building anything, and so without an index."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "VALUE = 42")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def test_requirements_are_installed_once_for_one_content(harness: LocalRuntimeHarness, tmp_path: Path) -> None:
    requirements = (str(wheel(tmp_path, "tiny_requirement")),)
    command = "python -c 'import tiny_requirement; print(tiny_requirement.VALUE)'"
    jobs = [harness.submit(command, requirements=requirements) for _ in range(2)]
    first, second = (harness.ended(job) for job in jobs)
    assert [harness.printed(job) for job in (first, second)] == [["42"], ["42"]]
    logs = [harness.log(first), harness.log(second)]
    assert sum(any("Successfully installed" in line for line in log) for log in logs) == 1
    assert sum(any("Requirements already installed" in line for line in log) for log in logs) == 1
    expected = "Installing dependencies from /ml/input/config//requirements.txt"
    if harness.workshop.runtime.mode != "plain":
        assert all(expected in log for log in logs)
    assert not any("[notice]" in line or "WARNING: Running pip as" in line for log in logs for line in log)
    assert "ModuleNotFoundError" in "\n".join(harness.log(harness.run("python -c 'import tiny_requirement'")))


@pytest.mark.parametrize("archive", [True, False])
def test_requirements_of_the_source_code_are_installed(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool
) -> None:
    for name in ("of_the_code", "of_the_job"):
        wheel(tmp_path, name)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    harness = build(Mode.PLAIN)
    content = b"# both\nof_the_code==1.0\nof_the_job==1.0\n"
    harness.put("code/requirements.txt", content)
    if archive:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            member = tarfile.TarInfo("requirements.txt")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        harness.put("code/source.tar.gz", packed.getvalue())
    job = harness.run(
        "python -c 'import of_the_code, of_the_job; print(of_the_code.VALUE)'",
        code="code/source.tar.gz" if archive else "code/",
        requirements=("of_the_job==1.0",),
    )
    assert harness.printed(job) == ["42"]
    assert any(line.startswith("Installing 1 more dependencies from /") for line in harness.log(job))


@pytest.mark.parametrize("line", ["-r /etc/passwd", "./here", "--index-url http://other/", "absent_anywhere==9"])
def test_a_line_of_the_source_code_that_can_not_be_taken_fails_the_preparation_and_is_named(
    build: Callable[..., LocalRuntimeHarness], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    harness = build(Mode.PLAIN)
    harness.put("code/requirements.txt", line)
    job = harness.run("true", code="code/")
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", "RequirementsFailed")
    assert line.split("=")[0] in job["ReasonMessage"]


def test_requirements_that_can_not_be_installed_fail_the_preparation(
    harness: LocalRuntimeHarness, tmp_path: Path
) -> None:
    job = harness.run("true", requirements=(f"{tmp_path}/absent-1.0-py3-none-any.whl",))
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", "RequirementsFailed")
    assert "absent-1.0" in job["ReasonMessage"]
    assert any("ERROR" in line for line in harness.log(job))


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_a_job_can_install_packages_for_itself_alone(
    build: Callable[..., LocalRuntimeHarness], tmp_path: Path, mode: Mode
) -> None:
    harness = build(mode)
    harness.objects.put("bkt", "w/own_package-1.0-py3-none-any.whl", wheel(tmp_path, "own_package"))
    job = harness.run(
        "pip install -q --no-index $PAI_INPUT_W && python -c 'import own_package; print(own_package.VALUE)'",
        inputs={"w": "oss://bkt/w/own_package-1.0-py3-none-any.whl"},
    )
    assert harness.printed(job)[-1] == "42", harness.log(job)
    assert "ModuleNotFoundError" in "\n".join(harness.log(harness.run("python -c 'import own_package'")))


def test_a_stop_interrupts_the_installation(harness: LocalRuntimeHarness, tmp_path: Path) -> None:
    source = tmp_path / "slow"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'slow'\nbackend-path = ['.']\n"
        "[project]\nname = 'slow'\nversion = '1'\n"
    )
    (source / "slow.py").write_text("import time; open('begun', 'w'); time.sleep(613)")
    job_id = harness.submit("true", requirements=(str(source),))
    wait_until((source / "begun").exists, 20)
    started = time.monotonic()
    harness.runner.stop(job_id)
    assert harness.ended(job_id)["Status"] == "Terminated"
    assert time.monotonic() - started < 10


# Log and metrics ------------------------------------------------------------------------------------------------------


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
def test_a_job_on_a_full_disk_ends_and_the_reason_is_told(
    build: Callable[..., LocalRuntimeHarness], command: str
) -> None:
    harness = build(Mode.PLAIN)
    object.__setattr__(harness.workshop, "disk_full", lambda: True)
    job = harness.run(command)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "DiskFull")
    assert job["ReasonMessage"].startswith("The disk that local PAI uses on this machine is full: free some space")


def test_the_log_names_what_is_taken_without_effect(harness: LocalRuntimeHarness) -> None:
    job = harness.run("true", user_vpc_config=UserVpcConfig("vpc-1", "sg-1"))
    assert "UserVpc is taken without effect: this machine has no VPC: jobs use its network" in harness.log(job)


def test_links_and_pipes_in_outputs_are_told_in_the_log(harness: LocalRuntimeHarness) -> None:
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
    told = [line for line in harness.log(job) if "is not stored" in line]
    why = "it is a link that leads out of the channel's folder, or to itself"
    assert told[0] == f"Output channel checkpoints: out is not stored: {why}"
    assert told[1:] == ["Output channel checkpoints: pipe is not stored: it is a pipe"]


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
    assert printed[1] == "[cut: the line is longer than 64 KiB] " + "x" * 65536
    assert printed[2:4] == ["after", " nul"]
    assert printed[4] == "y" * 65536
    assert printed[5:] == ["end"]


def test_lines_can_be_read_while_the_job_runs(harness: LocalRuntimeHarness) -> None:
    harness.put("code/p.py", "import time; print('first', flush=True); time.sleep(60)")
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


@pytest.mark.parametrize(("mode", "word"), [(Mode.UNSHARE, "run as root"), (Mode.PLAIN, "outlive its job")])
def test_the_log_says_what_a_weak_mode_does_not_protect(
    build: Callable[..., LocalRuntimeHarness], caplog: pytest.LogCaptureFixture, mode: Mode, word: str
) -> None:
    harness = build(mode)
    said = [line for line in harness.log(harness.run("true")) if word in line]
    assert len(said) == 1
    assert "key included" in said[0]
    assert "apt-get install bubblewrap" in said[0]
    assert said[0] in caplog.messages


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.UNSHARE])
def test_not_even_a_process_without_session_and_variables_outlives_its_job(
    build: Callable[..., LocalRuntimeHarness], mode: Mode
) -> None:
    marker = f"{630 + list(Mode).index(mode)}.5"
    assert build(mode).run(f"env -i setsid sleep {marker} & sleep 0.3; echo done")["Status"] == "Succeed"
    assert not running_with(marker)


def readers() -> int:
    return sum("_read" in thread.name for thread in threading.enumerate())


def test_a_process_that_outlives_its_job_holds_nothing_in_the_server(build: Callable[..., LocalRuntimeHarness]) -> None:
    harness = build(Mode.PLAIN)
    harness.run("true")
    before = readers()
    job = harness.run("env -i setsid sleep 634.5 & sleep 0.3; echo done")
    left = running_with("634.5")
    try:
        assert left, "nothing outlived the job"
        assert harness.printed(job) == ["done"]
        assert readers() == before
        pipe = Path(f"/proc/{left[0]}/fd/1").readlink()
        assert pipe not in [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
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
        "rm $PAI_OUTPUT_C/old; echo begun; sleep 60",
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
