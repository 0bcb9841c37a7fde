"""Operations on what an object is beside its bytes: its ACL, its tags, and where a link leads."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.acl import OBJECT_ACL_HEADER, object_acl
from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.request import Incoming
from airflow_provider_pai.local.oss.responses import OWNER, document, empty
from airflow_provider_pai.local.oss.xml import read_tagging

_TARGET_HEADER = "x-oss-symlink-target"


async def put_object_acl(incoming: Incoming) -> Response:
    """PutObjectACL."""
    acl = object_acl(_required(incoming, OBJECT_ACL_HEADER))
    await run_in_threadpool(incoming.store.attributes.set_object_acl, incoming.bucket, incoming.key, acl)
    return empty()


async def get_object_acl(incoming: Incoming) -> Response:
    """GetObjectACL."""
    acl = await run_in_threadpool(incoming.store.attributes.object_acl, incoming.bucket, incoming.key)
    return document("AccessControlPolicy", [("Owner", OWNER), ("AccessControlList", [("Grant", acl)])])


async def put_object_tagging(incoming: Incoming) -> Response:
    """PutObjectTagging: in the place of all tags it has."""
    tags = read_tagging(await incoming.document())
    await run_in_threadpool(incoming.store.attributes.set_tags, incoming.bucket, incoming.key, tags)
    return empty()


async def get_object_tagging(incoming: Incoming) -> Response:
    """GetObjectTagging."""
    tags = await run_in_threadpool(incoming.store.attributes.tags, incoming.bucket, incoming.key)
    return document("Tagging", [("TagSet", [("Tag", [("Key", key), ("Value", tags[key])]) for key in tags])])


async def delete_object_tagging(incoming: Incoming) -> Response:
    """DeleteObjectTagging; an object without tags is no error."""
    await run_in_threadpool(incoming.store.attributes.set_tags, incoming.bucket, incoming.key, ())
    return empty(204)


async def put_symlink(incoming: Incoming) -> Response:
    """PutSymlink; whether its target exists is found out by who reads through it."""
    target = unquote(_required(incoming, _TARGET_HEADER))
    stored = await run_in_threadpool(
        incoming.store.put_link,
        incoming.bucket,
        incoming.key,
        target,
        incoming.kept_headers(),
        forbid_overwrite=incoming.forbids_overwrite(),
    )
    return empty(headers={"ETag": f'"{stored.etag}"'})


async def get_symlink(incoming: Incoming) -> Response:
    """GetSymlink."""
    link, target = await run_in_threadpool(incoming.store.link, incoming.bucket, incoming.key)
    facts = {
        "ETag": f'"{link.etag}"',
        "Last-Modified": formatdate(link.modified, usegmt=True),
        _TARGET_HEADER: quote(target, safe=""),
    }
    return empty(headers=facts)


def _required(incoming: Incoming, header: str) -> str:
    value = incoming.request.headers.get(header)
    if not value:
        raise invalid_argument(f"The header {header} is required", header)
    return value
