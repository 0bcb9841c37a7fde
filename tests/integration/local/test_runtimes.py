"""What must be the same whatever runs a job, and how it is chosen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.__main__ import main
from airflow_provider_pai.local.running.engine import Engine
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.runtime_selection import ProcessHost, RuntimeKind, choose
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.support.docker_engine import DockerImage
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.machine import missing

SCRIPT = """
import json, os, sys
print(os.getcwd(), sys.argv[1:])
print(open("/ml/input/data/train/train.csv").read(), os.listdir("/ml/input/data/folder"))
print(json.load(open("/ml/input/config/hyperparameters.json")))
print(sorted(os.listdir("/ml")), sorted(os.listdir("/ml/output")), sorted(os.listdir("/ml/usercode")))
open("/ml/output/model/model.txt", "w").write("trained")
os.makedirs("/ml/output/checkpoints/deep")
open("/ml/output/checkpoints/deep/er.txt", "w").write("more")
shell = {"PWD", "OLDPWD", "SHLVL", "_"}
platform = {"PATH", "HOME", "LANG", "LC_CTYPE", "TMPDIR", "USER", "MASTER_PORT"}
job = os.environ["PAI_TRAINING_JOB_ID"]
for name, value in sorted(os.environ.items()):
    if name not in shell | platform:
        print(f"{name}={value}".replace(job, "JOB"))
"""
SEEN = """\
/ml/usercode ['--lr', '0.1']
1,2 ['train.csv']
{'lr': '0.1'}
['input', 'output', 'usercode'] ['checkpoints', 'model'] ['train.py']
HOSTNAME=JOB-master-0
MASTER_ADDR=127.0.0.1
NPROC_PER_NODE=0
OWN=a value
PAI_CONFIG_DIR=/ml/input/config/
PAI_HPS={"lr":"0.1"}
PAI_HPS_LR=0.1
PAI_INPUT_FOLDER=/ml/input/data/folder/
PAI_INPUT_TRAIN=/ml/input/data/train/train.csv
PAI_OUTPUT_CHECKPOINTS=/ml/output/checkpoints/
PAI_OUTPUT_MODEL=/ml/output/model/
PAI_TRAINING_JOB_ID=JOB
PAI_USER_ARGS=--lr 0.1
PAI_WORKING_DIR=/ml/usercode/
PYTHONUNBUFFERED=0
RANK=0
REGION_ID=cn-hangzhou
WORLD_SIZE=1
"""


@pytest.fixture(params=["bubblewrap", "unshare", "docker"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalRuntimeHarness]:
    if request.param == "docker":
        request.getfixturevalue("docker")
        runtime = choose(RuntimeKind.DOCKER, tmp_path, ProcessHost.of(tmp_path, tmp_path / "cache", None))
    else:
        try:
            runtime = choose(
                RuntimeKind.PROCESS, tmp_path, ProcessHost.of(tmp_path, tmp_path / "cache", Mode(request.param))
            )
        except RuntimeError as error:
            missing(request.param, str(error))
    harness = LocalRuntimeHarness(tmp_path, runtime)
    yield harness
    harness.close()


@pytest.fixture
def image(harness: LocalRuntimeHarness, request: pytest.FixtureRequest) -> str:
    is_docker = harness.workshop.runtime.mode == "docker"
    return str(request.getfixturevalue("docker").name) if is_docker else "registry/image:1"


def test_a_script_that_hard_codes_its_paths_runs_unmodified_and_sees_the_same(
    harness: LocalRuntimeHarness, image: str
) -> None:
    harness.put("code/train.py", SCRIPT)
    harness.put("data/train.csv", "1,2")
    job = harness.run(
        "python train.py $PAI_USER_ARGS",
        image=image,
        code="code/",
        hyperparameters={"lr": "0.1"},
        inputs={"train": "oss://bkt/data/train.csv", "folder": "oss://bkt/data/"},
        outputs={"model": "oss://bkt/out/model/", "checkpoints": "oss://bkt/out/checkpoints/"},
        environments={"OWN": "a value"},
    )
    assert harness.printed(job) == SEEN.splitlines()
    assert (harness.get("out/model/model.txt"), harness.get("out/checkpoints/deep/er.txt")) == ("trained", "more")


# Choosing -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def _no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")


@pytest.mark.usefixtures("_no_engine")
def test_without_an_engine_jobs_run_as_processes_and_their_log_says_why(tmp_path: Path) -> None:
    runtime = choose(RuntimeKind.AUTO, tmp_path, ProcessHost.of(tmp_path, tmp_path / "cache", None))
    assert isinstance(runtime, ProcessRuntime)
    harness = LocalRuntimeHarness(tmp_path, runtime)
    log = "\n".join(harness.log(harness.run("true")))
    harness.close()
    assert "Image registry/image:1 is not pulled: the command runs with this machine's Python" in log
    assert f"(no Docker engine answers at unix://{tmp_path}/absent.sock: " in log


@pytest.mark.usefixtures("_no_engine")
def test_an_engine_insisted_on_that_does_not_answer_is_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"jobs can't be run in containers: no Docker engine answers at unix://{tmp_path}/absent.sock: "
    with pytest.raises(RuntimeError, match="no Docker engine answers"):
        LocalPAI(tmp_path / "home", runtime=RuntimeKind.DOCKER).start()
    assert main(["serve", "--home", str(tmp_path / "home"), "--runtime", "docker"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"pai-local: {said}")


def test_where_an_engine_answers_a_server_runs_jobs_in_it(docker: DockerImage, tmp_path: Path) -> None:
    with LocalPAI(tmp_path / "home", runtime=RuntimeKind.AUTO) as pai:
        assert pai.mode == "docker"


# What an engine is like -----------------------------------------------------------------------------------------------


class Client:
    """What the docker library's client says of its engine."""

    def __init__(self, *options: str, name: str = "machine") -> None:
        self._facts = {"ServerVersion": "28.0", "Name": name, "SecurityOptions": options}

    def info(self) -> dict[str, object]:
        return self._facts


@pytest.mark.parametrize(
    ("options", "user", "namespace"),
    [
        ([], "1000:1000", ""),
        (["name=seccomp,profile=default", "name=rootless"], "0:0", ""),
        (["name=userns"], "1000:1000", "host"),
    ],
)
def test_containers_run_as_the_user_whom_their_files_then_belong_to(
    options: list[str], user: str, namespace: str
) -> None:
    engine = Engine(Client(*options), "1000:1000")
    assert (engine.user, engine.namespace) == (user, namespace)


def test_an_engine_outside_of_this_container_is_recognised(tmp_path: Path) -> None:
    mark, here = tmp_path / "mark", socket.gethostname()
    assert not Engine(Client(name="elsewhere"), marks=[mark]).is_outside
    mark.touch()
    assert Engine(Client(name="elsewhere"), marks=[mark]).is_outside
    assert not Engine(Client(name=here), marks=[mark]).is_outside
