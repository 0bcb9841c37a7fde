from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.environments import EnvironmentFailed, Environments, Interpreter
from airflow_provider_pai.local.running.processes import facts
from tests.support.waits import LONGER, wait_until


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "cache", Interpreter.at(), os.environ)


def run(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_an_environment_that_was_left_half_built_is_built_again(environments: Environments, tmp_path: Path) -> None:
    folder = environments.ready((), print, threading.Event())
    assert folder is not None
    (folder / ".complete").unlink()
    (folder / "half").touch()
    assert environments.ready((), print, threading.Event()) == folder
    assert not (folder / "half").exists()
    (folder / "whole").touch()
    assert environments.ready((), print, threading.Event()) == folder
    assert (folder / "whole").exists(), "what was complete was built again"


def test_a_jobs_own_environment_sees_the_shared_packages_and_pip_but_not_the_servers(
    environments: Environments, tmp_path: Path
) -> None:
    shared = environments.ready((), print, threading.Event())
    assert shared is not None
    packages = next(shared.glob("lib/python*/site-packages"))
    (packages / "shared_module.py").touch()
    environments.for_job(shared, tmp_path / "own")
    python = tmp_path / "own" / "bin" / "python"
    assert run(python, "import sys; print(sys.prefix)") == str(tmp_path / "own")
    assert run(python, "import shared_module, pip; print('both')") == "both"
    assert (
        run(python, "import importlib.util as u; print(u.find_spec('airflow'), u.find_spec('starlette'))")
        == "None None"
    )
    assert "pip" in subprocess.check_output([tmp_path / "own" / "bin" / "pip", "--version"], text=True)


def test_server_variables_that_mislead_pip_are_left_out(tmp_path: Path) -> None:
    here = tmp_path / "servers"
    (here / "wanted-1.0.dist-info").mkdir(parents=True)
    (here / "wanted-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: wanted\nVersion: 1.0\n")
    misleading = {"PYTHONPATH": str(here), "PIP_USER": "true", "PIP_TARGET": str(tmp_path / "elsewhere")}
    environments = Environments(tmp_path / "cache", Interpreter.at(), {**os.environ, **misleading, "PIP_NO_INDEX": "1"})
    with pytest.raises(EnvironmentFailed, match="No matching distribution found for wanted"):
        environments.ready(("wanted",), print, threading.Event())


def test_pip_runs_in_its_own_folder_and_gets_only_what_it_needs_of_the_servers_variables(tmp_path: Path) -> None:
    showing = tmp_path / "showing-python"
    showing.write_text("#!/bin/sh\necho in:`pwd`\nenv\nexit 1\n")
    showing.chmod(0o755)
    wanted = {"PATH": os.environ["PATH"], "https_proxy": "p", "NO_PROXY": "n", "PIP_INDEX_URL": "i", "LC_ALL": "C"}
    wanted |= {"HOME": "h", "XDG_CACHE_HOME": "x", "REQUESTS_CA_BUNDLE": "c", "TMPDIR": "t"}
    secrets = {"AIRFLOW_CONN_PAI": "s", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s", "PIP_TARGET": "s", "PYTHONPATH": "s"}
    environments = Environments(tmp_path / "cache", replace(Interpreter.at(), path=showing), {**wanted, **secrets})
    shown: list[str] = []
    with pytest.raises(EnvironmentFailed):
        environments.ready(("anything",), shown.append, threading.Event())
    (folder,) = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert f"in:{folder}" in shown
    assert {f"{name}={value}" for name, value in wanted.items()} <= set(shown)
    assert secrets.keys().isdisjoint(line.partition("=")[0] for line in shown)


def test_a_wait_for_the_build_of_another_job_can_be_cancelled(environments: Environments) -> None:
    halted = threading.Event()
    halted.set()
    assert environments.ready((), print, halted) is None


def test_an_interpreter_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="no Python"):
        Interpreter.at(Path("/bin/false"))


def test_a_build_that_is_cut_short_leaves_nothing_behind(tmp_path: Path) -> None:
    slow = tmp_path / "slow-python"
    slow.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nexec sleep {LONGER}\n")
    slow.chmod(0o755)
    halted = threading.Event()
    halting = threading.Thread(target=lambda: (wait_until((tmp_path / "begun").exists), halted.set()))
    halting.start()
    environments = Environments(tmp_path / "cache", replace(Interpreter.at(), path=slow), os.environ)
    assert environments.ready(("anything",), print, halted) is None
    halting.join()
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


BUILDER = """
import os, pathlib, sys, threading
from airflow_provider_pai.local.running.environments import Environments, Interpreter
environments = Environments(pathlib.Path(sys.argv[1]), Interpreter.at(), os.environ)
environments.ready([sys.argv[2]], print, threading.Event())
"""
SLOW_BUILD = """
import os, subprocess, time
marks = [subprocess.Popen(["setsid", "sleep", "600"]).pid, os.getpid(), os.getppid()]
with open({begun!r} + ".new", "w") as file:
    file.write(" ".join(map(str, marks)))
os.rename({begun!r} + ".new", {begun!r})
time.sleep(600)
"""


def test_an_installation_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    package, begun = tmp_path / "package", tmp_path / "begun"
    package.mkdir()
    backend = '[build-system]\nrequires = []\nbuild-backend = "slow"\nbackend-path = ["."]\n'
    (package / "pyproject.toml").write_text(f"{backend}[project]\nname = 'slow'\nversion = '1'\n")
    (package / "slow.py").write_text(SLOW_BUILD.format(begun=str(begun)))
    command = [sys.executable, "-c", BUILDER, str(tmp_path / "cache"), str(package)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.DEVNULL) as server:
        wait_until(begun.exists)
        installing = [int(process) for process in begun.read_text().split()]
        assert all(facts(process) for process in installing)
        server.kill()
    wait_until(lambda: not any(facts(process) for process in installing))
