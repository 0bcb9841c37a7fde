"""The process in which a DAG is run: reads its file, runs ``dag.test()``, and writes what became of it as JSON."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any


def main(asked: dict[str, Any]) -> None:
    """Run the DAG and write the answer."""
    dag = _find(_read(asked["file"]), asked["file"], asked["dag_id"])
    if hasattr(dag, "sync_to_db"):
        # Airflow 2.11 makes asset events only of what the DAG processor has seen.
        dag.sync_to_db()
    try:
        dag.test(run_conf=asked["conf"] or None)
    except Exception:  # noqa: BLE001 - the states of the tasks say what failed
        traceback.print_exc()
    Path(asked["answer"]).write_text(json.dumps(_outcome(dag.dag_id), default=str))


def _read(file: str) -> dict[str, Any]:
    """Return the DAGs of a file."""
    try:
        module = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:
        module = importlib.import_module("airflow.models.dagbag")
    bag = module.DagBag(file, safe_mode=False)
    if bag.import_errors:
        sys.exit("\n".join(bag.import_errors.values()))
    return dict(bag.dags)


def _find(dags: dict[str, Any], file: str, dag_id: str | None) -> Any:
    """Return the DAG that is meant."""
    if dag_id is None and len(dags) == 1:
        return next(iter(dags.values()))
    if dag_id not in dags:
        wanted = f"no DAG {dag_id!r}" if dag_id else "not exactly one DAG"
        sys.exit(f"{file} has {wanted}; it has {', '.join(sorted(dags)) or 'none'}")
    return dags[dag_id]


def _outcome(dag_id: str) -> dict[str, Any]:
    """Return states and XComs of the DAG's only run."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    module = importlib.import_module("airflow.models.xcom")
    model = getattr(module, "XComModel", None) or module.XCom
    with create_session() as session:
        run = session.query(DagRun).filter(DagRun.dag_id == dag_id).one()
        states = {
            _name(ti): ti.state and str(ti.state.value if hasattr(ti.state, "value") else ti.state)
            for ti in run.get_task_instances(session=session)
        }
        state = str(run.state.value if hasattr(run.state, "value") else run.state)
        return {"state": state, "states": states, "xcoms": _xcoms(model, session)}


def _xcoms(model: Any, session: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    # Columns, not whole rows: those of Airflow 2.11 come with their values read already.
    for row in session.query(model.task_id, model.map_index, model.key, model.value):
        found.setdefault(_name(row), {})[row.key] = model.deserialize_value(row)
    return found


def _name(row: Any) -> str:
    return f"{row.task_id}[{row.map_index}]" if row.map_index >= 0 else str(row.task_id)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
