"""Jobs in containers of a real Docker engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker as library
import pytest
from docker.errors import NotFound

from airflow_provider_pai.local.home import Home
from airflow_provider_pai.local.running.container import ContainerRuntime
from airflow_provider_pai.local.running.engine import Engine
from tests.support.docker_engine import DockerImage
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.registry import registry
from tests.support.waits import LONGER, PATIENCE, wait_until

Build = Callable[..., LocalRuntimeHarness]

SERVED = """
import pathlib, sys, time
import docker
from airflow_provider_pai.local.running.container import ContainerRuntime
from airflow_provider_pai.local.running.engine import Engine
from tests.support.local_runtime import LocalRuntimeHarness
home = pathlib.Path(sys.argv[1])
harness = LocalRuntimeHarness(home, ContainerRuntime(Engine.connect(), home))
job_id = harness.submit(
    "echo 1 > /ml/output/model/n; echo begun; sleep 600", image=sys.argv[2], outputs={"model": "oss://bkt/out/"}
)
harness.says(job_id, "begun")
print(job_id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def build(docker: DockerImage, tmp_path: Path) -> Iterator[Build]:
    harnesses: list[LocalRuntimeHarness] = []

    def new(
        home: Path = tmp_path / "home", *, user: str | None = None, gpus: bool = False, **options: Any
    ) -> LocalRuntimeHarness:
        engine = Engine(library.DockerClient(docker.address), user)
        harnesses.append(LocalRuntimeHarness(home, ContainerRuntime(engine, home, os.environ, gpus=gpus), **options))
        return harnesses[-1]

    yield new
    for harness in harnesses:
        harness.close()


@pytest.fixture
def client(docker: DockerImage) -> Iterator[library.DockerClient]:
    client = library.DockerClient(docker.address)
    yield client
    client.close()


@pytest.fixture
def harness(build: Build) -> LocalRuntimeHarness:
    return build()


@pytest.fixture
def run(harness: LocalRuntimeHarness, docker: DockerImage) -> Callable[..., Mapping[str, Any]]:
    return lambda command, **members: harness.run(command, image=docker.name, **members)


@pytest.fixture(autouse=True)
def _nothing_stays(client: library.DockerClient) -> Iterator[None]:
    before = {image.id for image in client.images.list(all=True)}
    yield
    assert client.containers.list(all=True, filters={"label": "airflow-provider-pai.job"}) == []
    assert {image.id for image in client.images.list(all=True)} <= before


def wheel(folder: Path, name: str) -> bytes:
    """A package without any code of others."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "VALUE = 42\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


# What a job sees ------------------------------------------------------------------------------------------------------


def test_the_log_has_pais_skeleton_and_all_lines_in_order(harness: LocalRuntimeHarness, docker: DockerImage) -> None:
    harness.put(
        "code/train.py",
        """
        import os, sys
        print(os.getcwd(), flush=True)
        for number in range(20000):
            os.write(1 + number % 2, f"line {number}\\n".encode())
        os.write(1, b"x" * 100_000 + b"\\nno end")
        """,
    )
    job = harness.run("python train.py", image=docker.name, code="code/")
    log = (
        harness.log(job)
        if len(harness.log(job)) < 10_000
        else harness.store.files(job["TrainingJobId"]).log.tail(30_000)
    )
    begin = log.index("-" * 65)
    assert log[0] == "TrainingJob launch starting"
    assert "Change to Working Directory, /ml/usercode/" in log[:begin]
    assert any(line.startswith(f"Image {docker.name} runs as a container") for line in log[:begin])
    assert log[begin - 1] == "User program launching"
    *lines, long, more, last = log[begin + 1 :]
    assert lines == ["/ml/usercode", *(f"line {number}" for number in range(20000))]
    assert (len(long), long + more) == (65536, "x" * 100_000)
    assert last == "no end"


def test_a_container_sees_its_job_and_nothing_else_of_the_machine(
    run: Callable[..., Any], harness: LocalRuntimeHarness, tmp_path: Path
) -> None:
    harness.put("code/train.py", "")
    job = run(
        f"""
        ls {tmp_path} /var/run/docker.sock /run/docker.sock
        ls /ml
        env | while read -r line; do echo "${{line%%=*}}"; done
        python -c 'import socket; print(socket.gethostbyname(socket.gethostname()))'
        python -c 'print(open("/proc/self/status").read())'
        """,
        code="code/",
        environments={"OWN": "mine"},
    )
    printed = harness.printed(job)
    assert sum("No such file" in line for line in printed) == 3
    assert printed[3:5] == ["input", "usercode"]
    assert "OWN" in printed
    assert not {"DOCKER_HOST", "AIRFLOW_HOME"} & set(printed)
    assert "127.0.0.1" in printed, "torch asks for the address of its host name"
    assert "NoNewPrivs:\t1" in printed
    capabilities = next(int(line.split()[1], 16) for line in printed if line.startswith("CapEff"))
    assert not capabilities & (1 << 21), "CAP_SYS_ADMIN: the container is privileged"


def test_what_another_user_writes_can_be_read_and_removed(
    build: Build, docker: DockerImage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    before = os.umask(0)
    request.addfinalizer(lambda: os.umask(before))
    harness = build(user="1234:1234")
    harness.put("w/tiny_requirement-1.0-py3-none-any.whl", wheel(tmp_path, "tiny_requirement"))
    job = harness.run(
        """
        id -u; echo $HOME
        python -c 'import tiny_requirement, getpass; print(tiny_requirement.VALUE, getpass.getuser())'
        touch $HOME/file && echo saved > $PAI_OUTPUT_MODEL/file
        """,
        image=docker.name,
        inputs={"w": "oss://bkt/w/"},
        outputs={"model": "oss://bkt/out/"},
        requirements=("/ml/input/data/w/tiny_requirement-1.0-py3-none-any.whl",),
    )
    assert harness.printed(job) == ["1234", "/home/job", "42 job"], harness.log(job)
    assert harness.get("out/file") == "saved\n"
    assert not harness.store.files(job["TrainingJobId"]).work.path.exists()


def test_instances_find_each_other(run: Callable[..., Any], harness: LocalRuntimeHarness) -> None:
    harness.put(
        "code/meet.py",
        """
        import os, socket
        master = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        if os.environ["RANK"] == "0":
            with socket.create_server(master) as server:
                print("heard", server.accept()[0].recv(99).decode())
        else:
            while True:
                try:
                    with socket.create_connection(master) as connection:
                        connection.send(socket.gethostname().encode())
                    break
                except ConnectionRefusedError:
                    pass
        """,
    )
    job = run("python meet.py", code="code/", instance_count=2)
    assert job["Status"] == "Succeed", harness.log(job)
    assert f"heard {job['TrainingJobId']}-worker-0" in harness.log(job)


def test_with_gpus_a_container_asks_for_all_of_them(build: Build, docker: DockerImage) -> None:
    harness = build(gpus=True)
    job = harness.run("ls /dev/nvidia0", image=docker.name)
    if Path("/dev/nvidia0").exists():
        assert job["Status"] == "Succeed"
    else:
        assert (job["Status"], job["ReasonCode"]) == ("Failed", "StartFailed")
        assert "[[gpu]]" in job["ReasonMessage"]


# How it ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "why"), [("exit 3", "code 3"), ("no-such-program", "code 127 (the command was")])
def test_a_failing_command_fails_the_job_and_its_outputs_are_kept(
    run: Callable[..., Any], harness: LocalRuntimeHarness, command: str, why: str
) -> None:
    job = run(f"echo kept > /ml/output/model/file; {command}", outputs={"model": "oss://bkt/out/"})
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "UserCommandFailed")
    assert why in job["ReasonMessage"]
    assert harness.get("out/file") == "kept\n"


@pytest.mark.parametrize("listens", [True, False])
def test_stop_asks_first_and_then_kills(build: Build, docker: DockerImage, listens: bool) -> None:
    # One that listens would outlast the test if its end were waited for; one that doesn't, if it were not killed.
    harness = build(grace=LONGER)
    harness.put(
        "code/wait.py",
        f"""
        import signal, sys, time
        def asked(number, frame):
            time.sleep(0.4)
            print("asked", flush=True)
            if {listens}:
                sys.exit()
        signal.signal(signal.SIGTERM, asked)
        print("waiting", flush=True)
        while True:
            time.sleep(0.1)
        """,
    )
    job_id = harness.submit("python wait.py; true", image=docker.name, code="code/")
    harness.says(job_id, "waiting")
    harness.runner.stop(job_id)
    harness.says(job_id, "asked")
    job = harness.ended(job_id) if listens else harness.ended_in_time(job_id)
    assert job["Status"] == "Terminated"


@pytest.fixture
def kill_a_server(docker: DockerImage, client: library.DockerClient) -> Callable[[Path], tuple[str, Any]]:
    """Serve from a folder, run a job, kill the server; gives the job and its container."""

    def kill(home: Path) -> tuple[str, Any]:
        command = [sys.executable, "-c", SERVED, str(home), docker.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as server:
            assert server.stdout is not None
            job_id = server.stdout.readline().strip()
            (container,) = client.containers.list(filters={"label": f"airflow-provider-pai.job={job_id}"})
            server.kill()
        return job_id, container

    return kill


def test_when_a_server_is_killed_its_containers_end_at_once_and_its_next_start_removes_them(
    build: Build, kill_a_server: Callable[[Path], tuple[str, Any]], tmp_path: Path
) -> None:
    job_id, container = kill_a_server(tmp_path / "home")
    assert container.wait(timeout=PATIENCE)["StatusCode"] == 128 + signal.SIGKILL
    harness = build()
    job = harness.store.existing(job_id)
    assert (job["Status"], job["ReasonCode"]) == ("Failed", "LocalServerDied")
    assert harness.get("out/n") == "1\n", "the checkpoint of a job that died is lost"


def test_what_was_left_of_a_folder_that_is_gone_is_removed_by_any_server_and_what_is_served_stays(
    build: Build, docker: DockerImage, kill_a_server: Callable[[Path], tuple[str, Any]], tmp_path: Path
) -> None:
    _, container = kill_a_server(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    living, other = build(tmp_path / "living"), build(tmp_path / "other")
    lock = Home(tmp_path / "living")
    job_id = living.submit("mkfifo /ml/go; echo begun; read -r _ < /ml/go; echo gone on", image=docker.name)
    living.says(job_id, "begun")
    other.workshop.runtime.sweep()
    with pytest.raises(NotFound):
        container.reload()
    (living.store.files(job_id).work.ml / "go").write_text("on\n")
    assert living.printed(living.ended(job_id)) == ["begun", "gone on"]
    lock.release()


# Images and requirements ----------------------------------------------------------------------------------------------


def test_a_missing_image_is_pulled_once(
    harness: LocalRuntimeHarness, client: library.DockerClient, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with registry(tmp_path, client.version()["Arch"]) as name:
        request.addfinalizer(lambda: client.images.remove(name, force=True))
        first, second = (harness.run("echo hello", image=name) for _ in range(2))
    assert [harness.printed(job) for job in (first, second)] == [["hello"], ["hello"]], harness.log(first)
    assert f"Pulling the image {name}" in harness.log(first)
    assert f"Pulling the image {name}" not in harness.log(second)


def test_an_image_that_can_not_be_had_fails_the_job_and_says_why(
    harness: LocalRuntimeHarness, client: library.DockerClient, tmp_path: Path
) -> None:
    with registry(tmp_path, client.version()["Arch"]) as name:
        job = harness.run("echo hello", image=f"{name}0")
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", "ImagePullFailed")
    assert job["ReasonMessage"].startswith(f"The image {name}0 can't be pulled: ")
    assert "manifest unknown" in job["ReasonMessage"]
    assert f"Preparation failed: {job['ReasonMessage']}" in harness.log(job)


def test_a_stop_does_not_wait_for_a_registry(
    harness: LocalRuntimeHarness, client: library.DockerClient, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    held = threading.Event()
    with registry(tmp_path, client.version()["Arch"], held) as name:
        job_id = harness.submit("echo hello", image=name)
        harness.says(job_id, f"Pulling the image {name}")
        harness.runner.stop(job_id)
        assert harness.ended(job_id)["Status"] == "Terminated"
        held.set()
        # The engine continues: the next job finds the image there.
        request.addfinalizer(lambda: client.images.remove(name, force=True))
        wait_until(lambda: bool(client.images.list(name)))


def test_requirements_are_installed_for_all_instances_of_the_job_and_for_no_other(
    run: Callable[..., Any], harness: LocalRuntimeHarness, tmp_path: Path
) -> None:
    harness.put("code/tiny_requirement-1.0-py3-none-any.whl", wheel(tmp_path, "tiny_requirement"))
    command = "python -c 'import tiny_requirement; print(tiny_requirement.VALUE)'"
    requirements = ("./tiny_requirement-1.0-py3-none-any.whl",)
    job = run(command, code="code/", requirements=requirements, instance_count=2)
    log = harness.log(job)
    assert log.count("42") == 2, log
    assert sum("Successfully installed" in line for line in log) == 1
    asked = log.index("Installing dependencies from /ml/input/config//requirements.txt")
    assert asked < next(n for n, line in enumerate(log) if "Successfully" in line) < log.index("User program launching")
    assert "ModuleNotFoundError" in "\n".join(harness.log(run(command)))


def test_requirements_that_can_not_be_installed_fail_the_preparation(
    run: Callable[..., Any], harness: LocalRuntimeHarness
) -> None:
    job = run("true", requirements=("/ml/absent-1.0-py3-none-any.whl",))
    assert (job["Status"], job["ReasonCode"]) == ("InitializeFailed", "RequirementsFailed")
    assert job["ReasonMessage"].startswith("pip could not install the requirements: ")
    assert "absent-1.0" in job["ReasonMessage"]


def test_a_stop_interrupts_the_installation(harness: LocalRuntimeHarness, docker: DockerImage) -> None:
    harness.put(
        "code/pyproject.toml",
        """
        [build-system]
        requires = []
        build-backend = "slow"
        backend-path = ["."]
        [project]
        name = "slow"
        version = "1"
        """,
    )
    harness.put("code/slow.py", "import time; open('/ml/begun', 'w'); time.sleep(613)")
    job_id = harness.submit("true", image=docker.name, code="code/", requirements=("/ml/usercode",))
    wait_until((harness.store.files(job_id).work.ml / "begun").exists)
    harness.runner.stop(job_id)
    assert harness.ended(job_id)["Status"] == "Terminated"
