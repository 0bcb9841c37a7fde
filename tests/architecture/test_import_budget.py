"""What reading a DAG file costs: each case in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

BASE = "from airflow.sdk import DAG, BaseOperator"
MOST_MODULES = 15
"""Modules that the operator adds to Airflow's own."""
FORBIDDEN = ("requests", "oss2", "starlette", "uvicorn", "alibabacloud_credentials")
FORBIDDEN_LAYERS = tuple(f"airflow_provider_pai.{layer}" for layer in ("api", "client", "hooks", "local", "triggers"))
SLOW = "airflow_provider_pai.model.training.spec"
"""What a job is takes half of the time an import may take."""


_FORKS = """
import json, os, sys

exec(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if not child:
        for statement in json.loads(line):
            exec(statement)
        print("modules: " + json.dumps(sorted(sys.modules)), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("modules: []", flush=True)
"""


class Interpreter:
    """A fresh interpreter that has loaded what most DAG files do; each answer comes from a copy of it.

    Airflow takes seconds to import, so it is imported once.
    """

    def __init__(self, *statements: str) -> None:
        """Start it."""
        command = [sys.executable, "-c", _FORKS, "\n".join(statements)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def loaded(self, *statements: str) -> set[str]:
        """Return the modules that are loaded after some more statements."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(statements), file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            # A library may print when it is imported.
            if line.startswith("modules: "):
                return set(json.loads(line.removeprefix("modules: ")))
        raise AssertionError("the interpreter has ended")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def bare() -> Iterator[Interpreter]:
    interpreter = Interpreter()
    yield interpreter
    interpreter.close()


@pytest.fixture(scope="module")
def dag_file() -> Iterator[Interpreter]:
    interpreter = Interpreter(BASE)
    yield interpreter
    interpreter.close()


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
def test_reading_a_dag_file_with_an_operator_is_cheap(dag_file: Interpreter, statement: str) -> None:
    added = dag_file.loaded(statement) - dag_file.loaded()
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS, SLOW)) == set()
    assert len(added) <= MOST_MODULES, sorted(added)


def test_reading_a_dag_file_with_the_sensor_adds_no_more_to_airflows_own_sensor(dag_file: Interpreter) -> None:
    base = "from airflow.sdk import DAG, BaseSensorOperator"
    added = dag_file.loaded(
        base, "from airflow_provider_pai.sensors.services import PAIServiceSensor"
    ) - dag_file.loaded(base)
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS)) == set()
    assert len(added) <= MOST_MODULES, sorted(added)


def test_naming_the_asset_of_a_model_loads_no_client(dag_file: Interpreter) -> None:
    operator = "PAITrainingOperator(task_id='train', model_asset='oss://models/churn')"
    added = dag_file.loaded("from airflow_provider_pai.operators.training import PAITrainingOperator", operator)
    assert "airflow_provider_pai.assets.oss" in added
    assert below(added - dag_file.loaded(), FORBIDDEN) == set()


def test_reading_a_dag_file_with_the_retry_policy_loads_no_client(dag_file: Interpreter) -> None:
    added = (
        dag_file.loaded("from airflow_provider_pai.operators.retry_policy import PAIRetryPolicy") - dag_file.loaded()
    )
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS)) == set()


def test_the_count_sees_what_is_loaded(dag_file: Interpreter) -> None:
    added = dag_file.loaded("import airflow_provider_pai.hooks.training") - dag_file.loaded()
    assert {"requests", "oss2"} <= below(added, FORBIDDEN)
    assert "airflow_provider_pai.client.transport.http" in below(added, FORBIDDEN_LAYERS)


def test_the_package_alone_loads_nothing_but_the_standard_library(bare: Interpreter) -> None:
    added = bare.loaded("import airflow_provider_pai") - bare.loaded(
        "from __future__ import annotations", "import typing"
    )
    assert added == {"airflow_provider_pai"}


def test_a_hook_loads_no_library_for_credentials_that_it_may_not_need(dag_file: Interpreter) -> None:
    """It costs 200 modules, aiohttp and a scheduler among them."""
    sign = "credentials_provider(KeyPair('id', 'secret')).current()"
    imports = "from airflow_provider_pai.hooks.training import PAITrainingHook"
    keys = (
        "from airflow_provider_pai.api.signing import KeyPair; "
        "from airflow_provider_pai.client.credentials.factory import credentials_provider"
    )
    assert below(dag_file.loaded(imports, keys, sign), ("alibabacloud_credentials", "apscheduler")) == set()


def test_the_providers_description_loads_nothing_of_airflow(bare: Interpreter) -> None:
    added = bare.loaded("from airflow_provider_pai.provider_info import get_provider_info", "get_provider_info()")
    ours = {name for name in added if name.startswith("airflow_provider_pai")}
    assert below(added, ("airflow",)) == set()
    assert ours == {
        "airflow_provider_pai",
        "airflow_provider_pai.provider_info",
        "airflow_provider_pai.configuration",
        "airflow_provider_pai.hooks",
        "airflow_provider_pai.hooks.connection_form",
    }


def test_the_plugin_costs_every_process_of_airflow_nearly_nothing(dag_file: Interpreter) -> None:
    base = "from airflow.sdk.plugins_manager import AirflowPlugin"
    added = dag_file.loaded(base, "import airflow_provider_pai.plugin.training_tab") - dag_file.loaded(base)
    assert below(added, (*FORBIDDEN, *FORBIDDEN_LAYERS, "fastapi", "airflow_provider_pai.model")) == set()
    assert len(added) <= MOST_MODULES, sorted(added)
