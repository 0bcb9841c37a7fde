from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.model.training.arguments import read_spec

COMMON: dict[str, Any] = {"command": "python train.py", "image_uri": "registry/image:1"}
PUBLIC = {**COMMON, "instance_type": "ecs.c6.large"}
SHARE = {"cpu": 4, "memory": 16}
QUOTA = {**COMMON, "resource_id": "quota1234", "instance_spec": SHARE}
LOCAL = {"command": "python train.py", "instance_type": "local"}
VPC = {"vpc_id": "vpc-1", "security_group_id": "sg-1"}
SPOT = {"spot_strategy": "SpotWithPriceLimit", "spot_discount_limit": 0.5}


def problems(arguments: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in read_spec(arguments)[1]]


@pytest.mark.parametrize(
    "arguments",
    [
        PUBLIC,
        {**PUBLIC, "instance_count": "2", "resource_type": "General"},
        {**PUBLIC, "spot_spec": SPOT},
        {**PUBLIC, "spot_spec": {"spot_strategy": "SpotAsPriceGo"}},
        {**PUBLIC, "user_vpc_config": {**VPC, "switch_id": "vsw-1", "extended_cidrs": ["10.0.0.0/16", "fd00::/8"]}},
        {**PUBLIC, "experiment_config": {"experiment_id": "exp-1"}},
        {**PUBLIC, "settings": {"EnableRDMA": True, "Tags": {"a": "b"}}},
        {**PUBLIC, "role_arn": "acs:ram::1234567890123456:role/trainer"},
        {**PUBLIC, "credential_config": {"EnableCredentialInject": True}},
        QUOTA,
        {**QUOTA, "resource_type": "Lingjun", "priority": "9", "instance_count": 8},
        {**QUOTA, "instance_spec": {"cpu": "0.5", "memory": 1.5, "gpu": 1, "gpu_type": "T4", "shared_memory": "2"}},
        {"instance_type": "ecs.c6.large", "algorithm_name": "llm_deepseek", "algorithm_version": "v0.1.0"},
        {"instance_type": "ecs.c6.large", "algorithm_name": "llm_deepseek", "algorithm_provider": "pai"},
        {**PUBLIC, "job_type": "MPIJob"},
        LOCAL,
        {**LOCAL, "instance_type": "local_gpu", "image_uri": "my/image:1", "outputs": {"model": "/models/a"}},
    ],
)
def test_what_pai_can_run_has_no_problems(arguments: dict[str, Any]) -> None:
    assert problems(arguments) == []


