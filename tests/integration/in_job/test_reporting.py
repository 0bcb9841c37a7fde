"""What functions and scripts do to their process costs no report."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_pai.in_job
from airflow_provider_pai.model.function.package import function_files
from airflow_provider_pai.model.function.report import Report, parse_report_file, parse_report_lines


def in_job(folder: Path, command: list[str], job_id: str = "train1") -> tuple[Report, Report, int]:
    """Run a command in the folder as a job does; return what its file and its log report, and its exit code."""
    environment = {**os.environ, "PAI_TRAINING_JOB_ID": job_id, "PAI_OUTPUT_REPORT": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    file = folder / "report.json"
    found = parse_report_file(file.read_bytes(), job_id) if file.exists() else Report()
    return found, parse_report_lines(done.stdout.decode("utf-8", "replace").splitlines()), done.returncode


def called(folder: Path, function: Callable[..., Any]) -> tuple[Report, Report, int]:
    for name, text in function_files(function, [], [], {}).items():
        (folder / name).write_text(text, "utf-8")
    return in_job(folder, [sys.executable, "pai_function.py"])


def closes_its_output() -> int:
    import sys

    sys.stdout.close()
    return 1


def closes_the_log() -> int:
    import os

    os.close(1)
    return 1


def replaces_its_output() -> int:
    import io
    import sys

    sys.stdout = io.StringIO()
    return 1


def empties_its_environment() -> int:
    import os

    os.environ.clear()
    return 1


def takes_a_rank() -> int:
    import os

    os.environ["RANK"] = "3"
    return 1


def changes_its_folder() -> int:
    import os

    os.chdir("/")
    return 1


def leaves_a_line_unfinished() -> int:
    import sys

    sys.stdout.write("no end")
    return 1


def forks_a_process_that_exits_later() -> int:
    import os
    import sys
    import time

    import pai_report

    pai_report.metric("own", 1.0)
    if os.fork() == 0:
        time.sleep(0.5)
        sys.exit(4)
    return 1


def forks_a_process_that_returns() -> int:
    import os

    if os.fork() == 0:
        return 2
    os.wait()
    return 1


@pytest.mark.parametrize(
    "function",
    [
        *(closes_its_output, closes_the_log, replaces_its_output, empties_its_environment, takes_a_rank),
        *(changes_its_folder, leaves_a_line_unfinished, forks_a_process_that_exits_later, forks_a_process_that_returns),
    ],
)
def test_the_value_of_a_function_comes_back_whatever_it_does_to_its_process(
    function: Callable[..., int], tmp_path: Path
) -> None:
    file, log, code = called(tmp_path, function)
    assert (file.result, log.result, file.exit_code, code) == (1, 1, None, 0)


def raises_without_a_text() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise Odd


def raises_what_is_no_unicode() -> None:
    raise ValueError("\udc80")


def raises_what_is_no_exception() -> None:
    import asyncio

    raise asyncio.CancelledError


def raises_many() -> None:
    raise ExceptionGroup("größe", [ValueError("a"), KeyError("b")])


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (raises_without_a_text, "Odd"),
        (raises_what_is_no_unicode, "ValueError"),
        (raises_what_is_no_exception, "CancelledError"),
        (raises_many, "ExceptionGroup"),
    ],
)
def test_each_exception_comes_back(function: Callable[..., None], kind: str, tmp_path: Path) -> None:
    for report in called(tmp_path, function)[:2]:
        assert report.error is not None
        assert report.error.kind == kind
        assert function.__name__ in report.error.traceback


def script(folder: Path, name: str, text: str) -> str:
    shutil.copy(Path(airflow_provider_pai.in_job.__file__).parent / "pai_report.py", folder)
    (folder / name).write_text(f"import pai_report\n{text}\n")
    return f"{sys.executable} {name}"


def test_programs_of_one_command_report_together(tmp_path: Path) -> None:
    train = script(tmp_path, "train.py", "pai_report.metric('loss', 0.5)\npai_report.result({'model': 1})")
    judge = script(tmp_path, "judge.py", "pai_report.metric('accuracy', 0.9)")
    file, log, code = in_job(tmp_path, ["sh", "-c", f"{train} && {judge}"])
    assert code == 0
    for report in (file, log):
        assert (report.metrics, report.result) == ({"loss": 0.5, "accuracy": 0.9}, {"model": 1})


def test_the_report_of_another_job_in_the_same_folder_does_not_count(tmp_path: Path) -> None:
    first = script(tmp_path, "first.py", "pai_report.metric('loss', 0.5)\npai_report.result(1)")
    in_job(tmp_path, ["sh", "-c", first], "train1")
    with pytest.raises(ValueError, match="another job"):
        in_job(tmp_path, ["true"], "train2")
    second = script(tmp_path, "second.py", "pai_report.result(2)")
    file, _, _ = in_job(tmp_path, ["sh", "-c", second], "train2")
    assert (file.result, file.metrics) == (2, {})
