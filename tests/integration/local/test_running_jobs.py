"""Jobs that really run: processes, files, archives, environments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.environments import Interpreter
from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.waits import LONGER

SEEN = [
    "TrainingJob launch starting",
    "Change to Working Directory, /ml/usercode/",
    "User program launching",
    "-" * 65,
]


HELD = "echo ready; until [ -e $HOME/go ]; do sleep 0.1; done"
"""Waits until all jobs that are to run at the same time do."""

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


def let_go(harness: LocalRuntimeHarness, jobs: Sequence[str]) -> None:
    """Let jobs that are held end, when all of them run."""
    for job in jobs:
        harness.says(job, "ready")
    for job in jobs:
        (harness.store.files(job).work.home / "go").touch()


def test_jobs_with_a_hard_coded_ml_at_the_same_time_do_not_see_each_other(
    build: Callable[..., LocalRuntimeHarness],
) -> None:
    harness = build(Mode.BUBBLEWRAP)
    writes = "echo {0} > /ml/output/model/who; echo {0} > /tmp/who"
    command = f"{writes}; {HELD}; cat /ml/output/model/who /tmp/who"
    jobs = [harness.submit(command.format(who), outputs={"model": f"oss://bkt/{who}/"}) for who in ("first", "second")]
    let_go(harness, jobs)
    ended = [harness.ended(job) for job in jobs]
    assert [harness.printed(job) for job in ended] == [["ready", "first", "first"], ["ready", "second", "second"]]


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
    job = harness.run(f"test $RANK = 0 && exec sleep {LONGER}; exit 4", instance_count=2)
    assert job["Status"] == "Failed"
    assert job["ReasonMessage"] == f"Instance {job['TrainingJobId']}-worker-0 ended with exit code 4"


def test_jobs_at_the_same_time_get_different_rendezvous_ports(harness: LocalRuntimeHarness) -> None:
    jobs = [harness.submit(f"echo port $MASTER_PORT; {HELD}") for _ in "ab"]
    let_go(harness, jobs)
    ports = {harness.printed(harness.ended(job))[0] for job in jobs}
    assert len(ports) == 2


# How a job ends -------------------------------------------------------------------------------------------------------
