from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.container import (
    Mount,
    instance_name,
    launch_lines,
    run_plan,
    start_lines,
    user_args,
)
from airflow_provider_pai.model.training.spec import CodeLocation, TrainingJobSpec, variable_name
from airflow_provider_pai.model.uri import OssUri

JOB_ID = "train1oug3yehan4"
CODE = CodeLocation("bkt", "code/source.tar.gz", "oss-cn-hangzhou.aliyuncs.com")
# What a process' variables can carry: no NUL, and bytes that are text.
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
HYPERPARAMETERS = st.lists(st.tuples(NAMES, VALUES), max_size=4, unique_by=lambda pair: variable_name(pair[0])).map(
    dict
)


def spec(**arguments: Any) -> TrainingJobSpec:
    return TrainingJobSpec("python train.py", "ecs.c6.large", image_uri="registry/image:1", **arguments)


def environment(**arguments: Any) -> dict[str, str]:
    return dict(run_plan(spec(**arguments), JOB_ID, "cn-hangzhou").environment)


@given(HYPERPARAMETERS)
def test_every_carrier_of_hyperparameters_keeps_any_value_unchanged(values: dict[str, str]) -> None:
    plan = run_plan(spec(hyperparameters=values), JOB_ID, "cn-hangzhou")
    assert json.loads(plan.files["input/config/hyperparameters.json"]) == values
    assert json.loads(plan.environment["PAI_HPS"]) == values
    assert {name: plan.environment[f"PAI_HPS_{variable_name(name)}"] for name in values} == values


@given(st.dictionaries(NAMES, st.from_regex(r"[A-Za-z0-9_.,:=/+%@-]+", fullmatch=True).filter(lambda x: "," not in x)))
def test_plain_values_need_no_eval(values: dict[str, str]) -> None:
    assert user_args(values) == " ".join(f"--{name} {value}" for name, value in values.items())


def test_even_a_name_from_another_client_is_one_argument() -> None:
    assert user_args({"a b": "1"}) == "'--a b' 1"


def test_without_hyperparameters_their_carriers_are_empty() -> None:
    plan = run_plan(spec(), JOB_ID, "cn-hangzhou")
    assert (plan.environment["PAI_HPS"], plan.environment["PAI_USER_ARGS"]) == ("{}", "")
    assert plan.files == {"input/config/hyperparameters.json": "{}"}


def test_pai_hps_is_sorted_as_in_the_cloud() -> None:
    assert environment(hyperparameters={"b": "1", "a": "ü"})["PAI_HPS"] == '{"a":"ü","b":"1"}'


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("batch-size", "PAI_HPS_BATCH_SIZE"),
        ("train.learning_rate", "PAI_HPS_TRAIN_LEARNING_RATE"),
        ("lr", "PAI_HPS_LR"),
        ("größe", "PAI_HPS_GR__E"),
    ],
)
def test_unsupported_characters_become_underscores_and_letters_upper_case(name: str, variable: str) -> None:
    assert environment(hyperparameters={name: "1"})[variable] == "1"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("oss://bkt/data/", "/ml/input/data/train/"),
        ("oss://bkt", "/ml/input/data/train/"),
        ("oss://bkt/data/train.csv", "/ml/input/data/train/train.csv"),
        ("oss://bkt/train", "/ml/input/data/train/train"),
        ("oss://bkt/data/?endpoint=host", "/ml/input/data/train/"),
        ("nas://fs.cn-hangzhou/x", "/ml/input/data/train/"),
        ("d-abc/v1", "/ml/input/data/train/"),
    ],
)
def test_an_input_is_a_folder_or_the_file_itself(uri: str, path: str) -> None:
    assert environment(inputs={"train": uri})["PAI_INPUT_TRAIN"] == path


def test_channels_keep_their_names_in_paths_and_lose_them_in_variables() -> None:
    found = environment(inputs={"my-data.v1": "oss://bkt/x/"}, outputs={"my-model": "oss://bkt/y/"})
    assert found["PAI_INPUT_MY_DATA_V1"] == "/ml/input/data/my-data.v1/"
    assert found["PAI_OUTPUT_MY_MODEL"] == "/ml/output/my-model/"


def test_mounts_say_what_lies_where() -> None:
    plan = run_plan(
        spec(
            inputs={"train": "oss://bkt.host/a/", "file": "oss://bkt/a.csv", "table": "odps://p/tables/t"},
            outputs={"model": "oss://bkt/model"},
        ),
        JOB_ID,
        "cn-hangzhou",
    )
    assert plan.inputs == (
        Mount("train", "input/data/train", OssUri("bkt", "a/", "host")),
        Mount("file", "input/data/file", OssUri("bkt", "a.csv")),
    )
    assert plan.outputs == (Mount("model", "output/model", OssUri("bkt", "model/")),)


