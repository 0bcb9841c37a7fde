from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.image import ImageQuery
from airflow_provider_pai.model.training.arguments import checked_spec, read_spec
from airflow_provider_pai.model.training.resources import SpotSpec
from airflow_provider_pai.model.training.spec import MetricDefinition, TrainingJobSpec

LEAST: dict[str, Any] = {"command": "python train.py", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"}


class Optimizer(str, Enum):  # noqa: UP042 - this older form is what is tested
    ADAM = "adam"


def spec(**arguments: Any) -> TrainingJobSpec:
    return checked_spec({**LEAST, **arguments})


def only_problem(**arguments: Any) -> str:
    (problem,) = read_spec({**LEAST, **arguments})[1]
    return str(problem)


def test_the_least_arguments_make_a_spec_with_defaults() -> None:
    assert spec() == TrainingJobSpec("python train.py", "ecs.c6.large", image_uri="registry/image:1")


def test_none_stands_for_not_given() -> None:
    names = ("source_dir", "image", "instance_count", "hyperparameters", "inputs", "outputs", "output_path", "labels")
    more = ("checkpoints_path", "base_job_name", "max_run_time", "environments", "requirements", "description")
    assert spec(**dict.fromkeys((*names, *more, "metric_definitions"))) == spec()


def test_every_argument_arrives_in_its_place() -> None:
    assert checked_spec(
        {
            "command": "python train.py",
            "instance_type": "ecs.c6.large",
            "instance_count": 2,
            "image": {"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "GPU"},
            "source_dir": "src",
            "base_job_name": "job",
            "hyperparameters": {"lr": 0.1},
            "inputs": {"train": "oss://bucket/train/"},
            "outputs": {"model": "oss://bucket/model/"},
            "output_path": "oss://bucket/out/",
            "checkpoints_path": "oss://bucket/checkpoints/",
            "max_run_time": 3600,
            "environments": {"N": 1},
            "requirements": ["numpy"],
            "labels": {"owner": "me"},
            "metric_definitions": [{"name": "acc", "regex": "acc=(.*)"}],
            "description": "text",
        }
    ) == TrainingJobSpec(
        command="python train.py",
        instance_type="ecs.c6.large",
        instance_count=2,
        image=ImageQuery("PyTorch", "1.12", "GPU"),
        source_dir="src",
        base_job_name="job",
        hyperparameters={"lr": "0.1"},
        inputs={"train": "oss://bucket/train/"},
        outputs={"model": "oss://bucket/model/"},
        output_path="oss://bucket/out/",
        checkpoints_path="oss://bucket/checkpoints/",
        max_run_time=3600,
        environments={"N": "1"},
        requirements=("numpy",),
        labels={"owner": "me"},
        metric_definitions=(MetricDefinition("acc", "acc=(.*)"),),
        description="text",
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("sgd", "sgd"),
        ("", ""),
        (" a 'b' ", " a 'b' "),
        (0, "0"),
        (0.0, "0.0"),
        (1e-5, "1e-05"),
        (True, "True"),
        (False, "False"),
        (10**20, "1" + "0" * 20),
        (float("inf"), "inf"),
        (Decimal("0.10"), "0.10"),
        (Optimizer.ADAM, "adam"),
    ],
)
def test_a_hyperparameter_becomes_a_text_as_in_pais_sdk(value: object, text: str) -> None:
    assert spec(hyperparameters={"x": value}).hyperparameters == {"x": text}


@pytest.mark.parametrize("value", [None, [1, 2], (1,), {"a": 1}, {1}, b"x", object()])
def test_a_hyperparameter_that_cannot_be_a_text_is_named(value: object) -> None:
    problem = only_problem(hyperparameters={"lr": 0.1, "layers": value})
    assert problem.startswith("hyperparameters['layers'] must be a text, a number or a boolean, not ")
    assert type(value).__name__ in problem


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_for_a_structure_the_advice_is_json(value: object) -> None:
    assert only_problem(hyperparameters={"layers": value}).endswith("pass json.dumps(...) of it")


def test_a_long_value_does_not_flood_the_message() -> None:
    assert len(only_problem(hyperparameters={"layers": list(range(10_000))})) < 200


@pytest.mark.parametrize("argument", ["hyperparameters", "inputs", "outputs", "environments", "labels"])
def test_what_must_be_a_dict_says_so(argument: str) -> None:
    assert only_problem(**{argument: "x"}) == (
        f"{argument} must be a dict, not str ('x'); a template gives a text: write JSON, or set "
        "render_template_as_native_obj=True on the DAG"
    )


@pytest.mark.parametrize("argument", ["hyperparameters", "inputs", "outputs", "environments", "labels"])
def test_a_name_that_is_no_text_is_named(argument: str) -> None:
    assert only_problem(**{argument: {1: "x"}}).startswith(f"{argument}: the name 1 must be a text, not int")


@pytest.mark.parametrize(
    "argument",
    [
        "command",
        "image_uri",
        "source_dir",
        "output_path",
        "checkpoints_path",
    ],
)
def test_what_must_be_a_text_says_so_and_is_not_called_missing_too(argument: str) -> None:
    assert only_problem(**{argument: 5}) == f"{argument} must be a text, not int (5); put it in quotes"


def test_a_command_in_words_gets_advice() -> None:
    assert only_problem(command=["python", "train.py"]).endswith("use shlex.join(...)")


@pytest.mark.parametrize(("value", "number"), [(3, 3), ("3", 3), (" 3\n", 3), ("+3", 3)], ids=repr)
def test_a_whole_number_may_come_from_a_template(value: object, number: int) -> None:
    assert spec(instance_count=value, max_run_time=value).instance_count == number
    assert spec(instance_count=value, max_run_time=value).max_run_time == number


@pytest.mark.parametrize("argument", ["instance_count", "max_run_time"])
@pytest.mark.parametrize("value", ["", "two", "1.5", 2.5, True, "²", "9" * 5000, [1], "1_000"])
def test_what_is_no_whole_number_is_refused(argument: str, value: object) -> None:
    problem = only_problem(**{argument: value})
    assert problem.startswith(f"{argument} must be a whole number, not ")
    assert len(problem) < 150


@pytest.mark.parametrize("value", [0, "0", -1, "-1"], ids=repr)
def test_a_number_below_one_is_judged_as_a_number(value: object) -> None:
    assert only_problem(instance_count=value) == f"instance_count must be at least 1, not {value}"


def test_an_empty_base_job_name_is_the_default() -> None:
    assert spec(base_job_name="").base_job_name == "training_job"


@pytest.mark.parametrize("value", ["numpy", {"numpy": "2.1.0"}, ["numpy", 1], 5])
def test_requirements_must_be_a_list_of_texts(value: object) -> None:
    assert only_problem(requirements=value).startswith("requirements must be a list of texts, not ")


@pytest.mark.parametrize("value", [("numpy",), ["numpy"]])
def test_requirements_may_be_any_sequence(value: object) -> None:
    assert spec(requirements=value).requirements == ("numpy",)


def test_an_image_query_has_defaults() -> None:
    assert spec(image_uri=None, image={"framework_name": "PyTorch"}).image == ImageQuery("PyTorch", "latest", "CPU")


@pytest.mark.parametrize(
    ("value", "beginning"),
    [
        ("PyTorch", "image must be a dict such as {'framework_name': 'PyTorch'}, not str"),
        ({}, "image: framework_name is missing"),
        ({"framework_name": ""}, "image: framework_name is missing"),
        ({"framework_name": None}, "image['framework_name'] must be a text, not NoneType"),
        (
            {"framework_name": "PyTorch", "framework_version": 1.12},
            "image['framework_version'] must be a text, not float",
        ),
        ({"framework_name": "PyTorch", "version": "1.12"}, "image: unknown version; it may have framework_name"),
    ],
)
def test_a_wrong_image_query_is_one_problem_and_no_missing_image(value: object, beginning: str) -> None:
    assert only_problem(image_uri=None, image=value).startswith(beginning)


def test_a_wrong_image_query_beside_an_image_uri_still_contradicts_it() -> None:
    found = read_spec({**LEAST, "image": {"framework_name": 5}})[1]
    assert [problem.argument for problem in found] == ["image", "image_uri"]


@pytest.mark.parametrize(
    "value",
    [
        "acc",
        5,
        [5],
        ["acc"],
        [{"name": "acc"}],
        [{"name": "acc", "regex": None}],
        [{"name": 1, "regex": "(a)"}],
        {"name": "a"},
    ],
)
def test_metric_definitions_of_another_form_get_an_example(value: object) -> None:
    problem = only_problem(metric_definitions=value)
    assert problem.startswith("metric_definitions must be a list of dicts with 'name' and 'regex'")
    assert "'accuracy=([0-9.]+)'" in problem


def test_all_problems_of_types_and_values_come_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        checked_spec({"command": "", "instance_count": "x", "hyperparameters": {"a": None}, "inputs": {"t": "ftp://x"}})
    assert [problem.argument for problem in caught.value.problems] == [
        "instance_count",
        "hyperparameters",
        "command",
        "image_uri",
        "instance_type",
        "inputs",
    ]
    assert str(caught.value).startswith("6 problems:\n  - ")


def test_values_beside_a_wrong_one_are_checked_too() -> None:
    found = read_spec({**LEAST, "hyperparameters": {"a b": "1", "c": None}})[1]
    assert len(found) == 2


def test_what_templates_leave_of_digits_is_a_text() -> None:
    assert spec(base_job_name=20261130, description=5).base_job_name == "20261130"


@pytest.mark.parametrize("value", [1.1, True, [1], {}, object(), 10**5000], ids=type)
def test_what_can_be_no_text_is_refused(value: object) -> None:
    assert only_problem(description=value).startswith("description must be a text, not ")


@pytest.mark.parametrize("argument", ["command", "image_uri", "source_dir", "output_path", "description"])
@pytest.mark.parametrize("text", ["None", "nan", "{}", "[]", " None\n", "null"], ids=repr)
def test_what_a_template_leaves_of_nothing_is_refused(argument: str, text: str) -> None:
    said = only_problem(**{argument: text})
    assert said.startswith(f"{argument} is {text.strip()!r}: the template or task that it comes from gave nothing")


@pytest.mark.parametrize("argument", ["output_path", "checkpoints_path", "source_dir"])
def test_an_empty_place_is_not_the_default_one(argument: str) -> None:
    assert "is empty" in only_problem(**{argument: ""})


def test_paths_are_texts() -> None:
    read = spec(source_dir=Path("/src"), inputs={"train": Path("/data")})
    assert (read.source_dir, read.inputs) == ("/src", {"train": "/data"})


def test_json_is_read_where_a_dict_or_list_is_meant() -> None:
    read = spec(
        hyperparameters='{"lr": 0.1, "n": 3}',
        labels='{"owner": "me"}',
        settings='{"EnableRDMA": true}',
        requirements='["numpy"]',
        metric_definitions='[{"Name": "acc", "Regex": "acc=(.*)"}]',
        spot_spec='{"spot_strategy": "SpotAsPriceGo"}',
    )
    assert (read.hyperparameters, read.labels) == ({"lr": "0.1", "n": "3"}, {"owner": "me"})
    assert (read.settings, read.requirements) == ({"EnableRDMA": True}, ("numpy",))
    assert read.metric_definitions == (MetricDefinition("acc", "acc=(.*)"),)
    assert read.spot_spec == SpotSpec("SpotAsPriceGo")


@pytest.mark.parametrize("text", ["{'lr': 0.1}", "lr=0.1", '["lr"]', '{"lr": 0.1', "5", '"{}"'])
@pytest.mark.parametrize("argument", ["hyperparameters", "inputs", "settings", "image", "instance_spec"])
def test_another_text_is_refused_with_what_templates_need(argument: str, text: str) -> None:
    said = next(each for each in read_spec({**LEAST, argument: text})[1] if each.argument == argument)
    assert "render_template_as_native_obj=True" in str(said)


def test_a_time_limit_may_be_a_timedelta_or_have_a_point() -> None:
    limits = [spec(max_run_time=limit).max_run_time for limit in (43200.0, "43200.0", timedelta(hours=12))]
    assert limits == [43200] * 3


@pytest.mark.parametrize("name", ["name", "Name"])
def test_metrics_are_written_as_in_pais_sdk_or_as_here(name: str) -> None:
    regex = "Regex" if name == "Name" else "regex"
    assert spec(metric_definitions=[{name: "acc", regex: "acc=(.*)"}]).metric_definitions == (
        MetricDefinition("acc", "acc=(.*)"),
    )


def test_line_ends_of_windows_are_those_of_a_shell() -> None:
    read = spec(command="set -e\r\npython train.py\r\n", environments={"A": "1\r"}, requirements=["numpy\r", "six\r\n"])
    assert (read.command, read.environments) == ("set -e\npython train.py\n", {"A": "1"})
    assert read.requirements == ("numpy", "six")


@pytest.mark.parametrize("character", ["\r", "\xa0", "\u200b", "\ufeff", "\x1b"])
def test_what_only_a_shell_sees_is_named(character: str) -> None:
    said = only_problem(command=f"python{character}train.py")
    assert said.startswith(f"command holds the invisible character U+{ord(character):04X}")


def test_the_surroundings_of_such_a_character_show_no_part_of_a_secret() -> None:
    for command in ("run --password=hunter2hunter2 a\u200bb", "run --password=hunter2\u200bhunter2 b"):
        said = only_problem(command=command)
        assert "U+200B" in said
        assert "hunter2" not in said


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"hyperparameters": {"x": "x" * 131_072}}, "hyperparameters"),
        ({"hyperparameters": {str(n): "x" * 1000 for n in range(140)}}, "hyperparameters"),
        ({"environments": {"A": "x" * 131_072}}, "environments"),
        ({"environments": {f"A{n}": "x" * 100_000 for n in range(20)}}, "hyperparameters"),
        ({"command": "x" * 131_073}, "command"),
        ({"inputs": {"x" * 256: "oss://bucket/x"}}, "inputs"),
        ({"hyperparameters": {"n": 10**5000}}, "hyperparameters"),
        ({"instance_count": 10**5000}, "instance_count"),
        ({"max_run_time": 1e309}, "max_run_time"),
    ],
    ids=range(9),
)
def test_what_is_too_large_is_refused_and_its_argument_named(arguments: dict[str, Any], argument: str) -> None:
    found = read_spec({**LEAST, **arguments})[1]
    assert {problem.argument for problem in found} == {argument}
    assert all(len(str(problem)) < 400 for problem in found)


@pytest.mark.parametrize("line", ["./wheels/x.whl", "/opt/x.whl", "x @ file:///x", "--index-url https://x", "${X}"])
def test_a_requirement_that_create_would_refuse_is_refused_before_anything_is_uploaded(line: str) -> None:
    assert only_problem(requirements=[line]).startswith("requirements: ")


def test_two_metrics_of_one_name_are_refused() -> None:
    metric = {"name": "acc", "regex": "acc=(.*)"}
    assert only_problem(metric_definitions=[metric, metric]).startswith("metric_definitions: 'acc' is there twice")


@pytest.mark.parametrize("value", [[1], None, {"password": "hunter2"}, b"hunter2"], ids=type)
def test_no_value_with_a_secret_name_is_in_a_message(value: object) -> None:
    assert "hunter2" not in only_problem(environments={"DB_PASSWORD": value})
