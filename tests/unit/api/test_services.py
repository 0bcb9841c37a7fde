from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pai.api import services
from airflow_provider_pai.api.call import Call, decode_answer
from airflow_provider_pai.api.endpoints import EAS
from airflow_provider_pai.api.services import ServiceLogPage, ServiceMachine
from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.serving.request import digest, labelled

ONE = "/api/v2/services/cn-hangzhou/iris"
CONFIG = {
    "name": "iris",
    "metadata": {"group": "flowers", "instance": 2},
    "storage": [
        {"mount_path": "/ml/usercode/", "oss": {"path": "oss://bucket/code/"}},
        {"mount_path": "/m/", "oss": {"path": "oss://bucket/m/"}, "properties": {"resource_type": "model"}},
    ],
    "labels": {"airflow.config": "abc", "airflow.version": "3", "airflow.previous": "2", "airflow.owner": "me"},
}
SERVICE = {
    "ServiceName": "iris",
    "ServiceId": "eas-m-1",
    "Status": "Running",
    "Reason": "RUNNING",
    "Message": "Service start successfully",
    "AccessToken": "s3cr3t-token",
    "InternetEndpoint": "http://1.cn-hangzhou.pai-eas.aliyuncs.com/api/predict/iris",
    "IntranetEndpoint": "http://1.vpc.cn-hangzhou.pai-eas.aliyuncs.com/api/predict/iris",
    "CurrentVersion": 2,
    "LatestVersion": 3,
    "RunningInstance": 1,
    "TotalInstance": 2,
    "ServiceGroup": "flowers",
    "TrafficState": "grouping",
    "Weight": 40,
    "ServiceConfig": json.dumps(CONFIG),
    "Labels": [{"LabelKey": "team", "LabelValue": "ml"}],
}


def read(call: Call[Any], **members: Any) -> Any:
    return decode_answer(call, 200, {}, json.dumps({**members, "RequestId": "ID"}).encode())


@pytest.mark.parametrize(
    ("call", "action", "method", "path", "query", "body"),
    [
        (
            services.create_service({"name": "iris"}, "7"),
            *("CreateService", "POST", "/api/v2/services", {"WorkspaceId": "7"}, {"name": "iris"}),
        ),
        (services.describe_service("cn-hangzhou", "iris"), "DescribeService", "GET", ONE, {}, None),
        (
            services.update_service("cn-hangzhou", "iris", {"name": "iris"}),
            *("UpdateService", "PUT", ONE, {"UpdateType": "replace"}, {"name": "iris"}),
        ),
        (
            services.update_service_version("cn-hangzhou", "iris", 2),
            *("UpdateServiceVersion", "PUT", f"{ONE}/version", {}, {"Version": 2}),
        ),
        (
            services.release_service("cn-hangzhou", "iris", 40, "grouping"),
            *("ReleaseService", "PUT", f"{ONE}/release", {}, {"Weight": 40, "TrafficState": "grouping"}),
        ),
        (
            services.update_service_label("cn-hangzhou", "iris", {"team": "ml"}),
            *("UpdateServiceLabel", "PUT", f"{ONE}/label", {}, {"Labels": {"team": "ml"}}),
        ),
        (services.start_service("cn-hangzhou", "iris"), "StartService", "PUT", f"{ONE}/start", {}, None),
        (services.stop_service("cn-hangzhou", "iris"), "StopService", "PUT", f"{ONE}/stop", {}, None),
        (services.delete_service("cn-hangzhou", "iris"), "DeleteService", "DELETE", ONE, {}, None),
        (
            services.list_services(name_contains="iris", group="flowers", workspace_id="7", page=2),
            *("ListServices", "GET", "/api/v2/services"),
            {"Filter": "iris", "GroupName": "flowers", "WorkspaceId": "7", "PageNumber": "2", "PageSize": "100"},
            None,
        ),
        (
            services.list_service_versions("cn-hangzhou", "iris"),
            *("ListServiceVersions", "GET", f"{ONE}/versions", {}, None),
        ),
        (
            services.describe_service_events("cn-hangzhou", "iris", event_type="Warning"),
            *("DescribeServiceEvent", "GET", f"{ONE}/events"),
            {"EventType": "Warning", "PageNum": "1", "PageSize": "100"},
            None,
        ),
        (
            services.describe_service_log("cn-hangzhou", "iris"),
            *("DescribeServiceLog", "GET", f"{ONE}/logs", {"PageNum": "1", "PageSize": "500"}, None),
        ),
        (
            services.describe_group("cn-hangzhou", "flowers"),
            *("DescribeGroup", "GET", "/api/v2/groups/cn-hangzhou/flowers", {}, None),
        ),
        (
            services.update_group("cn-hangzhou", "flowers", "customized"),
            *("UpdateGroup", "PUT", "/api/v2/groups/cn-hangzhou/flowers", {}, {"TrafficMode": "customized"}),
        ),
        (
            services.describe_machine_spec(),
            *("DescribeMachineSpec", "GET", "/api/v2/public/instance_types", {}, None),
        ),
    ],
    ids=lambda value: value.action if isinstance(value, Call) else "",
)
def test_each_operation_asks_as_eas_documents_it(
    call: Call[Any], action: str, method: str, path: str, query: dict[str, str], body: Any
) -> None:
    assert (call.service, call.action, call.method, call.path) == (EAS, action, method, path)
    assert (dict(call.query), call.body) == (query, body)


