"""Where users import from: DAG files, trigger rows and connections of running Airflows name these places."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.support.pages import REPOSITORY

PATHS = {
    "decorators.training": "pai_training_task",
    "errors": (
        "APIError AuthError ConflictError CredentialsError JobCapacityError JobCommandError JobDataError "
        "JobError JobFailedError JobImageError JobInterruptedError JobPermissionError JobStoppedError "
        "JobTimeoutError NotFoundError PAIError ProtocolError ServerError ServiceError SpecError "
        "ThrottledError TransportError"
    ),
    "fs.filesystem": "PAIOSSFileSystem",
    "hooks.images": "PAIImageHook",
    "hooks.oss": "PAIOSSHook",
    "hooks.registry": "PAIModelRegistryHook",
    "hooks.services": "PAIServiceHook",
    "hooks.training": "PAITrainingHook",
    "links": "PAIModelLink PAIServiceLink PAITrainingJobLink",
    "local.server": "LocalPAI",
    "operators.deploy": "PAIDeployServiceOperator",
    "operators.gate": "PAIModelGateOperator",
    "operators.janitor": "PAIJanitorOperator",
    "operators.job": "PAIJobOperator",
    "operators.registry": "PAIRegisterModelOperator",
    "operators.retry_policy": "PAIRetryPolicy",
    "operators.services": "PAIDeleteServiceOperator",
    "operators.training": "PAITrainingOperator",
    "operators.watcher": "PAIJobWatcher",
    "sensors.registry": "PAIModelVersionSensor",
    "sensors.services": "PAIServiceSensor",
    "sensors.training": "PAITrainingSensor",
    "testing.dag_run": "DagRunResult",
    "testing.local_pai": "PAITestServer",
    "triggers.events": "PAIModelApprovedTrigger",
    "triggers.job_events": "PAITrainingJobEndedTrigger",
    "triggers.registry": "PAIModelVersionTrigger",
    "triggers.services": "PAIServiceTrigger",
    "triggers.training": "PAITrainingSensorTrigger PAITrainingTrigger",
}
"""Names by module. One may be added; one that is gone, or has moved, breaks files that we don't see."""
IN_REFERENCE = re.compile(r"^::: airflow_provider_pai\.(\S+)$", re.MULTILINE)


@pytest.mark.parametrize("module", PATHS)
def test_what_users_import_stays_where_it_is(module: str) -> None:
    found = importlib.import_module(f"airflow_provider_pai.{module}")
    assert [name for name in PATHS[module].split() if not hasattr(found, name)] == []


def test_what_the_reference_shows_is_held_in_its_place() -> None:
    held = {f"{module}.{name}" for module, names in PATHS.items() for name in names.split()}
    shown = IN_REFERENCE.findall((REPOSITORY / "docs" / "reference.md").read_text())
    assert {name for name in shown if name not in held and name not in PATHS} == set()
