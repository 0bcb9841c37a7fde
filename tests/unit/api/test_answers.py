"""Every operation, sent every answer that says too little: it is "not known", and never "there is none"."""

from __future__ import annotations

import inspect
import json
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_pai import api
from airflow_provider_pai.api import experiments, images, machines, quotas, registry, services, training, workspaces
from airflow_provider_pai.api.call import Call, decode_answer
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import PAIError, ProtocolError

SINCE = datetime(2026, 1, 2, tzinfo=UTC)
JOB = {"TrainingJobId": "train1", "Status": "Running"}
SERVICE = {"ServiceName": "iris", "Status": "Running"}
DESCRIBED = {**SERVICE, "LatestVersion": 1, "ServiceConfig": "{}"}
MODEL = {"ModelId": "model-1", "ModelName": "churn"}
VERSION = {"VersionName": "0.1.0", "Uri": "oss://bucket/model/", "ApprovalStatus": "Approved"}
IMAGE = {"ImageUri": "registry/pai/pytorch:1", "Name": "pytorch"}
NO_ANSWERS = [
    b"",
    b"{}",
    b"[]",
    b'""',
    b"null",
    b"5",
    b"<html>please log in</html>",
    b'{"message": "hello"}',
    b'{"RequestId": "ID"}',
    b'{"Code": "200"}',
]


@dataclass(frozen=True)
class Operation:
    """A call, a complete answer, and those of its members that lead to no decision."""

    call: Call[Any]
    answer: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()

    @property
    def only_does(self) -> bool:
        """Whether it answers nothing but that it was carried out."""
        return not self.answer


def listed(member: str, *items: Any, **more: Any) -> dict[str, Any]:
    return {member: list(items), "TotalCount": len(items), **more}


