"""What reading a DAG file costs: each case in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

BASE = "from airflow.sdk import DAG, BaseOperator"
MOST_MODULES = 15
"""Modules that the operator adds to Airflow's own."""
FORBIDDEN = ("requests", "oss2", "starlette", "uvicorn", "alibabacloud_credentials")
FORBIDDEN_LAYERS = tuple(f"airflow_provider_pai.{layer}" for layer in ("api", "client", "hooks", "local", "triggers"))
SLOW = "airflow_provider_pai.model.training.spec"
"""What a job is takes half of the time an import may take."""


def loaded(*statements: str) -> set[str]:
    """Return the modules an interpreter has loaded after some statements."""
    program = "\n".join([*statements, "import json, sys", "print(json.dumps(sorted(sys.modules)))"])
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    modules: list[str] = json.loads(answer.stdout.splitlines()[-1])
    return set(modules)


def below(modules: set[str], parents: tuple[str, ...]) -> set[str]:
    return {name for name in modules if name.startswith(tuple(f"{parent}." for parent in parents)) or name in parents}


@pytest.mark.parametrize(
    "statement",
    [
        "from airflow_provider_pai.operators.training import PAITrainingOperator",
        "from airflow_provider_pai.operators.gate import PAIModelGateOperator",
        "from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator",
        "from airflow_provider_pai.operators.services import PAIDeleteServiceOperator",
    ],
)
def test_reading_a_dag_file_with_an_operator_is_cheap(statement: str) -> None:
    added = loaded(BASE, statement) - loaded(BASE)
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS, SLOW)) == set()
    assert len(added) <= MOST_MODULES, sorted(added)


def test_reading_a_dag_file_with_the_sensor_adds_no_more_to_airflows_own_sensor() -> None:
    base = "from airflow.sdk import DAG, BaseSensorOperator"
    added = loaded(base, "from airflow_provider_pai.sensors.services import PAIServiceSensor") - loaded(base)
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS)) == set()
    assert len(added) <= MOST_MODULES, sorted(added)


def test_naming_the_asset_of_a_model_loads_no_client() -> None:
    operator = "PAITrainingOperator(task_id='train', model_asset='oss://models/churn')"
    added = loaded(BASE, "from airflow_provider_pai.operators.training import PAITrainingOperator", operator)
    assert "airflow_provider_pai.assets.oss" in added
    assert below(added - loaded(BASE), FORBIDDEN) == set()


def test_reading_a_dag_file_with_the_retry_policy_loads_no_client() -> None:
    added = loaded(BASE, "from airflow_provider_pai.operators.retry_policy import PAIRetryPolicy") - loaded(BASE)
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS)) == set()


def test_the_count_sees_what_is_loaded() -> None:
    added = loaded(BASE, "import airflow_provider_pai.hooks.training") - loaded(BASE)
    assert {"requests", "oss2"} <= below(added, FORBIDDEN)
    assert "airflow_provider_pai.client.transport.http" in below(added, FORBIDDEN_LAYERS)


def test_the_package_alone_loads_nothing_but_the_standard_library() -> None:
    added = loaded("import airflow_provider_pai") - loaded("from __future__ import annotations", "import typing")
    assert added == {"airflow_provider_pai"}


def test_a_hook_loads_no_library_for_credentials_that_it_may_not_need() -> None:
    """It costs 200 modules, aiohttp and a scheduler among them."""
    sign = "credentials_provider(KeyPair('id', 'secret')).current()"
    imports = "from airflow_provider_pai.hooks.training import PAITrainingHook"
    keys = (
        "from airflow_provider_pai.api.signing import KeyPair; "
        "from airflow_provider_pai.client.credentials.factory import credentials_provider"
    )
    assert below(loaded(imports, keys, sign), ("alibabacloud_credentials", "apscheduler")) == set()


def test_the_providers_description_loads_nothing_of_airflow() -> None:
    added = loaded("from airflow_provider_pai.provider_info import get_provider_info", "get_provider_info()")
    ours = {name for name in added if name.startswith("airflow_provider_pai")}
    assert below(added, ("airflow",)) == set()
    assert ours == {
        "airflow_provider_pai",
        "airflow_provider_pai.provider_info",
        "airflow_provider_pai.hooks",
        "airflow_provider_pai.hooks.connection_form",
    }
