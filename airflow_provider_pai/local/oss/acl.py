"""Access control lists of buckets and objects: the few fixed ones that OSS has."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from airflow_provider_pai.local.oss.errors import OSSErrorResponse, invalid_argument

BUCKET_ACL_HEADER = "x-oss-acl"
OBJECT_ACL_HEADER = "x-oss-object-acl"


class ACL(StrEnum):
    """What others than the owner may do; ``default``, an object's only, stands for what its bucket says."""

    DEFAULT = "default"
    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"

    @property
    def allows_public_read(self) -> bool:
        """Return whether a request without a signature may read."""
        return self in (ACL.PUBLIC_READ, ACL.PUBLIC_READ_WRITE)

    @property
    def allows_public_write(self) -> bool:
        """Return whether a request without a signature may write."""
        return self is ACL.PUBLIC_READ_WRITE


def bucket_acl(value: str) -> ACL:
    """Read a bucket's ACL.

    Raises:
        OSSErrorResponse: InvalidArgument.
    """
    return _read(BUCKET_ACL_HEADER, value, [acl for acl in ACL if acl is not ACL.DEFAULT])


def object_acl(value: str) -> ACL:
    """Read an object's ACL.

    Raises:
        OSSErrorResponse: InvalidArgument.
    """
    return _read(OBJECT_ACL_HEADER, value, list(ACL))


def _read(header: str, value: str, allowed: Collection[ACL]) -> ACL:
    if value not in allowed:
        raise _no_such_acl(header, value, allowed)
    return ACL(value)


def _no_such_acl(header: str, value: str, allowed: Collection[ACL]) -> OSSErrorResponse:
    return invalid_argument(f"{header} must be one of {', '.join(allowed)}", header, value)
