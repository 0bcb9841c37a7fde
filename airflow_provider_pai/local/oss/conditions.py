"""Conditional and partial reads: If-Match and its kin, and Range."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate

from airflow_provider_pai.local.oss.errors import OSSErrorResponse, invalid_argument
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.parsing import read_http_date

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_DIGITS = 19
"""Digits of a number that is larger than any object, so that the others need not be read."""


def check_conditions(headers: Mapping[str, str], stored: StoredObject, prefix: str = "") -> None:
    """Refuse a request when an object does not meet its conditions.

    Args:
        headers: the request's, by lower-case name; as HTTP says, a date that can't be read counts as absent.
        stored: the object.
        prefix: ``x-oss-copy-source-`` for the conditions of a copy; as they keep it from being made, theirs are read.

    Raises:
        OSSErrorResponse: InvalidArgument (400): a date of a copy's condition is none.
        OSSErrorResponse: PreconditionFailed (412), NotModified (304).
    """
    wanted, unwanted = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    unmodified = _seconds(headers, f"{prefix}if-unmodified-since")
    modified = _seconds(headers, f"{prefix}if-modified-since")
    if wanted is not None and not _names(wanted, stored.etag):
        raise _precondition_failed("If-Match")
    if unmodified is not None and stored.modified > unmodified:
        raise _precondition_failed("If-Unmodified-Since")
    same = unwanted is not None and _names(unwanted, stored.etag)
    if same or (unwanted is None and modified is not None and stored.modified <= modified):
        facts = {"ETag": f'"{stored.etag}"', "Last-Modified": formatdate(stored.modified, usegmt=True)}
        raise OSSErrorResponse(304, "NotModified", "Not Modified", headers=facts)


def resolve_range(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last that a request asks for, or None for the whole object.

    A range OSS can't satisfy yields the whole object, unless ``x-oss-range-behavior: standard`` asks for what HTTP
    says: cut at the object's end, or refused (OSS help, "Use HTTP Range requests to get OSS resources in segments").

    Raises:
        OSSErrorResponse: InvalidRange (416): several ranges; with standard behaviour, one behind the object's end.
    """
    text = headers.get("range", "")
    if text.startswith("bytes=") and "," in text:
        raise _invalid_range(size)
    found = _RANGE.fullmatch(text)
    if found is None or found[0] == "bytes=-":
        return None
    start, end = _bounds(found[1], found[2], size)
    if start < 0 or start >= end or end > size:
        if headers.get("x-oss-range-behavior") != "standard":
            return None
        start, end = max(start, 0), min(end, size)
        if start >= end:
            raise _invalid_range(size)
    return start, end


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return size - _offset(last), size
    return _offset(first), _offset(last) + 1 if last else max(size, _offset(first))


def _offset(text: str) -> int:
    return int(text.lstrip("0")[:_DIGITS] or 0)


def _names(value: str, etag: str) -> bool:
    return any(name.strip().strip('"') in (etag, "*") for name in value.split(","))


def _seconds(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name)
    seconds = None if text is None else read_http_date(text)
    if text is not None and seconds is None and name.startswith("x-oss-"):
        raise invalid_argument("The value must be a date of HTTP", name, text)
    return seconds


def _precondition_failed(condition: str) -> OSSErrorResponse:
    message = "At least one of the pre-conditions you specified did not hold."
    return OSSErrorResponse(412, "PreconditionFailed", message, details={"Condition": condition})


def _invalid_range(size: int) -> OSSErrorResponse:
    message = "The requested range cannot be satisfied"
    return OSSErrorResponse(416, "InvalidRange", message, headers={"Content-Range": f"bytes */{size}"})
