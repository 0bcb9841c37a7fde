"""What reading a DAG file costs: an operator imported over ``airflow.sdk``, ours and the peers' in one environment."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.peers import Environment
from benchmarks.peers import run as run_module
from benchmarks.report import OURS, Report

REPETITIONS = 7
"""Fresh interpreters for each operator, taking turns; the median counts."""
MOST_MS = 10.0
MOST_MODULES = 15
DAG_MS, DAG_KIB = 100.0, 240.0
"""The bars: processor time and size of a DAG of 200 tasks, from the import to the serialized text."""
SHARE = 10
"""The bar: ours takes at most one part of SageMaker's time in so many."""
SAGEMAKER = "SageMaker"
OPERATORS = {
    OURS: "from airflow_provider_pai.operators.training import PAITrainingOperator",
    "empty operator": "from airflow.providers.standard.operators.empty import EmptyOperator",
    SAGEMAKER: "from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator",
    "Databricks": "from airflow.providers.databricks.operators.databricks import DatabricksSubmitRunOperator",
}


def run() -> Report:
    """Measure."""
    peers = Environment.PEERS
    report = Report("imports", "An operator imported over airflow.sdk")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        # Compiled once, by the first run, which is not counted.
        variables = {"PYTHONPYCACHEPREFIX": str(Path(folder) / "compiled")}
        times: dict[str, list[float]] = {who: [] for who in OPERATORS}
        modules: dict[str, int] = {}
        for number in range(REPETITIONS + 1):
            for who, statement in OPERATORS.items():
                found = run_module(peers, "benchmarks.imports_one", {"statement": statement}, variables=variables)
                modules[who] = found["modules"]
                times[who] += [found["ms"]] if number else []
        dags = {who: _dag(who.lower(), variables) for who in (OURS, SAGEMAKER)}
    medians = {who: statistics.median(values) for who, values in times.items()}
    for who, median in medians.items():
        report.add("import", "time, median", who, median, "ms", bar=MOST_MS if who == OURS else None)
    for who, count in modules.items():
        report.add("import", "modules", who, count, bar=MOST_MODULES if who == OURS else None)
    report.add("import", "time over SageMaker's", OURS, medians[OURS] / medians[SAGEMAKER], bar=1 / SHARE)
    for measure, unit, bar in (("ms", "ms", DAG_MS), ("kib", "KiB", DAG_KIB)):
        name = "processor time" if measure == "ms" else "size when serialized"
        for who, found in dags.items():
            report.add("a DAG of 200 training tasks", name, who, found[measure], unit, bar=bar if who == OURS else None)
    versions = [f"{name} {peers.version(f'apache-airflow-providers-{name}')}" for name in ("amazon", "databricks")]
    report.notes.append(f"Providers: {', '.join(versions)}. {REPETITIONS} fresh interpreters each, taking turns.")
    return report


def _dag(who: str, variables: dict[str, str]) -> dict[str, float]:
    """Return what the DAG takes: the median of several fresh interpreters, the first of which compiles."""
    run = [run_module(Environment.PEERS, "benchmarks.dag_one", {"who": who}, variables=variables) for _ in range(4)][1:]
    return {name: statistics.median(each[name] for each in run) for name in ("ms", "kib")}
