"""``make demo``: a model's release, an example DAG in a real Airflow against local PAI, shown in a terminal.

From data to a model, its version in the registry, a person's approval, a service, its predictions, and where they come
from.

Everything is kept in a new folder below ``.demo``; nothing that was started is alive afterwards.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.approval import approve, origin_of_service
from devtools.cluster import COMPONENTS
from devtools.examples import DEMO, REPOSITORY, start_airflow, start_local_pai
from devtools.prediction import Prediction, predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.rest import AirflowAPI
    from devtools.runs import DagRun

DAG_ID = "release_model"
WATCHING = "deploy_on_approval"
"""Would deploy what is approved a second time."""
_LATER = "triggerer"
"""What the first task needs only when it has deferred itself."""
_SETTINGS = {"AIRFLOW__PAI__DEFERRAL_SETTLE_TIME": "3"}
"""One LocalExecutor and a scheduler that rests for 0.2 s: reports of tasks come sooner than elsewhere."""
APPROVED_BY = "the demonstration"
RUN_TIMEOUT = 600.0
ROWS = 4
_SHOWN_LINES = 15
_STARTED = time.monotonic()


def main() -> int:
    """Run the demonstration; 0 only when the DAG run has succeeded and its service answers as the model does."""
    signal.signal(signal.SIGTERM, _interrupted)
    home = DEMO / datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    home.mkdir(parents=True)
    try:
        with ExitStack() as stack:
            return _demonstrate(home, stack)
    except KeyboardInterrupt:
        _say("Interrupted; everything that was started has ended.")
        return 130


def _demonstrate(home: Path, stack: ExitStack) -> int:
    _say("Starting local PAI")
    server = start_local_pai(stack, home)
    ready = server.ready
    _say(f"Local PAI answers on {ready['api']} (OSS on {ready['oss']})")
    _say("Starting Airflow (API server, scheduler, DAG processor, triggerer)")
    # All start at the same time on few processors; at the end nothing that runs is needed any more.
    first = [name for name in COMPONENTS if name != _LATER]
    cluster = start_airflow(stack, home, server, first, patience=0, settings=_SETTINGS)
    _say(f"Airflow answers on {cluster.url}")
    for dag_id in (DAG_ID, WATCHING):
        cluster.api.wait_parsed(dag_id)
    cluster.api.pause(WATCHING)
    run = cluster.api.trigger(DAG_ID)
    _say(f"Running DAG {DAG_ID}")
    cluster.start_component(_LATER)
    cluster.wait_ready(_LATER)
    run = _follow(cluster.api, run, home / "pai")
    _say(f"DAG run {run.state}")
    prediction, origin = None, list[str]()
    if run.state == "success":
        service = cluster.api.xcom(run.task("deploy"))
        _say(f"Asking the service {service['service_name']} what it thinks of {ROWS} rows")
        prediction = predict(server.config, service, _rows(), home / "model")
        origin = origin_of_service(server.config, service)
    _summary(home, cluster.api, run, prediction, origin)
    return 0 if prediction and prediction.is_right else 1


def _rows() -> list[list[float]]:
    table = REPOSITORY / "example_dags" / "breast_cancer" / "data" / "wisconsin_breast_cancer.csv"
    lines = table.read_text().splitlines()[1:]
    return [[float(value) for value in line.split(",")[:-1]] for line in lines[:: len(lines) // ROWS][:ROWS]]


def _follow(api: AirflowAPI, run: DagRun, pai_home: Path) -> DagRun:
    """Tell every change of a task's state, and the training task's log as it comes; approve what waits for approval."""
    states: dict[str, str | None] = {}
    shown, approved = 0, 0.0
    deadline = time.monotonic() + RUN_TIMEOUT
    while True:
        run = api.dag_run(run)
        for task in api.task_instances(run):
            if task.state and states.get(task.ref.task_id) != task.state:
                states[task.ref.task_id] = task.state
                _say(f"  task {task.ref.task_id}: {task.state}")
                if (task.ref.task_id, task.state) == ("register", "deferred"):
                    _approve(api, run, pai_home)
                    approved = time.monotonic()
                if (task.ref.task_id, task.state) == ("deploy", "success"):
                    _say(f"The approved version answers {time.monotonic() - approved:.1f} s after its approval")
        if states.get("train") not in (None, "scheduled", "queued"):
            lines = _task_log(api, run)
            for line in lines[shown:]:
                sys.stdout.write(f"           | {line}\n")
            shown = max(shown, len(lines))
        if run.state in ("success", "failed"):
            return run
        if time.monotonic() > deadline:
            raise TimeoutError(f"the DAG run has not ended after {RUN_TIMEOUT:g} s")
        time.sleep(0.5)


def _approve(api: AirflowAPI, run: DagRun, pai_home: Path) -> None:
    """Do as a person does who has read the metrics."""
    task = run.task("register")
    version = {name: api.xcom(task, name) for name in ("model_name", "version_name", "console_url")}
    name = f"Version {version['version_name']} of model {version['model_name']}"
    _say(f"{name} waits for a person: {version['console_url']}")
    for line in approve(pai_home, version, APPROVED_BY):
        sys.stdout.write(f"           | {line}\n")


def _task_log(api: AirflowAPI, run: DagRun) -> list[str]:
    """Return what the provider wrote to the training task's log; Airflow's own lines would drown it."""
    return api.log(run.task("train"), logger="airflow_provider_pai").splitlines()


def _summary(home: Path, api: AirflowAPI, run: DagRun, prediction: Prediction | None, origin: Sequence[str]) -> None:
    rows: list[tuple[str, Any]] = [("run", f"{run.dag_id} {run.run_id}: {run.state}")]
    if prediction:
        trained = api.xcom(run.task("train"))
        service = api.xcom(run.task("deploy"))
        version = api.xcom(run.task("register"))
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in trained["metrics"].items())
        rows += [
            ("job", f"{trained['job_id']} ({trained['job_name']}): {trained['status']}"),
            ("model", trained["model_uri"]),
            *([("metrics", metrics)] if metrics else []),
            *([("result", f"{json.dumps(trained['result'])} (reported by the script)")] if trained["result"] else []),
            ("accuracy", f"{api.xcom(run.task('evaluate')):.4f} on held-out rows"),
            ("gate", api.xcom(run.task("gate"))["reason"]),
            ("version", f"{version['version_name']} of {version['model_name']}: {version['approval_status']}"),
            ("service", f"{service['service_name']}, version {service['version']}: {service['endpoint']}"),
            ("predictions", str(prediction)),
            ("image", trained["image_uri"]),
            ("console", f"{trained['console_url']} (the link Airflow shows; there is no such job in the cloud)"),
            ("on disk", f"{_relative(home / 'pai' / 'jobs' / trained['job_id'])} (job, logs, /ml)"),
        ]
    rows += [
        ("Airflow logs", _relative(home / "airflow" / "logs")),
        ("look again", f".venv/bin/pai-local serve --home {_relative(home / 'pai')} (the service comes up again, too)"),
        ("to click through", "make ui  (an Airflow with these DAGs and local PAI; no password)"),
    ]
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("\n" + "".join(f"  {name:<{width}}  {value}\n" for name, value in rows) + "\n")
    if origin:
        sys.stdout.write("  Where what the service answers comes from (kept beside the model, not in Airflow):\n")
        sys.stdout.write("".join(f"    {line}\n" for line in origin) + "\n")
    for task in api.task_instances(run):
        if task.state == "failed":
            sys.stdout.write(f"  Task {task.ref.task_id} failed; the end of its log:\n")
            lines = api.log(task.ref, task.try_number).splitlines()[-_SHOWN_LINES:]
            sys.stdout.write("".join(f"    | {line}\n" for line in lines))
    # It is read while what was started ends.
    sys.stdout.flush()


def _relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def _say(text: str) -> None:
    sys.stdout.write(f"[{time.monotonic() - _STARTED:5.1f} s]  {text}\n")
    sys.stdout.flush()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
