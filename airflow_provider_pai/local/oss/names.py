"""Which bucket and object names exist, and where an object may be written on this machine's disk."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_pai.local.oss.errors import OSSErrorResponse

MAX_KEY_BYTES = 1023
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def check_bucket(name: str) -> str:
    """Return the name of a bucket if OSS would allow it.

    Raises:
        OSSErrorResponse: InvalidBucketName: it is not 3 to 63 lower-case letters, digits and inner hyphens.
    """
    if not _BUCKET.fullmatch(name):
        raise OSSErrorResponse(
            400, "InvalidBucketName", "The specified bucket is not valid.", details={"BucketName": name}
        )
    return name


def check_key(key: str) -> str:
    """Return an object's key if OSS would allow it.

    Raises:
        OSSErrorResponse: InvalidObjectName: it is empty, not UTF-8, longer than 1,023 bytes, or begins with a slash.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise _invalid_name(ascii(key)) from error
    if not 1 <= size <= MAX_KEY_BYTES or key.startswith(("/", "\\")):
        raise _invalid_name(key)
    return key


def local_path(folder: Path, relative: str) -> Path:
    """Return where below a folder an object goes, and nowhere else.

    Args:
        folder: the folder that must hold the file.
        relative: the key's part below the folder, with ``/`` between its segments.

    Raises:
        OSSErrorResponse: InvalidObjectName: the key is absolute, has an empty segment, ``.`` or ``..``, or leads
            through a symbolic link out of the folder.
    """
    segments = relative.split("/")
    if "\0" in relative or not all(segments) or not {".", ".."}.isdisjoint(segments):
        raise _invalid_name(relative)
    target = folder.joinpath(*segments)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise _invalid_name(relative)
    return target


def _invalid_name(key: str) -> OSSErrorResponse:
    return OSSErrorResponse(400, "InvalidObjectName", "The specified object is not valid.", details={"ObjectName": key})
