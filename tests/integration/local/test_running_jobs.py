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
from airflow_provider_pai.model.training.spec import MetricDefinition
from airflow_provider_pai.model.training.status import JobStatus
from tests.support.house import House, now, wait_until
from tests.support.machine import missing

SEEN = [
    "TrainingJob launch starting",
    "Change to Working Directory, /ml/usercode/",
    "User program launching",
    "-" * 65,
]


def processes(home: Path, cache: Path, mode: Mode | None = None, slots: int = 2, grace: float = 0.5) -> House:
    environments = Environments(cache, Interpreter.at(), os.environ)
    return House(home, ProcessRuntime(Sandbox(home, environments.folders, mode), environments), slots, grace)


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
def build(tmp_path: Path, cache: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def new(mode: Mode | None = None, slots: int = 2, grace: float = 0.5, home: Path = tmp_path / "home") -> House:
        try:
            houses.append(processes(home, cache, mode, slots, grace))
        except RuntimeError as error:
            missing(str(mode), str(error))
        return houses[-1]

    yield new
    for house in houses:
        house.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[House]:
    house = processes(tmp_path_factory.mktemp("home"), cache)
    yield house
    house.close()


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
def test_a_script_sees_the_contract_and_its_outputs_end_in_oss(build: Callable[..., House], mode: Mode) -> None:
    house = build(mode)
    house.put("code/train.py", LOOK_AROUND)
    house.put("data/train.csv", "1,2")
    house.put("data/other.csv", "3,4")
    job = house.run(
        "python train.py $PAI_USER_ARGS",
        code="code/",
        hyperparameters={"lr": "0.1"},
        inputs={"train": "oss://bkt/data/train.csv", "folder": "oss://bkt.oss-cn-hangzhou.aliyuncs.com/data/"},
        outputs={"model": "oss://bkt/out/model/"},
        environments={"OWN": "mine"},
    )
    root = str(house.store.files(job["TrainingJobId"]).work.ml) if mode is Mode.PLAIN else "/ml"
    assert house.printed(job) == [
        f"{root}/usercode",
        "{\"lr\":\"0.1\"} ['--lr', '0.1']",
        "1,2",
        "['other.csv', 'train.csv']",
        "{'lr': '0.1'}",
        "127.0.0.1 0 1 mine",
    ]
    assert (job["Status"], job["ReasonCode"]) == ("Succeed", "TrainingJobSucceed")
    assert (house.get("out/model/model.txt"), house.get("out/model/deep/er.txt")) == ("trained", "more")


def test_the_log_begins_as_pais_and_the_statuses_are_all_recorded(house: House) -> None:
    house.put("code/x.txt", "")
    job = house.run("echo one; echo two >&2; printf 'no end'", code="code/", environments={"MY_TOKEN": "abc"})
    log = house.log(job)
    ml = str(house.store.files(job["TrainingJobId"]).work.ml)
    assert [seen for line in log if (seen := line.replace(ml, "/ml")) in SEEN] == SEEN
    assert "MY_TOKEN=***" in log
    assert log[-3:] == ["one", "two", "no end"]
    statuses = [entry["Status"] for entry in job["StatusTransitions"]]
    assert statuses == ["Creating", "Created", "Initializing", "Submitted", "Running", "Succeed"]
    assert all("EndTime" in entry for entry in job["StatusTransitions"])
    assert job["Instances"] == [{"Name": f"{job['TrainingJobId']}-master-0", "Role": "master", "Status": "Succeeded"}]
    events = [text for _, text in house.store.files(job["TrainingJobId"]).events()]
    assert f"{job['TrainingJobId']} Running" in events


def test_the_log_says_that_the_image_is_not_pulled(house: House) -> None:
    version = Interpreter.at().version
    line = f"Image registry/image:1 is not pulled: the command runs with this machine's Python {version}"
    assert line in house.log(house.run("true"))


def test_the_servers_environment_does_not_leak(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "a-secret-of-airflow")
    house.put("code/p.py", "import os; print(sorted(os.environ), 'a-secret-of-airflow' in os.environ.values())")
    job = house.run("python p.py; cat /proc/self/environ /proc/1/environ | tr '\\0' '\\n'", code="code/")
    assert "'PAI_TRAINING_JOB_ID'" in house.printed(job)[0]
    assert "a-secret-of-airflow" not in "\n".join(house.log(job))
    contract = {line.partition("=")[0] for line in house.log(job) if "=" in line}
    assert set(house.printed(job)[0].split("'")[1::2]) <= contract | {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "OLDPWD"}


def test_jobs_with_a_hard_coded_ml_at_the_same_time_do_not_see_each_other(build: Callable[..., House]) -> None:
    house = build(Mode.BUBBLEWRAP)
    command = "echo {0} > /ml/output/model/who; echo {0} > /tmp/who; sleep 0.7; cat /ml/output/model/who /tmp/who"
    jobs = [house.submit(command.format(who), outputs={"model": f"oss://bkt/{who}/"}) for who in ("first", "second")]
    ended = [house.ended(job) for job in jobs]
    assert [house.printed(job) for job in ended] == [["first", "first"], ["second", "second"]]
    running = [job["StatusTransitions"][-2] for job in ended]
    assert running[1]["StartTime"] <= running[0]["EndTime"], "they did not run at the same time"


def test_a_job_in_bubblewrap_can_neither_see_the_server_nor_write_to_the_machine(
    build: Callable[..., House], tmp_path: Path
) -> None:
    house = build(Mode.BUBBLEWRAP)
    (tmp_path / "home" / "secret").write_text("x")
    job = house.run(f"cat {tmp_path}/home/secret; ls {tmp_path}/home; touch /usr/mine; touch /tmp/a $HOME/a && echo ok")
    printed = "\n".join(house.printed(job))
    assert "No such file" in printed
    assert "Read-only file system" in printed
    assert "oss" not in printed
    assert printed.endswith("ok")


def test_without_a_sandbox_the_log_says_how_to_get_one(
    build: Callable[..., House], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = build(Mode.PLAIN)
    assert house.workshop.runtime.mode == "plain"
    assert any("bubblewrap" in line for line in house.log(house.run("true")))


def test_existing_checkpoints_are_there_and_new_ones_are_added(house: House) -> None:
    command = "cat /ml/output/checkpoints/n; echo $(($(cat $PAI_OUTPUT_CHECKPOINTS/n) + 1)) > $PAI_OUTPUT_CHECKPOINTS/n"
    house.put("ck/n", "1")
    outputs = {"checkpoints": "oss://bkt/ck/"}
    command = command.replace("/ml/output/checkpoints/n", "$PAI_OUTPUT_CHECKPOINTS/n")
    assert house.printed(house.run(command, outputs=outputs)) == ["1"]
    assert house.printed(house.run(command, outputs=outputs)) == ["2"]
    assert house.get("ck/n").strip() == "3"


def test_instances_get_their_rank_and_logs_of_their_own(house: House) -> None:
    job = house.run("echo rank $RANK of $WORLD_SIZE at $MASTER_ADDR as $HOSTNAME", instance_count=2)
    job_id, files = job["TrainingJobId"], house.store.files(job["TrainingJobId"])
    names = [f"{job_id}-master-0", f"{job_id}-worker-0"]
    assert [item["Name"] for item in job["Instances"]] == names
    for rank, name in enumerate(names):
        assert files.instance_log(name).tail(1) == [f"rank {rank} of 2 at 127.0.0.1 as {name}"]
    assert {f"rank {rank} of 2 at 127.0.0.1 as {name}" for rank, name in enumerate(names)} <= set(house.log(job))
    assert sum("is not pulled" in line for line in house.log(job)) == 1


def test_one_failed_instance_fails_the_job_and_ends_the_others(house: House) -> None:
    started = time.monotonic()
    job = house.run("test $RANK = 0 && exec sleep 60; exit 4", instance_count=2)
    assert time.monotonic() - started < 20
    assert job["Status"] == "Failed"
    assert job["ReasonMessage"] == f"Instance {job['TrainingJobId']}-worker-0 ended with exit code 4"


def test_jobs_at_the_same_time_get_different_rendezvous_ports(house: House) -> None:
    jobs = [house.submit("echo port $MASTER_PORT; sleep 0.7") for _ in range(2)]
    ports = {house.printed(house.ended(job))[0] for job in jobs}
    assert len(ports) == 2


# How a job ends -------------------------------------------------------------------------------------------------------


def test_a_failing_command_fails_the_job_and_its_outputs_are_kept(house: House) -> None:
    job = house.run("echo 7 > $PAI_OUTPUT_CHECKPOINTS/epoch; exit 3", outputs={"checkpoints": "oss://bkt/c/"})
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "UserCommandFailed")
    assert "exit code 3" in job["ReasonMessage"]
    assert house.get("c/epoch").strip() == "7"


def test_a_command_that_is_not_found_is_explained(house: House) -> None:
    assert "exit code 127 (the command was not found)" in house.run("no-such-program")["ReasonMessage"]


@pytest.mark.parametrize("mode", list(Mode))
def test_stop_asks_first_and_then_kills_children_that_will_not_listen(
    build: Callable[..., House], tmp_path: Path, mode: Mode
) -> None:
    house = build(mode)
    marker = f"{600 + list(Mode).index(mode)}.25"
    command = f"""
        (trap '' TERM; sleep {marker} & echo stubborn; wait; sleep {marker}) &
        trap 'echo saved > $PAI_OUTPUT_CHECKPOINTS/last; echo asked; exit 0' TERM
        echo ready
        while true; do sleep 0.1; done
    """
    job_id = house.submit(command, outputs={"checkpoints": "oss://bkt/c/"})
    house.says(job_id, "ready")
    house.says(job_id, "stubborn")
    assert house.runner.stop(job_id)
    job = house.ended(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Terminated", "StoppedByUser")
    assert "asked" in house.printed(job)
    assert house.get("c/last").strip() == "saved"
    wait_until(lambda: not running_with(marker), 3)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_script_may_take_its_time_to_end_although_its_shell_does_not(build: Callable[..., House], mode: Mode) -> None:
    house = build(mode, grace=5.0)
    house.put(
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
    job_id = house.submit("python train.py; true", code="code/", outputs={"checkpoints": "oss://bkt/last/"})
    house.says(job_id, "ready")
    began = time.monotonic()
    house.runner.stop(job_id)
    assert house.ended(job_id)["Status"] == "Terminated"
    assert time.monotonic() - began < 4
    assert house.get("last/last") == "saved"


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


def test_a_command_that_ends_leaves_nothing_behind(house: House) -> None:
    started = time.monotonic()
    job = house.run("sleep 611.5 & echo done")
    assert (job["Status"], house.printed(job)) == ("Succeed", ["done"])
    assert time.monotonic() - started < 20
    wait_until(lambda: not running_with("611.5"), 3)


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_even_what_left_the_session_is_ended_with_the_job(build: Callable[..., House], mode: Mode) -> None:
    house = build(mode)
    started = time.monotonic()
    assert house.run("setsid sleep 614.5 & sleep 0.2; echo done")["Status"] == "Succeed"
    wait_until(lambda: not running_with("614.5"), 3)
    assert time.monotonic() - started < 20


def test_a_job_that_runs_too_long_is_ended_and_fails(house: House) -> None:
    job = house.run("echo started; sleep 60", max_run_time=1)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "MaxRunningTimeExceeded")
    assert house.printed(job) == ["started"]
    view = job_detail(job, [], [], now(), "{workspace}{job}")
    assert 1 <= view["Duration"] < 20


def test_a_job_that_ended_can_not_be_stopped(house: House) -> None:
    job = house.run("true")
    assert not house.runner.stop(job["TrainingJobId"])
    assert house.store.existing(job["TrainingJobId"])["Status"] == "Succeed"


def test_more_jobs_than_slots_wait_and_can_be_stopped_while_they_wait(build: Callable[..., House]) -> None:
    house = build(slots=1)
    first, second, third = (house.submit(f"echo begin; sleep {wait}") for wait in (60, 0, 0))
    house.says(first, "begin")
    assert house.store.existing(second)["Status"] == "Created"
    assert house.runner.stop(second)
    assert house.store.existing(second)["Status"] == "Terminated"
    assert "Instances" not in house.store.existing(second)
    house.runner.stop(first)
    assert house.ended(third)["Status"] == "Succeed"
    order = [house.store.existing(job)["StatusTransitions"] for job in (first, third)]
    assert order[1][2]["StartTime"] >= order[0][-1]["StartTime"], "the third did not wait for the slot"


def test_a_job_can_be_ended_by_hand_in_any_way(house: House) -> None:
    job_id = house.submit("echo begin; sleep 60")
    house.says(job_id, "begin")
    by_hand = Outcome(JobStatus.CREATE_FAILED, "ByHand", "as an administrator wished")
    assert house.runner.move(job_id, by_hand)
    wait_until(lambda: house.store.existing(job_id)["Status"] == "CreateFailed", 10)
    assert house.store.existing(job_id)["ReasonCode"] == "ByHand"


def test_reset_ends_and_forgets_all_jobs(build: Callable[..., House]) -> None:
    house = build(slots=1)
    first = house.submit("echo begin; sleep 612.5")
    house.submit("true")
    house.says(first, "begin")
    house.runner.reset()
    assert house.store.all() == []
    assert not running_with("612.5")
    assert house.run("true")["Status"] == "Succeed"


def test_outputs_that_can_not_be_stored_fail_the_job_and_stay_on_disk(house: House) -> None:
    outputs = {"model": "oss://gone/m/", "logs": "oss://bkt/l/"}
    house.objects.create_bucket("gone")
    job_id = house.submit(
        "echo go; sleep 0.5; echo x > $PAI_OUTPUT_MODEL/x; echo y > $PAI_OUTPUT_LOGS/y", outputs=outputs
    )
    house.says(job_id, "go")
    house.objects.delete_bucket("gone")
    job = house.ended(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "OutputUploadFailed")
    assert "model" in job["ReasonMessage"]
    assert (house.store.files(job_id).work.ml / "output/model/x").read_text() == "x\n"
    assert house.get("l/y") == "y\n"


def test_the_folder_of_a_job_goes_when_its_outputs_are_stored(house: House) -> None:
    job = house.run("true")
    assert not house.store.files(job["TrainingJobId"]).work.path.exists()


# Preparation ----------------------------------------------------------------------------------------------------------


def test_an_archive_is_unpacked_into_the_working_directory(house: House) -> None:
    script = tarfile.TarInfo("pkg/run.sh")
    script.mode = 0o755
    link = tarfile.TarInfo("pkg/link.sh")
    link.type, link.linkname = tarfile.SYMTYPE, "../pkg/run.sh"
    house.put("code/source.tar.gz", packed((script, b"#!/bin/sh\necho from the archive\n"), (link, b"")))
    job = house.run("pwd; ./pkg/run.sh; ./pkg/link.sh", code="code/source.tar.gz")
    assert house.printed(job)[1:] == ["from the archive", "from the archive"]


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
def test_failed_preparation_says_what_was_wrong(house: House, members: dict[str, Any], reason: str, why: str) -> None:
    house.put("code/broken.tar.gz", b"no archive")
    house.put("code/hostile.tar.gz", packed((tarfile.TarInfo("../evil"), b"x")))
    job = house.run("echo never", **members)
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", reason)
    assert why in job["ReasonMessage"]
    assert why in "\n".join(house.log(job))
    assert "echo never" not in house.log(job)


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


def test_requirements_are_installed_once_for_one_content(house: House, tmp_path: Path) -> None:
    requirements = (str(wheel(tmp_path, "tiny_requirement")),)
    command = "python -c 'import tiny_requirement; print(tiny_requirement.VALUE)'"
    jobs = [house.submit(command, requirements=requirements) for _ in range(2)]
    first, second = (house.ended(job) for job in jobs)
    assert [house.printed(job) for job in (first, second)] == [["42"], ["42"]]
    logs = [house.log(first), house.log(second)]
    assert sum(any("Successfully installed" in line for line in log) for log in logs) == 1
    assert sum(any("Requirements already installed" in line for line in log) for log in logs) == 1
    expected = "Installing dependencies from /ml/input/config//requirements.txt"
    if house.workshop.runtime.mode != "plain":
        assert all(expected in log for log in logs)
    assert not any("[notice]" in line or "WARNING: Running pip as" in line for log in logs for line in log)
    assert "ModuleNotFoundError" in "\n".join(house.log(house.run("python -c 'import tiny_requirement'")))


def test_requirements_that_can_not_be_installed_fail_the_preparation(house: House, tmp_path: Path) -> None:
    job = house.run("true", requirements=(f"{tmp_path}/absent-1.0-py3-none-any.whl",))
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", "RequirementsFailed")
    assert "absent-1.0" in job["ReasonMessage"]
    assert any("ERROR" in line for line in house.log(job))


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_a_job_can_install_packages_for_itself_alone(build: Callable[..., House], tmp_path: Path, mode: Mode) -> None:
    house = build(mode)
    house.objects.put("bkt", "w/own_package-1.0-py3-none-any.whl", wheel(tmp_path, "own_package"))
    job = house.run(
        "pip install -q --no-index $PAI_INPUT_W && python -c 'import own_package; print(own_package.VALUE)'",
        inputs={"w": "oss://bkt/w/own_package-1.0-py3-none-any.whl"},
    )
    assert house.printed(job)[-1] == "42", house.log(job)
    assert "ModuleNotFoundError" in "\n".join(house.log(house.run("python -c 'import own_package'")))


def test_a_stop_interrupts_the_installation(house: House, tmp_path: Path) -> None:
    source = tmp_path / "slow"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'slow'\nbackend-path = ['.']\n"
        "[project]\nname = 'slow'\nversion = '1'\n"
    )
    (source / "slow.py").write_text("import time; open('begun', 'w'); time.sleep(613)")
    job_id = house.submit("true", requirements=(str(source),))
    wait_until((source / "begun").exists, 20)
    started = time.monotonic()
    house.runner.stop(job_id)
    assert house.ended(job_id)["Status"] == "Terminated"
    assert time.monotonic() - started < 10


# Log and metrics ------------------------------------------------------------------------------------------------------


def test_metrics_are_read_from_the_commands_lines(house: House) -> None:
    definitions = (MetricDefinition("loss", r"loss=([\d.a-z]+)"), MetricDefinition("acc", r"acc: (.*)"))
    job = house.run(
        "echo loss=0.5; echo loss=nan; echo acc: 0.9; echo acc: bad; echo loss=0.25", metric_definitions=definitions
    )
    files = house.store.files(job["TrainingJobId"])
    assert [(point["Name"], point["Value"]) for point in files.metrics.all()] == [
        ("loss", 0.5),
        ("acc", 0.9),
        ("loss", 0.25),
    ]
    assert {point["Name"]: point["Value"] for point in files.metrics.latest()} == {"loss": 0.25, "acc": 0.9}


def test_metrics_are_not_read_from_the_launchers_lines(house: House) -> None:
    definition = MetricDefinition("x", r"SEED=(\d+)")
    job = house.run("true", environments={"SEED": "7"}, metric_definitions=(definition,))
    assert "SEED=7" in house.log(job)
    assert house.store.files(job["TrainingJobId"]).metrics.all() == []


def test_strange_output_becomes_lines(house: House) -> None:
    house.put(
        "code/p.py",
        r"""
        import sys
        out = sys.stdout.buffer
        out.write(b"bad \xff byte\n" + b"x" * 200_000 + b"\n" + b"after\r\n" + b"\x00nul\n" + b"y" * 65536 + b"\nend")
        """,
    )
    printed = house.printed(house.run("python p.py", code="code/"))
    assert printed[0] == "bad \ufffd byte"
    assert printed[1] == "x" * 65536 + " [cut: the line is longer than 64 KiB]"
    assert printed[2:4] == ["after", " nul"]
    assert printed[4] == "y" * 65536
    assert printed[5:] == ["end"]


def test_lines_can_be_read_while_the_job_runs(house: House) -> None:
    house.put("code/p.py", "import time; print('first', flush=True); time.sleep(60)")
    job_id = house.submit("python p.py", code="code/")
    house.says(job_id, "first")
    assert house.store.existing(job_id)["Status"] == "Running"
    house.runner.stop(job_id)
    assert house.ended(job_id)["Status"] == "Terminated"


# What a job may do ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["home", "/", "/proc"])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_job_can_not_publish_the_servers_folder(
    build: Callable[..., House], tmp_path: Path, mode: Mode, target: str
) -> None:
    house = build(mode)
    (tmp_path / "home" / "key").write_text("secret")
    command = f"out=${{PAI_OUTPUT_MODEL%/}}; rmdir $out; ln -s {tmp_path / target} $out"
    job = house.run(command, outputs={"model": "oss://bkt/m/"})
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "OutputUploadFailed")
    assert "replaced by a link" in job["ReasonMessage"]
    assert not house.objects.list_objects("bkt").objects


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.PLAIN])
def test_a_job_can_not_publish_a_folder_around_its_outputs(
    build: Callable[..., House], tmp_path: Path, mode: Mode
) -> None:
    house = build(mode)
    (tmp_path / "home" / "output" / "model").mkdir(parents=True)
    (tmp_path / "home" / "output" / "model" / "key").write_text("secret")
    for link in ("ml", "ml/output"):
        job = house.run(
            f"cd $HOME/..; mv {link} away; ln -s {tmp_path}/home{link[2:]} {link}", outputs={"model": "oss://bkt/m/"}
        )
        assert "replaced by a link" in job["ReasonMessage"]
    assert not house.objects.list_objects("bkt").objects


