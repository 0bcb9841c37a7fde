"""Operations on services (EAS 2021-07-01): each function returns a :class:`Call`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow_provider_pai.api.answer import (
    IncompleteAnswerError,
    Page,
    acknowledged,
    as_object,
    read_list,
    read_page,
    required,
    required_text,
)
from airflow_provider_pai.api.call import Call, present, segment
from airflow_provider_pai.api.endpoints import EAS
from airflow_provider_pai.model.serving.request import VERSION_LABEL
from airflow_provider_pai.model.serving.status import ServiceSnapshot, read_config, snapshot

SERVICES = "/api/v2/services"
GROUPS = "/api/v2/groups"
PAGE_SIZE = 100


@dataclass(frozen=True)
class ServiceVersion:
    """One version of a service's configuration.

    Attributes:
        number: from 1, by the label of a version that this provider has made; 0 when the answer does not tell.
        config: the service JSON.
        built: when it was made.
    """

    number: int
    config: Mapping[str, Any] = field(repr=False)
    built: str


@dataclass(frozen=True)
class ServiceEvent:
    """Something that happened to a service.

    Attributes:
        time: when, as EAS writes it.
        type: ``Normal`` or ``Warning``.
        reason: one word, such as ``CrashLoopBackOff``.
        message: sentence for people.
    """

    time: str
    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class ServiceLogPage:
    """One page of the output of a service's instances.

    Attributes:
        lines: its lines.
        pages: number of pages.
    """

    lines: tuple[str, ...]
    pages: int


@dataclass(frozen=True)
class ServiceFinding:
    """One thing that EAS itself says is wrong with a service.

    Attributes:
        error: what is wrong.
        causes: what may have caused it.
        advices: what may be done about it.
    """

    error: str
    causes: tuple[str, ...] = ()
    advices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, a line each."""
        parts = [
            self.error,
            *(f"cause: {cause}" for cause in self.causes),
            *(f"advice: {each}" for each in self.advices),
        ]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True)
class Endpoints:
    """Where a service or a group is called, and what callers show.

    Attributes:
        internet: public address; empty for none.
        intranet: address inside a VPC; empty for none.
        token: what callers show.
    """

    internet: str
    intranet: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class ServiceMachine:
    """An instance type that services run on.

    Attributes:
        instance_type: its name, such as ``ecs.c6.large``.
        cpu: number of vCPUs.
        memory_gib: memory in GiB.
        gpu: number of GPUs.
        available: whether EAS has it to offer now.
    """

    instance_type: str
    cpu: int
    memory_gib: float
    gpu: int
    available: bool


def create_service(config: Mapping[str, Any], workspace_id: str) -> Call[None]:
    """CreateService. Not idempotent: there is no client token, but a name can be taken only once."""
    return Call(
        EAS, "CreateService", "POST", SERVICES, acknowledged, {"WorkspaceId": workspace_id}, config, idempotent=False
    )


def describe_service(region_id: str, name: str) -> Call[ServiceSnapshot]:
    """DescribeService."""
    return Call(EAS, "DescribeService", "GET", _path(region_id, name), _described, secret=True)


def list_services(
    *, name_contains: str | None = None, group: str | None = None, workspace_id: str | None = None, page: int = 1
) -> Call[Page[ServiceSnapshot]]:
    """ListServices, the newest first.

    Args:
        name_contains: only services with this in their names.
        group: only services of this group.
        workspace_id: only services of this workspace.
        page: number of the page, from 1.
    """
    query = {
        "Filter": name_contains,
        "GroupName": group,
        "WorkspaceId": workspace_id,
        "PageNumber": str(page),
        "PageSize": str(PAGE_SIZE),
    }
    read = partial(read_page, member="Services", item=_service, before=(page - 1) * PAGE_SIZE)
    return Call(EAS, "ListServices", "GET", SERVICES, read, present(query), secret=True)


