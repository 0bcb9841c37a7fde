"""Services as EAS's answers show them. Types are those of the SDK's models; absent members are left out.

What is shown between a request and the moment its reconciler notices it, and the words of ``Reason`` and ``Message``
where nothing was seen, are [inferred]; so are the constants of instances, which all run on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.local.eas.config import image_of, instance_count, instance_type, port_of
from airflow_provider_pai.local.eas.groups import Group
from airflow_provider_pai.local.eas.record import WARNING, Event, Seen, ServiceRecord, Version
from airflow_provider_pai.local.eas.service_runtime import Instance

Row = dict[str, Any]

CONTAINER = "worker0"
"""Name of an instance's only container."""
LOCAL_IP = "127.0.0.1"
_REASONS = {"Running": "RUNNING", "Stopped": "STOPPED"}
_PREDICT = "/api/predict"
_CAUSES = 3
_ADVICE = "See the events and the output of the service's instances."


@dataclass(frozen=True)
class Views:
    """Shows services.

    Attributes:
        region_id: the region.
        workspace_id: the workspace.
        owner: id of the account that everything belongs to.
        base_url: URL below which endpoints are, without a trailing slash.
        machine: returns vCPUs, GPUs and memory in MB of an instance type.
    """

    region_id: str
    workspace_id: str
    owner: str
    base_url: str
    machine: Mapping[str, tuple[int, int, int]]

    def service(self, service: ServiceRecord, *, alone: bool) -> Row:
        """Return a service; one of a list has no token [inferred]."""
        config, wanted, seen = service.config, service.wanted, service.seen
        metadata = config.get("metadata") or {}
        cpu, gpu, memory = self.machine.get(instance_type(config), (0, 0, 0))
        reason, message = explained(service)
        return {
            **self.short(service),
            "ServiceUid": service.uid,
            "Reason": reason,
            "Message": message,
            "AccessToken": service.token if alone else None,
            "CurrentVersion": seen.version or 1,
            "LatestVersion": service.versions[-1].number,
            "Image": image_of(config),
            "Cpu": int(metadata.get("cpu") or cpu),
            "Gpu": int(metadata.get("gpu") or gpu),
            "Memory": int(metadata.get("memory") or memory),
            "WorkspaceId": self.workspace_id,
            "Namespace": service.name,
            "ServiceGroup": service.group or None,
            "TrafficState": wanted.traffic,
            "Weight": wanted.weight,
            "Role": "Standard",
            "RunningInstance": seen.running,
            "PendingInstance": seen.pending,
            "TotalInstance": instance_count(config),
            "ServiceConfig": json.dumps(config, ensure_ascii=False),
            "Labels": [{"LabelKey": key, "LabelValue": value} for key, value in service.labels.items()],
            "Source": "OpenAPI",
            "CallerUid": self.owner,
            "ParentUid": self.owner,
            "CreateTime": service.created,
            "UpdateTime": service.updated,
        }

    def short(self, service: ServiceRecord) -> Row:
        """Return what the answer to a create tells."""
        endpoint = self.endpoint(service.name)
        return {
            "ServiceName": service.name,
            "ServiceId": service.service_id,
            "Status": status(service),
            "Region": self.region_id,
            "InternetEndpoint": endpoint,
            "IntranetEndpoint": endpoint,
        }

    def endpoint(self, name: str) -> str:
        """Return the address of a service or group."""
        return f"{self.base_url}{_PREDICT}/{name}"

    def endpoints(self, name: str, token: str) -> Row:
        """Return the answer to DescribeServiceEndpoints and DescribeGroupEndpoints."""
        address = self.endpoint(name)
        row = {
            "EndpointType": "DefaultGateway",
            "InternetEndpoints": [address],
            "IntranetEndpoints": [address],
            "Port": int(self.base_url.rpartition(":")[2]),
            "BackendId": "default",
            "PathType": "Prefix",
        }
        return {"AccessToken": token, "Endpoints": [row], "Message": "success"}

    def group(self, group: Group) -> Row:
        """Return a service group."""
        endpoint = self.endpoint(group.name)
        return {
            "Name": group.name,
            "ClusterId": self.region_id,
            "AccessToken": group.token,
            "InternetEndpoint": endpoint,
            "IntranetEndpoint": endpoint,
            "CreateTime": group.created,
            "TrafficMode": group.traffic_mode,
            "UpdateTime": group.updated or group.created,
        }


