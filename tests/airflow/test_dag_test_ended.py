"""``dag.test()`` that a signal ends: nothing paid is left, and no next try is begun."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_pai.hooks.process_end import in_dag_test, watch_signals
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.status import JobSnapshot
from devtools.waits import wait_for
from tests.support.deploying import OLD, image_uri, services

HEAD = """
import signal
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

common = {"instance_type": "ecs.c6.large", "poll_interval": 0.5, "retries": 2, "retry_delay": timedelta(seconds=1)}
with DAG(NAME, schedule=None) as dag:
"""
TRAINING = """
    PAITrainingOperator(task_id="train", command="sleep 600", image_uri="an/image:1", deferrable=DEFERRABLE, **common)
"""
DEPLOYING = """
    PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=DEFERRABLE,
        service_name=SERVICE,
        model_uri=MODEL,
        image_uri=IMAGE,
        command="sleep 600",
        **common,
    )
"""
FOOT = """
if __name__ == "__main__":
    # A process that was started in the background ignores SIGINT, and one that nohup has started SIGHUP.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    dag.test()
"""
# Airflow 2.11 ends the process itself, and only at SIGTERM.
HANGUP = [(signal.SIGHUP, True)] if AIRFLOW_V_3_0_PLUS else []
DEADLINE = 300.0


def of_home(home: Path) -> dict[str, str]:
    """Return the environment of an Airflow of its own."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of Airflow, to be copied."""
    home = tmp_path_factory.mktemp("migrated")
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=of_home(home), check=True, capture_output=True, timeout=DEADLINE)
    return home / "airflow.db"


def ended(
    pai: LocalPAI, home: Path, database: Path, tasks: str, number: signal.Signals, begun: Callable[[str], bool]
) -> str:
    """Run ``dag.test()`` in a process of its own, end it when its task is under way, and return all of its output."""
    dags, output = home / "dags", home / "output"
    dags.mkdir()
    (dags / "ended.py").write_text(tasks)
    environment = {**of_home(home), "AIRFLOW_CONN_PAI_DEFAULT": pai.ready.airflow_conn_uri}
    shutil.copy(database, home)
    with output.open("w") as stream:
        command = [sys.executable, str(dags / "ended.py")]
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: begun(output.read_text()) or process.poll() is not None, bool, "the task", timeout=DEADLINE)
        process.send_signal(number)
        process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
    return output.read_text()


def _none(found: Sequence[Any]) -> bool:
    return not found


def jobs_of(dag_id: str) -> list[JobSnapshot]:
    return PAITrainingHook().jobs({"airflow.dag_id": dag_id})


@pytest.mark.parametrize(
    ("number", "deferrable"), [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, False), *HANGUP]
)
def test_a_signal_ends_the_job_and_no_next_try_is_begun(
    pai: LocalPAI, tmp_path: Path, database: Path, number: signal.Signals, deferrable: bool
) -> None:
    dag_id = f"ended_{number.name}_{deferrable}".lower()
    tasks = f"NAME, DEFERRABLE = {dag_id!r}, {deferrable}\n{HEAD}{TRAINING}{FOOT}"

    def begun(said: str) -> bool:
        deferred = not deferrable or "running trigger in line" in said
        return deferred and [job.status for job in jobs_of(dag_id)] == ["Running"]

    said = ended(pai, tmp_path, database, tasks, number, begun)
    jobs = wait_for(
        lambda: jobs_of(dag_id),
        lambda seen: all(job.is_terminal for job in seen),
        "the end of the job",
        timeout=DEADLINE,
    )
    assert [job.status for job in jobs] == ["Terminated"], said[-3000:]


def test_a_signal_rolls_a_deferred_deployment_back(pai: LocalPAI, tmp_path: Path, database: Path, name: str) -> None:
    values = {"NAME": f"ended_{name}", "SERVICE": name, "MODEL": OLD.stored(), "IMAGE": image_uri(), "DEFERRABLE": True}
    tasks = "\n".join(f"{variable} = {value!r}" for variable, value in values.items()) + HEAD + DEPLOYING + FOOT
    ended(pai, tmp_path, database, tasks, signal.SIGTERM, lambda said: "running trigger in line" in said)
    wait_for(lambda: services(name), _none, "the end of the service", timeout=DEADLINE)


def test_a_worker_of_airflow_keeps_its_own_answer_to_signals() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert not in_dag_test()
    watch_signals(lambda: None)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
