"""What must hold in an environment of ``make test-matrix``; runs with its interpreter, with nothing of this repository.

It imports every module, looks for the provider in Airflow's list, parses the examples, and runs on local PAI a pipeline
that trains, judges and deploys a model, and the examples that are quick, as the pytest plugin runs a DAG.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

from packaging.version import Version

QUICK_EXAMPLES = ("wait_elsewhere.py",)
"""Examples that are run: hooks, a job that is submitted, and a sensor that is deferred."""
NEEDS = {
    "airflow_provider_pai.plugin.training_tab": (2, 11),
    "airflow_provider_pai.plugin": (3, 1),
    "airflow_provider_pai.operators.retry_policy": (3, 3),
}
"""Modules, and packages with all in them, that need a newer Airflow than the rest; the first that fits counts."""
OPTIONAL = ("openlineage", "airflow.providers.openlineage", "fsspec")
"""Packages that a module may need, which is loaded only where they are."""


def main(examples: Path) -> str:
    """Check everything and return one line on it."""
    if "airflow-provider-pai" not in list_providers():
        raise AssertionError("Airflow does not list the provider")
    count = import_all()
    dags = parse(examples)
    runs = run_dags(examples)
    from airflow import __version__

    return f"Airflow {__version__}: {count} modules, {dags} DAGs, {runs} of them run"


def list_providers() -> str:
    """Return what ``airflow providers list`` prints."""
    command = importlib.import_module("airflow.__main__").main
    with mock.patch.object(sys, "argv", ["airflow", "providers", "list", "-o", "plain"]), io.StringIO() as printed:
        with contextlib.redirect_stdout(printed):
            command()
        return printed.getvalue()


def import_all() -> int:
    """Import every module that this Airflow can have, and return how many these are."""
    from airflow import __version__

    import airflow_provider_pai

    installed = Version(__version__).release
    count = 0
    for module in pkgutil.walk_packages(airflow_provider_pai.__path__, "airflow_provider_pai."):
        # What runs inside a job imports what is beside it there.
        if module.name.endswith("__main__") or module.name.startswith("airflow_provider_pai.in_job."):
            continue
        if installed < next((least for name, least in NEEDS.items() if f"{module.name}.".startswith(f"{name}.")), ()):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if (error.name or "").startswith(OPTIONAL):
                continue
            raise
        count += 1
    return count


def parse(examples: Path) -> int:
    """Parse the examples and return how many DAGs there are."""
    try:
        module = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:
        module = importlib.import_module("airflow.models.dagbag")
    # As Airflow does with its folder of DAGs.
    sys.path.insert(0, str(examples))
    bag = module.DagBag(str(examples))
    if bag.import_errors:
        raise AssertionError(str(bag.import_errors))
    return len(bag.dags)


PIPELINE = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

IMAGE = "registry.example/image:1"
with DAG("pipeline", schedule=None) as dag:
    train = PAITrainingOperator(
        task_id="train",
        command="echo auc=0.9 && echo model > /ml/output/model/model.txt || echo model > $PAI_OUTPUT_MODEL/model.txt",
        image_uri=IMAGE,
        instance_type="ecs.c6.large",
        metric_definitions=[{"name": "auc", "regex": "auc=([0-9.]+)"}],
        poll_interval=1,
    )
    gate = PAIModelGateOperator(
        task_id="gate",
        metrics=train.output["metrics"],
        model_uri=train.output["model_uri"],
        bars={"auc": {"min": 0.8}},
    )
    deploy = PAIDeployServiceOperator(
        task_id="deploy",
        service_name="pipeline",
        model_uri=train.output["model_uri"],
        image_uri=IMAGE,
        command="python3 -m http.server $PORT",
        instance_type="ecs.c6.large",
        poll_interval=1,
    )
    train >> gate >> deploy
"""


_DAG_TIMEOUT = 1200.0
"""Seconds for one DAG: a matrix may run at the lowest priority."""


def run_dags(examples: Path) -> int:
    """Run the pipeline and the quick examples on local PAI, and return how many DAGs that were."""
    from airflow_provider_pai.local.server import LocalPAI
    from airflow_provider_pai.testing.local_pai import PAITestServer

    with tempfile.TemporaryDirectory() as home, LocalPAI(Path(home) / "pai") as pai:
        pipeline = Path(home) / "pipeline.py"
        pipeline.write_text(PIPELINE)
        server = PAITestServer(pai, "pai_default")
        for file in (pipeline, *(examples / name for name in QUICK_EXAMPLES)):
            run = server.run_dag(file, file.stem, timeout=_DAG_TIMEOUT)
            if run.state != "success":
                raise AssertionError(f"{run.output[-6000:]}\n{file.stem} is {run.state}: {dict(run.states)}")
    return 1 + len(QUICK_EXAMPLES)


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]))}\n")
