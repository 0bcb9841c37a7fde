"""DAGs in a real Airflow (API server, scheduler, DAG processor, triggerer) against local PAI."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import joblib
import pytest

from airflow_provider_pai.api.services import describe_service
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import get_training_job, list_training_jobs
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.inference import inference_spec
from airflow_provider_pai.model.registry.lineage import read_lineage
from airflow_provider_pai.model.registry.version import ModelVersion
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.model.uri import OssUri
from devtools.cluster import AirflowCluster
from devtools.runs import DagRun
from devtools.waits import wait_for
from tests.support.predictions import own_answer, predicted, table_rows
from tests.support.tab_client import TabClient
from tests.support.waits import PATIENCE

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "example_dags"
LINK = "PAI training job"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI of this module's own, so that its jobs can be counted."""
    cache = REPOSITORY / ".demo" / "cache" / "environments"
    with LocalPAI(tmp_path_factory.mktemp("pai"), cache=cache) as pai:
        yield pai


@pytest.fixture(scope="module")
def airflow(cloud: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    folder = tmp_path_factory.mktemp("dags")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    shutil.copytree(Path(__file__).parent / "files", folder, dirs_exist_ok=True)
    # Two hours are too long for a test.
    deadline = folder / "model_deadline.py"
    deadline.write_text(deadline.read_text().replace("LATE = timedelta(hours=2)", "LATE = timedelta(seconds=1)"))
    connection = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri}
    home = tmp_path_factory.mktemp("airflow")
    with AirflowCluster(home, folder, connection, template_dir=REPOSITORY / ".demo" / "cache") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def config(cloud: LocalPAI) -> ClientConfig:
    ready = cloud.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    return ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)


def jobs_of(config: ClientConfig, run: DagRun) -> list[JobSnapshot]:
    since = datetime.now(UTC) - timedelta(hours=1)
    page = PAIClient(config).send(list_training_jobs(config.workspace_id, start_time=since))
    of_run = {"airflow.dag_id": run.dag_id, "airflow.run_id": run.run_id}
    return [job for job in page.items if of_run.items() <= job.labels.items()]


def start(airflow: AirflowCluster, dag_id: str) -> DagRun:
    airflow.api.wait_parsed(dag_id)
    return airflow.api.trigger(dag_id)


@pytest.fixture(scope="module")
def trained(airflow: AirflowCluster) -> DagRun:
    airflow.api.wait_parsed("deploy_on_new_model")  # a DAG that is not known yet misses the event
    return airflow.api.wait_run(start(airflow, "train_evaluate"), timeout=3 * PATIENCE)


def test_the_example_succeeds_with_exactly_one_job(trained: DagRun, config: ClientConfig) -> None:
    assert trained.state == "success"
    (job,) = jobs_of(config, trained)
    assert job.status == "Succeed"


def test_the_model_in_oss_can_be_loaded(
    airflow: AirflowCluster, trained: DagRun, config: ClientConfig, tmp_path: Path
) -> None:
    model_uri = airflow.api.xcom(trained.task("train"), "model_uri")
    ObjectStorage(config).download(OssUri.parse(model_uri), tmp_path)
    model = joblib.load(tmp_path / "model.joblib")
    assert model.n_features_in_ == 30


def test_the_evaluation_judges_the_model_of_the_job(airflow: AirflowCluster, trained: DagRun) -> None:
    assert airflow.api.xcom(trained.task("evaluate")) > 0.9


def test_the_console_link_is_shown(airflow: AirflowCluster, trained: DagRun) -> None:
    job_id = airflow.api.xcom(trained.task("train"), "job_id")
    assert str(airflow.api.links(trained.task("train"))[LINK]).endswith(f"/pages/jobs/{job_id}")


