"""Operations on what an object is beside its bytes: its ACL, its tags, and where a link leads."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.acl import OBJECT_ACL_HEADER, object_acl
from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import OWNER, empty_response, xml_document
from airflow_provider_pai.local.oss.xml import read_tagging

_TARGET_HEADER = "x-oss-symlink-target"


async def put_object_acl(context: RequestContext) -> Response:
    """PutObjectACL."""
    acl = object_acl(_required(context, OBJECT_ACL_HEADER))
    await run_in_threadpool(context.store.attributes.set_object_acl, context.bucket, context.key, acl)
    return empty_response()


async def get_object_acl(context: RequestContext) -> Response:
    """GetObjectACL."""
    acl = await run_in_threadpool(context.store.attributes.object_acl, context.bucket, context.key)
    return xml_document("AccessControlPolicy", [("Owner", OWNER), ("AccessControlList", [("Grant", acl)])])


async def put_object_tagging(context: RequestContext) -> Response:
    """PutObjectTagging: in the place of all tags it has."""
    tags = read_tagging(await context.read_document())
    await run_in_threadpool(context.store.attributes.set_tags, context.bucket, context.key, tags)
    return empty_response()


async def get_object_tagging(context: RequestContext) -> Response:
    """GetObjectTagging."""
    tags = await run_in_threadpool(context.store.attributes.tags, context.bucket, context.key)
    return xml_document("Tagging", [("TagSet", [("Tag", [("Key", key), ("Value", tags[key])]) for key in tags])])


async def delete_object_tagging(context: RequestContext) -> Response:
    """DeleteObjectTagging; an object without tags is no error."""
    await run_in_threadpool(context.store.attributes.set_tags, context.bucket, context.key, ())
    return empty_response(204)


async def put_symlink(context: RequestContext) -> Response:
    """PutSymlink; whether its target exists is found out by who reads through it."""
    target = unquote(_required(context, _TARGET_HEADER))
    kept = await run_in_threadpool(context.headers_to_store)
    stored = await run_in_threadpool(
        context.store.put_link,
        context.bucket,
        context.key,
        target,
        kept,
        forbid_overwrite=context.forbids_overwrite(),
    )
    return empty_response(headers={"ETag": f'"{stored.etag}"'})


async def get_symlink(context: RequestContext) -> Response:
    """GetSymlink."""
    link, target = await run_in_threadpool(context.store.link, context.bucket, context.key)
    facts = {
        "ETag": f'"{link.etag}"',
        "Last-Modified": formatdate(link.modified, usegmt=True),
        _TARGET_HEADER: quote(target, safe=""),
    }
    return empty_response(headers=facts)


def _required(context: RequestContext, header: str) -> str:
    value = context.request.headers.get(header)
    if not value:
        raise invalid_argument(f"The header {header} is required", header)
    return value
