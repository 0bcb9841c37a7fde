from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.images.image import ImageQuery
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.spec import MetricDefinition, TrainingJobSpec
from airflow_provider_pai.model.training.validation import problems

GOOD = TrainingJobSpec(command="python train.py", instance_type="ecs.c6.large", image_uri="registry/pai/image:1")
ARGUMENTS = {each.name for each in fields(TrainingJobSpec)}


def found(**arguments: Any) -> list[Problem]:
    return problems(replace(GOOD, **arguments))


def only(**arguments: Any) -> Problem:
    (problem,) = found(**arguments)
    return problem


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"image_uri": None, "image": ImageQuery("PyTorch")},
        {"source_dir": "/home/me/source"},
        {"source_dir": "oss://bucket/source/"},
        {"source_dir": "oss://bucket"},
        {"source_dir": "oss://bucket/source.tar.gz"},
        {"source_dir": "oss://bucket.oss-cn-hangzhou.aliyuncs.com/source.tar.gz"},
        {"instance_type": "ecs.gn6e-c12g1.3xlarge"},
        {"instance_type": "ecs.ebmgn7e.32xlarge"},
        {"instance_type": "ml.gu7xf.c96m1600.8-gu108"},
        {"base_job_name": "训练"},
        {"base_job_name": "my job-1"},
        {"instance_count": 8, "max_run_time": 1},
        {"hyperparameters": {"lr": "0.1", "batch-size": "", "train.depth": "a 'b' \"c\" $d\n{}", "_x": "训练"}},
        {"inputs": {"train": "oss://bucket/train.csv", "all": "d-abc123/v1", "table": "odps://project/tables/iris"}},
        {"outputs": {"model": "oss://bucket/model/", "extra": "oss://bucket/extra"}},
        {"output_path": "oss://bucket/out/", "checkpoints_path": "oss://bucket/checkpoints/"},
        {"environments": {"TZ": "Asia/Shanghai", "_x1": ""}},
        {"requirements": ("numpy==2.1.0", "torch>=2; python_version < '3.13'", "pkg @ https://x.y/pkg.whl")},
        {"labels": {"k" * 128: "v" * 128, "empty": ""}},
        {"metric_definitions": (MetricDefinition("accuracy", r"accuracy=([0-9.]+)"),)},
    ],
)
def test_a_good_spec_has_no_problems(arguments: dict[str, Any]) -> None:
    assert found(**arguments) == []


