"""A job sees the same whichever client submits it: alipai's Estimator or our operator.

What is not compared, because the two send different things on purpose: permissions of files (alipai uploads each alone,
and none stays executable), hidden files (alipai skips them all), and the ``requirements.txt`` of the source folder
(only the operator has it installed).
"""

from __future__ import annotations

import json
import re
from typing import Any

import oss2
import pytest

from airflow_provider_pai.local.server import LocalPAI
from tests.alipai.conftest import SOURCE, Start
from tests.support.attempt import Attempt, training

IMAGE = "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04"
JOB_ID = "<id of the job>"
ARGUMENTS: dict[str, Any] = {
    "source_dir": str(SOURCE),
    "command": 'eval "python view.py $PAI_USER_ARGS"',
    "image_uri": IMAGE,
    "instance_type": "ecs.c6.large",
    "hyperparameters": {
        "lr": 0.1,
        "epochs": 3,
        "shuffle": True,
        "batch-size": "32",
        "note": 'it\'s "quoted" & $HOME\n*',
        "unicode": "é 漢",
        "empty": "",
    },
    "environments": {"STAGE": "contract", "PYTHONUNBUFFERED": "1", "WITH_BLANK": " a  b "},
    "requirements": ["pip"],
    "max_run_time": 600,
}
BARE: dict[str, Any] = {"image_uri": IMAGE, "instance_type": "ecs.c6.large"}
DIFFERENT = {
    # One machine runs all local jobs, so each needs a port of its own; in the cloud it is always the same.
    "MASTER_PORT": r"[0-9]+",
}
"""Variables that differ although they hold no id, with the form that both have."""


@pytest.fixture(scope="module")
def inputs(bucket: oss2.Bucket) -> dict[str, str]:
    bucket.put_object("view/table.csv", b"1,2,3\n")
    bucket.put_object("view/images/train/a.png", b"a")
    bucket.put_object("view/images/b.png", b"b")
    return {"table": f"oss://{bucket.bucket_name}/view/table.csv", "images": f"oss://{bucket.bucket_name}/view/images/"}


def view(bucket: oss2.Bucket, model_uri: str, job_id: str) -> dict[str, Any]:
    """Return what a job saw, with its id made the same for all jobs."""
    content: bytes = bucket.get_object(model_uri.removeprefix(f"oss://{bucket.bucket_name}/") + "view.json").read()
    seen: dict[str, Any] = json.loads(content.decode().replace(job_id, JOB_ID))
    return seen


@pytest.fixture(scope="module", params=["full", "bare"])
def arguments(request: pytest.FixtureRequest, inputs: dict[str, str]) -> dict[str, dict[str, Any]]:
    """A job with all there is, and one with nothing but a command."""
    if request.param == "full":
        return {"estimator": ARGUMENTS, "inputs": inputs}
    command = f"python - <<'END'\n{(SOURCE / 'view.py').read_text()}\nEND"
    return {"estimator": {**BARE, "command": command}, "inputs": {}}


@pytest.fixture(scope="module")
def by_alipai(start: Start, bucket: oss2.Bucket, arguments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = start("submit", **arguments).finished().found
    assert found["status"] == "Succeed"
    return view(bucket, found["model"], found["job_id"])


@pytest.fixture
def by_operator(pai: LocalPAI, bucket: oss2.Bucket, arguments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    operator = training(**{"image": None, **arguments["estimator"]}, inputs=arguments["inputs"])
    result = operator.execute(Attempt().context)
    return view(bucket, result["model_uri"], result["job_id"])


def test_a_job_of_alipai_and_one_of_the_operator_see_the_same(
    by_alipai: dict[str, Any], by_operator: dict[str, Any]
) -> None:
    for name, form in DIFFERENT.items():
        values = [seen["variables"].pop(name) for seen in (by_alipai, by_operator)]
        assert all(re.fullmatch(form, value) for value in values), name
    assert by_alipai == by_operator
    assert by_alipai["variables"]["PAI_TRAINING_JOB_ID"] == JOB_ID
    assert by_alipai["variables"]["HOSTNAME"] == f"{JOB_ID}-master-0"
    assert {"output/model", "output/checkpoints", "output/tensorboard"} <= set(by_alipai["folders"])


@pytest.mark.parametrize("arguments", ["full"], indirect=True)
def test_the_view_is_not_empty(by_alipai: dict[str, Any]) -> None:
    assert by_alipai["arguments"][:2] == ["--lr", "0.1"]
    assert by_alipai["arguments"][-1] == ""
    assert {
        "usercode/view.py",
        "input/config/hyperparameters.json",
        "input/config/requirements.txt",
        "input/data/table/table.csv",
        "input/data/images/train/a.png",
    } <= by_alipai["files"].keys()
