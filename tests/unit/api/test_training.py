from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_pai.api import machines, training, workspaces
from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call, decode_answer
from airflow_provider_pai.api.endpoints import AI_WORKSPACE, DLC, PAI_STUDIO
from airflow_provider_pai.api.machines import EcsSpec, list_ecs_specs
from airflow_provider_pai.api.training import LinePage
from airflow_provider_pai.api.workspaces import get_default_storage, get_workspace
from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.training.failure_details import ErrorInfo
from airflow_provider_pai.model.training.status import JobSnapshot

SINCE = datetime(2026, 1, 2, 3, 4, 5, 999, UTC)
JOB = {"TrainingJobId": "train1", "Status": "Running"}


def read(call: Call[Any], **members: Any) -> Any:
    return decode_answer(call, 200, {}, json.dumps({**members, "RequestId": "ID"}).encode())


@pytest.mark.parametrize(
    ("call", "action", "method", "path", "query"),
    [
        (training.create_training_job({}), "CreateTrainingJob", "POST", "", {}),
        (training.get_training_job("a/b"), "GetTrainingJob", "GET", "/a%2Fb", {}),
        (training.stop_training_job("j"), "StopTrainingJob", "PUT", "/j/stop", {}),
        (training.delete_training_job("j"), "DeleteTrainingJob", "DELETE", "/j", {}),
        (
            training.list_training_job_logs("j", page=2, page_size=20, instance="j-master-0"),
            "ListTrainingJobLogs",
            "GET",
            "/j/logs",
            {"PageNumber": "2", "PageSize": "20", "InstanceId": "j-master-0"},
        ),
        (
            training.list_training_job_events("j"),
            "ListTrainingJobEvents",
            "GET",
            "/j/events",
            {"PageNumber": "1", "PageSize": "100"},
        ),
        (
            training.list_training_job_metrics("j", name="acc"),
            "ListTrainingJobMetrics",
            "GET",
            "/j/metrics",
            {"PageNumber": "1", "PageSize": "100", "Name": "acc"},
        ),
        (training.get_training_job_error_info("j"), "GetTrainingJobErrorInfo", "GET", "/j/errorinfo", {}),
        (training.update_training_job_labels("j", {"a": "b"}), "UpdateTrainingJobLabels", "POST", "/j/labels", {}),
    ],
    ids=lambda value: value.action if isinstance(value, Call) else "",
)
def test_each_operation_asks_as_pai_documents_it(
    call: Call[Any], action: str, method: str, path: str, query: dict[str, str]
) -> None:
    assert (call.service, call.action, call.method) == (PAI_STUDIO, action, method)
    assert (call.path, call.query) == (f"/api/v1/trainingjobs{path}", query)


def test_only_creating_is_not_safe_to_repeat() -> None:
    assert not training.create_training_job({}).idempotent
    assert training.stop_training_job("j").idempotent
    assert training.get_training_job("j").idempotent
    assert training.update_training_job_labels("j", {}).idempotent


def test_a_stop_has_no_body_and_labels_have_theirs() -> None:
    assert training.stop_training_job("j").content() == b""
    labels = training.update_training_job_labels("j", {"a": "b"})
    assert json.loads(labels.content()) == {"Labels": [{"Key": "a", "Value": "b"}]}


def test_a_list_is_explicit_about_time_order_and_page() -> None:
    assert training.list_training_jobs("12345", start_time=SINCE).query == {
        "WorkspaceId": "12345",
        "StartTime": "2026-01-02T03:04:05Z",
        "SortBy": "GmtCreateTime",
        "Order": "DESC",
        "PageNumber": "1",
        "PageSize": "50",
    }


def test_a_list_filters_by_labels_in_json_name_and_status() -> None:
    call = training.list_training_jobs(
        "1", start_time=SINCE, labels={"b": "é", "a": "1"}, name="n", status="Running", page=3, page_size=7, order="ASC"
    )
    expected = {"Labels": '{"a":"1","b":"é"}', "TrainingJobName": "n", "Status": "Running"}
    assert {**expected, "PageNumber": "3", "PageSize": "7", "Order": "ASC"}.items() <= dict(call.query).items()


def test_a_time_in_another_zone_is_sent_in_utc() -> None:
    there = SINCE.astimezone(timezone(timedelta(hours=8)))
    assert training.list_training_jobs("1", start_time=there).query["StartTime"] == "2026-01-02T03:04:05Z"


def test_a_create_answers_the_jobs_id() -> None:
    assert read(training.create_training_job({}), TrainingJobId="train1") == "train1"


@pytest.mark.parametrize("members", [{}, {"TrainingJobId": None}, {"TrainingJobId": ""}])
def test_a_create_without_an_id_is_a_protocol_error(members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="CreateTrainingJob"):
        read(training.create_training_job({}), **members)


def test_a_job_is_read() -> None:
    assert read(training.get_training_job("train1"), **JOB) == JobSnapshot("train1", "Running")


@pytest.mark.parametrize("members", [{}, {**JOB, "Labels": 5}, {**JOB, "OutputChannels": [{}]}])
def test_a_job_that_cannot_be_read_is_a_protocol_error(members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="a job"):
        read(training.get_training_job("train1"), **members)


@pytest.mark.parametrize("total", [3, "3"], ids=repr)
def test_a_page_of_jobs_knows_the_number_of_all(total: object) -> None:
    page = read(training.list_training_jobs("1", start_time=SINCE), TrainingJobs=[JOB], TotalCount=total)
    assert page == Page((JobSnapshot("train1", "Running"),), 3)