@pytest.mark.parametrize(
    ("arguments", "beginning", "says"),
    [
        ({"command": ""}, "command is missing", "python train.py"),
        ({"command": " \n"}, "command is missing", "say what the job runs"),
        ({"command": "a\0b"}, "command holds a NUL", "remove it"),
        ({"image_uri": None}, "image_uri is missing", "image={'framework_name'"),
        ({"image_uri": ""}, "image_uri is missing", "choose from the catalog"),
        ({"image_uri": " "}, "image_uri ' ' holds white space", "name:tag"),
        ({"image_uri": "registry/image:1\n"}, "image_uri", "white space"),
        ({"image": ImageQuery("PyTorch")}, "image_uri and image contradict each other", "not both"),
        ({"instance_type": ""}, "instance_type is missing", "'ecs.c6.large'"),
        ({"instance_type": "c6.large"}, "instance_type 'c6.large'", "'ecs.c6.large'"),
        ({"instance_type": "ecs.c6.large "}, "instance_type 'ecs.c6.large '", "'ecs.c6.large'"),
        ({"instance_count": 0}, "instance_count must be at least 1", "not 0"),
        ({"instance_count": -3}, "instance_count must be at least 1", "not -3"),
        ({"max_run_time": 0}, "max_run_time must be at least 1 second", "leave it out"),
        ({"base_job_name": "--"}, "base_job_name '--'", "give it at least one"),
        ({"source_dir": " "}, "source_dir is empty", "leave it out"),
        ({"source_dir": ""}, "source_dir is empty", "oss://"),
        ({"source_dir": "src\0"}, "source_dir holds a NUL", "remove it"),
        ({"source_dir": "oss://bucket/train.py"}, "source_dir 'oss://bucket/train.py'", ".tar.gz"),
        ({"source_dir": "oss://Bucket/source/"}, "source_dir: ", "bucket name"),
        ({"source_dir": "oss://bucket/source/ "}, "source_dir: ", "white space"),
        ({"hyperparameters": {"lr decay": "1"}}, "hyperparameters: 'lr decay' is no name", "use letters"),
        ({"hyperparameters": {"": "1"}}, "hyperparameters: '' is no name", "use letters"),
        ({"hyperparameters": {"-lr": "1"}}, "hyperparameters: '-lr' is no name", "use letters"),
        ({"hyperparameters": {"lr\n": "1"}}, "hyperparameters: 'lr\\n' is no name", "use letters"),
        ({"hyperparameters": {"a-b": "1", "a_b": "2"}}, "hyperparameters: 'a-b' and 'a_b'", "PAI_HPS_A_B; rename one"),
        ({"hyperparameters": {"lr": "1", "LR": "2"}}, "hyperparameters: 'lr' and 'LR'", "PAI_HPS_LR; rename one"),
        ({"hyperparameters": {"lr": "1\0"}}, "hyperparameters['lr'] holds a NUL", "remove it"),
        ({"hyperparameters": {"lr": "\udcff"}}, "hyperparameters['lr'] holds bytes", "encoding"),
        (
            {"inputs": {"train": "s3://data/train.csv"}},
            "inputs['train']: 's3://data/train.csv'",
            "oss://bucket/folder/",
        ),
        ({"inputs": {"train": "https://x.y/z"}}, "inputs['train']: 'https://x.y/z'", "use oss://"),
        ({"inputs": {"train": ""}}, "inputs['train']: ''", "use oss://"),
        ({"inputs": {"train": "oss://Bucket/x"}}, "inputs['train']: ", "lower-case letters"),
        ({"inputs": {"train": "oss://bucket/x/ "}}, "inputs['train']: 'oss://bucket/x/ '", "remove it"),
        ({"inputs": {"a b": "oss://bucket/x"}}, "inputs: 'a b' is no name", "use letters"),
        ({"inputs": {"../x": "oss://bucket/x"}}, "inputs: '../x' is no name", "use letters"),
        ({"inputs": {"..": "oss://bucket/x"}}, "inputs: '..' is no name", "use letters"),
        ({"outputs": {"model": "/tmp/model"}}, "outputs['model']: '/tmp/model'", "oss://"),
        ({"outputs": {"model": ""}}, "outputs['model']: ''", "oss://"),
        ({"outputs": {"a/b": "oss://bucket/x/"}}, "outputs: 'a/b' is no name", "use letters"),
        ({"outputs": {"Model": "oss://bucket/x/"}}, "outputs: 'model' and 'Model'", "PAI_OUTPUT_MODEL; rename one"),
        ({"output_path": "nas://x.y/z/"}, "output_path: ", "oss://"),
        ({"checkpoints_path": "checkpoints/"}, "checkpoints_path: ", "oss://"),
        (
            {"checkpoints_path": "oss://bucket/a/", "outputs": {"checkpoints": "oss://bucket/b/"}},
            "checkpoints_path and outputs['checkpoints'] contradict each other",
            "give one of them",
        ),
        ({"environments": {"A-B": "x"}}, "environments: 'A-B'", "use letters"),
        ({"environments": {"1A": "x"}}, "environments: '1A'", "use letters"),
        ({"environments": {"": "x"}}, "environments: ''", "use letters"),
        ({"environments": {"A": "x\0"}}, "environments['A'] holds a NUL", "remove it"),
        ({"labels": {"": "x"}}, "labels: ''", "must have a name"),
        ({"labels": {"owner": "ü" * 65}}, "labels: 'owner'", "at most 128 bytes"),
        ({"labels": {"\udcff": "x"}}, "labels['\\udcff'] holds bytes", "encoding"),
        ({"requirements": ("-r other.txt",)}, "requirements: '-r other.txt'", "'numpy==2.1.0'"),
        ({"requirements": (" -e .",)}, "requirements: ' -e .'", "no pip options"),
        ({"requirements": (" ",)}, "requirements: ' '", "'numpy==2.1.0'"),
        ({"requirements": ("numpy\n--pre",)}, "requirements: ", "'numpy==2.1.0'"),
        ({"requirements": ("numpy\r--pre",)}, "requirements: ", "'numpy==2.1.0'"),
        ({"metric_definitions": (MetricDefinition("acc", "acc=("),)}, "metric_definitions: ", "not valid"),
        (
            {"metric_definitions": (MetricDefinition("acc", "acc"),)},
            "metric_definitions: ",
            "one group (the value), not 0",
        ),
        ({"metric_definitions": (MetricDefinition("acc", "(a)(b)"),)}, "metric_definitions: ", "not 2"),
        ({"description": "\udcff"}, "description holds bytes", "encoding"),
    ],
)
def test_a_problem_begins_with_its_argument_and_says_what_to_do(
    arguments: dict[str, Any], beginning: str, says: str
) -> None:
    problem = only(**arguments)
    assert str(problem).startswith(beginning)
    assert says in str(problem)
    assert problem.argument in ARGUMENTS


def test_all_problems_are_found_at_once() -> None:
    everything = found(
        command="",
        image_uri=None,
        instance_type="",
        instance_count=0,
        max_run_time=0,
        base_job_name=" ",
        source_dir=" ",
        hyperparameters={"a b": "1"},
        inputs={"train": "x://y"},
        outputs={"model": "x"},
        output_path="x",
        checkpoints_path="x",
        environments={"1": "x"},
        labels={"": "x"},
        requirements=("-e .",),
        metric_definitions=(MetricDefinition("acc", "("),),
    )
    assert len(everything) == 16
    assert {problem.argument for problem in everything} == {
        *("command", "image_uri", "instance_type", "instance_count", "max_run_time", "base_job_name", "source_dir"),
        *("hyperparameters", "inputs", "outputs", "output_path", "checkpoints_path", "environments", "labels"),
        *("requirements", "metric_definitions"),
    }


TEXTS = st.text(max_size=6)
MAPS = st.dictionaries(TEXTS, TEXTS, max_size=2)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("command", "image_uri", "instance_type", "source_dir", "base_job_name"), TEXTS),
            **dict.fromkeys(("output_path", "checkpoints_path", "description"), TEXTS),
            **dict.fromkeys(("hyperparameters", "inputs", "outputs", "environments", "labels"), MAPS),
            "requirements": st.lists(TEXTS, max_size=2).map(tuple),
            "metric_definitions": st.lists(st.builds(MetricDefinition, TEXTS, TEXTS), max_size=2).map(tuple),
            "instance_count": st.integers(),
            "max_run_time": st.integers(),
        },
    )
)
def test_no_spec_breaks_the_search_for_problems(arguments: dict[str, Any]) -> None:
    for problem in found(**arguments):
        assert problem.argument in ARGUMENTS
        assert len(str(problem).splitlines()) == 1