def status(service: ServiceRecord) -> str:
    """Return EAS's word for a service, which follows a request at once, before its reconciler has noticed it."""
    wanted, seen = service.wanted, service.seen
    if wanted.deleted:
        return seen.status if seen.status == "DeleteFailed" else "Deleting"
    if not wanted.running:
        return "Stopped" if seen.status == "Stopped" else "Stopping"
    if seen.status in ("Stopped", "Stopping"):
        return "Starting"
    is_over = seen.status in ("Running", "Failed") and seen.settled != wanted.generation
    return "Updating" if is_over else seen.status


def version(service: ServiceRecord, version: Version) -> Row:
    """Return a version."""
    return {
        "ServiceConfig": json.dumps(version.config, ensure_ascii=False),
        "BuildTime": version.built,
        "ImageAvailable": "true",
        "ServiceRunnable": "true",
        "ImageId": version.number,
        "Message": f"Version {version.number} of the service {service.name}",
    }


def instance(service: ServiceRecord, instance: Instance) -> Row:
    """Return an instance."""
    return {
        "InstanceName": instance.name,
        "InstanceType": instance_type(service.version(instance.version).config) or None,
        "Status": instance.status,
        "Reason": instance.reason,
        "ReadyProcesses": int(instance.ready),
        "TotalProcesses": 1,
        "RestartCount": instance.restarts,
        "StartTime": instance.started,
        "StartAt": instance.started,
        "InnerIP": LOCAL_IP,
        "HostIP": LOCAL_IP,
        "HostName": instance.name,
        "InstancePort": port_of(service.version(instance.version).config),
        "ResourceType": "PublicResource",
        "Role": "Standard",
        "Namespace": service.name,
        "IsSpot": False,
        "Isolated": False,
    }


def container(service: ServiceRecord, instance: Instance) -> Row:
    """Return the container of an instance; ``CurrentReaon`` is how EAS spells it."""
    return {
        "Name": CONTAINER,
        "Image": image_of(service.version(instance.version).config),
        "Port": port_of(service.version(instance.version).config),
        "Ready": instance.ready,
        "RestartCount": instance.restarts,
        "CurrentStatus": instance.status,
        "CurrentReaon": instance.reason,
        "CurrentTimestamp": instance.started,
    }


def event(event: Event) -> Row:
    """Return an event."""
    return {"Time": event.time, "Type": event.type, "Reason": event.reason, "Message": event.message}


def diagnosis(service: ServiceRecord) -> list[Row]:
    """Return what is wrong with a service: one row when it is not as it is wanted, else none [inferred]."""
    now, (reason, message) = status(service), explained(service)
    if now in ("Running", "Stopped", "Stopping", "Deleting"):
        return []
    warnings = [event for event in service.events if event.type == WARNING][-_CAUSES:]
    causes = list(dict.fromkeys(event.message for event in reversed(warnings)))
    if now != "Failed" and not causes:
        return []
    return [{"Error": f"{reason}: {message}", "Causes": causes, "Advices": [_ADVICE]}]


def explained(service: ServiceRecord) -> tuple[str, str]:
    """Return reason and message of the status; what was seen in another status explains nothing."""
    now = status(service)
    seen = service.seen if service.seen.status == now else Seen()
    return seen.reason or _REASONS.get(now, now), seen.message or f"Service is {now.lower()}"
