"""Every example can be read by every Airflow: one that needs a newer Airflow has no DAG there, and no error."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from airflow import __version__
from airflow.providers.common.compat.sdk import task_group

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
EVERYWHERE = {
    "deploy_on_new_model",
    "function_as_job",
    "local_mode",
    "release_model",
    "retrain_daily",
    "taskflow",
    "temporary_service",
    "train_evaluate",
    "tune",
    "wait_elsewhere",
}
SINCE = {"deploy_on_approval": (3, 0), "approve_in_airflow": (3, 1), "model_deadline": (3, 3)}


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # Airflow reads .airflowignore so
def test_each_airflow_reads_the_examples_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Airflow does with its folder of DAGs.
    monkeypatch.syspath_prepend(str(EXAMPLES))
    try:
        module = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:
        module = importlib.import_module("airflow.models.dagbag")
    bag = module.DagBag(str(EXAMPLES))
    assert bag.import_errors == {}
    version = tuple(int(part) for part in __version__.split(".")[:2])
    has_loops = hasattr(task_group(lambda: None), "loop")
    newer = {name for name, since in SINCE.items() if version >= since} | ({"train_until_good"} if has_loops else set())
    assert set(bag.dags) == EVERYWHERE | newer