def test_the_tasks_log_shows_each_line_of_the_job_once(airflow: AirflowCluster, trained: DagRun) -> None:
    lines = airflow.api.log(trained.task("train"), logger="airflow_provider_pai").splitlines()
    stages = [line for line in lines if line.startswith("stage=")]
    assert [line.split()[0] for line in stages] == [f"stage={n}" for n in (20, 40, 60, 80, 100)]


def test_the_script_reports_its_progress_and_a_result(airflow: AirflowCluster, trained: DagRun) -> None:
    log = airflow.api.log(trained.task("train"), logger="airflow_provider_pai")
    assert "Progress: 100% (stage 100/100)" in log
    result = airflow.api.xcom(trained.task("train"), "result")
    assert result["stages"] == 100
    assert result["validation_accuracy"] > 0.9


def test_the_training_tab_shows_how_the_job_went(airflow: AirflowCluster, trained: DagRun) -> None:
    seen = TabClient(airflow.url).state(trained.task("train"))
    assert (seen["state"], seen["progress"]["fraction"], seen["task"]["note"]) == ("succeeded", 1.0, "")
    assert seen["job"]["id"] == airflow.api.xcom(trained.task("train"), "job_id")
    assert "validation_accuracy" in [curve["name"] for curve in seen["curves"]]
    assert TabClient(airflow.url).state(trained.task("evaluate"))["headline"] == "No training job"


def test_the_secret_is_in_no_file_of_airflow(airflow: AirflowCluster, trained: DagRun, cloud: LocalPAI) -> None:
    secret = cloud.ready.access_key_secret.encode()
    files = [path for path in airflow.home.path.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret in path.read_bytes()] == []


def test_local_mode_needs_no_cloud_and_leaves_its_model_on_the_worker(
    airflow: AirflowCluster, config: ClientConfig
) -> None:
    run = airflow.api.wait_run(start(airflow, "local_mode"), timeout=2 * PATIENCE)
    assert run.state == "success"
    assert jobs_of(config, run) == []
    model_uri = Path(str(airflow.api.xcom(run.task("train"), "model_uri")))
    assert model_uri.is_relative_to(airflow.home.path / "pai-local" / "outputs")
    assert (model_uri / "model.json").is_file()
    assert airflow.api.xcom(run.task("check")) > 0.9
    assert list((airflow.home.path / "pai-local" / "running").iterdir()) == []


def test_a_new_model_is_deployed_by_the_dag_that_waits_for_it(
    airflow: AirflowCluster, trained: DagRun, config: ClientConfig, tmp_path: Path
) -> None:
    (run,) = wait_for(lambda: airflow.api.dag_runs("deploy_on_new_model"), bool, "the run that follows")
    assert airflow.api.wait_run(run, timeout=2 * PATIENCE).state == "success"
    model_uri = airflow.api.xcom(trained.task("train"), "model_uri")
    verdict = airflow.api.xcom(run.task("gate"))
    assert verdict["values"] == airflow.api.xcom(trained.task("train"), "metrics")
    assert "no champion to compare with yet" in verdict["reason"]
    service = airflow.api.xcom(run.task("deploy"))
    assert service["model_uri"] == model_uri
    rows = table_rows(20)
    assert predicted(config, service["endpoint"], rows) == own_answer(config, model_uri, rows, tmp_path)


