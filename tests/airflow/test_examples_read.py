"""Every Airflow can read every example; one that needs a newer Airflow has no DAG there, and no error."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import airflow
import pytest
from airflow.providers.common.compat.sdk import Context

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
VERSION = tuple(int(part) for part in airflow.__version__.split(".")[:2])
NEEDS = {
    "approve_in_airflow": (3, 1),
    "deploy_on_approval": (3, 0),
    "model_deadline": (3, 3),
    "train_until_good": (3, 4),
}
"""Airflow that an example needs, where it needs more than the provider does."""


@pytest.mark.parametrize("name", sorted(file.stem for file in EXAMPLES.glob("*.py")))
def test_an_example_has_its_dag_where_airflow_can_run_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As Airflow does with its folder of DAGs.
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    try:
        module = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:
        module = importlib.import_module("airflow.models.dagbag")
    bag = module.DagBag(str(EXAMPLES / f"{name}.py"))
    assert bag.import_errors == {}
    assert bool(bag.dags) == (NEEDS.get(name, (2, 11)) <= VERSION)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_parameters_that_airflow_fills_in_stand_last(file: Path) -> None:
    """Up to Airflow 3.1 they get the default None, so none without a default may follow."""
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef) and any("task" in ast.unparse(by) for by in function.decorator_list):
            names = [argument.arg for argument in function.args.args]
            needed = names[: len(names) - len(function.args.defaults)]
            filled = [name in Context.__annotations__ for name in needed]
            assert filled == sorted(filled), function.name
