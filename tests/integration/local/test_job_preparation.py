"""What happens before a job's command: archives, requirements."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.waits import wait_until


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


# What a job sees ------------------------------------------------------------------------------------------------------


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
    wait_until((source / "begun").exists)
    harness.runner.stop(job_id)
    assert harness.ended(job_id)["Status"] == "Terminated"


# Log and metrics ------------------------------------------------------------------------------------------------------