def test_outputs_that_the_job_did_not_touch_stay_as_they_are_and_deleted_ones_go(house: House) -> None:
    for name in ("theirs", "mine", "old"):
        house.put(f"shared/{name}", "first")
    job_id = house.submit(
        "cd $PAI_OUTPUT_CHECKPOINTS; echo begun; while [ ! -e go ]; do sleep 0.05; done; echo new > mine; rm old go",
        outputs={"checkpoints": "oss://bkt/shared/"},
    )
    house.says(job_id, "begun")
    house.put("shared/theirs", "of another job")
    (house.store.files(job_id).work.ml / "output/checkpoints/go").touch()
    assert house.ended(job_id)["Status"] == "Succeed"
    assert (house.get("shared/theirs"), house.get("shared/mine")) == ("of another job", "new\n")
    keys = [stored.key for stored in house.objects.list_objects("bkt", "shared/").objects]
    assert keys == ["shared/mine", "shared/theirs"]


def test_a_job_in_bubblewrap_has_no_capabilities(build: Callable[..., House]) -> None:
    house = build(Mode.BUBBLEWRAP)
    job = house.run("grep CapEff /proc/self/status; mount -o remount,rw /etc 2>/dev/null && echo bad")
    assert house.printed(job) == ["CapEff:\t0000000000000000"]