@pytest.mark.parametrize(
    "members",
    [{"TotalCount": 0}, {"TrainingJobs": [], "TotalCount": "0"}, {"TrainingJobs": None, "TotalCount": 0}],
)
def test_no_jobs_is_an_empty_page(members: dict[str, Any]) -> None:
    assert read(training.list_training_jobs("1", start_time=SINCE), **members) == Page((), 0)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"message": "hello"}', b'{"TrainingJobs": 5}', b'{"TotalCount": "x"}']
)
def test_an_answer_that_lists_nothing_does_not_say_that_there_is_no_job(content: bytes) -> None:
    # It would lead to a second job.
    with pytest.raises(ProtocolError):
        decode_answer(training.list_training_jobs("1", start_time=SINCE), 200, {}, content)


@pytest.mark.parametrize("total", [23, "23"], ids=repr)
def test_lines_come_with_their_total_as_seconds_or_text(total: object) -> None:
    page = read(training.list_training_job_logs("j"), Logs=["a", ""], TotalCount=total)
    assert page == LinePage(("a", ""), 23)
    assert read(training.list_training_job_events("j"), Events=["e"], TotalCount=total) == LinePage(("e",), 23)


def test_no_lines_is_an_empty_page() -> None:
    assert read(training.list_training_job_logs("j"), Logs=[], TotalCount="0") == LinePage((), 0)
    assert read(training.list_training_job_logs("j"), TotalCount=0) == LinePage((), 0)


def test_metrics_are_points() -> None:
    point = {"Name": "acc", "Timestamp": "2026-01-01T00:00Z", "Value": 0.5}
    assert read(training.list_training_job_metrics("j"), Metrics=[point], TotalCount=1) == Page((point,), 1)
    assert read(training.list_training_job_metrics("j"), Metrics=[], TotalCount=0) == Page((), 0)


def test_an_error_info_may_be_empty() -> None:
    info = {"Code": "OOM", "Message": "no memory", "AdditionalInfo": None}
    assert read(training.get_training_job_error_info("j"), ErrorInfo=info) == ErrorInfo("OOM", "no memory")
    assert read(training.get_training_job_error_info("j"), ErrorInfo={}) == ErrorInfo()


@pytest.mark.parametrize(
    ("call", "members"),
    [
        (training.list_training_job_metrics("j"), {"Metrics": 5}),
        (training.get_training_job_error_info("j"), {"ErrorInfo": "x"}),
        (training.list_training_job_logs("j"), {"Logs": 5}),
        (list_ecs_specs(), {"EcsSpecs": [{"InstanceType": "x", "Cpu": "many"}], "TotalCount": 1}),
        (list_ecs_specs(), {"EcsSpecs": ["ecs.c6.large"], "TotalCount": 1}),
        (get_default_storage("1"), {"Configs": ["x"], "TotalCount": 1}),
    ],
)
def test_an_answer_of_another_form_is_a_protocol_error(call: Call[Any], members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match=call.action):
        read(call, **members)


def test_what_answers_nothing_gives_none() -> None:
    for call in (
        training.stop_training_job("j"),
        training.delete_training_job("j"),
        training.update_training_job_labels("j", {}),
    ):
        assert decode_answer(call, 204, {}, b"") is None


def test_a_workspace_is_asked_for_by_its_id() -> None:
    call = get_workspace("123/45")
    assert (call.service, call.action, call.method) == (AI_WORKSPACE, "GetWorkspace", "GET")
    assert call.path == "/api/v1/workspaces/123%2F45"
    assert read(call, WorkspaceName="team") == "team"


def test_the_default_storage_is_a_workspaces_configuration() -> None:
    call = get_default_storage("12345")
    assert (call.service, call.action, call.path) == (AI_WORKSPACE, "ListConfigs", "/api/v1/workspaces/12345/configs")
    assert call.query == {"ConfigKeys": workspaces.DEFAULT_STORAGE_KEY}
    other, own = (
        {"ConfigKey": "tempStoragePath", "ConfigValue": "x"},
        {"ConfigKey": "modelExportPath", "ConfigValue": "y"},
    )
    assert read(call, Configs=[other, own], TotalCount=2) == "y"


@pytest.mark.parametrize(
    "configs",
    [
        [],
        [{"ConfigKey": "other", "ConfigValue": "x"}],
        [{"ConfigKey": "modelExportPath", "ConfigValue": ""}],
    ],
)
def test_a_workspace_may_have_no_default_storage(configs: list[Any]) -> None:
    assert read(get_default_storage("12345"), Configs=configs, TotalCount=len(configs)) is None


def test_machines_are_asked_for_by_name() -> None:
    call = list_ecs_specs(["ecs.c6.large", "ecs.g6.large"], page=2, page_size=10)
    assert (call.service, call.action, call.path) == (DLC, "ListEcsSpecs", "/api/v1/ecsspecs")
    assert call.query == {"PageNumber": "2", "PageSize": "10", "InstanceTypes": "ecs.c6.large,ecs.g6.large"}
    assert "InstanceTypes" not in machines.list_ecs_specs().query


def test_a_machine_is_read() -> None:
    item = {"InstanceType": "ecs.gn6v", "Cpu": 8, "Memory": 32, "Gpu": 1, "GpuType": "V100", "IsAvailable": False}
    page = read(list_ecs_specs(), EcsSpecs=[item, {"InstanceType": "ecs.c6.large"}], TotalCount=2)
    assert page.items == (
        EcsSpec("ecs.gn6v", 8, 32, 1, "V100", available=False),
        EcsSpec("ecs.c6.large", 0, 0, 0, "", available=True),
    )
