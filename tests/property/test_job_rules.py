"""What validation lets through, create takes: a job is not refused only after its source code was uploaded."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import Any

from airflow_provider_pai.local.jobs.checks import CreateJobValidator
from airflow_provider_pai.model.training.arguments import read_spec
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.uri import OssUri

SETS = int(os.environ.get("PAI_GENERATED_SETS", "500"))
LEAST = {"command": "python train.py", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"}
NAMES = ("a", "a-b", "a_b", "A", "x" * 128, "x" * 129, "训练", "a b", "", "_", "1", "a.b", "airflow.key", "\ud800")
TEXTS = ("", "x", "a b", "x\ny", "x\r\n", "\0", "训练", "x" * 200, "None", "é" * 64, "é" * 65, "${X}", "a\\b", "-e .")
VALUES: dict[str, Any] = {
    "hyperparameters": lambda rng: {rng.choice(NAMES): rng.choice(TEXTS) for _ in range(3)},
    "environments": lambda rng: {rng.choice(NAMES): rng.choice(TEXTS) for _ in range(2)},
    "labels": lambda rng: {rng.choice(NAMES): rng.choice(TEXTS) for _ in range(2)},
    "requirements": lambda rng: [rng.choice((*TEXTS, "numpy", "six==1.0", "x.whl", "a @ https://h/a.whl", "a[b]>=1"))],
    "metric_definitions": lambda rng: [
        {"name": rng.choice(NAMES), "regex": rng.choice(("a=(.*)", "a", "(", "(a)(b)", ""))} for _ in range(2)
    ],
    "image_uri": lambda rng: rng.choice(("r/i:1", "R/i", f"r/i@sha256:{64 * 'a'}", "r:5000/i", "i", "r/i:", "a b")),
    "job_type": lambda rng: rng.choice(("PyTorchJob", "TFJob", "MPIJob", "RayJob")),
    "instance_count": lambda rng: rng.choice((0, 1, "1", 1.0)),
    "max_run_time": lambda rng: rng.choice((0, 1, 3600.0, 10**9, 10**17)),
    "command": lambda rng: rng.choice((*TEXTS, "a\xa0b")),
    "inputs": lambda rng: {rng.choice(NAMES): rng.choice(("oss://bucket/a/", "oss://bucket/a//b", "oss://bucket/ü"))},
    "spot_spec": lambda rng: {
        "spot_strategy": "SpotWithPriceLimit",
        "spot_discount_limit": rng.choice((0.5, 1, 0, 0.555)),
    },
    "settings": lambda rng: rng.choice(({"EnableRDMA": True}, {"Tags": {"a": "b"}}, {"Turbo": 1})),
    "description": lambda rng: rng.choice(TEXTS),
}


def test_no_job_that_validation_lets_through_is_refused_by_create() -> None:
    rng, taken = random.Random(7), 0
    always = lambda _: True  # noqa: E731 - four questions with one answer
    validator = CreateJobValidator(always, always, always, lambda _: False)
    for _ in range(SETS * 4):
        given = {name: VALUES[name](rng) for name in rng.sample(sorted(VALUES), rng.randint(1, 3))}
        spec, problems = read_spec({**LEAST, **given})
        if problems:
            continue
        taken += 1
        body = create_body(replace(spec.located("job", OssUri("bucket", ""), "k")), "12345")
        assert validator.validate(body), given
    assert taken > SETS // 10
