"""Requests without a signature: good for what a public ACL allows, and nothing else."""

from __future__ import annotations

from airflow_provider_pai.local.oss.dispatch import find_operation
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.operation import PublicAccess
from airflow_provider_pai.local.oss.signing import OSSRequest


def is_anonymous(request: OSSRequest) -> bool:
    """Tell whether a request carries no signature at all; one that can't be read is no anonymous one."""
    signed = "Signature" in request.query or "x-oss-signature" in request.query
    return not signed and not request.headers.get("authorization")


def is_public_request(store: ObjectStore, request: OSSRequest) -> bool:
    """Tell whether a request needs no signature, by the ACL of what it addresses.

    Raises:
        OSSErrorResponse: NoSuchBucket.
    """
    operation = find_operation(request)
    if operation is None or operation.public is PublicAccess.NONE:
        return False
    if not request.key:
        return store.attributes.bucket_acl(request.bucket).allows_public_read
    if operation.public is PublicAccess.READ:
        return store.attributes.allows_public_read(request.bucket, request.key)
    return store.attributes.allows_public_write(request.bucket, request.key)