def test_a_model_is_released_when_a_person_has_approved_it(
    airflow: AirflowCluster, config: ClientConfig, tmp_path: Path
) -> None:
    registry = ModelRegistry(PAIClient(config), config.workspace_id, logging.getLogger(__name__))
    airflow.api.wait_parsed("deploy_on_approval")
    run = start(airflow, "release_model")

    def pending() -> ModelVersion | None:
        model = registry.find("breast_cancer")
        return registry.newest(model, "Pending") if model else None

    version = wait_for(pending, bool, "the version that waits for approval", timeout=2 * PATIENCE)
    assert version is not None
    model = registry.find("breast_cancer")
    assert model is not None
    registry.decide(model, version.name, "Approved", by="a person")
    finished = airflow.api.wait_run(run, timeout=2 * PATIENCE)
    assert finished.state == "success"
    service = airflow.api.xcom(finished.task("deploy"))
    rows = table_rows(20)
    model_uri = airflow.api.xcom(finished.task("train"), "model_uri")
    assert predicted(config, service["endpoint"], rows) == own_answer(config, model_uri, rows, tmp_path)
    # The same approval starts the DAG that watches the model.
    (other,) = wait_for(lambda: airflow.api.dag_runs("deploy_on_approval"), bool, "the run that follows")
    assert airflow.api.wait_run(other, timeout=2 * PATIENCE).state == "success"
    described = PAIClient(config).send(describe_service(config.region_id, "breast_cancer_approved"))
    assert described.labels["airflow.model_version"] == version.name
    lineage = read_lineage(ObjectStorage(config).read(OssUri.parse(f"{model_uri}lineage.json")))
    assert (lineage.airflow["dag_id"], lineage.version_name) == ("release_model", version.name)


def test_a_person_approves_and_rejects_in_airflow(
    airflow: AirflowCluster, trained: DagRun, config: ClientConfig
) -> None:
    result = airflow.api.xcom(trained.task("train"))
    code = OssUri.parse("oss://pai-local/hitl/serve/")
    storage = ObjectStorage(config)
    storage.write(code.child("serve.py"), (EXAMPLES / "breast_cancer" / "serve" / "serve.py").read_bytes())
    served = ServiceSpec(
        "any",
        image_uri=result["image_uri"],
        command="python serve.py",
        requirements=("scikit-learn==1.9.1",),
        instance_type="ecs.c6.large",
    )
    registry = ModelRegistry(PAIClient(config), config.workspace_id, logging.getLogger(__name__))
    registry.create("hitl")
    model = registry.find("hitl")
    assert model is not None
    body = {"Uri": result["model_uri"], "InferenceSpec": inference_spec(served, str(code), result["model_uri"])}
    registry.create_version(model, {**body, "Metrics": {"accuracy": 0.91}, "ApprovalStatus": "Approved"})
    airflow.api.wait_parsed("approve_in_airflow")
    started, asked = [], []
    for accuracy in (0.93, 0.95):
        registry.create_version(model, {**body, "Metrics": {"accuracy": accuracy}})
        started.append(airflow.api.trigger("approve_in_airflow", {"model": "hitl"}))
        asked.append(started[-1].task("ask"))
        airflow.api.wait_task(asked[-1], frozenset({"deferred", "awaiting_input"}))
    question = airflow.api.question(asked[1])
    assert question["subject"] == "Shall version 0.3.0 of hitl serve?"
    assert "| metric | 0.3.0 | 0.1.0, the champion |" in question["body"]
    assert "| accuracy | 0.95 | 0.91 |" in question["body"]
    # A person takes longer: Airflow 3.3 may fail a task that is resumed within seconds of its deferral (see
    # triggers/settling.py), and this trigger is Airflow's own.
    time.sleep(6)
    airflow.api.answer(asked[0], "Reject", reason="too slow")
    airflow.api.answer(asked[1], "Approve", reason="")
    runs = [airflow.api.wait_run(run, timeout=2 * PATIENCE) for run in started]
    states = [(task.ref.task_id, task.state) for run in runs for task in airflow.api.task_instances(run)]
    assert [run.state for run in runs] == ["success", "success"], states
    assert [airflow.api.task_instance(run.task("deploy")).state for run in runs] == ["skipped", "success"]
    rejected, approved = (registry.version(model, name) for name in ("0.2.0", "0.3.0"))
    assert (rejected.approval_status, rejected.labels["airflow.decision_reason"]) == ("Rejected", "too slow")
    assert (approved.approval_status, bool(approved.labels["airflow.approved_by"])) == ("Approved", True)
    described = PAIClient(config).send(describe_service(config.region_id, "hitl_by_hand"))
    assert described.labels["airflow.model_version"] == "0.3.0"


