"""How a service is doing: one table of statuses, and what is known of a service at one moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from airflow_provider_pai.model.serving.request import (
    DIGEST_LABEL,
    MODEL_PROPERTIES,
    NO_VERSION,
    OWNER_LABEL,
    PASSED_LABEL,
    PREVIOUS_LABEL,
    RESERVED_LABELS,
    VERSION_LABEL,
    digest,
)

STANDALONE, GROUPING = "standalone", "grouping"


class ServiceStatus(StrEnum):
    """Statuses of a service, as EAS documents them for ListServices, and ``Deleted`` for one that is gone."""

    CREATING = "Creating"
    WAITING = "Waiting"
    PENDING = "Pending"
    RUNNING = "Running"
    UPDATING = "Updating"
    HOT_UPDATE = "HotUpdate"
    SCALING = "Scaling"
    STARTING = "Starting"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    CLONING = "Cloning"
    COMMITTING = "Committing"
    DEVELOPING = "Developing"
    COMPLETE = "Complete"
    FAILED = "Failed"
    DELETING = "Deleting"
    DELETED = "Deleted"
    DELETE_FAILED = "DeleteFailed"


FAILED_STATUSES = frozenset((ServiceStatus.FAILED, ServiceStatus.DELETE_FAILED))
SETTLED_STATUSES = FAILED_STATUSES | {
    ServiceStatus.RUNNING,
    ServiceStatus.STOPPED,
    ServiceStatus.COMPLETE,
    ServiceStatus.DELETED,
}
"""Statuses that don't end by themselves; an unknown one may."""


