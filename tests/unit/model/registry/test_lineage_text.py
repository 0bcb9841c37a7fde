from __future__ import annotations

from airflow_provider_pai.model.registry.lineage import InputLineage, Lineage
from airflow_provider_pai.model.registry.lineage_text import lineage_facts, lineage_lines

WHOLE = Lineage(
    model_uri="oss://bucket/model/",
    model_name="churn",
    version_name="0.3.0",
    approval_status="Approved",
    approved_by="a person",
    approved_at="2026-11-24T12:00:00Z",
    service_name="churn_live",
    job_id="train1",
    job_name="churn_1",
    image_uri="image:1",
    code_uri="oss://bucket/code/source.tar.gz",
    code_digest="ab" * 32,
    command="python train.py",
    hyperparameters={"rate": "0.1"},
    inputs={
        "one": InputLineage("oss://bucket/train.csv", objects=({"key": "a", "etag": "E", "size": 7},), complete=True),
        "many": InputLineage("oss://bucket/all/", objects=({"key": "a", "etag": "E", "size": 7},) * 3),
        "set": InputLineage(dataset_id="d-1", dataset_version="v2"),
    },
    metrics={"accuracy": 0.9123456789, "epochs": 3},
    airflow={"dag_id": "release", "task_id": "train", "run_id": "manual__1"},
)


def test_a_whole_lineage_reads_from_what_serves_down_to_the_data() -> None:
    assert lineage_facts(WHOLE) == {
        "Service": "churn_live",
        "Version": "churn 0.3.0 Approved",
        "Decided": "by a person at 2026-11-24T12:00:00Z",
        "Model": "oss://bucket/model/",
        "Job": "train1 churn_1",
        "Task": "release.train",
        "DAG run": "manual__1",
        "Code": "oss://bucket/code/source.tar.gz SHA-256 abababababab",
        "Command": "python train.py",
        "Image": "image:1",
        "Hyperparameters": "rate=0.1",
        "Metrics": "accuracy=0.912346, epochs=3",
        "Input one": "oss://bucket/train.csv (1 object, 7 bytes, ETag E)",
        "Input many": "oss://bucket/all/ (3 or more objects, 21 bytes)",
        "Input set": "d-1 v2",
    }


def test_what_is_not_known_has_no_line() -> None:
    assert lineage_lines(Lineage()) == []
    assert lineage_lines(Lineage(model_uri="oss://b/m/", metrics={"a": 1})) == ["Model    oss://b/m/", "Metrics  a=1"]


def test_a_model_without_a_job_names_the_task_that_registered_it() -> None:
    facts = lineage_facts(Lineage(airflow={"registered_by": "dag.task", "registered_run_id": "run"}))
    assert facts == {"Task": "dag.task", "DAG run": "run"}
