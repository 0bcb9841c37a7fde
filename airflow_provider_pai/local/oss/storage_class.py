"""Storage classes of objects and buckets, and restoring what is archived.

What is archived can't be read before it is restored. Local OSS restores at once, where OSS takes minutes to hours.
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
"""Under this name a restored object keeps until when it can be read, in seconds since the epoch."""
_DAY = 24 * 3600


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
    if storage_class_of(stored) in _MAX_DAYS and now >= _restored_until(stored):
        raise OSSErrorResponse(
            403, "InvalidObjectState", "The operation is not valid for the object's state", details={"Key": stored.key}
        )


def restore(stored: StoredObject, asked: RestoreRequest, now: float) -> tuple[StoredObject, bool]:
    """Return a restored object, and whether it could be read before.

    Raises:
        OSSErrorResponse: OperationNotSupported: it is not archived; MalformedXML: a tier for the class Archive, which
            has none; InvalidArgument: no such tier, or more days than the class allows.
    """
    kept = storage_class_of(stored)
    if kept not in _MAX_DAYS:
        raise OSSErrorResponse(400, "OperationNotSupported", "The operation is not supported for this resource")
    if asked.tier and kept is StorageClass.ARCHIVE:
        raise malformed_xml()
    if asked.tier and asked.tier not in list(Tier):
        raise invalid_argument(f"Tier must be one of {', '.join(Tier)}", "Tier", asked.tier)
    if not 1 <= asked.days <= _MAX_DAYS[kept]:
        raise invalid_argument(f"Days must be from 1 to {_MAX_DAYS[kept]}", "Days", str(asked.days))
    until = max(int(now) + asked.days * _DAY, _restored_until(stored))
    return replace(stored, headers={**stored.headers, _RESTORED: str(until)}), now < _restored_until(stored)


def restore_header(stored: StoredObject) -> dict[str, str]:
    """Return what an answer says about an object that was restored."""
    until = _restored_until(stored)
    if not until or storage_class_of(stored) not in _MAX_DAYS:
        return {}
    return {_RESTORED: f'ongoing-request="false", expiry-date="{formatdate(until, usegmt=True)}"'}


def without_restore(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what is kept about an object, for a copy of it: that is not restored."""
    return {name: value for name, value in headers.items() if name not in (_RESTORED, STORAGE_CLASS_HEADER)}


def _restored_until(stored: StoredObject) -> int:
    return int(stored.headers.get(_RESTORED, "0"))