def update_service(region_id: str, name: str, config: Mapping[str, Any]) -> Call[None]:
    """UpdateService with a complete configuration. Not idempotent: each makes a version."""
    return Call(
        *(EAS, "UpdateService", "PUT", _path(region_id, name), acknowledged),
        query={"UpdateType": "replace"},
        body=config,
        idempotent=False,
    )


def update_service_version(region_id: str, name: str, version: int) -> Call[None]:
    """UpdateServiceVersion: bring an older version up again."""
    return _put(region_id, name, "UpdateServiceVersion", "version", {"Version": version})


def release_service(region_id: str, name: str, weight: int, traffic_state: str) -> Call[None]:
    """ReleaseService: change a service's share of its group's traffic.

    Args:
        region_id: the region.
        name: the service.
        weight: from 0 to 1000; 0 is no traffic.
        traffic_state: ``grouping`` or ``standalone``.
    """
    return _put(region_id, name, "ReleaseService", "release", {"Weight": weight, "TrafficState": traffic_state})


def start_service(region_id: str, name: str) -> Call[None]:
    """StartService."""
    return _put(region_id, name, "StartService", "start")


def stop_service(region_id: str, name: str) -> Call[None]:
    """StopService."""
    return _put(region_id, name, "StopService", "stop")


def update_service_label(region_id: str, name: str, labels: Mapping[str, str]) -> Call[None]:
    """UpdateServiceLabel: add labels to a service, or change their values; its versions stay as they are [inferred]."""
    return _put(region_id, name, "UpdateServiceLabel", "label", {"Labels": dict(labels)})


def delete_service(region_id: str, name: str) -> Call[None]:
    """DeleteService."""
    return Call(EAS, "DeleteService", "DELETE", _path(region_id, name), acknowledged)


def list_service_versions(region_id: str, name: str) -> Call[list[ServiceVersion]]:
    """ListServiceVersions."""
    return Call(EAS, "ListServiceVersions", "GET", f"{_path(region_id, name)}/versions", _versions, secret=True)


def describe_service_events(
    region_id: str, name: str, *, event_type: str | None = None, since: str | None = None, page: int = 1
) -> Call[list[ServiceEvent]]:
    """DescribeServiceEvent.

    Args:
        region_id: the region.
        name: the service.
        event_type: ``Normal`` or ``Warning``; both when None.
        since: only events since then, as EAS writes times; the last 7 days when None.
        page: number of the page, from 1.
    """
    query = {
        "EventType": event_type,
        "StartTime": since,
        "PageNum": str(page),
        "PageSize": str(PAGE_SIZE),
    }
    return Call(EAS, "DescribeServiceEvent", "GET", f"{_path(region_id, name)}/events", _events, present(query))


def describe_service_diagnosis(region_id: str, name: str) -> Call[list[ServiceFinding]]:
    """DescribeServiceDiagnosis."""
    return Call(EAS, "DescribeServiceDiagnosis", "GET", f"{_path(region_id, name)}/diagnosis", _diagnosis)


def describe_service_log(region_id: str, name: str, *, page: int = 1, page_size: int = 500) -> Call[ServiceLogPage]:
    """DescribeServiceLog: lines of the service's instances, the oldest first [inferred]."""
    query = {"PageNum": str(page), "PageSize": str(page_size)}
    return Call(EAS, "DescribeServiceLog", "GET", f"{_path(region_id, name)}/logs", _log_page, query)


def describe_group(region_id: str, group: str) -> Call[Endpoints]:
    """DescribeGroup: where a group of services is called."""
    path = f"{GROUPS}/{segment(region_id)}/{segment(group)}"
    return Call(EAS, "DescribeGroup", "GET", path, _endpoints, secret=True)


def describe_traffic_mode(region_id: str, group: str) -> Call[str]:
    """DescribeGroup: how a group shares its traffic."""
    call = describe_group(region_id, group)
    return Call(EAS, call.action, call.method, call.path, lambda body: required_text(body, "TrafficMode"))