def test_only_what_makes_something_each_time_is_never_sent_twice_by_itself() -> None:
    assert not services.create_service({}, "7").idempotent
    assert not services.update_service("r", "iris", {}).idempotent
    assert services.update_service_version("r", "iris", 1).idempotent
    assert services.release_service("r", "iris", 1, "grouping").idempotent


def test_a_service_is_read_with_the_labels_of_its_configuration() -> None:
    seen = read(services.describe_service("r", "iris"), **SERVICE)
    assert (seen.name, seen.status, seen.current_version, seen.latest_version) == ("iris", "Running", 2, 3)
    assert (seen.group, seen.traffic_state, seen.weight, seen.share) == ("flowers", "grouping", 40, 40)
    assert (seen.running_instances, seen.total_instances) == (1, 2)
    assert seen.labels["team"] == "ml"
    assert (seen.digest, seen.version, seen.previous, seen.owner) == ("abc", 3, 2, "me")
    assert seen.model_uri == "oss://bucket/m/"
    assert seen.why == "RUNNING: Service start successfully"


def test_labels_are_ignored_once_a_version_was_made_outside() -> None:
    body = {"name": "iris", "containers": [{"image": "a:1"}]}
    made = labelled(body, version=2, previous=1, owner="me")
    service = {**SERVICE, "LatestVersion": 2, "ServiceConfig": json.dumps(made)}
    assert read(services.describe_service("r", "iris"), **service).digest == digest(body)
    edited = {**made, "containers": [{"image": "b:1"}]}
    seen = read(
        services.describe_service("r", "iris"), **{**service, "LatestVersion": 3, "ServiceConfig": json.dumps(edited)}
    )
    assert (seen.digest, seen.owner, seen.previous, seen.version) == ("", "", None, 3)
    # Gone back to, or asked for by two copies of a task at once: older than the newest, and as it was made.
    assert read(services.describe_service("r", "iris"), **{**service, "LatestVersion": 3}).digest == digest(body)


def test_a_service_without_our_labels_is_read() -> None:
    seen = read(services.describe_service("r", "x"), ServiceName="x", Status="SomethingNew", LatestVersion=0, Labels=[])
    assert (seen.digest, seen.owner, seen.previous, seen.version, seen.model_uri) == ("", "", None, 0, "")
    assert not seen.is_settled


def test_neither_token_nor_configuration_is_shown() -> None:
    seen = read(services.describe_service("r", "iris"), **SERVICE)
    assert seen.token == "s3cr3t-token"
    for shown in (repr(seen), json.dumps(seen.to_json())):
        assert "s3cr3t-token" not in shown
        assert "metadata" not in shown


SECRET_READS = [
    (services.describe_service("r", "iris"), {"AccessToken": "s3cr3t", "ServiceName": "iris"}),
    (services.list_services(), {"Services": ["s3cr3t"]}),
    (services.list_service_versions("r", "iris"), {"Versions": "s3cr3t"}),
    (services.describe_group("r", "flowers"), {"AccessToken": "s3cr3t"}),
]


