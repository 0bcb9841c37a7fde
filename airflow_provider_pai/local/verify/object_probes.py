"""Probes of OSS: a bucket of its own with a few small objects, all of which are deleted again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from airflow_provider_pai.local.verify.prober import Probe, Prober, Verdict
from airflow_provider_pai.local.verify.requests import ObjectAnswer, ObjectCall

_TEN = b"0123456789"
_PART = b"p" * 102_400
"""The smallest part that may be followed by another one."""
_TOO_MUCH = "v" * 8192
"""With its name, more user metadata than one object may have."""
_CLASS = b"<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>"


def _where_there_is_a_bucket(run: Callable[[Prober], Verdict]) -> Callable[[Prober], Verdict]:
    return lambda prober: run(prober) if prober.bucket else None


def _put(prober: Prober, key: str, content: bytes = _TEN, **headers: str) -> ObjectAnswer:
    return prober.object("PUT", key, content, {name.replace("_", "-"): value for name, value in headers.items()})


def _a_range_that_does_not_fit_copies_all(prober: Prober) -> Verdict:
    key = prober.new_name()
    begun = prober.object("POST", key, uploads="").text("UploadId")
    if not _put(prober, "ten").is_done or not begun:
        return None
    headers = {"x-oss-copy-source": f"/{prober.bucket}/ten", "x-oss-copy-source-range": "bytes=5-20"}
    prober.object("PUT", key, b"", headers, partNumber="1", uploadId=begun)
    listed = prober.object("GET", key, uploadId=begun)
    prober.object("DELETE", key, uploadId=begun)
    return listed.text("Size") == str(len(_TEN))


def _a_copy_onto_itself_has_the_default_acl(prober: Prober) -> Verdict:
    if not _put(prober, "acl", x_oss_object_acl="public-read").is_done:
        return None
    headers = {"x-oss-copy-source": f"/{prober.bucket}/acl"}
    if not prober.object("PUT", "acl", b"", headers).is_done:
        return None
    return prober.object("GET", "acl", acl="").text("Grant") == "default"


def _an_acl_leaves_the_time_of_modification(prober: Prober) -> Verdict:
    if not _put(prober, "time").is_done:
        return None
    before = prober.object("HEAD", "time").headers.get("last-modified")
    time.sleep(1.1)
    if not prober.object("PUT", "time", b"", {"x-oss-object-acl": "private"}, acl="").is_done:
        return None
    return prober.object("HEAD", "time").headers.get("last-modified") == before


def _an_append_changes_the_etag(prober: Prober) -> Verdict:
    key = prober.new_name()
    first = prober.object("POST", key, _TEN, append="", position="0")
    if not first.is_done:
        return None
    before = prober.object("HEAD", key).headers.get("etag", "")
    prober.object("POST", key, _TEN, append="", position=str(len(_TEN)))
    after = prober.object("HEAD", key).headers.get("etag", "")
    return (
        after not in ("", before)
        and after.strip('"') != hashlib.md5(_TEN * 2, usedforsecurity=False).hexdigest().upper()
    )


def _the_etag_of_parts_ends_with_their_number(prober: Prober) -> Verdict:
    key = prober.new_name()
    begun = prober.object("POST", key, uploads="").text("UploadId")
    if not begun:
        return None
    tags = [
        prober.object("PUT", key, content, partNumber=str(number), uploadId=begun).headers.get("etag", "")
        for number, content in enumerate((_PART, _TEN), 1)
    ]
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    if not prober.object("POST", key, body, uploadId=begun).is_done:
        return None
    digests = b"".join(hashlib.md5(content, usedforsecurity=False).digest() for content in (_PART, _TEN))
    expected = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest().upper()}-2"'
    return prober.object("HEAD", key).headers.get("etag") == expected


def _a_bad_tag_is_refused(prober: Prober) -> Verdict:
    answer = _put(prober, "tagged", x_oss_tagging="&".join(f"k{number}=v" for number in range(11)))
    return (answer.status, answer.code) == (400, "InvalidTag")


def _too_much_user_metadata_is_refused(prober: Prober) -> Verdict:
    answer = _put(prober, "described", x_oss_meta_a=_TOO_MUCH)
    return (answer.status, answer.code) == (400, "InvalidArgument")


def _another_body_is_an_invalid_digest(prober: Prober) -> Verdict:
    answer = _put(prober, "digest", content_md5="1B2M2Y8AsgTpgAmY7PhCfg==")
    return (answer.status, answer.code) == (400, "InvalidDigest")


def _a_bucket_keeps_its_class(prober: Prober) -> Verdict:
    answer = prober.sender.send_object(ObjectCall("PUT", prober.bucket, content=_CLASS))
    return (answer.status, answer.code) == (409, "BucketAlreadyExists")


OBJECT_PROBES = tuple(
    Probe(key, name, _where_there_is_a_bucket(run))
    for key, name, run in (
        (
            "copies.range",
            "UploadPartCopy: a range that does not fit means the whole object",
            _a_range_that_does_not_fit_copies_all,
        ),
        (
            "copies.acl",
            "CopyObject: a copy has the default ACL, also one onto itself",
            _a_copy_onto_itself_has_the_default_acl,
        ),
        ("objects.acl.time", "PutObjectACL: the time of modification stays", _an_acl_leaves_the_time_of_modification),
        ("objects.append", "AppendObject: the ETag changes, and is no MD5", _an_append_changes_the_etag),
        (
            "objects.parts",
            "CompleteMultipartUpload: the ETag is the MD5 of the parts' MD5s and their number",
            _the_etag_of_parts_ends_with_their_number,
        ),
        (
            "objects.digest",
            "PutObject: a body of another MD5 is InvalidDigest with 400",
            _another_body_is_an_invalid_digest,
        ),
        (
            "objects.metadata",
            "PutObject: more than 8 KB of user metadata is InvalidArgument with 400",
            _too_much_user_metadata_is_refused,
        ),
        ("objects.tags", "PutObject: a tag too many is InvalidTag with 400", _a_bad_tag_is_refused),
        (
            "buckets.class",
            "PutBucket: one's own bucket with another class is BucketAlreadyExists with 409",
            _a_bucket_keeps_its_class,
        ),
    )
)