OPERATIONS: dict[Callable[..., Any], Operation] = {
    training.create_training_job: Operation(training.create_training_job({}), {"TrainingJobId": "train1"}),
    training.get_training_job: Operation(training.get_training_job("j"), JOB),
    training.list_training_jobs: Operation(
        training.list_training_jobs("1", start_time=SINCE), listed("TrainingJobs", JOB)
    ),
    training.unread: Operation(
        training.unread(training.list_training_jobs("1", start_time=SINCE)), listed("TrainingJobs", JOB)
    ),
    training.stop_training_job: Operation(training.stop_training_job("j")),
    training.delete_training_job: Operation(training.delete_training_job("j")),
    training.update_training_job_labels: Operation(training.update_training_job_labels("j", {})),
    training.list_training_job_logs: Operation(
        training.list_training_job_logs("j"), listed("Logs", "a line"), optional=("TotalCount",)
    ),
    training.list_training_job_events: Operation(
        training.list_training_job_events("j"), listed("Events", "started"), optional=("TotalCount",)
    ),
    training.list_training_job_metrics: Operation(
        training.list_training_job_metrics("j"), listed("Metrics", {"Name": "loss", "Value": 1})
    ),
    training.get_training_job_error_info: Operation(
        training.get_training_job_error_info("j"), {"ErrorInfo": {"Code": "OOM", "Message": "no memory"}}
    ),
    workspaces.get_workspace: Operation(workspaces.get_workspace("1"), {"WorkspaceName": "team"}),
    workspaces.get_default_storage: Operation(
        workspaces.get_default_storage("1"),
        listed("Configs", {"ConfigKey": "modelExportPath", "ConfigValue": "oss://bucket/"}),
    ),
    experiments.get_experiment: Operation(
        experiments.get_experiment("e"), {"Name": "e", "ArtifactUri": "oss://bucket/e/"}
    ),
    machines.list_ecs_specs: Operation(machines.list_ecs_specs(), listed("EcsSpecs", {"InstanceType": "ecs.c6.large"})),
    images.list_images: Operation(images.list_images(), listed("Images", {"ImageUri": IMAGE["ImageUri"]})),
    images.get_image: Operation(images.get_image("i"), IMAGE, optional=("Name",)),
    services.create_service: Operation(services.create_service({}, "1")),
    services.describe_service: Operation(services.describe_service("r", "iris"), DESCRIBED),
    services.list_services: Operation(services.list_services(), listed("Services", SERVICE)),
    services.update_service: Operation(services.update_service("r", "iris", {})),
    services.update_service_version: Operation(services.update_service_version("r", "iris", 1)),
    services.release_service: Operation(services.release_service("r", "iris", 1, "grouping")),
    services.start_service: Operation(services.start_service("r", "iris")),
    services.stop_service: Operation(services.stop_service("r", "iris")),
    services.update_service_label: Operation(services.update_service_label("r", "iris", {})),
    services.delete_service: Operation(services.delete_service("r", "iris")),
    services.list_service_versions: Operation(
        services.list_service_versions("r", "iris"), {"Versions": [{"ServiceConfig": "{}"}]}
    ),
    services.describe_service_events: Operation(
        services.describe_service_events("r", "iris"), {"Events": [{"Reason": "BackOff"}]}, optional=("Events.Reason",)
    ),
    services.describe_service_log: Operation(services.describe_service_log("r", "iris"), {"Logs": ["a line"]}),
    services.describe_service_diagnosis: Operation(
        services.describe_service_diagnosis("r", "iris"), {"DiagnosisList": []}
    ),
    services.describe_group: Operation(
        services.describe_group("r", "g"), {"Name": "g", "AccessToken": "t"}, optional=("AccessToken",)
    ),
    services.describe_traffic_mode: Operation(
        services.describe_traffic_mode("r", "g"), {"Name": "g", "TrafficMode": "auto"}, optional=("Name",)
    ),
    services.update_group: Operation(services.update_group("r", "g", "auto")),
    services.describe_machine_spec: Operation(
        services.describe_machine_spec(), {"InstanceMetas": [{"InstanceType": "ecs.c6.large"}]}
    ),
    quotas.list_quota_workloads: Operation(
        quotas.list_quota_workloads("q"), listed("Workloads", {"WorkloadId": "train1"})
    ),
    registry.create_model: Operation(registry.create_model({}), {"ModelId": "model-1"}),
    registry.list_models: Operation(registry.list_models("1"), listed("Models", MODEL)),
    registry.get_model: Operation(registry.get_model("m"), MODEL),
    registry.delete_model: Operation(registry.delete_model("m")),
    registry.create_model_version: Operation(registry.create_model_version("m", {}), {"VersionName": "0.1.0"}),
    registry.list_model_versions: Operation(registry.list_model_versions("m"), listed("Versions", VERSION)),
    registry.get_model_version: Operation(registry.get_model_version("m", "0.1.0"), VERSION),
    registry.update_model_version: Operation(registry.update_model_version("m", "0.1.0", {})),
    registry.delete_model_version: Operation(registry.delete_model_version("m", "0.1.0")),
    registry.create_model_version_labels: Operation(registry.create_model_version_labels("m", "0.1.0", {})),
}
DECORATION = {"unread.TrainingJobs.TrainingJobId", "unread.TrainingJobs.Status", "ErrorInfo.Code", "ErrorInfo.Message"}
DECORATION |= {"Metrics.Name", "Metrics.Value"}
"""Members of members without which an answer leads to no decision: a job that can't be read is asked for alone."""
LISTS = {name: operation for name, operation in OPERATIONS.items() if "TotalCount" in operation.answer}


def each(operations: Iterable[Callable[..., Any]]) -> pytest.MarkDecorator:
    chosen = list(operations)
    return pytest.mark.parametrize(
        "operation", [OPERATIONS[made] for made in chosen], ids=[made.__name__ for made in chosen]
    )


def read(call: Call[Any], body: Mapping[str, Any]) -> Any:
    return decode_answer(call, 200, {}, json.dumps({"RequestId": "ID", **body}).encode())


def calls_of(module: ModuleType) -> Iterator[Callable[..., Any]]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        made = str(inspect.signature(function).return_annotation)
        if function.__module__ == module.__name__ and made.startswith("Call[") and not name.startswith("_"):
            yield function


def test_every_operation_is_here() -> None:
    modules = [import_module(f"{api.__name__}.{found.name}") for found in pkgutil.iter_modules(api.__path__)]
    helpers = {training._lines, services._put}
    assert {function for module in modules for function in calls_of(module)} - helpers == OPERATIONS.keys()


@each(OPERATIONS)
def test_a_complete_answer_is_read(operation: Operation) -> None:
    read(operation.call, operation.answer)


@pytest.mark.parametrize("content", NO_ANSWERS, ids=repr)
@each(OPERATIONS)
def test_what_says_nothing_is_not_known_and_worth_asking_again(operation: Operation, content: bytes) -> None:
    if operation.only_does and b"RequestId" in content:
        return
    with pytest.raises(ProtocolError, match=operation.call.action) as caught:
        decode_answer(operation.call, 200, {}, content)
    assert is_passing(caught.value)


