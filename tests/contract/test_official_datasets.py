"""Datasets and experiments, through the vendor's own clients, and the jobs that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import alibabacloud_aiworkspace20210204.models as ws
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException

if TYPE_CHECKING:
    import oss2
    from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient

    from airflow_provider_pai.local.server import LocalPAI
    from tests.support.jobs import Jobs

SHOW = 'echo "$PAI_INPUT_TRAIN"; ls "$PAI_INPUT_TRAIN" >> "$PAI_OUTPUT_MODEL/seen"'


def named(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:8]}"


def dataset(workspaces: WorkspaceClient, uri: str, **members: Any) -> str:
    body = {"Name": named("data"), "DataSourceType": "OSS", "Property": "DIRECTORY", "Uri": uri, **members}
    return str(workspaces.create_dataset(ws.CreateDatasetRequest().from_map(body)).body.dataset_id)


def version(workspaces: WorkspaceClient, dataset_id: str, uri: str) -> str:
    body = {"DataSourceType": "OSS", "Property": "DIRECTORY", "Uri": uri}
    request = ws.CreateDatasetVersionRequest().from_map(body)
    return str(workspaces.create_dataset_version(dataset_id, request).body.version_name)


@pytest.fixture
def place(local_pai: LocalPAI) -> str:
    """The bucket's URI, with its endpoint, as the service documents a dataset's."""
    return f"oss://{local_pai.ready.bucket}.oss-cn-hangzhou.aliyuncs.com"


def refused(error: pytest.ExceptionInfo[ClientException]) -> tuple[int, str]:
    return error.value.status_code, error.value.code


def test_a_dataset_is_mounted_like_the_folder_behind_it(
    workspaces: WorkspaceClient, jobs: Jobs, bucket: oss2.Bucket, place: str
) -> None:
    bucket.put_object("datasets/one/first.csv", b"1")
    bucket.put_object("datasets/two/second.csv", b"2")
    made = dataset(workspaces, f"{place}/datasets/one/")
    assert version(workspaces, made, f"{place}/datasets/two") == "v2"
    output = [{"Name": "model", "OutputUri": f"{place}/datasets/out/{made}/"}]
    for channel, expected in (({}, "first.csv"), ({"VersionName": "v2"}, "second.csv")):
        job = jobs.run(SHOW, InputChannels=[{"Name": "train", "DatasetId": made, **channel}], OutputChannels=output)
        assert job.status == "Succeed", job.reason_message
        assert [(item.dataset_id, item.version_name) for item in job.input_channels] == [
            (made, channel.get("VersionName"))
        ]
        seen = bucket.get_object(f"datasets/out/{made}/seen").read().decode().split()
        assert seen[-1] == expected


def test_a_dataset_of_one_file_is_that_file(
    workspaces: WorkspaceClient, jobs: Jobs, bucket: oss2.Bucket, place: str
) -> None:
    bucket.put_object("datasets/file.csv", b"a,b\n")
    made = dataset(workspaces, f"{place}/datasets/file.csv", Property="FILE")
    job = jobs.run('test "$(cat $PAI_INPUT_TRAIN)" = a,b', InputChannels=[{"Name": "train", "DatasetId": made}])
    assert job.status == "Succeed"


def test_an_output_channel_may_be_a_dataset(
    workspaces: WorkspaceClient, jobs: Jobs, bucket: oss2.Bucket, place: str
) -> None:
    made = dataset(workspaces, f"{place}/datasets/results")
    job = jobs.run("echo 42 > $PAI_OUTPUT_MODEL/answer", OutputChannels=[{"Name": "model", "DatasetId": made}])
    assert bucket.get_object("datasets/results/answer").read() == b"42\n"
    assert job.output_model.uri == f"{place}/datasets/results/"


def test_a_job_keeps_the_place_of_a_dataset_that_is_deleted(
    workspaces: WorkspaceClient, jobs: Jobs, bucket: oss2.Bucket, place: str
) -> None:
    bucket.put_object("datasets/kept/x", b"x")
    made = dataset(workspaces, f"{place}/datasets/kept/")
    job_id = jobs.create("sleep 1; cat $PAI_INPUT_TRAIN/x", InputChannels=[{"Name": "train", "DatasetId": made}])
    workspaces.delete_dataset(made, ws.DeleteDatasetRequest())
    assert jobs.until(job_id).status == "Succeed"


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ({"DatasetId": "d-none"}, "there is no dataset d-none"),
        ({"DatasetId": "{made}", "VersionName": "v9"}, "{made} has no version v9"),
        ({"VersionName": "v1"}, "DatasetId is required with VersionName"),
        ({"DatasetId": "{made}", "InputUri": "oss://pai-local/x/"}, "InputUri and DatasetId contradict each other"),
    ],
)
def test_a_job_with_an_unknown_dataset_is_refused(
    workspaces: WorkspaceClient, jobs: Jobs, place: str, channel: dict[str, str], said: str
) -> None:
    made = dataset(workspaces, f"{place}/datasets/one/")
    item = {"Name": "train", **{name: value.format(made=made) for name, value in channel.items()}}
    with pytest.raises(ClientException) as error:
        jobs.create("true", InputChannels=[item])
    assert refused(error) == (400, "InvalidParameter")
    assert said.format(made=made) in error.value.message


def test_a_dataset_shows_its_first_place_and_its_latest_version(workspaces: WorkspaceClient, place: str) -> None:
    labels = [{"Key": "stage", "Value": "raw"}]
    made = dataset(workspaces, f"{place}/a/", Description="rows", Labels=labels, Options='{"mountPath":"/mnt/data/"}')
    version(workspaces, made, f"{place}/b/")
    found = workspaces.get_dataset(made, ws.GetDatasetRequest()).body
    assert (found.dataset_id, found.uri, found.property, found.data_source_type) == (
        made,
        f"{place}/a/",
        "DIRECTORY",
        "OSS",
    )
    assert (found.data_type, found.accessibility, found.description) == ("COMMON", "PRIVATE", "rows")
    assert [(label.key, label.value) for label in found.labels] == [("stage", "raw")]
    assert (found.latest_version.version_name, found.latest_version.uri) == ("v2", f"{place}/b/")
    listed = workspaces.list_dataset_versions(made, ws.ListDatasetVersionsRequest(page_number=1, page_size=10)).body
    assert [(each.version_name, each.uri) for each in listed.dataset_versions] == [
        ("v1", f"{place}/a/"),
        ("v2", f"{place}/b/"),
    ]
    assert workspaces.get_dataset_version(made, "v1", ws.GetDatasetVersionRequest()).body.uri == f"{place}/a/"


def test_datasets_are_found_by_what_they_are(workspaces: WorkspaceClient, place: str) -> None:
    prefix = named("search")
    text = {"DataType": "TEXT", "Property": "FILE"}
    first = dataset(workspaces, f"{place}/a.txt", Name=f"{prefix}-a", **text)
    second = dataset(workspaces, f"{place}/b/", Name=f"{prefix}-b", DataType="PIC")

    def found(**asked: Any) -> list[str]:
        listed = workspaces.list_datasets(ws.ListDatasetsRequest(name=prefix.upper(), **asked)).body
        return [item.dataset_id for item in listed.datasets]

    assert found() == [first, second]
    assert found(order="DESC") == [second, first]
    assert found(data_types="TEXT,VIDEO") == [first]
    assert found(properties="DIRECTORY") == [second]
    assert found(dataset_ids=second) == [second]
    assert found(page_size=1, page_number=2) == [second]
    assert found(data_source_types="NAS") == found(provider="pai") == found(workspace_id="9") == []


@pytest.mark.parametrize(
    ("members", "status", "code", "said"),
    [
        ({"DataSourceType": "NAS", "Uri": "nas://fs.cn-hangzhou/x/"}, 400, "InvalidParameter", "NAS is not supported"),
        ({"DataSourceType": "CPFS", "Uri": "nas://cpfs.cn-hangzhou/x/"}, 400, "InvalidParameter", "CPFS is not supp"),
        ({"DataSourceType": "TAPE"}, 400, "InvalidParameter", "DataSourceType is invalid"),
        ({"Property": "LINK"}, 400, "InvalidParameter", "Property is invalid"),
        ({"Property": "FILE"}, 400, "InvalidParameter", "is a folder"),
        ({"Uri": "http://x/y"}, 400, "InvalidParameter", "does not begin with oss://"),
        ({"Name": "-x"}, 400, "InvalidParameter", "Name is invalid"),
        ({"Uri": ""}, 400, "MissingParameter", "Uri is required"),
        ({"WorkspaceId": "9"}, 400, "InvalidParameter", "no workspace 9"),
        ({"Edition": "ADVANCED"}, 400, "InvalidParameter", "Edition is invalid"),
        ({"DryRun": True}, 400, "InvalidParameter", "DryRun is not supported"),
    ],
)
def test_a_dataset_that_can_not_be_is_refused(
    workspaces: WorkspaceClient, place: str, members: dict[str, str], status: int, code: str, said: str
) -> None:
    with pytest.raises(ClientException) as error:
        dataset(workspaces, f"{place}/x/", **members)
    assert refused(error) == (status, code)
    assert said in error.value.message


def test_a_name_is_taken_once_and_free_after_deletion(workspaces: WorkspaceClient, place: str) -> None:
    name = named("once")
    made = dataset(workspaces, f"{place}/x/", Name=name)
    with pytest.raises(ClientException) as error:
        dataset(workspaces, f"{place}/x/", Name=name)
    assert refused(error) == (409, "DatasetAlreadyExists")
    workspaces.delete_dataset(made, ws.DeleteDatasetRequest())
    with pytest.raises(ClientException) as error:
        workspaces.get_dataset(made, ws.GetDatasetRequest())
    assert refused(error) == (404, "DatasetNotFound")
    assert dataset(workspaces, f"{place}/x/", Name=name) != made


# Experiments ----------------------------------------------------------------------------------------------------------


def experiment(local_pai: LocalPAI, workspaces: WorkspaceClient, **members: Any) -> ws.Experiment:
    body = {"Name": named("exp"), "WorkspaceId": local_pai.ready.workspace_id, **members}
    made = workspaces.create_experiment(ws.CreateExperimentRequest().from_map(body)).body.experiment_id
    return workspaces.get_experiment(made, ws.GetExperimentRequest()).body


def test_the_tensorboard_logs_of_a_job_go_to_its_experiment(
    local_pai: LocalPAI, workspaces: WorkspaceClient, jobs: Jobs, bucket: oss2.Bucket, place: str
) -> None:
    group = experiment(local_pai, workspaces, ArtifactUri=f"{place}/experiments/a")
    outputs = [{"Name": name, "OutputUri": f"{place}/own/{name}/"} for name in ("model", "tensorboard")]
    job = jobs.run(
        "echo m > $PAI_OUTPUT_MODEL/m; echo t > $PAI_OUTPUT_TENSORBOARD/events",
        ExperimentConfig={"ExperimentId": group.experiment_id},
        OutputChannels=outputs,
    )
    assert (job.experiment_config.experiment_id, job.experiment_config.experiment_name) == (
        group.experiment_id,
        group.name,
    )
    places = {channel.name: channel.output_uri for channel in job.output_channels}
    assert places == {
        "model": f"{place}/own/model/",
        "tensorboard": f"{group.tensorboard_log_uri}{job.training_job_id}/",
    }
    key = places["tensorboard"].removeprefix(f"{place}/")
    assert bucket.get_object(f"{key}events").read() == b"t\n"


def test_a_job_of_an_unknown_experiment_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ClientException) as error:
        jobs.create("true", ExperimentConfig={"ExperimentId": "exp-none"})
    assert refused(error) == (400, "InvalidParameter")
    assert "there is no experiment exp-none" in error.value.message


def test_an_experiment_without_a_place_gets_one_in_the_default_storage(
    local_pai: LocalPAI, workspaces: WorkspaceClient
) -> None:
    group = experiment(local_pai, workspaces, Labels=[{"Key": "team", "Value": "a"}])
    assert group.artifact_uri.startswith(f"oss://{local_pai.ready.bucket}.")
    assert group.tensorboard_log_uri.startswith(group.artifact_uri)
    assert [(label.key, label.value) for label in group.labels] == [("team", "a")]


def test_experiments_are_listed_renamed_and_deleted(local_pai: LocalPAI, workspaces: WorkspaceClient) -> None:
    prefix = named("many")
    made = [experiment(local_pai, workspaces, Name=f"{prefix}-{number}").experiment_id for number in range(3)]

    def found(**asked: Any) -> list[str]:
        listed = workspaces.list_experiment(ws.ListExperimentRequest(**{"name": prefix, **asked})).body
        return [item.experiment_id for item in listed.experiments]

    assert found() == made[::-1]
    assert found(order="ASC", page_size=2, page_number=2) == made[2:]
    first = workspaces.list_experiment(ws.ListExperimentRequest(name=prefix, max_results=2)).body
    assert [item.experiment_id for item in first.experiments] == [made[2], made[1]]
    assert found(max_results=2, page_token=first.next_page_token) == [made[0]]
    exactly = ws.ListExperimentRequestOptions(match_name_exactly="true")
    assert found(options=exactly) == []
    assert found(name=f"{prefix}-1", options=exactly) == [made[1]]
    workspaces.update_experiment(made[0], ws.UpdateExperimentRequest(name=f"{prefix}-renamed"))
    assert found(name=f"{prefix}-renamed") == [made[0]]
    with pytest.raises(ClientException) as error:
        workspaces.update_experiment(made[0], ws.UpdateExperimentRequest(name=f"{prefix}-1"))
    assert refused(error) == (409, "ExperimentAlreadyExists")
    workspaces.delete_experiment(made[0], ws.DeleteExperimentRequest())
    with pytest.raises(ClientException) as error:
        workspaces.get_experiment(made[0], ws.GetExperimentRequest())
    assert refused(error) == (404, "ExperimentNotFound")


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"Name": "1st"}, "InvalidParameter", "Name is invalid"),
        ({"Name": "a" * 64}, "InvalidParameter", "Name is invalid"),
        ({"Name": ""}, "MissingParameter", "Name is required"),
        ({"ArtifactUri": "nas://x.y/z/"}, "InvalidParameter", "ArtifactUri is invalid"),
        ({"Accessibility": "SECRET"}, "InvalidParameter", "Accessibility is invalid"),
        ({"WorkspaceId": "9"}, "InvalidParameter", "no workspace 9"),
    ],
)
def test_an_experiment_that_can_not_be_is_refused(
    local_pai: LocalPAI, workspaces: WorkspaceClient, members: dict[str, str], code: str, said: str
) -> None:
    with pytest.raises(ClientException) as error:
        experiment(local_pai, workspaces, **members)
    assert refused(error) == (400, code)
    assert said in error.value.message
