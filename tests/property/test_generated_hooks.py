"""All methods of all hooks that take plain values, with values as people really pass them: refused by name, or asked.

PAI refuses everything here. No error is anything but ours, and neither an error nor a line of a log shows a secret.
``PAI_GENERATED_SETS`` sets how many are tried: 200 unless it says otherwise; ``PAI_GENERATED_SEED`` which ones.
"""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from jinja2 import UndefinedError

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from tests.property.generated_values import CANARY, value_of

SEED = int(os.environ.get("PAI_GENERATED_SEED", "0"))
SETS = int(os.environ.get("PAI_GENERATED_SETS", "200"))
HOOKS = (PAITrainingHook, PAIServiceHook, PAIModelRegistryHook, PAIImageHook, PAIOSSHook)
SAMPLES: Mapping[str, Any] = {
    "job_id": "train1",
    "labels": {"team": "risk"},
    "status": None,
    "count": 50,
    "instances": (),
    "by": "",
    "service_name": "churn",
    "event_type": None,
    "since": None,
    "group": "churn",
    "weight": 1,
    "version": 1,
    "traffic_state": "grouping",
    "metrics_file": "metrics.json",
    "name_contains": None,
    "reason": "",
    "config": {"name": "churn"},
    "model_name": "churn",
    "version_name": "0.1.0",
    "approval_status": None,
    "model_uri": "oss://bucket/m/",
    "framework_name": "PyTorch",
    "framework_version": "latest",
    "accelerator_type": "CPU",
    "image_scope": "training",
    "include_workspace": False,
    "uri": "oss://bucket/m/",
    "folder": "/nowhere/to/be",
    "path": "/nowhere",
    "content": b"x",
    "interval": 1.0,
    "timeout": 0.0,
    "outage_limit": 0.0,
}
"""What each parameter takes; a method with another one is not for plain values."""


def methods() -> Iterator[tuple[type[PAIBaseHook], str, list[str]]]:
    """Yield each method whose parameters all take plain values, with their names."""
    for hook in HOOKS:
        for name, method in inspect.getmembers(hook, inspect.isfunction):
            if name.startswith("_") or not method.__module__.startswith("airflow_provider_pai"):
                continue
            parameters = [each for each in inspect.signature(method).parameters if each != "self"]
            if parameters and all(each in SAMPLES for each in parameters):
                yield hook, name, parameters


METHODS = [*methods()]


def ended(hook: type[PAIBaseHook], name: str, given: Mapping[str, Any]) -> str:
    """Call a method, and return the text of the error that it has ended with."""
    made = hook()
    try:
        found = getattr(made, name)(**given)
        if isinstance(found, Iterator):
            list(found)
    except (PAIError, AirflowException, UndefinedError) as error:
        # The last is Jinja's own word on a variable that there is not; only a template has such a value.
        return str(error)
    except OSError as error:
        if hook is not PAIOSSHook or error.filename is None:
            raise
        # Of a local file, which it names.
        return str(error)
    finally:
        made.close()
    return ""


@pytest.mark.usefixtures("stub")
def test_every_method_of_a_hook_takes_or_refuses_what_it_is_given(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    assert len(METHODS) > 35
    rng = random.Random(f"hooks {SEED}")
    for _ in range(SETS):
        hook, name, parameters = rng.choice(METHODS)
        chosen = rng.sample(parameters, rng.randint(1, min(3, len(parameters))))
        samples = {**SAMPLES, "folder": str(tmp_path / "folder")}
        given = {each: value_of(rng) if each in chosen else samples[each] for each in parameters}
        caplog.clear()
        try:
            said = ended(hook, name, given)
        except Exception as error:
            error.add_note(f"{hook.__name__}.{name} with {chosen}: {[type(given[each]) for each in chosen]}")
            raise
        assert CANARY not in f"{said} {caplog.text}", (hook.__name__, name, chosen, said[:500])


def test_each_sample_is_of_a_parameter_that_there_is() -> None:
    assert {each for _, _, parameters in METHODS for each in parameters} == {*SAMPLES}