def without(body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the body without each of its members, and without each member of its objects and items."""
    for name, value in body.items():
        yield name, {key: kept for key, kept in body.items() if key != name}
        yield name, {**body, name: None}
        inner = value[0] if isinstance(value, list) and value else value
        for member in inner if isinstance(inner, dict) else ():
            less = {key: kept for key, kept in inner.items() if key != member}
            yield f"{name}.{member}", {**body, name: [less] if isinstance(value, list) else less}


@pytest.mark.parametrize("made", OPERATIONS, ids=lambda made: made.__name__)
def test_without_any_of_its_members_an_answer_is_not_known(made: Callable[..., Any]) -> None:
    operation = OPERATIONS[made]
    for name, body in without(operation.answer):
        if {name, f"{made.__name__}.{name}"} & (DECORATION | set(operation.optional)):
            read(operation.call, body)
            continue
        with pytest.raises(ProtocolError):
            read(operation.call, body)


@each(LISTS)
def test_a_list_that_says_that_it_is_empty_is_empty(operation: Operation) -> None:
    member = next(iter(operation.answer))
    assert read(operation.call, {member: [], "TotalCount": 0}) == read(operation.call, {"TotalCount": 0})


@each(made for made in LISTS if "job" not in made.__name__ and made is not training.unread)
@pytest.mark.parametrize("items", [{}, "x", 5, [5], [None], [[]]], ids=repr)
def test_a_list_of_another_form_is_not_known(operation: Operation, items: Any) -> None:
    member = next(iter(operation.answer))
    with pytest.raises(ProtocolError, match=operation.call.action):
        read(operation.call, {member: items, "TotalCount": 1})


@pytest.mark.parametrize("total", ["x", "", -1, 1.5, True, [], {}], ids=repr)
@each(LISTS)
def test_a_count_that_is_none_is_not_known(operation: Operation, total: Any) -> None:
    with pytest.raises(ProtocolError, match="TotalCount"):
        read(operation.call, {**operation.answer, "TotalCount": total})


OF_LINES = (training.list_training_job_logs, training.list_training_job_events, training.unread)
"""A page of a log may be empty below its count, and what is missing on a poller's list is asked for alone."""


@each(made for made in LISTS if made not in OF_LINES)
def test_a_first_page_that_is_empty_below_its_count_is_not_known(operation: Operation) -> None:
    member = next(iter(operation.answer))
    with pytest.raises(ProtocolError, match=f"{member} is empty, and TotalCount 1"):
        read(operation.call, {member: [], "TotalCount": 1})


@each(made for made in LISTS if made not in OF_LINES)
def test_a_page_with_more_items_than_all_pages_is_not_known(operation: Operation) -> None:
    with pytest.raises(ProtocolError, match="TotalCount 0"):
        read(operation.call, {**operation.answer, "TotalCount": 0})


def of_another_type(body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the body with each of its texts, and each text of its objects and items, as something else."""
    for name, value in body.items():
        if isinstance(value, str):
            yield name, {**body, name: [value]}
        inner = value[0] if isinstance(value, list) and value else value
        for member, text in inner.items() if isinstance(inner, dict) else ():
            changed = {**inner, member: [text]}
            yield f"{name}.{member}", {**body, name: [changed] if isinstance(value, list) else changed}


@pytest.mark.parametrize("made", OPERATIONS, ids=lambda made: made.__name__)
def test_what_is_no_text_is_not_taken_for_one(made: Callable[..., Any]) -> None:
    operation = OPERATIONS[made]
    for name, body in of_another_type(operation.answer):
        if {name, f"{made.__name__}.{name}"} & (DECORATION | set(operation.optional)):
            read(operation.call, body)
            continue
        with pytest.raises(ProtocolError):
            read(operation.call, body)


@each(made for made, operation in OPERATIONS.items() if operation.only_does)
def test_the_gateways_header_or_status_says_that_it_was_done(operation: Operation) -> None:
    assert decode_answer(operation.call, 200, {"x-acs-request-id": "ID"}, b"") is None
    assert decode_answer(operation.call, 204, {}, b"") is None


def test_no_error_shows_anything_of_an_answer_that_may_be_secret() -> None:
    for operation in OPERATIONS.values():
        if not operation.call.secret:
            continue
        for content in (b'{"AccessToken": "hunter2"}', b'{"Name": {"AccessToken": "hunter2"}}', b"hunter2"):
            with pytest.raises(PAIError) as caught:
                decode_answer(operation.call, 200, {}, content)
            assert "hunter2" not in str(caught.value)