def test_the_platforms_variables_are_those_of_the_cloud() -> None:
    plan = run_plan(spec(code=CODE, instance_count=3), JOB_ID, "cn-beijing", rank=2, gpus=8)
    expected = {
        "PAI_CONFIG_DIR": "/ml/input/config/",
        "PAI_WORKING_DIR": "/ml/usercode/",
        "PAI_TRAINING_JOB_ID": JOB_ID,
        "REGION_ID": "cn-beijing",
        "MASTER_ADDR": "train1oug3yehan4-master-0",
        "MASTER_PORT": "23456",
        "WORLD_SIZE": "3",
        "RANK": "2",
        "NPROC_PER_NODE": "8",
        "HOSTNAME": "train1oug3yehan4-worker-1",
    }
    assert expected.items() <= dict(plan.environment).items()
    assert plan.working_dir == "/ml/usercode/"


def test_without_source_code_there_is_no_working_folder() -> None:
    plan = run_plan(spec(), JOB_ID, "cn-hangzhou")
    assert plan.working_dir is None
    assert "PAI_WORKING_DIR" not in plan.environment


def test_another_root_moves_every_path() -> None:
    arguments: dict[str, Any] = {"code": CODE, "inputs": {"a": "oss://bkt/x/"}, "outputs": {"m": "oss://bkt/y/"}}
    plan = run_plan(spec(**arguments), JOB_ID, "cn-hangzhou", root="/jobs/1/ml")
    assert not [value for value in plan.environment.values() if value.startswith("/ml")]
    assert plan.environment["PAI_INPUT_A"] == "/jobs/1/ml/input/data/a/"
    assert plan.working_dir == "/jobs/1/ml/usercode/"


def test_the_authors_variables_are_there_but_never_hide_the_contracts() -> None:
    found = environment(environments={"TZ": "Asia/Shanghai", "PAI_HPS": "mine", "RANK": "7"})
    assert (found["TZ"], found["PAI_HPS"], found["RANK"]) == ("Asia/Shanghai", "{}", "0")


def test_requirements_are_a_file_for_pip() -> None:
    plan = run_plan(spec(requirements=("numpy==2.1.0", "torch")), JOB_ID, "cn-hangzhou")
    assert plan.files["input/config/requirements.txt"] == "numpy==2.1.0\ntorch\n"
    assert plan.requirements == ("numpy==2.1.0", "torch")


def test_the_first_instance_is_the_master() -> None:
    assert [instance_name("train1", rank) for rank in range(3)] == [
        "train1-master-0",
        "train1-worker-0",
        "train1-worker-1",
    ]


def test_a_log_begins_as_in_the_cloud() -> None:
    plan = run_plan(spec(code=CODE, requirements=("numpy",), environments={"TZ": "UTC"}), JOB_ID, "cn-hangzhou")
    lines = list(launch_lines(plan))
    assert lines[0] == "TrainingJob launch starting"
    assert "TZ=UTC" in lines
    assert lines[-2:] == [
        "Change to Working Directory, /ml/usercode/",
        "Installing dependencies from /ml/input/config//requirements.txt",
    ]
    assert list(start_lines()) == ["User program launching", "-" * 65]


def test_a_log_of_a_job_without_code_and_requirements_has_only_the_variables() -> None:
    plan = run_plan(spec(), JOB_ID, "cn-hangzhou")
    assert len(list(launch_lines(plan))) == 1 + len(plan.environment)


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hf_token", "OPENAI_API_KEY", "ApiKey"]
)
def test_a_secret_variable_is_not_logged(name: str) -> None:
    plan = run_plan(spec(environments={name: "hunter2"}), JOB_ID, "cn-hangzhou")
    assert f"{name}=***" in launch_lines(plan)
    assert not any("hunter2" in line for line in launch_lines(plan))


@pytest.mark.parametrize("name", ["api_key", "hf-token", "db.password"])
def test_a_secret_hyperparameter_is_not_logged_by_any_of_its_carriers(name: str) -> None:
    plan = run_plan(spec(hyperparameters={name: "hunter2", "lr": "0.1"}), JOB_ID, "cn-hangzhou")
    lines = list(launch_lines(plan))
    assert not any("hunter2" in line for line in lines)
    assert {"PAI_HPS=***", "PAI_USER_ARGS=***", "PAI_HPS_LR=0.1"} <= set(lines)


def test_hyperparameters_that_are_no_secret_are_logged() -> None:
    plan = run_plan(spec(hyperparameters={"lr": "0.1"}), JOB_ID, "cn-hangzhou")
    assert {'PAI_HPS={"lr":"0.1"}', "PAI_USER_ARGS=--lr 0.1"} <= set(launch_lines(plan))


def test_a_value_of_several_lines_is_several_log_lines() -> None:
    plan = run_plan(spec(environments={"TEXT": "one\ntwo"}), JOB_ID, "cn-hangzhou")
    assert not any("\n" in line for line in launch_lines(plan))
    assert {"TEXT=one", "two"} <= set(launch_lines(plan))
