"""instance_type="local": the job runs on the worker."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import JobFailedError
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.hooks.local_homes import local_home
from airflow_provider_pai.hooks.local_mode import local_mode
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.arguments import read_spec
from tests.support.attempt import Attempt, training
from tests.support.machine import missing
from tests.support.process_jobs import sleepers, unique_seconds
from tests.support.waits import wait_until

LOOK_AROUND = """
import json, os, sys
print("saw", sys.argv[1:], json.load(open("/ml/input/config/hyperparameters.json")))
print("read", open("/ml/input/data/table/rows.csv").read(), sorted(os.listdir("/ml/input/data/folder")))
print("job", os.environ["PAI_TRAINING_JOB_ID"], os.environ["WORLD_SIZE"], os.getcwd())
print("accuracy=0.75")
open("/ml/output/model/model.txt", "w").write("a model")
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Airflow home without any connection."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.delenv("AIRFLOW_CONN_PAI_DEFAULT", raising=False)
    return tmp_path / "airflow"


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"unix://{tmp_path}/absent.sock"
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


@pytest.fixture(params=["process", "docker"])
def anywhere(request: pytest.FixtureRequest) -> str:
    """An image of a worker with an engine, and of one without."""
    if request.param == "docker":
        return str(request.getfixturevalue("docker").name)
    request.getfixturevalue("no_engine")
    return "registry/image:1"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text(LOOK_AROUND)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rows.csv").write_text("1,2")
    (folder / "more.csv").write_text("3,4")
    return folder


def local(**arguments: Any) -> Any:
    return training(**{"instance_type": "local", "image": None, **arguments})


def left(home: Path) -> list[str]:
    """What lies in the folders of servers."""
    running = home / "pai-local" / "running"
    return sorted(str(path.relative_to(running)) for path in running.rglob("*"))