def test_a_job_with_unshare_does_not_see_the_servers_folder(build: Callable[..., House], tmp_path: Path) -> None:
    house = build(Mode.UNSHARE)
    (tmp_path / "home" / "key").write_text("secret")
    job = house.run(f"cat {tmp_path}/home/key; ls {tmp_path}/home; touch /ml/a $HOME/a $TMPDIR/a && ls /ml")
    assert "No such file" in house.printed(job)[0]
    assert house.printed(job)[1:] == ["jobs", "a", "input"]


@pytest.mark.parametrize(("mode", "word"), [(Mode.UNSHARE, "run as root"), (Mode.PLAIN, "outlive its job")])
def test_the_log_says_what_a_weak_mode_does_not_protect(
    build: Callable[..., House], caplog: pytest.LogCaptureFixture, mode: Mode, word: str
) -> None:
    house = build(mode)
    said = [line for line in house.log(house.run("true")) if word in line]
    assert len(said) == 1
    assert "key included" in said[0]
    assert "apt-get install bubblewrap" in said[0]
    assert said[0] in caplog.messages


@pytest.mark.parametrize("mode", [Mode.BUBBLEWRAP, Mode.UNSHARE])
def test_not_even_a_process_without_session_and_variables_outlives_its_job(
    build: Callable[..., House], mode: Mode
) -> None:
    marker = f"{630 + list(Mode).index(mode)}.5"
    assert build(mode).run(f"env -i setsid sleep {marker} & sleep 0.3; echo done")["Status"] == "Succeed"
    assert not running_with(marker)


