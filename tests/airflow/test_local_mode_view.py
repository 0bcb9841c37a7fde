"""A job sees the same on local PAI and in local mode: one job that prints all it sees, in both."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, training

LOOK_AROUND = r"""
import os, pathlib, resource, stat, subprocess, sys

def show(*values):
    print("SEEN", *values, flush=True)

for name in sorted(os.environ):
    show("variable", name, repr(os.environ[name]))
show("arguments", sys.argv, os.getcwd(), oct(os.umask(0o22)), sys.stdin.isatty(), sys.stdout.isatty(), os.getuid())
for top, folders, files in os.walk("/ml"):
    folders.sort()
    for name in sorted(folders + files):
        path = os.path.join(top, name)
        status = os.lstat(path)
        link = os.readlink(path) if os.path.islink(path) else ""
        show("file", path, stat.filemode(status.st_mode), status.st_size if stat.S_ISREG(status.st_mode) else "", link)
for path in sorted(pathlib.Path("/ml/input/config").rglob("*")):
    if path.is_file():
        show("content", path, path.read_text())
for folder in ("/ml", "/ml/usercode", "/ml/output/model", "/ml/input/config", "/tmp"):
    try:
        pathlib.Path(folder, "new").write_text("1")
        show("writable", folder)
    except OSError as error:
        show("not writable", folder, error.strerror)
show("limits", resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))
show("script", subprocess.run(["./run.sh"], capture_output=True, text=True).stdout)
"""
OWN = re.compile(r"train[0-9a-z]{11,}|train_\d{8}_\d{6}(?:_[0-9a-f]+)?|/\S*/(?:home|bin)\b|\b\d{5}\b|\[airflow\.task.*")
"""What differs from job to job: its id, its name, its home, its port; and what Airflow adds to a line."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "train.py").write_text(LOOK_AROUND)
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "sub" / "a b").write_text("1")
    (folder / "link").symlink_to("train.py")
    return folder


def seen(task_log: Callable[[], list[str]], **arguments: Any) -> list[str]:
    """Return what a job printed of what it saw."""
    task_log()
    training(
        command="python train.py --lr $PAI_HPS_LR $PAI_USER_ARGS",
        hyperparameters={"lr": 0.1, "name": "a b", "flag": True, "none": "", "list": "[1, 2]", "accent": "é"},
        environments={"TEXT": "a $HOME q", "EMPTY": ""},
        **arguments,
    ).execute(Attempt().context)
    return [OWN.sub("*", line[line.index("SEEN") :]).rstrip() for line in task_log() if "SEEN " in line]


def test_a_job_sees_the_same_on_local_pai_and_in_local_mode(
    pai: LocalPAI, source: Path, tmp_path: Path, task_log: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    cloud = seen(task_log, source_dir=str(source))
    local = seen(task_log, source_dir=str(source), instance_type="local", image=None, image_uri="registry/image:1")
    assert any("script ran" in line for line in local)
    assert any("variable PAI_USER_ARGS" in line for line in local)
    assert local == cloud
