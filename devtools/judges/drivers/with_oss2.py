"""Driver of ``oss2``, signing by V1 or V4."""

from __future__ import annotations

from typing import Any

import oss2
from loop import Settings, answer_requests, content, read_settings, text
from oss2.models import BucketCreateConfig, PartInfo, Tagging, TaggingRule

Asked = dict[str, Any]
_HEADERS = {
    "type": "Content-Type",
    "acl": "x-oss-object-acl",
    "class": "x-oss-storage-class",
    "forbid": "x-oss-forbid-overwrite",
    "md5": "Content-MD5",
}


class Client:
    """The operations."""

    def __init__(self, settings: Settings) -> None:
        kind = oss2.AuthV4 if settings.flavour == "v4" else oss2.Auth
        self._auth = kind(settings.key_id, settings.secret)
        self._settings = settings
        self._bucket = self._of(settings.bucket)
        self._service = oss2.Service(self._auth, settings.endpoint, region=settings.region)

    def _of(self, name: str) -> oss2.Bucket:
        return oss2.Bucket(self._auth, self._settings.endpoint, name, region=self._settings.region)

    def do_put(self, asked: Asked) -> None:
        headers = {_HEADERS[name]: value for name, value in asked.get("with", {}).items() if name in _HEADERS}
        headers.update({f"x-oss-meta-{name}": value for name, value in asked.get("meta", {}).items()})
        self._bucket.put_object(asked["key"], content(asked), headers)

    def do_get(self, asked: Asked) -> str:
        span = asked.get("range")
        return text(self._bucket.get_object(asked["key"], byte_range=tuple(span) if span else None).read())

    def do_head(self, asked: Asked) -> Asked:
        found = self._bucket.head_object(asked["key"])
        meta = {
            name[11:].lower(): value for name, value in found.headers.items() if name.lower().startswith("x-oss-meta-")
        }
        return {"size": found.content_length, "type": found.content_type, "meta": meta}

    def do_exists(self, asked: Asked) -> bool:
        return self._bucket.object_exists(asked["key"])

    def do_delete(self, asked: Asked) -> None:
        self._bucket.delete_object(asked["key"])

    def do_delete_many(self, asked: Asked) -> list[str]:
        return sorted(self._bucket.batch_delete_objects(asked["keys"]).deleted_keys)

    def do_list(self, asked: Asked) -> Asked:
        pages = oss2.ObjectIteratorV2(
            self._bucket, asked["prefix"], asked.get("delimiter", ""), max_keys=asked.get("page", 100)
        )
        found = list(pages)
        return {
            "keys": sorted(each.key for each in found if not each.is_prefix()),
            "prefixes": sorted(each.key for each in found if each.is_prefix()),
        }

    def do_copy(self, asked: Asked) -> None:
        self._bucket.copy_object(self._settings.bucket, asked["source"], asked["key"])

    def do_append(self, asked: Asked) -> int:
        return self._bucket.append_object(asked["key"], asked["position"], content(asked)).next_position

    def do_multipart(self, asked: Asked) -> None:
        upload = self._bucket.init_multipart_upload(asked["key"]).upload_id
        parts = []
        for number, part in enumerate(asked["parts"], 1):
            body = content({"body": part})
            parts.append(PartInfo(number, self._bucket.upload_part(asked["key"], upload, number, body).etag))
        self._bucket.complete_multipart_upload(asked["key"], upload, parts)

    def do_begin(self, asked: Asked) -> str:
        return self._bucket.init_multipart_upload(asked["key"]).upload_id

    def do_uploads(self, asked: Asked) -> list[str]:
        return sorted(each.key for each in self._bucket.list_multipart_uploads(asked["prefix"]).upload_list)

    def do_abort(self, asked: Asked) -> None:
        self._bucket.abort_multipart_upload(asked["key"], asked["upload"])

    def do_set_acl(self, asked: Asked) -> None:
        self._bucket.put_object_acl(asked["key"], asked["acl"])

    def do_acl(self, asked: Asked) -> str:
        return self._bucket.get_object_acl(asked["key"]).acl

    def do_set_tags(self, asked: Asked) -> None:
        rule = TaggingRule()
        for name, value in asked["tags"].items():
            rule.add(name, value)
        self._bucket.put_object_tagging(asked["key"], Tagging(rule))

    def do_tags(self, asked: Asked) -> dict[str, str]:
        return dict(self._bucket.get_object_tagging(asked["key"]).tag_set.tagging_rule)

    def do_delete_tags(self, asked: Asked) -> None:
        self._bucket.delete_object_tagging(asked["key"])

    def do_link(self, asked: Asked) -> None:
        self._bucket.put_symlink(asked["target"], asked["key"])

    def do_target(self, asked: Asked) -> str:
        return self._bucket.get_symlink(asked["key"]).target_key

    def do_sign(self, asked: Asked) -> str:
        return self._bucket.sign_url(asked["method"], asked["key"], 300, slash_safe=True)

    def do_buckets(self, _asked: Asked) -> list[str]:
        return sorted(each.name for each in oss2.BucketIterator(self._service))

    def do_create_bucket(self, asked: Asked) -> None:
        self._of(asked["name"]).create_bucket(input=BucketCreateConfig(oss2.BUCKET_STORAGE_CLASS_IA))

    def do_delete_bucket(self, asked: Asked) -> None:
        self._of(asked["name"]).delete_bucket()

    def do_bucket_info(self, asked: Asked) -> Asked:
        found = self._of(asked["name"]).get_bucket_info()
        return {"name": found.name, "location": found.location, "class": found.storage_class}

    def do_bucket_stat(self, asked: Asked) -> int:
        return self._of(asked["name"]).get_bucket_stat().object_count

    def do_location(self, asked: Asked) -> str:
        return self._of(asked["name"]).get_bucket_location().location

    def do_upload(self, asked: Asked) -> None:
        oss2.resumable_upload(self._bucket, asked["key"], asked["file"], multipart_threshold=1 << 20, part_size=1 << 20)

    def do_download(self, asked: Asked) -> None:
        oss2.resumable_download(
            self._bucket, asked["key"], asked["file"], multiget_threshold=1 << 20, part_size=1 << 20
        )


def code_of(error: Exception) -> str:
    """Return OSS's code."""
    return (
        getattr(error, "code", "")
        or getattr(error, "details", {}).get("Code", "")
        or f"{type(error).__name__}: {error}"
    )


settings = read_settings()
answer_requests(Client(settings), code_of)
