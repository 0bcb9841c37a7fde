"""alipai finds images of each framework, and its jobs and services have what they bring along."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import oss2
import pytest

from airflow_provider_pai.local.server import LocalPAI
from tests.alipai.conftest import HERE, Finished, Start

_PACKAGE = "brought_along"


@pytest.fixture(scope="module")
def source(bucket: oss2.Bucket, local_pai: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of code with requirements: a package in a public object, so that no index is asked."""
    folder, packed = tmp_path_factory.mktemp("source"), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{_PACKAGE}.py", "VALUE = 'brought along'")
        info = f"{_PACKAGE}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    key = f"alipai/{_PACKAGE}-1.0-py3-none-any.whl"
    bucket.put_object(key, packed.getvalue(), headers={"x-oss-object-acl": "public-read"})
    (folder / "requirements.txt").write_text(f"{local_pai.ready.oss}/{bucket.bucket_name}/{key}\n")
    (folder / "train.py").write_text(f"import {_PACKAGE}\nprint({_PACKAGE}.VALUE)\n")
    return folder


@pytest.fixture(scope="module")
def finished(start: Start, bucket: oss2.Bucket, source: Path) -> Finished:
    return start(
        "frameworks", source_dir=str(source), artifacts=f"oss://{bucket.bucket_name}/alipai/frameworks/"
    ).finished()


@pytest.fixture(scope="module")
def found(finished: Finished) -> dict[str, Any]:
    return finished.found


def test_requirements_in_the_folder_of_the_code_are_installed(finished: Finished) -> None:
    assert finished.found["statuses"] == ["Succeed", "Succeed"]


def test_a_job_of_an_experiment_on_hugging_face_keeps_its_model(found: dict[str, Any], bucket: oss2.Bucket) -> None:
    prefix = f"oss://{bucket.bucket_name}/"
    assert bucket.get_object(f"{found['model'].removeprefix(prefix)}found.txt").read() == b"brought along\n"


def test_images_of_each_framework_are_found(found: dict[str, Any]) -> None:
    assert "tensorflow-training:2.10-gpu" in found["images"][0]
    assert "huggingface-training:4.28.1-gpu" in found["images"][1]
    assert "modelscope:1.31.0" in found["images"][2]
    assert "huggingface-inference:4.28.1" in found["serving"][0]
    assert "modelscope-inference:1.7.1" in found["serving"][1]


def test_a_service_has_shared_memory(start: Start) -> None:
    found = start("share_memory", source_dir=str(HERE / "memory")).finished().found
    assert found["answer"] == {"read": "batch", "there": True}
    (mount,) = [each for each in json.loads(found["config"])["storage"] if "empty_dir" in each]
    assert mount["mount_path"] == "/dev/shm"