@pytest.mark.parametrize(("call", "body"), SECRET_READS, ids=lambda value: getattr(value, "action", ""))
def test_an_answer_that_can_not_be_read_shows_no_token(call: Call[Any], body: dict[str, Any]) -> None:
    unreadable = json.dumps(body).encode()
    contents = [(200, unreadable[:-1]), (200, b'["s3cr3t"]'), (302, unreadable)]
    if call.action != "DescribeGroup":
        contents.append((200, unreadable))
    for status, content in contents:
        with pytest.raises(ProtocolError) as failure:
            decode_answer(call, status, {}, content)
        assert "s3cr3t" not in repr(failure.value)


def test_a_list_without_services_is_one_only_when_it_says_so() -> None:
    assert read(services.list_services(), Services=[], TotalCount=0).items == ()
    assert [seen.name for seen in read(services.list_services(), Services=[SERVICE], TotalCount=1).items] == ["iris"]
    with pytest.raises(ProtocolError, match="ListServices: the answer is incomplete: it has no TotalCount"):
        read(services.list_services())


PROMISES: list[tuple[Call[Any], dict[str, Any]]] = [
    (services.describe_service("r", "x"), {"ServiceName": "x", "Status": "Running", "LatestVersion": 1, "Labels": []}),
    (services.list_services(), {"Services": [SERVICE], "TotalCount": 1}),
    (services.list_service_versions("r", "x"), {"Versions": []}),
    (services.describe_service_events("r", "x"), {"Events": []}),
    (services.describe_service_log("r", "x"), {"Logs": []}),
    (services.describe_service_diagnosis("r", "x"), {"DiagnosisList": []}),
    (services.describe_group("r", "g"), {"Name": "g"}),
    (services.describe_traffic_mode("r", "g"), {"TrafficMode": "auto"}),
    (services.describe_machine_spec(), {"InstanceMetas": []}),
]


@pytest.mark.parametrize(
    ("call", "body", "missing"),
    [(call, body, name) for call, body in PROMISES for name in body],
    ids=[f"{number} {call.action} {name}" for number, (call, body) in enumerate(PROMISES) for name in body],
)
def test_an_answer_that_lacks_what_it_promises_is_not_read_as_none(
    call: Call[Any], body: dict[str, Any], missing: str
) -> None:
    read(call, **body)
    for left in ({name: value for name, value in body.items() if name != missing}, {}):
        with pytest.raises(ProtocolError):
            read(call, **left)


def test_a_diagnosis_is_read_as_lines() -> None:
    call = services.describe_service_diagnosis("r", "x")
    assert (call.method, call.path) == ("GET", "/api/v2/services/r/x/diagnosis")
    row = {"Error": "it crashes", "Causes": ["no memory"], "Advices": ["give it more"]}
    [finding] = read(call, DiagnosisList=[row])
    assert finding.text == "it crashes\ncause: no memory\nadvice: give it more"
    assert read(call, DiagnosisList=[]) == []


def test_versions_have_their_numbers_from_their_labels() -> None:
    versions = [{"ServiceConfig": json.dumps(CONFIG), "BuildTime": "2026-01-01T00:00:00Z"}, {"ServiceConfig": "{}"}]
    read_versions = read(services.list_service_versions("r", "iris"), Versions=versions)
    assert [version.number for version in read_versions] == [3, 0]
    assert read_versions[0].config == CONFIG


def test_events_logs_groups_and_machines_are_read() -> None:
    event = {"Time": "2026-01-01T00:00:00Z", "Type": "Warning", "Reason": "BackOff", "Message": "again"}
    assert [e.reason for e in read(services.describe_service_events("r", "iris"), Events=[event])] == ["BackOff"]
    assert read(services.describe_service_log("r", "iris"), Logs=["a", "b"]) == ServiceLogPage(("a", "b"), 1)
    group = read(services.describe_group("r", "g"), Name="g", AccessToken="t0k3n", InternetEndpoint="http://x/g")
    assert (group.internet, group.intranet, group.token) == ("http://x/g", "", "t0k3n")
    assert "t0k3n" not in repr(group)
    mode = services.describe_traffic_mode("r", "g")
    assert (mode.method, mode.path) == ("GET", "/api/v2/groups/r/g")
    assert read(mode, Name="g", TrafficMode="auto") == "auto"
    machine = {"InstanceType": "ecs.c6.large", "CPU": 2, "Memory": 4.0, "IsAvailable": True}
    assert read(services.describe_machine_spec(), InstanceMetas=[machine]) == [
        ServiceMachine("ecs.c6.large", 2, 4.0, 0, available=True)
    ]