def test_without_an_account_a_script_trains_on_local_files_and_its_model_is_a_local_folder(
    anywhere: str, source: Path, data: Path, home: Path
) -> None:
    attempt = Attempt()
    value = local(
        command="python train.py $PAI_USER_ARGS",
        image_uri=anywhere,
        source_dir=str(source),
        hyperparameters={"lr": 0.1},
        inputs={"table": str(data / "rows.csv"), "folder": f"file://{data}"},
        metric_definitions=[{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
    ).execute(attempt.context)
    assert value["status"] == "Succeed"
    folder = Path(value["model_uri"])
    assert value["model_uri"].endswith("/model/")
    assert folder.is_relative_to(home / "pai-local" / "outputs")
    assert (folder / "model.txt").read_text() == "a model"
    assert value["outputs"]["checkpoints"] == f"{folder.parent}/checkpoints/"
    assert value["metrics"] == {"accuracy": 0.75}
    assert (value["console_url"], value["code_uri"]) == (None, None)
    assert attempt.xcoms["model_uri"] == value["model_uri"]
    assert attempt.xcoms["job_id"] == value["job_id"]
    assert "console_url" not in attempt.xcoms
    json.dumps(value)
    assert left(home) == []


# Inputs and outputs ---------------------------------------------------------------------------------------------------


def test_a_job_can_not_change_its_local_inputs(anywhere: str, data: Path) -> None:
    command = """
        echo spoiled > $PAI_INPUT_TABLE
        rm /ml/input/data/folder/more.csv
        cat $PAI_INPUT_TABLE > /ml/output/model/x
    """
    value = local(
        command=command, image_uri=anywhere, inputs={"table": str(data / "rows.csv"), "folder": str(data)}
    ).execute(Attempt().context)
    assert {path.name: path.read_text() for path in data.iterdir()} == {"rows.csv": "1,2", "more.csv": "3,4"}
    assert Path(value["model_uri"], "x").read_text() == "1,2"


def test_outputs_go_where_their_author_says_and_checkpoints_lead_on(no_engine: str, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    command = """
        cat /ml/output/checkpoints/step; echo next >> /ml/output/checkpoints/step; rm -f /ml/output/checkpoints/old
        echo a > /ml/output/model/model.txt; echo b > /ml/output/report/page.html; echo $PAI_OUTPUT_REPORT
    """
    checkpoints.mkdir()
    (checkpoints / "step").write_text("first\n")
    (checkpoints / "old").write_text("")
    value = local(
        command=command,
        output_path=str(tmp_path / "out"),
        checkpoints_path=f"file://{checkpoints}",
        outputs={"report": str(tmp_path / "report")},
    ).execute(Attempt().context)
    assert value["outputs"] == {
        "model": f"{tmp_path}/out/{Path(value['model_uri']).parent.name}/model/",
        "checkpoints": f"{checkpoints}/",
        "tensorboard": value["model_uri"].removesuffix("model/") + "tensorboard/",
        "report": f"{tmp_path}/report/",
    }
    assert Path(value["model_uri"], "model.txt").read_text() == "a\n"
    assert (tmp_path / "report" / "page.html").read_text() == "b\n"
    assert {path.name: path.read_text() for path in checkpoints.iterdir()} == {"step": "first\nnext\n"}


@pytest.mark.parametrize(
    ("target", "why"),
    [("/etc", "leads out of the folder"), ("..", "leads out of the folder"), (".", "leads to a folder that holds")],
)
def test_input_links_that_lead_out_are_refused_as_in_the_cloud(
    no_engine: str, home: Path, data: Path, target: str, why: str
) -> None:
    (data / "link").symlink_to(target)
    with pytest.raises(AirflowFailException, match=r"inputs\['folder'\] .*the symbolic link link " + why):
        local(inputs={"folder": str(data)}).execute(Attempt().context)
    assert not (home / "pai-local").exists()


def test_input_links_within_a_folder_are_files_of_the_job(anywhere: str, data: Path) -> None:
    (data / "relative").symlink_to("rows.csv")
    (data / "absolute").symlink_to(data / "rows.csv")
    command = "cat $PAI_INPUT_FOLDER/relative $PAI_INPUT_FOLDER/absolute > $PAI_OUTPUT_MODEL/both"
    value = local(command=command, image_uri=anywhere, inputs={"folder": str(data)}).execute(Attempt().context)
    assert Path(value["model_uri"], "both").read_text() == "1,21,2"


def test_inputs_and_code_in_oss_are_read_with_the_connection(no_engine: str, pai: LocalPAI, home: Path) -> None:
    bucket = pai.ready.bucket
    with contextlib.closing(PAIOSSHook()) as cloud:
        cloud.write(f"oss://{bucket}/local-mode/code/train.py", b"print(open('/ml/input/data/one/one.csv').read())")
        cloud.write(f"oss://{bucket}/local-mode/data/one.csv", b"1")
        cloud.write(f"oss://{bucket}/local-mode/data/deep/two.csv", b"2")
    value = local(
        command="python train.py && find /ml/input/data/all -type f | sort > /ml/output/model/found",
        source_dir=f"oss://{bucket}/local-mode/code/",
        inputs={"one": f"oss://{bucket}/local-mode/data/one.csv", "all": f"oss://{bucket}/local-mode/data/"},
    ).execute(Attempt().context)
    found = Path(value["model_uri"], "found").read_text().splitlines()
    assert found == ["/ml/input/data/all/deep/two.csv", "/ml/input/data/all/one.csv"]
    assert "CreateTrainingJob" not in pai.faults.counts()


def test_an_object_that_is_not_there_is_named(no_engine: str, pai: LocalPAI, home: Path) -> None:
    uri = f"oss://{pai.ready.bucket}/local-mode/absent.csv"
    with pytest.raises(JobFailedError, match=r"input channel one can't be read from .*absent\.csv"):
        local(inputs={"one": uri}).execute(Attempt().context)
    assert left(home) == []


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"inputs": {"a": "nas://1a2b.cn-hangzhou/x/"}}, r"inputs\['a'\]: a job on the worker reads OSS and files"),
        ({"inputs": {"a": "d-abc123/v1"}}, r"inputs\['a'\]: a job on the worker reads OSS and files"),
        ({"inputs": {"a": "/absent/file"}}, r"inputs\['a'\] '/absent/file' does not exist on this worker"),
        ({"inputs": {"a": "oss://a-bucket/x/"}}, "there is no connection 'pai_default'"),
        ({"output_path": "oss://a-bucket/x/"}, "output_path: 'oss://a-bucket/x/' is no folder of this machine"),
        ({"source_dir": "/absent"}, "source_dir '/absent' does not exist on this worker"),
        ({"wait_for_completion": False}, "wait_for_completion False has no meaning with instance_type 'local'"),
        ({"on_kill": "leave"}, "on_kill 'leave' has no meaning with instance_type 'local'"),
        ({"dry_run": True}, "dry_run True has no meaning with instance_type 'local'"),
        ({"resource_id": "quota1"}, "resource_id has no meaning with instance_type 'local'"),
    ],
)
def test_what_can_not_be_had_here_is_refused_before_anything_runs(
    no_engine: str, home: Path, arguments: dict[str, Any], why: str
) -> None:
    attempt = Attempt()
    with pytest.raises(AirflowFailException, match=why):
        local(**arguments).execute(attempt.context)
    assert attempt.xcoms == {}
    assert left(home) == []


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(no_engine: str) -> None:
    with pytest.raises(AirflowFailException, match="instance_type 'local_gpu' needs a GPU, and this worker has none"):
        local(instance_type="local_gpu").execute(Attempt().context)


# How it runs and ends -------------------------------------------------------------------------------------------------