@pytest.mark.parametrize(
    ("arguments", "beginning", "advice"),
    [
        (COMMON, "instance_type is missing", "resource_id and instance_spec"),
        ({**PUBLIC, "resource_id": "quota1"}, "instance_type and resource_id contradict", "give instance_type"),
        ({**COMMON, "instance_spec": SHARE}, "resource_id is missing", "the quota's id"),
        ({**COMMON, "resource_id": "quota1"}, "instance_spec is missing", "{'cpu': 4, 'memory': 16}"),
        ({**QUOTA, "resource_id": "a b"}, "resource_id 'a b' is no id", "look like"),
        ({**QUOTA, "instance_spec": {"cpu": 4}}, "instance_spec lacks memory", ""),
        ({**QUOTA, "instance_spec": {**SHARE, "cores": 1}}, "instance_spec has unknown members cores", "cpu"),
        ({**QUOTA, "instance_spec": {"cpu": 4, "memory": "16Gi"}}, "instance_spec['memory']", "GiB"),
        ({**QUOTA, "instance_spec": {"cpu": 0, "memory": 16}}, "instance_spec['cpu']", "number"),
        ({**QUOTA, "instance_spec": {"cpu": [4], "memory": 16}}, "instance_spec['cpu'] must be a text or a number", ""),
        ({**QUOTA, "instance_spec": {**SHARE, "gpu": 0.5}}, "instance_spec['gpu']", "whole number"),
        ({**QUOTA, "instance_spec": {**SHARE, "gpu_type": "T4"}}, "instance_spec['gpu_type']", "how many"),
        ({**QUOTA, "instance_spec": {**SHARE, "gpu": 1, "gpu_type": "T4;"}}, "instance_spec['gpu_type']", "look like"),
        ({**QUOTA, "instance_spec": "4"}, "instance_spec must be a dict with cpu, memory", ""),
        ({**QUOTA, "spot_spec": SPOT}, "spot_spec and resource_id contradict", "instance_type"),
        ({**QUOTA, "priority": 0}, "priority must be from 1 to 9", ""),
        ({**QUOTA, "priority": "high"}, "priority must be a whole number", ""),
        ({**PUBLIC, "priority": 3}, "priority orders the queue of a quota", "leave it out"),
        ({**PUBLIC, "instance_count": 0}, "instance_count must be at least 1", ""),
        ({**PUBLIC, "instance_type": "large"}, "instance_type 'large' is no ECS", "ecs.c6.large"),
        ({**PUBLIC, "resource_type": "lingjun"}, "resource_type must be one of General, Lingjun", ""),
        ({**PUBLIC, "spot_spec": {}}, "spot_spec lacks spot_strategy", ""),
        ({**PUBLIC, "spot_spec": {"spot_strategy": "Cheap"}}, "spot_spec['spot_strategy'] must be one of", "SpotAs"),
        ({**PUBLIC, "spot_spec": {"spot_strategy": "SpotWithPriceLimit"}}, "spot_spec['spot_discount_limit']", "0.5"),
        ({**PUBLIC, "spot_spec": {**SPOT, "spot_strategy": "SpotAsPriceGo"}}, "spot_spec['spot_disc", "leave it out"),
        (
            {**PUBLIC, "spot_spec": {**SPOT, "spot_discount_limit": 1.5}},
            "spot_spec['spot_discount_limit']",
            "at most 1",
        ),
        (
            {**PUBLIC, "spot_spec": {**SPOT, "spot_discount_limit": "nan"}},
            "spot_spec['spot_discount_limit']",
            "must be a number",
        ),
        ({**PUBLIC, "spot_spec": {**SPOT, "spot_discount_limit": "x"}}, "spot_spec['spot_disc", "must be a number"),
        ({**PUBLIC, "user_vpc_config": {"vpc_id": "vpc-1"}}, "user_vpc_config lacks security_group_id", ""),
        ({**PUBLIC, "user_vpc_config": {**VPC, "vpc_id": "a/b"}}, "user_vpc_config['vpc_id']", "letters"),
        (
            {**PUBLIC, "user_vpc_config": {**VPC, "extended_cidrs": "10.0.0.0/8"}},
            "user_vpc_config['ext",
            "list of texts",
        ),
        (
            {**PUBLIC, "user_vpc_config": {**VPC, "extended_cidrs": ["10.0.0.1/8"]}},
            "user_vpc_config['ext",
            "10.0.0.0/16",
        ),
        ({**PUBLIC, "user_vpc_config": {**VPC, "default_route": "eth2"}}, "user_vpc_config['default_route']", "eth1"),
        ({**PUBLIC, "experiment_config": {}}, "experiment_config lacks experiment_id", ""),
        ({**PUBLIC, "experiment_config": {"experiment_id": "a b"}}, "experiment_config: 'a b'", "experiment"),
        ({**PUBLIC, "settings": {"Turbo": True}}, "settings: unknown Turbo", "EnableRDMA"),
        ({**PUBLIC, "settings": {"Tags": {1: 2}}}, "settings must be a dict of JSON values", ""),
        ({**PUBLIC, "settings": {"Tags": float("nan")}}, "settings must be a dict of JSON values", ""),
        ({**PUBLIC, "credential_config": ["x"]}, "credential_config must be a dict of JSON values", ""),
        ({**PUBLIC, "role_arn": "trainer"}, "role_arn 'trainer' is no RAM role", "acs:ram::"),
        ({**PUBLIC, "job_type": "RayJob"}, "job_type must be one of PyTorchJob", ""),
        ({**PUBLIC, "algorithm_version": "v1"}, "algorithm_version is given without algorithm_name", "name"),
        ({**PUBLIC, "command": "", "algorithm_name": "a"}, "image_uri and algorithm_name contradict", "give one"),
        ({**LOCAL, "spot_spec": SPOT}, "spot_spec has no meaning with instance_type 'local'", "leave it out"),
        ({**LOCAL, "output_path": "oss://bucket/a/"}, "output_path: 'oss://bucket/a/' is no folder of this", "path"),
        ({**LOCAL, "outputs": {"model": "oss://bucket/a/"}}, "outputs['model']: 'oss://bucket/a/'", "path"),
        ({**PUBLIC, "output_path": "/models"}, "output_path: '/models' does not begin with oss://", ""),
        ({**PUBLIC, "outputs": {"model": "odps://p/tables/t"}}, "outputs['model']: 'odps://p/tables/t'", "OSS folder"),
    ],
)
def test_what_pai_cant_run_is_one_sentence_that_names_the_argument(
    arguments: dict[str, Any], beginning: str, advice: str
) -> None:
    found = problems(arguments)
    assert len(found) == 1, found
    assert found[0].startswith(beginning)
    assert advice in found[0]


def test_a_registered_algorithm_excludes_everything_that_it_brings_itself() -> None:
    found = problems(
        {
            **PUBLIC,
            "algorithm_name": "a",
            "image": {"framework_name": "PyTorch"},
            "metric_definitions": [{"name": "a", "regex": "(a)"}],
            "job_type": "TFJob",
        }
    )
    assert [text.split()[0] for text in found] == ["command", "image_uri", "image", "metric_definitions", "job_type"]