def test_a_daily_model_is_served_when_it_is_as_good_as_the_champion(
    airflow: AirflowCluster, config: ClientConfig, tmp_path: Path
) -> None:
    airflow.api.wait_parsed("retrain_daily")
    airflow.api.unpause("retrain_daily")
    (scheduled,) = wait_for(lambda: airflow.api.dag_runs("retrain_daily"), bool, "the scheduled run")
    runs = [airflow.api.wait_run(scheduled, timeout=2 * PATIENCE)]
    another = airflow.api.trigger("retrain_daily", logical_date="2026-11-02T00:00:00Z")
    runs.append(airflow.api.wait_run(another, timeout=2 * PATIENCE))
    assert [run.state for run in runs] == ["success", "success"]
    first, second = ([airflow.api.xcom(run.task(name)) for name in ("train", "evaluate", "gate")] for run in runs)
    days = [airflow.api.xcom(run.task("prepare_data"))["train"].split("/")[-3] for run in runs]
    assert days == [scheduled.run_id.removeprefix("scheduled__")[:10], "2026-11-02"]
    assert first[2]["champion"] is None
    assert second[2]["champion"]["model_uri"] == first[0]["model_uri"]
    assert second[2]["champion_values"] == {"accuracy": first[1]}
    assert second[2]["passed"] == (second[1] >= first[1])
    served = second if second[2]["passed"] else first
    state = airflow.api.task_instance(runs[1].task("deploy")).state
    assert state == ("success" if second[2]["passed"] else "skipped")
    endpoint = airflow.api.xcom(runs[0].task("deploy"))["endpoint"]
    rows = table_rows(20)
    assert predicted(config, endpoint, rows) == own_answer(config, served[0]["model_uri"], rows, tmp_path)


def test_a_late_model_is_reported_once(airflow: AirflowCluster, config: ClientConfig) -> None:
    airflow.api.wait_parsed("model_deadline")
    airflow.api.unpause("model_deadline")
    runs = wait_for(lambda: airflow.api.dag_runs("model_deadline"), bool, "the scheduled run")
    run = runs[-1]
    assert airflow.api.wait_run(run, timeout=3 * PATIENCE).state == "success"
    (job,) = jobs_of(config, run)
    assert job.status == "Succeed"
    said = f"Run {run.run_id} has no new model of breast_cancer_nightly in time"
    logs = wait_for(lambda: callback_lines(airflow, said), bool, "the callback")
    assert len(logs) == 1, logs
    assert "The newest one is none" in logs[0]
    registry = ModelRegistry(PAIClient(config), config.workspace_id, logging.getLogger(__name__))
    model = registry.find("breast_cancer_nightly")
    assert model is not None
    assert registry.newest(model, "Approved") is not None


def callback_lines(airflow: AirflowCluster, said: str) -> list[str]:
    """Return the lines of callbacks' logs with a text."""
    files = [path for path in (airflow.home.path / "logs").rglob("*callback*/**/*") if path.is_file()]
    lines = [line for path in files for line in path.read_text(errors="replace").splitlines()]
    return [line for line in lines if said in line and '"warning"' in line]


def test_the_best_of_several_models_is_deployed(airflow: AirflowCluster, config: ClientConfig, tmp_path: Path) -> None:
    run = airflow.api.wait_run(start(airflow, "tune"), timeout=3 * PATIENCE)
    assert run.state == "success"
    jobs = jobs_of(config, run)
    assert len(jobs) == 4
    accuracies = {
        job.outputs["model"]: PAIClient(config).send(get_training_job(job.job_id)).metrics["validation_accuracy"]
        for job in jobs
    }
    shown = {airflow.api.shown_index(run.task("train", index)) for index in range(4)}
    assert shown == {f"rate {rate}, depth {depth}" for rate in (0.05, 0.2) for depth in (2, 3)}
    service = airflow.api.xcom(run.task("deploy"))
    assert accuracies[service["model_uri"]] == max(accuracies.values())
    rows = table_rows(20)
    assert predicted(config, service["endpoint"], rows) == own_answer(config, service["model_uri"], rows, tmp_path)


