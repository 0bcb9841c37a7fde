"""How local OSS answers: headers every answer has, documents, errors."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from email.utils import formatdate

from starlette.responses import Response

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.index import WHOLE_MD5, ObjectKind, StoredObject
from airflow_provider_pai.local.oss.storage_class import restore_header, storage_class_of
from airflow_provider_pai.local.oss.tagging import tags_of
from airflow_provider_pai.local.oss.xml import Content, render

_XML = "application/xml"
_DEFAULT_TYPE = "application/octet-stream"
_ENTITY_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    }
)

OWNER: Content = [("ID", "local"), ("DisplayName", "local")]
"""The one account there is, as documents name it."""


def is_shown(header: str) -> bool:
    """Tell whether what an uploader said in a header is sent with the object: entity headers and user metadata."""
    return header in _ENTITY_HEADERS or header.startswith("x-oss-meta-")


def empty_response(status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer without a body."""
    return Response(status_code=status, headers={**(headers or {}), "x-oss-request-id": new_request_id()})


def xml_document(tag: str, content: Content, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an XML document."""
    sent = {**(headers or {}), "x-oss-request-id": new_request_id()}
    return Response(render(tag, content), headers=sent, media_type=_XML)


def error_document(error: OSSErrorResponse, host: str, *, head: bool) -> Response:
    """Answer with an error; where no body may be sent, the document goes into the header ``x-oss-err``."""
    request_id = new_request_id()
    headers = {**error.headers, "x-oss-request-id": request_id}
    if error.ec:
        headers["x-oss-ec"] = error.ec
    if error.status == 304:
        return Response(status_code=304, headers=headers)
    content = [("Code", error.code), ("Message", error.message), ("RequestId", request_id), ("HostId", host)]
    content += [("EC", error.ec)] if error.ec else []
    body = render("Error", [*content, *error.details.items()])
    if head:
        headers["x-oss-err"] = base64.b64encode(body).decode()
        return Response(status_code=error.status, headers=headers)
    return Response(body, error.status, headers, _XML)


def stored_headers(stored: StoredObject) -> dict[str, str]:
    """Return what the answer to a write says about the object."""
    return {"ETag": f'"{stored.etag}"', "x-oss-hash-crc64ecma": str(stored.crc64)}


def object_headers(stored: StoredObject, now: float) -> dict[str, str]:
    """Return what GetObject and HeadObject say about an object, at a time in seconds since the epoch."""
    headers = {
        "Content-Type": _DEFAULT_TYPE,
        **{name: value for name, value in stored.headers.items() if is_shown(name)},
        **stored_headers(stored),
        "Content-Length": str(stored.size),
        "Last-Modified": formatdate(stored.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-oss-object-type": stored.kind,
        "x-oss-storage-class": storage_class_of(stored),
        **restore_header(stored, now),
    }
    if "content-type" in stored.headers:
        del headers["Content-Type"]
    if stored.kind is ObjectKind.NORMAL:
        headers["Content-MD5"] = base64.b64encode(bytes.fromhex(stored.etag)).decode()
    elif WHOLE_MD5 in stored.headers:
        headers["Content-MD5"] = stored.headers[WHOLE_MD5]
    if tags := tags_of(stored.headers):
        headers["x-oss-tagging-count"] = str(len(tags))
    if stored.kind is ObjectKind.APPENDABLE:
        headers["x-oss-next-append-position"] = str(stored.size)
    return headers


def new_request_id() -> str:
    """Return the id of an answer."""
    return secrets.token_hex(12).upper()