@pytest.fixture
def task_log(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level("INFO", logger="airflow.task")
    return lambda: capsys.readouterr().out + "\n".join(record.getMessage() for record in caplog.records)


def test_the_log_says_what_runs_the_job_and_why(no_engine: str, task_log: Callable[[], str]) -> None:
    local(image_uri="registry/image:1", deferrable=True, poll_interval=60).execute(Attempt().context)
    log = task_log()
    assert f"no Docker engine answers at {no_engine}" in log
    assert "the command runs with this machine's Python" in log
    assert "deferrable has no effect: a job with instance_type 'local' runs in this task" in log
    assert "hello" in log


def test_without_an_image_no_container_is_needed(docker: Any, task_log: Callable[[], str]) -> None:
    value = local().execute(Attempt().context)
    assert value["image_uri"] is None
    assert "the command runs with this machine's Python" in task_log()


def test_in_a_container_an_image_of_the_catalog_is_that_of_the_connection(docker: Any, pai: LocalPAI) -> None:
    (spec, _) = read_spec({"command": "true", "instance_type": "local", "image": {"framework_name": "PyTorch"}})
    with contextlib.closing(PAIImageHook()) as catalog, local_mode(PAITrainingHook(), spec, "job", "key") as here:
        assert here.mode == "docker"
        assert here.spec.image_uri == catalog.retrieve("PyTorch").uri


def test_several_instances_run_side_by_side(anywhere: str, home: Path) -> None:
    command = "echo $RANK of $WORLD_SIZE > /ml/output/model/$RANK"
    value = local(command=command, image_uri=anywhere, instance_count=2).execute(Attempt().context)
    ranks = {path.name: path.read_text() for path in Path(value["model_uri"]).iterdir()}
    assert ranks == {"0": "0 of 2\n", "1": "1 of 2\n"}


def test_a_failing_command_fails_the_task_and_keeps_its_checkpoints(anywhere: str, home: Path) -> None:
    command = "echo kept > /ml/output/checkpoints/step; echo it broke; exit 3"
    with pytest.raises(JobFailedError) as caught:
        local(command=command, image_uri=anywhere).execute(Attempt().context)
    assert "ended with exit code 3" in str(caught.value)
    assert caught.value.log_tail[-1] == "it broke"
    (step,) = (home / "pai-local" / "outputs").glob("*/checkpoints/step")
    assert step.read_text() == "kept\n"
    assert left(home) == []


class Ended(BaseException):
    """What Airflow raises in a task that it ends."""


@pytest.mark.parametrize("kill", [True, False])
def test_a_task_that_is_ended_ends_its_job(anywhere: str, home: Path, tmp_path: Path, kill: bool) -> None:
    operator = local(
        command="trap 'echo saved > /ml/output/checkpoints/step; exit 1' TERM; echo up > /ml/output/model/up; "
        "while true; do sleep 0.1; done",
        image_uri=anywhere,
        poll_interval=0.1,
    )

    def end(*_: object) -> None:
        if kill:
            operator.on_kill()
        raise Ended

    def when_up() -> None:
        while not list((home / "pai-local" / "running").glob("*/jobs/*/work/ml/output/model/up")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, end)
    threading.Thread(target=when_up, daemon=True).start()
    with pytest.raises(Ended):
        operator.execute(Attempt().context)
    signal.signal(signal.SIGUSR1, before)
    (step,) = (home / "pai-local" / "outputs").glob("*/checkpoints/step")
    assert step.read_text() == "saved\n"
    assert left(home) == []
    operator.on_kill()


WORKER = """
import sys
from tests.support.attempt import Attempt, training
training(
    instance_type="local",
    image=None,
    image_uri=sys.argv[1],
    command="echo kept > /ml/output/checkpoints/step; echo up > /ml/output/model/up; sleep " + sys.argv[2],
).execute(Attempt().context)
"""


def test_tasks_that_begin_and_end_at_the_same_time_leave_each_others_folders_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = tmp_path / "running"

    def run(_: int) -> bool:
        with local_home(running, {}) as folder:
            # As of a server that has just stopped: its lock is there, and free.
            (folder / "lock").touch()
            time.sleep(0.001)
            return (folder / "lock").exists()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(run, range(400)))
    assert list(running.iterdir()) == []
    assert "was killed" not in caplog.text


def test_a_worker_that_is_killed_leaves_no_job_and_the_next_one_tidies_up(anywhere: str, home: Path) -> None:
    if anywhere == "registry/image:1" and shutil.which("bwrap") is None:
        missing("bubblewrap", "bubblewrap is not installed")
    marker = unique_seconds()
    command = [sys.executable, "-c", WORKER, anywhere, marker]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL) as worker:
        wait_until(lambda: bool(list(home.glob("pai-local/running/*/jobs/*/work/ml/output/model/up"))))
        worker.kill()
    wait_until(lambda: not sleepers(marker))
    assert left(home) != []
    local(image_uri=anywhere).execute(Attempt().context)
    assert left(home) == []
    (step,) = home.glob("pai-local/outputs/*/checkpoints/step")
    assert step.read_text() == "kept\n"