def update_group(region_id: str, group: str, traffic_mode: str) -> Call[None]:
    """UpdateGroup: change how a group shares its traffic.

    Args:
        region_id: the region.
        group: the group.
        traffic_mode: ``auto`` by numbers of instances, ``customized`` by the services' weights.
    """
    path = f"{GROUPS}/{segment(region_id)}/{segment(group)}"
    return Call(EAS, "UpdateGroup", "PUT", path, acknowledged, body={"TrafficMode": traffic_mode})


def describe_machine_spec() -> Call[list[ServiceMachine]]:
    """DescribeMachineSpec: all instance types of public resources; the operation's filter is deprecated."""
    return Call(EAS, "DescribeMachineSpec", "GET", "/api/v2/public/instance_types", _machines)


def _path(region_id: str, name: str) -> str:
    return f"{SERVICES}/{segment(region_id)}/{segment(name)}"


def _put(region_id: str, name: str, action: str, last: str, body: Mapping[str, Any] | None = None) -> Call[None]:
    return Call(EAS, action, "PUT", f"{_path(region_id, name)}/{last}", acknowledged, body=body)


def _described(body: Mapping[str, Any]) -> ServiceSnapshot:
    """Read one service as it is: without its versions, or with neither labels nor configuration, it is not known."""
    required(body, "LatestVersion")
    if body.get("Labels") is None or body.get("ServiceConfig") is not None:
        _config(body)
    return _service(body)


def _service(value: object) -> ServiceSnapshot:
    item = as_object(value, "a service")
    for name in ("ServiceName", "Status"):
        required_text(item, name)
    return snapshot(item)


def _config(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration that an answer must have; one that can't be read does not say that there is no model."""
    text = required(body, "ServiceConfig")
    config = read_config(text)
    if not config and text != {} and str(text).strip() not in ("", "{}"):
        raise IncompleteAnswerError("its ServiceConfig can't be read")
    return config


def _versions(body: Mapping[str, Any]) -> list[ServiceVersion]:
    return read_list(body, "Versions", _version)


def _version(value: object) -> ServiceVersion:
    item = as_object(value, "a version")
    config = _config(item)
    number = str((config.get("labels") or {}).get(VERSION_LABEL, "0"))
    return ServiceVersion(int(number) if number.isdecimal() else 0, config, str(item.get("BuildTime") or ""))


def _events(body: Mapping[str, Any]) -> list[ServiceEvent]:
    return read_list(body, "Events", _event)


def _event(value: object) -> ServiceEvent:
    item = as_object(value, "an event")
    return ServiceEvent(*(str(item.get(name) or "") for name in ("Time", "Type", "Reason", "Message")))


def _log_page(body: Mapping[str, Any]) -> ServiceLogPage:
    return ServiceLogPage(tuple(read_list(body, "Logs", str)), int(body.get("TotalPageNum") or 1))


def _diagnosis(body: Mapping[str, Any]) -> list[ServiceFinding]:
    return read_list(body, "DiagnosisList", _finding)


def _finding(value: object) -> ServiceFinding:
    item = as_object(value, "a finding")
    causes, advices = (tuple(map(str, item.get(name) or ())) for name in ("Causes", "Advices"))
    return ServiceFinding(str(item.get("Error") or ""), causes, advices)


def _endpoints(body: Mapping[str, Any]) -> Endpoints:
    # A group may have no public address; without a name the answer is not a group's.
    required_text(body, "Name")
    return Endpoints(*(str(body.get(name) or "") for name in ("InternetEndpoint", "IntranetEndpoint", "AccessToken")))


def _machines(body: Mapping[str, Any]) -> list[ServiceMachine]:
    return read_list(body, "InstanceMetas", _machine)


def _machine(value: object) -> ServiceMachine:
    item = as_object(value, "an instance type")
    return ServiceMachine(
        instance_type=required_text(item, "InstanceType"),
        cpu=int(item.get("CPU") or 0),
        memory_gib=float(item.get("Memory") or 0),
        gpu=int(item.get("GPUAmount") or 0),
        available=bool(item.get("IsAvailable", True)),
    )
