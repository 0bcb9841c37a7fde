"""Requests without a signature: good for what a public ACL allows, and nothing else."""

from __future__ import annotations

from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.signing import OSSRequest
from airflow_provider_pai.local.oss.subresources import asked_for

_OBJECT_READS = (frozenset[str](), frozenset({"objectMeta"}), frozenset({"symlink"}))
_OWNERS_ONLY = frozenset({"acl", "tagging"})


def is_anonymous(request: OSSRequest) -> bool:
    """Tell whether a request carries no signature at all; one that can't be read is no anonymous one."""
    signed = "Signature" in request.query or "x-oss-signature" in request.query
    return not signed and not request.headers.get("authorization")


def is_public_request(store: ObjectStore, request: OSSRequest) -> bool:
    """Tell whether a request needs no signature, by the ACL of what it addresses.

    Raises:
        OSSErrorResponse: NoSuchBucket.
    """
    asked = asked_for(request.query)
    if not request.bucket or asked & _OWNERS_ONLY:
        return False
    if request.key:
        return _object_is_open(store, request, asked)
    # Deleting several objects needs a signature: each of them may have an ACL of its own.
    return request.method == "GET" and not asked and store.attributes.bucket_acl(request.bucket).allows_public_read


def _object_is_open(store: ObjectStore, request: OSSRequest, asked: frozenset[str]) -> bool:
    if request.method in ("GET", "HEAD"):
        return asked in _OBJECT_READS and store.attributes.allows_public_read(request.bucket, request.key)
    # A copy would read its source, whose ACL is not the one looked at here.
    if "x-oss-copy-source" in request.headers:
        return False
    return store.attributes.allows_public_write(request.bucket, request.key)
