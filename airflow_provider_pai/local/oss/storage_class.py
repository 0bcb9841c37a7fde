"""Storage classes of objects and buckets, and restoring what is archived.

What is archived can't be read before it is restored, which takes as long as OSS says at most, by the server's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from enum import StrEnum

from airflow_provider_pai.local.oss.errors import OSSErrorResponse, invalid_argument, malformed_xml
from airflow_provider_pai.local.oss.index import StoredObject

STORAGE_CLASS_HEADER = "x-oss-storage-class"
_RESTORED = "x-oss-restore"
"""Under this name a restored object keeps from when until when it can be read, in seconds since the epoch."""
_HOUR = 3600
_DAY = 24 * _HOUR


class StorageClass(StrEnum):
    """How an object is kept."""

    STANDARD = "Standard"
    IA = "IA"
    ARCHIVE = "Archive"
    COLD_ARCHIVE = "ColdArchive"
    DEEP_COLD_ARCHIVE = "DeepColdArchive"


class Tier(StrEnum):
    """How soon an object of a cold archive is to be restored."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    BULK = "Bulk"


_MAX_DAYS: Mapping[StorageClass, int] = {
    StorageClass.ARCHIVE: 7,
    StorageClass.COLD_ARCHIVE: 365,
    StorageClass.DEEP_COLD_ARCHIVE: 365,
}


# OSS help, RestoreObject: how long it takes at most.
_ARCHIVE_SECONDS = 60
_SECONDS: Mapping[tuple[StorageClass, Tier], int] = {
    (StorageClass.COLD_ARCHIVE, Tier.EXPEDITED): _HOUR,
    (StorageClass.COLD_ARCHIVE, Tier.STANDARD): 5 * _HOUR,
    (StorageClass.COLD_ARCHIVE, Tier.BULK): 12 * _HOUR,
    (StorageClass.DEEP_COLD_ARCHIVE, Tier.EXPEDITED): 12 * _HOUR,
    (StorageClass.DEEP_COLD_ARCHIVE, Tier.STANDARD): 48 * _HOUR,
}


@dataclass(frozen=True)
class RestoreRequest:
    """What a request to restore an object asks for.

    Attributes:
        days: for how long it can be read.
        tier: how soon; empty when nothing is said.
    """

    days: int = 1
    tier: str = ""


def read_storage_class(value: str, name: str = STORAGE_CLASS_HEADER) -> StorageClass:
    """Return a storage class by its name.

    Raises:
        OSSErrorResponse: InvalidArgument.
    """
    if value not in list(StorageClass):
        raise invalid_argument(f"{name} must be one of {', '.join(StorageClass)}", name, value)
    return StorageClass(value)


def storage_class_of(stored: StoredObject) -> StorageClass:
    """Return an object's storage class."""
    return StorageClass(stored.headers.get(STORAGE_CLASS_HEADER, StorageClass.STANDARD))


def check_readable(stored: StoredObject, now: float) -> None:
    """Refuse to read an object that is archived and not restored.

    Raises:
        OSSErrorResponse: InvalidObjectState.
    """
    ready, until = _restored(stored)
    if storage_class_of(stored) in _MAX_DAYS and not ready <= now < until:
        message = "The operation is not valid for the object's state"
        raise OSSErrorResponse(403, "InvalidObjectState", message, details={"Key": stored.key})


def restore(stored: StoredObject, asked: RestoreRequest, now: float) -> tuple[StoredObject, bool]:
    """Return an object that is being restored, and whether it could be read before.

    Raises:
        OSSErrorResponse: OperationNotSupported: it is not archived; MalformedXML: a tier for the class Archive, which
            has none; InvalidArgument: no such tier, or more days than the class allows; RestoreAlreadyInProgress.
    """
    took = _restore_seconds(storage_class_of(stored), asked)
    ready, until = _restored(stored)
    if now < ready:
        raise OSSErrorResponse(409, "RestoreAlreadyInProgress", "The restore operation is in progress.")
    was_readable = now < until
    if not was_readable:
        ready = int(now) + took
    until = max(until, max(ready, int(now)) + asked.days * _DAY)
    return replace(stored, headers={**stored.headers, _RESTORED: f"{ready} {until}"}), was_readable


def _restore_seconds(kept: StorageClass, asked: RestoreRequest) -> int:
    """Check what is asked for, and return how long it takes."""
    if kept not in _MAX_DAYS:
        raise OSSErrorResponse(400, "OperationNotSupported", "The operation is not supported for this resource")
    if asked.tier and kept is StorageClass.ARCHIVE:
        raise malformed_xml()
    if not 1 <= asked.days <= _MAX_DAYS[kept]:
        raise invalid_argument(f"Days must be from 1 to {_MAX_DAYS[kept]}", "Days", str(asked.days))
    if kept is StorageClass.ARCHIVE:
        return _ARCHIVE_SECONDS
    tiers = {tier: seconds for (other, tier), seconds in _SECONDS.items() if other is kept}
    tier = asked.tier or Tier.STANDARD
    if tier not in tiers:
        raise invalid_argument(f"Tier must be one of {', '.join(tiers)}", "Tier", tier)
    return tiers[Tier(tier)]


def restore_header(stored: StoredObject, now: float) -> dict[str, str]:
    """Return what an answer says about an object that is, or was, restored."""
    ready, until = _restored(stored)
    if not until or storage_class_of(stored) not in _MAX_DAYS:
        return {}
    if now < ready:
        return {_RESTORED: 'ongoing-request="true"'}
    return {_RESTORED: f'ongoing-request="false", expiry-date="{formatdate(until, usegmt=True)}"'}


def without_restore(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what is kept about an object, for a copy of it: that is not restored."""
    return {name: value for name, value in headers.items() if name not in (_RESTORED, STORAGE_CLASS_HEADER)}


def _restored(stored: StoredObject) -> tuple[int, int]:
    ready, until = stored.headers.get(_RESTORED, "0 0").split()
    return int(ready), int(until)
