"""Progress, labels and lists of training jobs, as the vendor's own client sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import alibabacloud_paistudio20220112.models as models
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException

if TYPE_CHECKING:
    from alibabacloud_paistudio20220112.client import Client as TrainingClient

    from tests.support.jobs import Jobs

PROGRESS = {
    "OverallProgress": {"Regex": r"progress ([0-9.]+)"},
    "RemainingTime": {"Regex": r"remaining ([0-9.]+) s"},
}


def found(training: TrainingClient, **asked: Any) -> list[str]:
    listed = training.list_training_jobs(models.ListTrainingJobsRequest(**asked)).body
    return [item.training_job_id for item in listed.training_jobs]


def test_the_progress_of_a_job_is_read_from_its_log(jobs: Jobs) -> None:
    command = "echo progress 0.25; echo progress 0.5 remaining 12.7 s"
    job = jobs.run(command, algorithm={"ProgressDefinitions": PROGRESS})
    progress = job.latest_progress
    assert (progress.overall_progress.value, progress.remaining_time.value) == (0.5, 12)
    assert progress.overall_progress.timestamp.endswith("Z")
    assert not job.latest_metrics


def test_a_job_without_definitions_has_no_progress(jobs: Jobs) -> None:
    assert jobs.run("echo progress 0.25").latest_progress is None


def test_hyperparameters_have_the_values_of_their_definitions(jobs: Jobs, training: TrainingClient) -> None:
    definitions = [
        {"Name": "lr", "Type": "Float", "DefaultValue": "0.1", "Range": {"Minimum": "0", "Maximum": "1"}},
        {"Name": "epochs", "Type": "Int", "Required": True},
    ]
    given = [{"Name": "epochs", "Value": "3"}]
    job = jobs.run('echo "$PAI_HPS"', algorithm={"HyperParameters": definitions}, HyperParameters=given)
    asked = models.ListTrainingJobLogsRequest(page_size=100)
    assert training.list_training_job_logs(job.training_job_id, asked).body.logs[-1] == '{"epochs":"3","lr":"0.1"}'
    assert [(each.name, each.value) for each in job.hyper_parameters] == [("epochs", "3")]


def test_labels_are_added_replaced_and_deleted(jobs: Jobs, training: TrainingClient) -> None:
    job_id = jobs.create("true", Labels=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])

    def update(*labels: tuple[str, str]) -> None:
        body = {"Labels": [{"Key": key, "Value": value} for key, value in labels]}
        training.update_training_job_labels(job_id, models.UpdateTrainingJobLabelsRequest().from_map(body))

    def labels() -> dict[str, str]:
        return {label.key: label.value for label in jobs.get(job_id).labels}

    update(("b", "3"), ("c", ""))
    assert labels() == {"a": "1", "b": "3", "c": ""}
    for bad in (("k" * 129, "v"), ("k", "é" * 65), ("", "v")):
        with pytest.raises(ClientException) as error:
            update(("d", "4"), bad)
        assert (error.value.status_code, error.value.code) == (400, "InvalidParameter")
    training.delete_training_job_labels(job_id, models.DeleteTrainingJobLabelsRequest(keys="a,c,none"))
    assert labels() == {"b": "3"}
    with pytest.raises(ClientException) as error:
        training.delete_training_job_labels(job_id, models.DeleteTrainingJobLabelsRequest(keys=""))
    assert error.value.code == "MissingParameter"
    jobs.until(job_id)


def test_jobs_are_listed_by_the_time_of_their_creation(jobs: Jobs, training: TrainingClient) -> None:
    name = f"window-{uuid4().hex}"
    made = jobs.run("true", TrainingJobName=name).training_job_id
    before, after = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    assert found(training, training_job_name=name, start_time=before.strftime("%Y-%m-%dT%H:%MZ")) == [made]
    assert found(training, training_job_name=name, end_time=before.strftime("%Y-%m-%dT%H:%M:%SZ")) == []
    assert found(training, training_job_name=name, start_time=after.strftime("%Y-%m-%dT%H:%M:%SZ")) == []


def test_jobs_are_filtered_and_sorted(jobs: Jobs, training: TrainingClient) -> None:
    name = f"sorted-{uuid4().hex}"
    good = jobs.run("true", TrainingJobName=name).training_job_id
    bad = jobs.run("false", TrainingJobName=f"a {name.upper()} b").training_job_id
    assert found(training, training_job_name=name) == [bad, good]
    assert found(training, training_job_name=name, order="ASC", sort_by="GmtModifiedTime") == [good, bad]
    assert found(training, training_job_name=name, status="Failed") == [bad]
    assert found(training, training_job_id=good) == [good]
    assert found(training, training_job_name=name, workspace_id="9") == []
    assert found(training, training_job_name=name, is_temp_algo=False) == []
    assert found(training, training_job_name=name, algorithm_name="x") == []
    assert found(training, training_job_name=name, page_size=1, page_number=2, order="ASC") == [bad]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"status": "Succeeded"}, "Status"),
        ({"sort_by": "Color"}, "SortBy"),
        ({"order": "UP"}, "Order"),
        ({"page_size": 0}, "PageSize"),
        ({"page_number": -1}, "PageNumber"),
        ({"start_time": "yesterday"}, "StartTime"),
    ],
)
def test_a_list_that_can_not_be_is_refused(training: TrainingClient, asked: dict[str, Any], name: str) -> None:
    with pytest.raises(ClientException) as error:
        found(training, **asked)
    assert (error.value.status_code, error.value.code) == (400, "InvalidParameter")
    assert f"The parameter {name} is invalid" in error.value.message
