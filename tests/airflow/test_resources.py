"""What a job runs on and belongs to, from the operator to local PAI and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from alibabacloud_aiworkspace20210204 import models as workspace_models
from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient

from airflow_provider_pai.errors import JobCapacityError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.local.server import LocalPAI
from tests.contract.conftest import sdk_config
from tests.support.attempt import Attempt, training

QUOTA = "quotalocalpai01"


def on_quota(**arguments: Any) -> Any:
    return training(instance_type=None, resource_id=QUOTA, **arguments)


@pytest.fixture
def workspaces(pai: LocalPAI) -> WorkspaceClient:
    return WorkspaceClient(sdk_config(pai.ready))


def test_a_job_takes_its_share_of_a_quota(pai: LocalPAI) -> None:
    operator = on_quota(instance_spec={"cpu": 2, "memory": 4}, priority=5, instance_count=2)
    assert operator.execute(Attempt().context)["status"] == "Succeed"


def test_a_job_that_asks_for_more_than_the_quota_has_says_so(pai: LocalPAI) -> None:
    with pytest.raises(JobCapacityError, match="ResourceAllocateFailed"):
        on_quota(instance_spec={"cpu": 100_000, "memory": 4}).execute(Attempt().context)


def test_an_experiments_artifact_path_is_where_outputs_go(pai: LocalPAI, workspaces: WorkspaceClient) -> None:
    folder = f"oss://{pai.ready.bucket}/experiments/churn/"
    request = workspace_models.CreateExperimentRequest(
        name="churn", artifact_uri=folder, workspace_id=pai.ready.workspace_id
    )
    experiment_id = workspaces.create_experiment(request).body.experiment_id
    value = training(
        command='echo x > "$PAI_OUTPUT_MODEL/m"', experiment_config={"experiment_id": experiment_id}
    ).execute(Attempt().context)
    assert value["model_uri"].startswith(folder)
    assert PAIOSSHook().read(value["model_uri"] + "m") == b"x\n"


def test_an_unknown_experiment_is_named_before_anything_is_submitted(pai: LocalPAI) -> None:
    with pytest.raises(AirflowFailException, match=r"experiment_config: there is no experiment 'exp-none'"):
        training(experiment_config={"experiment_id": "exp-none"}).execute(Attempt().context)
    assert "CreateTrainingJob" not in pai.faults.counts()


def test_a_dataset_is_read_by_its_id(pai: LocalPAI, workspaces: WorkspaceClient) -> None:
    folder = f"oss://{pai.ready.bucket}/data/churn/"
    PAIOSSHook().write(folder + "a.csv", b"1,2,3")
    request = workspace_models.CreateDatasetRequest(
        name="churn_data",
        data_source_type="OSS",
        property="DIRECTORY",
        uri=f"oss://{pai.ready.bucket}.oss-{pai.ready.region_id}.aliyuncs.com/data/churn/",
        workspace_id=pai.ready.workspace_id,
    )
    dataset = workspaces.create_dataset(request).body.dataset_id
    value = training(
        command='cat "$PAI_INPUT_TRAIN/a.csv" > "$PAI_OUTPUT_MODEL/seen"', inputs={"train": dataset}
    ).execute(Attempt().context)
    assert PAIOSSHook().read(value["model_uri"] + "seen") == b"1,2,3"


def test_what_local_pai_does_not_have_is_taken_and_named_in_the_log(
    pai: LocalPAI, task_log: Callable[[], list[str]]
) -> None:
    vpc = {"vpc_id": "vpc-1", "security_group_id": "sg-1"}
    assert training(user_vpc_config=vpc).execute(Attempt().context)["status"] == "Succeed"
    assert [line for line in task_log() if line.startswith("UserVpc is taken without effect")]
