"""Local OSS copies objects for the unmodified oss2 as OSS does."""

from __future__ import annotations

import hashlib
import os

import oss2
import oss2.exceptions
import pytest

from tests.support.oss import connect, read


class TestCopying:
    def test_a_copy_keeps_bytes_and_metadata(self, server, bucket, auth, session):
        other = connect(server, auth, f"{bucket.bucket_name}-other", session)
        other.create_bucket()
        bucket.put_object("源/a b%", b"content", headers={"x-oss-meta-a": "b"})
        result = other.copy_object(bucket.bucket_name, "源/a b%", "copy")
        assert result.etag == hashlib.md5(b"content").hexdigest().upper()
        assert read(other, "copy") == b"content"
        assert other.head_object("copy").headers["x-oss-meta-a"] == "b"

    def test_metadata_is_changed_by_copying_onto_itself(self, bucket):
        bucket.put_object("k", b"content", headers={"x-oss-meta-a": "old"})
        bucket.update_object_meta("k", {"x-oss-meta-a": "new"})
        assert bucket.head_object("k").headers["x-oss-meta-a"] == "new"
        assert read(bucket, "k") == b"content"

    @pytest.mark.parametrize("directive", [{}, {"x-oss-metadata-directive": "COPY"}])
    def test_copying_onto_itself_without_metadata_keeps_what_the_object_has(self, bucket, directive):
        kept = {"Content-Type": "text/csv", "x-oss-meta-a": "b", "Cache-Control": "no-cache"}
        bucket.put_object("k", b"content", headers={**kept, "x-oss-tagging": "a=b"})
        bucket.copy_object(bucket.bucket_name, "k", "k", headers=directive)
        found = bucket.head_object("k").headers
        assert {name: found[name] for name in kept} == kept
        assert bucket.get_object_tagging("k").tag_set.tagging_rule == {"a": "b"}

    def test_copying_onto_itself_with_replace_and_nothing_removes_what_the_object_had(self, bucket):
        bucket.put_object("k", b"content", headers={"Content-Type": "text/csv", "x-oss-meta-a": "b"})
        bucket.copy_object(bucket.bucket_name, "k", "k", headers={"x-oss-metadata-directive": "REPLACE"})
        found = bucket.head_object("k").headers
        assert ("x-oss-meta-a" in found, found["Content-Type"]) == (False, "application/octet-stream")

    @pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
    def test_no_copy_is_made_when_its_condition_can_not_be_read(self, bucket, name):
        bucket.put_object("k", b"content")
        with pytest.raises(oss2.exceptions.ServerError, match="InvalidArgument"):
            bucket.copy_object(bucket.bucket_name, "k", "copy", headers={f"x-oss-copy-source-{name}": "yesterday"})
        assert not bucket.object_exists("copy")

    def test_metadata_of_a_copy_is_replaced_when_asked(self, bucket):
        bucket.put_object("k", b"content", headers={"x-oss-meta-a": "old"})
        ignored = {"x-oss-meta-a": "new"}
        bucket.copy_object(bucket.bucket_name, "k", "kept", headers=ignored)
        bucket.copy_object(
            bucket.bucket_name, "k", "changed", headers={**ignored, "x-oss-metadata-directive": "REPLACE"}
        )
        found = [bucket.head_object(key).headers["x-oss-meta-a"] for key in ("kept", "changed")]
        assert found == ["old", "new"]

    def test_a_copy_can_forbid_overwriting(self, bucket):
        bucket.put_object("k", b"content")
        bucket.put_object("taken", b"other")
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.copy_object(bucket.bucket_name, "k", "taken", headers={"x-oss-forbid-overwrite": "true"})
        assert (raised.value.code, read(bucket, "taken")) == ("FileAlreadyExists", b"other")

    def test_a_source_without_a_leading_slash_is_refused(self, bucket):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.put_object("copy", b"", headers={"x-oss-copy-source": f"{bucket.bucket_name}/k"})

    def test_a_copy_of_nothing_is_refused(self, bucket):
        with pytest.raises(oss2.exceptions.NoSuchKey):
            bucket.copy_object(bucket.bucket_name, "absent", "copy")

    def test_a_copy_honours_its_conditions(self, bucket):
        bucket.put_object("k", b"content")
        with pytest.raises(oss2.exceptions.PreconditionFailed):
            bucket.copy_object(bucket.bucket_name, "k", "copy", headers={"x-oss-copy-source-if-match": "other"})


class TestCopyingParts:
    PART = 100 * 1024

    def test_parts_are_copied_from_ranges_of_another_object(self, bucket):
        content = os.urandom(2 * self.PART + 7)
        bucket.put_object("源/a b%", content)
        upload_id = bucket.init_multipart_upload("copy").upload_id
        parts = []
        for number, (first, last) in enumerate([(0, self.PART - 1), (self.PART, None)], 1):
            copied = bucket.upload_part_copy(bucket.bucket_name, "源/a b%", (first, last), "copy", upload_id, number)
            parts.append(oss2.models.PartInfo(number, copied.etag))
            assert copied.etag == hashlib.md5(content[first : last + 1 if last else None]).hexdigest().upper()
        bucket.complete_multipart_upload("copy", upload_id, parts)
        assert read(bucket, "copy") == content

    def test_a_part_is_a_whole_object_when_no_range_is_named(self, bucket):
        bucket.append_object("log", 0, b"one ")
        bucket.append_object("log", 4, b"two")
        upload_id = bucket.init_multipart_upload("copy").upload_id
        bucket.upload_part_copy(bucket.bucket_name, "log", None, "copy", upload_id, 1)
        (part,) = bucket.list_parts("copy", upload_id).parts
        assert part.size == 7

    def test_a_part_honours_its_conditions_and_needs_a_source_and_an_upload(self, bucket):
        bucket.put_object("k", b"content")
        upload_id = bucket.init_multipart_upload("copy").upload_id
        name, failed = bucket.bucket_name, {"x-oss-copy-source-if-match": "other"}
        with pytest.raises(oss2.exceptions.PreconditionFailed):
            bucket.upload_part_copy(name, "k", None, "copy", upload_id, 1, headers=failed)
        with pytest.raises(oss2.exceptions.NoSuchKey):
            bucket.upload_part_copy(name, "absent", None, "copy", upload_id, 1)
        with pytest.raises(oss2.exceptions.NoSuchUpload):
            bucket.upload_part_copy(name, "k", None, "copy", "unknown", 1)
        assert bucket.list_parts("copy", upload_id).parts == []
