"""How requests change a service: pure functions from a record to the record that takes its place.

Objects of a merged update are merged member by member, at any depth, lists are replaced; EAS documents the first level
only [inferred]. What else is assumed: a roll-back makes no version; a stopped service stays stopped when it is updated;
starting what runs and stopping what is stopped changes nothing; the labels of a configuration are the service's, from
the update that brings them until one that lacks them [inferred].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_pai.local.eas import errors
from airflow_provider_pai.local.eas.config import Config, group_of, name_of
from airflow_provider_pai.local.eas.record import GROUPING, STANDALONE, ServiceRecord, Version, Wanted

NO_TRAFFIC = -1
"""Weight of a service that leaves its group's traffic [inferred]."""


def created(
    config: Config, service_id: str, uid: str, token: str, now: str, labels: Mapping[str, str]
) -> ServiceRecord:
    """Return a service that is to be what a checked service JSON says.

    Args:
        config: the service JSON.
        service_id: its id.
        uid: id of the object behind it.
        token: what its callers show, unless its configuration says so.
        now: the time as on the wire.
        labels: labels of the request.
    """
    return ServiceRecord(
        name=name_of(config),
        service_id=service_id,
        uid=uid,
        token=config.get("token") or token,
        created=now,
        updated=now,
        versions=(Version(1, config, now),),
        wanted=Wanted(traffic=config.get("metadata", {}).get("traffic_state", STANDALONE)),
        labels={**labels, **_labels(config)},
    )


def merged(config: Any, part: Any) -> Any:
    """Return a service JSON with a part of one merged into it."""
    if not isinstance(config, Mapping) or not isinstance(part, Mapping):
        return part
    return {**config, **{name: merged(config.get(name), value) for name, value in part.items()}}


def updated(service: ServiceRecord, config: Config, now: str) -> ServiceRecord:
    """Return a service with a further version, which is to serve.

    Raises:
        ErrorResponse: 400 InvalidParameter, the configuration has another name or another group.
    """
    if name_of(config) != service.name:
        raise errors.invalid(f"name is invalid: this is the service {service.name}, and its name can't be changed.")
    if group_of(config) != service.group:
        raise errors.invalid("metadata.group is invalid: the group of a service can't be changed.")
    number = service.versions[-1].number + 1
    with_version = replace(service, versions=(*service.versions, Version(number, config, now)))
    return replace(_serving(with_version, number, now), token=config.get("token") or service.token)


def rolled_back(service: ServiceRecord, number: int, now: str) -> ServiceRecord:
    """Return a service that is to serve one of its other versions.

    Raises:
        ErrorResponse: 400 InvalidParameter, there is no such version, or it is the wanted one.
    """
    latest = service.versions[-1].number
    if not 0 < number <= latest:
        raise errors.invalid(f"Version is invalid: the service {service.name} has the versions 1 to {latest}.")
    if number == service.wanted.version:
        raise errors.invalid(f"Version is invalid: {number} is the current version of the service {service.name}.")
    return _serving(service, number, now)


def released(service: ServiceRecord, weight: int | None, traffic: str | None, now: str) -> ServiceRecord:
    """Return a service with another part in its group's traffic; None leaves what is.

    Raises:
        ErrorResponse: 400 InvalidParameter, it belongs to no group.
    """
    if traffic == GROUPING and not service.group:
        raise errors.invalid(f"TrafficState is invalid: the service {service.name} belongs to no group.")
    wanted = replace(
        service.wanted,
        weight=service.wanted.weight if weight is None else weight,
        traffic=service.wanted.traffic if traffic is None else traffic,
    )
    return replace(service, wanted=wanted, updated=now)


def started(service: ServiceRecord, now: str) -> ServiceRecord:
    """Return a service that is to run."""
    return service if service.wanted.running else _once_more(service, now)


def stopped(service: ServiceRecord, now: str) -> ServiceRecord:
    """Return a service that is not to run."""
    return replace(service, wanted=replace(service.wanted, running=False), updated=now)


def restarted(service: ServiceRecord, now: str) -> ServiceRecord:
    """Return a service that is to get new instances.

    Raises:
        ErrorResponse: 409, it is stopped.
    """
    if not service.wanted.running:
        raise errors.wrong_state(service.name, "is stopped; start it instead")
    return _once_more(service, now)


def deleted(service: ServiceRecord, now: str) -> ServiceRecord:
    """Return a service that is to go."""
    return replace(service, wanted=replace(service.wanted, deleted=True), updated=now)


def labelled(service: ServiceRecord, added: Mapping[str, str], removed: set[str], now: str) -> ServiceRecord:
    """Return a service with other labels."""
    labels = {key: value for key, value in {**service.labels, **added}.items() if key not in removed}
    return replace(service, labels=labels, updated=now)


def _once_more(service: ServiceRecord, now: str) -> ServiceRecord:
    return replace(
        service, wanted=replace(service.wanted, running=True, generation=service.wanted.generation + 1), updated=now
    )


def _serving(service: ServiceRecord, number: int, now: str) -> ServiceRecord:
    """Return a service that is to serve a version, with the labels of its configuration."""
    old, new = _labels(service.config), _labels(service.version(number).config)
    kept = {key: value for key, value in service.labels.items() if key not in old or old[key] != value}
    wanted = replace(service.wanted, version=number, generation=service.wanted.generation + 1)
    return replace(service, wanted=wanted, labels={**kept, **new}, updated=now)


def _labels(config: Config) -> Mapping[str, str]:
    return config.get("labels") or {}