def test_the_best_of_several_functions_as_jobs_is_picked(airflow: AirflowCluster, config: ClientConfig) -> None:
    run = airflow.api.wait_run(start(airflow, "function_as_job"), timeout=2 * PATIENCE)
    assert run.state == "success"
    assert airflow.api.xcom(run.task("best"))["learning_rate"] == 0.3
    assert len(jobs_of(config, run)) == 3


def test_a_job_is_waited_for_by_another_task(airflow: AirflowCluster, config: ClientConfig) -> None:
    run = airflow.api.wait_run(start(airflow, "wait_elsewhere"), timeout=2 * PATIENCE)
    assert run.state == "success"
    (job,) = jobs_of(config, run)
    assert airflow.api.xcom(run.task("trained"))["model_uri"] == job.outputs["model"]
    assert str(airflow.api.links(run.task("trained"))[LINK]).endswith(f"/pages/jobs/{job.job_id}")


def test_the_hooks_do_in_functions_what_the_operators_do(airflow: AirflowCluster, config: ClientConfig) -> None:
    run = airflow.api.wait_run(start(airflow, "taskflow"), timeout=2 * PATIENCE)
    assert run.state == "success"
    (job,) = jobs_of(config, run)
    judged = airflow.api.xcom(run.task("judge"))
    assert judged["model_uri"] == job.outputs["model"]
    assert airflow.api.xcom(run.task("count_jobs")) == 1
    assert judged["accuracy"] > 0.9


def test_no_token_of_a_service_is_in_a_file_of_airflow(airflow: AirflowCluster, config: ClientConfig) -> None:
    names = ("breast_cancer_live", "breast_cancer_daily", "breast_cancer_tuned")
    services = [PAIClient(config).send(describe_service(config.region_id, name)) for name in names]
    tokens = [service.token.encode() for service in services]
    assert all(tokens)
    files = [path for path in airflow.home.path.rglob("*") if path.is_file()]
    assert [path for path in files if any(token in path.read_bytes() for token in tokens)] == []


def deferred(airflow: AirflowCluster, try_number: int = 1, run: DagRun | None = None) -> DagRun:
    """A run of the DAG whose job no test waits out, when its trigger runs in the triggerer.

    Before that, no code of ours hears of a mark or a clear: Airflow silently ends a trigger that was never started.
    """
    started = run or start(airflow, "long_job")
    task = started.task("train")
    airflow.api.wait_task(task, frozenset({"deferred"}), try_number=try_number)
    wait_for(lambda: airflow.api.log(task, try_number), lambda log: "begun" in log, "the job's output")
    return started


def statuses(config: ClientConfig, run: DagRun) -> list[str]:
    return sorted(job.status for job in jobs_of(config, run))


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_deferred_task_stops_its_job(airflow: AirflowCluster, config: ClientConfig, state: str) -> None:
    run = deferred(airflow)
    assert statuses(config, run) == ["Running"]
    airflow.api.set_state(run.task("train"), state)
    wait_for(lambda: statuses(config, run), lambda found: found == ["Terminated"], "the stop")


def test_clearing_a_deferred_task_stops_its_job_and_starts_a_new_one(
    airflow: AirflowCluster, config: ClientConfig
) -> None:
    run = deferred(airflow)
    airflow.api.clear(run.task("train"))
    deferred(airflow, 2, run)
    wait_for(
        lambda: statuses(config, run),
        lambda found: found == ["Running", "Terminated"],
        "one job stopped and one running",
    )
    airflow.api.set_state(run.task("train"), "failed")
    wait_for(lambda: set(statuses(config, run)), lambda found: found == {"Terminated"}, "the last stop")
