from __future__ import annotations

import pytest

from airflow_provider_pai.model.training.spec import CodeLocation, TrainingJobSpec, plain
from airflow_provider_pai.model.uri import OssUri

SPEC = TrainingJobSpec("true", "ecs.c6.large")
STORAGE = OssUri("storage", "team/")


def outputs(spec: TrainingJobSpec, storage: OssUri = STORAGE) -> dict[str, str]:
    return dict(spec.located("my job-1", storage, "0123ab").outputs)


def test_the_default_outputs_lie_in_the_default_storage_below_the_jobs_name() -> None:
    home = "oss://storage/team/pai/training_job/my_job_1_0123ab"
    expected = {"model": f"{home}/model/", "checkpoints": f"{home}/checkpoints/", "tensorboard": f"{home}/tensorboard/"}
    assert outputs(SPEC) == expected


def test_the_default_storage_may_be_a_whole_bucket() -> None:
    assert outputs(SPEC, OssUri("storage", ""))["model"] == "oss://storage/pai/training_job/my_job_1_0123ab/model/"


@pytest.mark.parametrize("output_path", ["oss://bkt/out", "oss://bkt/out/"])
def test_an_output_path_holds_one_folder_per_job(output_path: str) -> None:
    spec = TrainingJobSpec("true", "ecs.c6.large", output_path=output_path)
    assert outputs(spec)["model"] == "oss://bkt/out/my_job_1_0123ab/model/"


def test_a_checkpoints_path_is_taken_exactly() -> None:
    spec = TrainingJobSpec("true", "ecs.c6.large", checkpoints_path="oss://bkt/checkpoints")
    assert outputs(spec)["checkpoints"] == "oss://bkt/checkpoints/"


def test_a_named_output_takes_the_place_of_the_default_and_more_are_added() -> None:
    spec = TrainingJobSpec("true", "ecs.c6.large", outputs={"model": "oss://bkt/m", "report": "oss://bkt/r/"})
    found = outputs(spec)
    assert (found["model"], found["report"]) == ("oss://bkt/m/", "oss://bkt/r/")
    assert set(found) == {"model", "checkpoints", "tensorboard", "report"}


def test_locating_a_job_names_it_and_leaves_the_spec_as_it_was() -> None:
    located = SPEC.located("name", STORAGE, "k")
    assert (located.job_name, SPEC.job_name, SPEC.outputs) == ("name", "", {})


@pytest.mark.parametrize(("name", "expected"), [("a-b c", "a_b_c"), ("Ab_9", "Ab_9"), ("训练", "__"), ("", "")])
def test_a_plain_name_has_letters_digits_and_underscores(name: str, expected: str) -> None:
    assert plain(name) == expected


def test_code_has_a_uri_without_endpoint() -> None:
    assert CodeLocation("bkt", "code/source.tar.gz", "host").uri == "oss://bkt/code/source.tar.gz"