def readers() -> int:
    return sum("_read" in thread.name for thread in threading.enumerate())


def test_a_process_that_outlives_its_job_holds_nothing_in_the_server(build: Callable[..., House]) -> None:
    house = build(Mode.PLAIN)
    house.run("true")
    before = readers()
    job = house.run("env -i setsid sleep 634.5 & sleep 0.3; echo done")
    left = running_with("634.5")
    try:
        assert left, "nothing outlived the job"
        assert house.printed(job) == ["done"]
        assert readers() == before
        pipe = Path(f"/proc/{left[0]}/fd/1").readlink()
        assert pipe not in [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def test_changes_are_found_after_a_restart_of_the_server_too(build: Callable[..., House], tmp_path: Path) -> None:
    house = build()
    house.put("c/old", "first")
    house.put("c/same", "first")
    job_id = house.submit(
        "rm $PAI_OUTPUT_C/old; echo begun; sleep 60",
        outputs={"c": "oss://bkt/c/"},
    )
    house.says(job_id, "begun")
    house.put("c/same", "of another job")
    other = JobRun(job_id, house.workshop, CancellationToken(), Ports())
    other.save_outputs(transitions.SERVER_DIED)
    assert [stored.key for stored in house.objects.list_objects("bkt", "c/").objects] == ["c/same"]
    assert house.get("c/same") == "of another job"
    house.runner.stop(job_id)
    house.ended(job_id)
