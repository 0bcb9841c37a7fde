"""Driver of ``alibabacloud-oss-v2``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import alibabacloud_oss_v2 as oss
from loop import Settings, answer_requests, content, read_settings, text

Asked = dict[str, Any]
_MEMBERS = {
    "type": "content_type",
    "acl": "acl",
    "class": "storage_class",
    "forbid": "forbid_overwrite",
    "md5": "content_md5",
}


class Client:
    """The operations."""

    def __init__(self, settings: Settings) -> None:
        configured = oss.config.load_default()
        configured.credentials_provider = oss.credentials.StaticCredentialsProvider(settings.key_id, settings.secret)
        configured.region, configured.endpoint = settings.region, settings.endpoint
        self._client = oss.Client(configured)
        self._bucket = settings.bucket

    def do_put(self, asked: Asked) -> None:
        more = {_MEMBERS[name]: value for name, value in asked.get("with", {}).items()}
        self._client.put_object(
            oss.PutObjectRequest(
                bucket=self._bucket, key=asked["key"], body=content(asked), metadata=asked.get("meta"), **more
            )
        )

    def do_get(self, asked: Asked) -> str:
        span = asked.get("range")
        header = f"bytes={'' if span[0] is None else span[0]}-{'' if span[1] is None else span[1]}" if span else None
        found = self._client.get_object(
            oss.GetObjectRequest(bucket=self._bucket, key=asked["key"], range_header=header)
        )
        return text(found.body.read())

    def do_head(self, asked: Asked) -> Asked:
        found = self._client.head_object(oss.HeadObjectRequest(bucket=self._bucket, key=asked["key"]))
        return {"size": found.content_length, "type": found.content_type, "meta": dict(found.metadata or {})}

    def do_exists(self, asked: Asked) -> bool:
        return self._client.is_object_exist(self._bucket, asked["key"])

    def do_delete(self, asked: Asked) -> None:
        self._client.delete_object(oss.DeleteObjectRequest(bucket=self._bucket, key=asked["key"]))

    def do_delete_many(self, asked: Asked) -> list[str]:
        objects = [oss.DeleteObject(key=key) for key in asked["keys"]]
        found = self._client.delete_multiple_objects(
            oss.DeleteMultipleObjectsRequest(bucket=self._bucket, objects=objects, encoding_type="url")
        )
        return sorted(each.key for each in found.deleted_objects)

    def do_list(self, asked: Asked) -> Asked:
        request = oss.ListObjectsV2Request(
            bucket=self._bucket,
            prefix=asked["prefix"],
            delimiter=asked.get("delimiter"),
            max_keys=asked.get("page", 100),
        )
        pages = list(self._client.list_objects_v2_paginator().iter_page(request))
        return {
            "keys": sorted(each.key for page in pages for each in page.contents or ()),
            "prefixes": sorted(each.prefix for page in pages for each in page.common_prefixes or ()),
        }

    def do_copy(self, asked: Asked) -> None:
        self._client.copy_object(
            oss.CopyObjectRequest(bucket=self._bucket, key=asked["key"], source_key=asked["source"])
        )

    def do_append(self, asked: Asked) -> int:
        found = self._client.append_object(
            oss.AppendObjectRequest(
                bucket=self._bucket, key=asked["key"], position=asked["position"], body=content(asked)
            )
        )
        return int(found.next_position)

    def do_begin(self, asked: Asked) -> str:
        request = oss.InitiateMultipartUploadRequest(bucket=self._bucket, key=asked["key"])
        return str(self._client.initiate_multipart_upload(request).upload_id)

    def do_multipart(self, asked: Asked) -> None:
        upload, parts = self.do_begin(asked), []
        for number, part in enumerate(asked["parts"], 1):
            made = self._client.upload_part(
                oss.UploadPartRequest(
                    bucket=self._bucket,
                    key=asked["key"],
                    upload_id=upload,
                    part_number=number,
                    body=content({"body": part}),
                )
            )
            parts.append(oss.UploadPart(part_number=number, etag=made.etag))
        self._client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                bucket=self._bucket,
                key=asked["key"],
                upload_id=upload,
                complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
            )
        )

    def do_uploads(self, asked: Asked) -> list[str]:
        request = oss.ListMultipartUploadsRequest(bucket=self._bucket, prefix=asked["prefix"])
        return sorted(each.key for each in self._client.list_multipart_uploads(request).uploads or ())

    def do_abort(self, asked: Asked) -> None:
        self._client.abort_multipart_upload(
            oss.AbortMultipartUploadRequest(bucket=self._bucket, key=asked["key"], upload_id=asked["upload"])
        )

    def do_set_acl(self, asked: Asked) -> None:
        self._client.put_object_acl(oss.PutObjectAclRequest(bucket=self._bucket, key=asked["key"], acl=asked["acl"]))

    def do_acl(self, asked: Asked) -> str:
        found = self._client.get_object_acl(oss.GetObjectAclRequest(bucket=self._bucket, key=asked["key"]))
        return str(found.acl)

    def do_set_tags(self, asked: Asked) -> None:
        tags = [oss.Tag(key=name, value=value) for name, value in asked["tags"].items()]
        self._client.put_object_tagging(
            oss.PutObjectTaggingRequest(
                bucket=self._bucket, key=asked["key"], tagging=oss.Tagging(tag_set=oss.TagSet(tags=tags))
            )
        )

    def do_tags(self, asked: Asked) -> dict[str, str]:
        found = self._client.get_object_tagging(oss.GetObjectTaggingRequest(bucket=self._bucket, key=asked["key"]))
        return {each.key: each.value for each in (found.tag_set.tags or ())} if found.tag_set else {}

    def do_delete_tags(self, asked: Asked) -> None:
        self._client.delete_object_tagging(oss.DeleteObjectTaggingRequest(bucket=self._bucket, key=asked["key"]))

    def do_link(self, asked: Asked) -> None:
        self._client.put_symlink(
            oss.PutSymlinkRequest(bucket=self._bucket, key=asked["key"], symlink_target=asked["target"])
        )

    def do_target(self, asked: Asked) -> str:
        found = self._client.get_symlink(oss.GetSymlinkRequest(bucket=self._bucket, key=asked["key"]))
        return str(found.target)

    def do_sign(self, asked: Asked) -> str:
        kind = oss.GetObjectRequest if asked["method"] == "GET" else oss.PutObjectRequest
        request = kind(bucket=self._bucket, key=asked["key"])
        return str(self._client.presign(request, expires=timedelta(seconds=300)).url)

    def do_buckets(self, _asked: Asked) -> list[str]:
        pages = self._client.list_buckets_paginator().iter_page(oss.ListBucketsRequest())
        return sorted(each.name for page in pages for each in page.buckets or ())

    def do_create_bucket(self, asked: Asked) -> None:
        wanted = oss.CreateBucketConfiguration(storage_class="IA")
        self._client.put_bucket(oss.PutBucketRequest(bucket=asked["name"], create_bucket_configuration=wanted))

    def do_delete_bucket(self, asked: Asked) -> None:
        self._client.delete_bucket(oss.DeleteBucketRequest(bucket=asked["name"]))

    def do_bucket_info(self, asked: Asked) -> Asked:
        found = self._client.get_bucket_info(oss.GetBucketInfoRequest(bucket=asked["name"])).bucket_info
        return {"name": found.name, "location": found.location, "class": found.storage_class}

    def do_bucket_stat(self, asked: Asked) -> int:
        return int(self._client.get_bucket_stat(oss.GetBucketStatRequest(bucket=asked["name"])).object_count)

    def do_location(self, asked: Asked) -> str:
        return str(self._client.get_bucket_location(oss.GetBucketLocationRequest(bucket=asked["name"])).location)

    def do_upload(self, asked: Asked) -> None:
        uploader = self._client.uploader(part_size=1 << 20)
        uploader.upload_file(oss.PutObjectRequest(bucket=self._bucket, key=asked["key"]), asked["file"])

    def do_download(self, asked: Asked) -> None:
        downloader = self._client.downloader(part_size=1 << 20)
        downloader.download_file(oss.GetObjectRequest(bucket=self._bucket, key=asked["key"]), asked["file"])


def code_of(error: Exception) -> str:
    """Return OSS's code."""
    unwrap = getattr(error, "unwrap", None)
    inner = unwrap() if unwrap else error
    return getattr(inner, "code", "") or f"{type(inner).__name__}: {inner}"


settings = read_settings()
answer_requests(Client(settings), code_of)