@dataclass(frozen=True)
class ServiceSnapshot:
    """What is known of a service at one moment.

    Two are equal when what may be shown of them is: the token and the configuration, which may hold secrets, are left
    out of comparisons, of the repr and of :meth:`to_json`.

    Attributes:
        name: its name.
        status: its status. A text, not a :class:`ServiceStatus`: EAS may add values.
        service_id: EAS's id of it; empty when the answer does not tell.
        reason: why it is in this status, short.
        message: the same in words.
        current_version: the version of the instances that answer; 0 when none has yet.
        latest_version: the newest version; 0 when the answer does not tell.
        endpoint: public address; empty when the answer does not tell.
        intranet_endpoint: address inside a VPC; empty when the answer does not tell.
        group: its service group; empty for none.
        traffic_state: ``grouping`` when the group's endpoint leads to it, else ``standalone``; empty when the answer
            does not tell, as one that names no weight of a service whose weight counts.
        weight: its share of the group's traffic.
        running_instances: number of instances that answer.
        total_instances: number of instances it should have.
        labels: its labels, those of its configuration among them.
        model_uri: where its model is; empty when it has none.
        token: what callers show.
        config: the service JSON of the version that is wanted [inferred: of which version it is, is not documented].
    """

    name: str
    status: str
    service_id: str = ""
    reason: str = ""
    message: str = ""
    current_version: int = NO_VERSION
    latest_version: int = NO_VERSION
    endpoint: str = ""
    intranet_endpoint: str = ""
    group: str = ""
    traffic_state: str = STANDALONE
    weight: int = 0
    running_instances: int = 0
    total_instances: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    model_uri: str = ""
    token: str = field(default="", repr=False, compare=False)
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_settled(self) -> bool:
        """Whether its status stays until the service is changed."""
        return self.status in SETTLED_STATUSES

    @property
    def answers(self) -> bool:
        """Whether a version answers requests: EAS may name a current version of which no instance runs."""
        return bool(self.current_version) and (self.running_instances > 0 or self.status == ServiceStatus.RUNNING)

    @property
    def why(self) -> str:
        """The reason as one phrase; empty when there is none."""
        return ": ".join(part for part in (self.reason, self.message) if part)

    @property
    def digest(self) -> str:
        """Which configuration is wanted of it; empty when it isn't this provider's."""
        return self.labels.get(DIGEST_LABEL, "")

    @property
    def owner(self) -> str:
        """Which task instance has asked for it; empty when none has."""
        return self.labels.get(OWNER_LABEL, "")

    @property
    def version(self) -> int:
        """The version that is wanted, by its label, else the newest."""
        return _number(self.labels.get(VERSION_LABEL)) or self.latest_version

    @property
    def previous(self) -> int | None:
        """The version that answered before the wanted one; 0 when there was none, None when that was not noted."""
        return _number(self.labels.get(PREVIOUS_LABEL))

    @property
    def passed(self) -> int | None:
        """The last version that has passed its test; None when that was not noted."""
        return _number(self.labels.get(PASSED_LABEL))

    @property
    def share(self) -> int:
        """Its weight in its group's traffic; 0 when it gets none."""
        return max(0, self.weight) if self.traffic_state == GROUPING else 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for a trigger's event; without anything secret."""
        shown = {item.name: getattr(self, item.name) for item in fields(self) if item.compare}
        return {**shown, "status": str(self.status), "labels": dict(self.labels)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ServiceSnapshot:
        """Read what :meth:`to_json` wrote; members of a newer version are ignored."""
        return cls(**{item.name: value[item.name] for item in fields(cls) if item.name in value})


def snapshot(body: Mapping[str, Any]) -> ServiceSnapshot:
    """Read a service of DescribeService or ListServices."""
    config = read_config(body.get("ServiceConfig"))
    pairs = {item.get("LabelKey"): item.get("LabelValue") for item in body.get("Labels") or ()}
    labels = {str(key): str(text) for key, text in {**pairs, **(config.get("labels") or {})}.items() if key}
    if _is_edited(config, labels, int(body.get("LatestVersion") or NO_VERSION)):
        labels = {key: text for key, text in labels.items() if key not in RESERVED_LABELS}
    group = str(body.get("ServiceGroup") or (config.get("metadata") or {}).get("group") or "")
    return ServiceSnapshot(
        name=body["ServiceName"],
        status=str(body["Status"]),
        service_id=str(body.get("ServiceId") or ""),
        reason=str(body.get("Reason") or ""),
        message=str(body.get("Message") or ""),
        current_version=int(body.get("CurrentVersion") or NO_VERSION),
        latest_version=int(body.get("LatestVersion") or NO_VERSION),
        endpoint=str(body.get("InternetEndpoint") or ""),
        intranet_endpoint=str(body.get("IntranetEndpoint") or ""),
        group=group,
        traffic_state=_traffic_state(body, group),
        weight=int(body.get("Weight") or 0),
        running_instances=int(body.get("RunningInstance") or 0),
        total_instances=int(body.get("TotalInstance") or 0),
        labels=labels,
        model_uri=model_uri(config),
        token=str(body.get("AccessToken") or ""),
        config=config,
    )


def _traffic_state(body: Mapping[str, Any], group: str) -> str:
    """Return whether a group's endpoint leads to a service; a missing weight is not "no traffic"."""
    state = str(body.get("TrafficState") or ("" if group else STANDALONE))
    return "" if state == GROUPING and body.get("Weight") is None else state


def _is_edited(config: Mapping[str, Any], labels: Mapping[str, str], latest: int) -> bool:
    """Tell whether a version of this provider's was modified outside of it; an update may keep its labels.

    As long as the version is the newest that its label knows of, it was not: EAS may write a configuration otherwise
    than it was sent, so that its digest alone would tell nothing [inferred].
    """
    noted = _number(labels.get(VERSION_LABEL))
    if not config or DIGEST_LABEL not in labels or noted is None or noted >= latest:
        return False
    return digest(config) != labels[DIGEST_LABEL]


def read_config(text: Any) -> Mapping[str, Any]:
    """Read a service JSON, which EAS sends as a text; empty for anything else."""
    if isinstance(text, Mapping):
        return text
    try:
        read = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def model_uri(config: Mapping[str, Any]) -> str:
    """Return where the model of a service JSON is; empty when it names none."""
    mounts = [item for item in config.get("storage") or () if isinstance(item, Mapping)]
    for mount in mounts:
        if (mount.get("properties") or {}).get("resource_type") == MODEL_PROPERTIES["resource_type"]:
            return str((mount.get("oss") or {}).get("path") or "")
    return str(config.get("model_path") or "")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
