"""Local OSS keeps ACLs, tags and metadata for the unmodified oss2 as OSS does."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import oss2
import oss2.exceptions
import pytest
import requests
from oss2.models import Tagging, TaggingRule

from tests.support.oss import REGION, connect, read
from tests.support.waits import PATIENCE

TAGS = {"team": "vision", "stage 1": "a+b=c", "empty": ""}


def tagging(tags: dict[str, str]) -> Tagging:
    rule = TaggingRule()
    for key, value in tags.items():
        rule.add(key, value)
    return Tagging(rule)


def tags(bucket: oss2.Bucket, key: str) -> dict[str, str]:
    return bucket.get_object_tagging(key).tag_set.tagging_rule


def anonymous(bucket: oss2.Bucket) -> oss2.Bucket:
    return oss2.Bucket(oss2.AnonymousAuth(), bucket.endpoint, bucket.bucket_name, region=REGION, session=bucket.session)


class TestObjectACL:
    def test_an_object_follows_its_bucket_until_it_says_otherwise(self, bucket):
        bucket.put_object("k", b"content")
        assert bucket.get_object_acl("k").acl == "default"
        for acl in ("public-read", "public-read-write", "private", "default"):
            bucket.put_object_acl("k", acl)
            assert bucket.get_object_acl("k").acl == acl

    def test_an_acl_is_set_with_the_object_however_it_is_stored(self, bucket):
        said = {"x-oss-object-acl": "public-read"}
        bucket.put_object("put", b"content", headers=said)
        bucket.append_object("appended", 0, b"content", headers=said)
        bucket.put_symlink("put", "link", headers=said)
        bucket.copy_object(bucket.bucket_name, "put", "copy", headers=said)
        upload = bucket.init_multipart_upload("parts").upload_id
        part = bucket.upload_part("parts", upload, 1, b"content")
        bucket.complete_multipart_upload("parts", upload, [oss2.models.PartInfo(1, part.etag)], headers=said)
        keys = ("put", "appended", "link", "copy", "parts")
        assert {key: bucket.get_object_acl(key).acl for key in keys} == dict.fromkeys(keys, "public-read")

    def test_a_copy_does_not_inherit_the_acl(self, bucket):
        bucket.put_object("k", b"content", headers={"x-oss-object-acl": "public-read"})
        bucket.copy_object(bucket.bucket_name, "k", "copy")
        assert bucket.get_object_acl("copy").acl == "default"

    def test_an_unknown_acl_and_an_absent_object_are_refused(self, bucket):
        bucket.put_object("k", b"content")
        for attempt in (
            lambda: bucket.put_object_acl("k", "public"),
            lambda: bucket.put_object("k", b"other", headers={"x-oss-object-acl": "public"}),
        ):
            with pytest.raises(oss2.exceptions.InvalidArgument):
                attempt()
        assert read(bucket, "k") == b"content"
        for attempt in (lambda: bucket.put_object_acl("absent", "private"), lambda: bucket.get_object_acl("absent")):
            with pytest.raises(oss2.exceptions.NoSuchKey):
                attempt()

    def test_changing_an_acl_leaves_bytes_and_metadata_alone(self, bucket):
        etag = bucket.put_object("k", b"content", headers={"x-oss-meta-a": "b"}).etag
        bucket.put_object_acl("k", "public-read")
        head = bucket.head_object("k")
        assert (head.etag, head.headers["x-oss-meta-a"]) == (etag, "b")
        assert "x-oss-object-acl" not in head.headers


class TestBucketACL:
    def test_a_bucket_is_private_until_it_says_otherwise(self, bucket):
        assert bucket.get_bucket_acl().acl == "private"
        bucket.put_bucket_acl("public-read")
        assert bucket.get_bucket_acl().acl == "public-read"
        assert bucket.get_bucket_info().acl.grant == "public-read"
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.put_bucket_acl("default")

    def test_a_bucket_can_be_created_with_its_acl_and_takes_it_along(self, server, auth, session, bucket):
        other = connect(server, auth, f"{bucket.bucket_name}-open", session)
        other.create_bucket("public-read")
        assert other.get_bucket_acl().acl == "public-read"
        other.delete_bucket()
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            other.get_bucket_acl()
        other.create_bucket()
        assert other.get_bucket_acl().acl == "private"


class TestRequestsWithoutASignature:
    def test_a_public_object_is_read_but_neither_written_nor_listed(self, bucket):
        bucket.put_object("k", b"content", headers={"x-oss-object-acl": "public-read"})
        stranger = anonymous(bucket)
        assert read(stranger, "k") == b"content"
        assert stranger.head_object("k").content_length == 7
        assert requests.get(f"{bucket.endpoint}/{bucket.bucket_name}/k", timeout=PATIENCE).content == b"content"
        for attempt in (
            lambda: stranger.put_object("k", b"other"),
            lambda: stranger.delete_object("k"),
            lambda: stranger.get_object_acl("k"),
            lambda: stranger.put_object_acl("k", "public-read-write"),
            lambda: stranger.get_object_tagging("k"),
            lambda: stranger.init_multipart_upload("k"),
            lambda: stranger.get_object("absent"),
            stranger.list_objects_v2,
        ):
            with pytest.raises(oss2.exceptions.AccessDenied):
                attempt()

    def test_a_public_bucket_is_listed_but_its_private_objects_are_not_read(self, bucket):
        bucket.put_object("open", b"content")
        bucket.put_object("closed", b"content", headers={"x-oss-object-acl": "private"})
        bucket.put_bucket_acl("public-read")
        stranger = anonymous(bucket)
        assert [item.key for item in oss2.ObjectIteratorV2(stranger)] == ["closed", "open"]
        assert read(stranger, "open") == b"content"
        for attempt in (
            lambda: stranger.get_object("closed"),
            lambda: stranger.batch_delete_objects(["open"]),
            stranger.delete_bucket,
            stranger.get_bucket_acl,
            stranger.list_multipart_uploads,
        ):
            with pytest.raises(oss2.exceptions.AccessDenied):
                attempt()

    def test_anyone_writes_where_everyone_may(self, bucket):
        bucket.put_object("secret", b"content", headers={"x-oss-object-acl": "private"})
        bucket.put_bucket_acl("public-read-write")
        stranger = anonymous(bucket)
        stranger.put_object("k", b"content")
        assert read(bucket, "k") == b"content"
        stranger.delete_object("k")
        assert not bucket.object_exists("k")
        for attempt in (
            lambda: stranger.batch_delete_objects(["secret"]),
            lambda: stranger.delete_object("secret"),
            lambda: stranger.copy_object(bucket.bucket_name, "secret", "copy"),
            lambda: stranger.put_object("secret", b"other"),
        ):
            with pytest.raises(oss2.exceptions.AccessDenied):
                attempt()

    def test_a_public_link_does_not_open_a_private_target(self, bucket):
        bucket.put_object("target", b"content")
        bucket.put_symlink("target", "link", headers={"x-oss-object-acl": "public-read"})
        with pytest.raises(oss2.exceptions.AccessDenied):
            anonymous(bucket).get_object("link")
        bucket.put_object_acl("target", "public-read")
        assert read(anonymous(bucket), "link") == b"content"

    def test_a_wrong_signature_opens_nothing_not_even_what_is_public(self, server, session, bucket):
        bucket.put_object("k", b"content", headers={"x-oss-object-acl": "public-read"})
        wrong = connect(server, oss2.Auth("local-key", "wrong"), bucket.bucket_name, session)
        with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
            wrong.get_object("k")


class TestTags:
    def test_tags_are_put_read_replaced_and_deleted(self, bucket):
        bucket.put_object("k", b"content")
        assert tags(bucket, "k") == {}
        bucket.put_object_tagging("k", tagging(TAGS))
        assert tags(bucket, "k") == TAGS
        assert bucket.head_object("k").headers["x-oss-tagging-count"] == "3"
        bucket.put_object_tagging("k", tagging({"only": "one"}))
        assert tags(bucket, "k") == {"only": "one"}
        bucket.delete_object_tagging("k")
        assert tags(bucket, "k") == {}
        assert "x-oss-tagging-count" not in bucket.head_object("k").headers

    def test_tags_come_with_the_object_however_it_is_stored(self, bucket):
        said = {"x-oss-tagging": "&".join(f"{quote(key)}={quote(value)}" for key, value in TAGS.items())}
        bucket.put_object("put", b"content", headers=said)
        bucket.append_object("appended", 0, b"content", headers=said)
        upload = bucket.init_multipart_upload("parts", headers=said).upload_id
        part = bucket.upload_part("parts", upload, 1, b"content")
        bucket.complete_multipart_upload("parts", upload, [oss2.models.PartInfo(1, part.etag)])
        for key in ("put", "appended", "parts"):
            assert tags(bucket, key) == TAGS

    def test_what_a_later_append_says_about_the_object_is_ignored(self, bucket):
        bucket.append_object("log", 0, b"one ", headers={"x-oss-tagging": "a=b"})
        said = {"x-oss-tagging": "=".join("abc"), "x-oss-object-acl": "public-read", "x-oss-meta-late": "yes"}
        bucket.append_object("log", 4, b"two", headers=said)
        assert (read(bucket, "log"), tags(bucket, "log")) == (b"one two", {"a": "b"})
        assert bucket.get_object_acl("log").acl == "default"
        assert "x-oss-meta-late" not in bucket.head_object("log").headers

    def test_a_copy_keeps_its_tags_unless_it_brings_others(self, bucket):
        bucket.put_object("k", b"content", headers={"x-oss-tagging": "a=b"})
        bucket.copy_object(bucket.bucket_name, "k", "kept")
        changed = {"x-oss-tagging-directive": "Replace", "x-oss-tagging": "c=d"}
        bucket.copy_object(bucket.bucket_name, "k", "changed", headers=changed)
        assert (tags(bucket, "kept"), tags(bucket, "changed")) == ({"a": "b"}, {"c": "d"})

    @pytest.mark.parametrize(
        "wrong",
        [
            {f"k{number}": "v" for number in range(11)},
            {"k" * 129: "v"},
            {"k": "v" * 257},
            {"k": "v?"},
            {"": "v"},
        ],
    )
    def test_tags_beyond_the_limits_are_refused(self, bucket, wrong):
        bucket.put_object("k", b"content", headers={"x-oss-tagging": "a=b"})
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.put_object("k", b"other", headers={"x-oss-tagging": urlencode(wrong)})
        assert (raised.value.status, raised.value.code) == (400, "InvalidTag")
        assert (tags(bucket, "k"), read(bucket, "k")) == ({"a": "b"}, b"content")

    def test_tags_that_a_document_names_have_the_same_limits(self, bucket):
        bucket.put_object("k", b"content")
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.put_object_tagging("k", tagging({f"k{number}": "v" for number in range(11)}))
        assert raised.value.code == "InvalidTag"
        assert tags(bucket, "k") == {}

    def test_a_tagging_header_that_cannot_be_read_stores_nothing(self, bucket):
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.put_object("k", b"content", headers={"x-oss-tagging": "aa=bb=cc"})
        assert raised.value.code == "InvalidTag"
        assert not bucket.object_exists("k")


class TestMetadata:
    def test_update_replaces_all_that_was_said_and_keeps_bytes_and_tags(self, bucket):
        said = {
            "Content-Type": "text/x-old",
            "Cache-Control": "no-cache",
            "Content-Disposition": "attachment",
            "Content-Encoding": "identity",
            "Content-Language": "en",
            "Expires": "Thu, 02 Jan 2031 03:04:05 GMT",
            "x-oss-meta-a": "old",
            "x-oss-tagging": "a=b",
        }
        etag = bucket.put_object("k", b"content", headers=said).etag
        head = bucket.head_object("k").headers
        assert {name: head[name] for name in said if name != "x-oss-tagging"} == {
            name: value for name, value in said.items() if name != "x-oss-tagging"
        }
        bucket.update_object_meta("k", {"Content-Type": "text/x-new", "x-oss-meta-b": "new"})
        after = bucket.head_object("k")
        assert (after.etag, after.content_type, after.headers["x-oss-meta-b"]) == (etag, "text/x-new", "new")
        assert not {"Cache-Control", "Content-Disposition", "x-oss-meta-a"} & set(after.headers)
        assert tags(bucket, "k") == {"a": "b"}

    def test_a_missing_content_type_is_guessed_from_the_keys_ending(self, bucket):
        bucket.put_object("page.html", b"")
        bucket.put_object("nothing", b"")
        assert bucket.head_object("page.html").content_type == "text/html"
        assert bucket.head_object("nothing").content_type == "application/octet-stream"
