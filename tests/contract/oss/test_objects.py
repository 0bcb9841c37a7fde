"""Local OSS stores, answers and grows objects for the unmodified oss2 as OSS does."""

from __future__ import annotations

import base64
import hashlib
import os
import time

import oss2
import oss2.exceptions
import pytest

from tests.support.oss import ODD_KEYS, connect, read


class TestOneObject:
    @pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
    def test_any_valid_key_is_stored_listed_and_deleted_under_exactly_its_name(self, bucket, key):
        bucket.put_object(key, b"content")
        assert read(bucket, key) == b"content"
        assert [item.key for item in bucket.list_objects_v2().object_list] == [key]
        assert [item.key for item in bucket.list_objects().object_list] == [key]
        bucket.delete_object(key)
        assert bucket.list_objects_v2().object_list == []

    def test_a_put_answers_with_etag_checksum_and_request_id(self, bucket):
        result = bucket.put_object("k", b"hello")
        assert result.resp.headers["ETag"] == f'"{hashlib.md5(b"hello").hexdigest().upper()}"'
        assert result.crc == int(result.resp.headers["x-oss-hash-crc64ecma"]) != 0
        assert len(result.request_id) == 24

    def test_an_empty_object_can_be_stored(self, bucket, tmp_path):
        bucket.put_object("empty", b"")
        bucket.get_object_to_file("empty", str(tmp_path / "empty"))
        assert (tmp_path / "empty").read_bytes() == b""

    def test_head_returns_the_headers_of_the_upload(self, bucket):
        sent = {"Content-Type": "text/x-test", "x-oss-meta-author": "me", "Cache-Control": "no-cache"}
        bucket.put_object("k", b"12345", headers=sent)
        head = bucket.head_object("k")
        assert (head.content_length, head.content_type, head.object_type) == (5, "text/x-test", "Normal")
        assert head.headers["x-oss-meta-author"] == "me"
        assert head.headers["Cache-Control"] == "no-cache"
        assert abs(head.last_modified - time.time()) < 60

    def test_head_of_an_absent_object_has_its_error_in_a_header(self, bucket):
        with pytest.raises(oss2.exceptions.NoSuchKey) as raised:
            bucket.head_object("absent")
        assert raised.value.body == b""
        assert b"<Code>NoSuchKey</Code>" in base64.b64decode(raised.value.headers["x-oss-err"])
        assert raised.value.headers["x-oss-ec"] == raised.value.ec

    def test_a_missing_object_does_not_exist_and_a_missing_bucket_is_an_error(self, server, bucket, auth, session):
        bucket.put_object("k", b"")
        assert bucket.object_exists("k")
        assert not bucket.object_exists("absent")
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            connect(server, auth, "no-such-bucket", session).object_exists("k")

    def test_meta_has_size_and_etag_only(self, bucket):
        bucket.put_object("k", b"12345", headers={"x-oss-meta-a": "b"})
        meta = bucket.get_object_meta("k")
        assert meta.content_length == 5
        assert meta.etag == hashlib.md5(b"12345").hexdigest().upper()
        assert "x-oss-meta-a" not in meta.headers

    def test_getting_an_absent_object_is_refused_with_an_error_document(self, bucket):
        with pytest.raises(oss2.exceptions.NoSuchKey) as raised:
            bucket.get_object("absent")
        details = raised.value.details
        assert details["Key"] == "absent"
        assert details["RequestId"] == raised.value.request_id
        assert raised.value.status == 404

    def test_deleting_an_absent_object_is_no_error(self, bucket):
        assert bucket.delete_object("absent").status == 204

    def test_a_big_object_comes_back_byte_for_byte(self, bucket, tmp_path):
        content = os.urandom(5 << 20) + b"tail"
        (tmp_path / "up").write_bytes(content)
        bucket.put_object_from_file("big", str(tmp_path / "up"))
        bucket.get_object_to_file("big", str(tmp_path / "down"))
        assert (tmp_path / "down").read_bytes() == content

    def test_a_stream_of_unknown_length_is_taken(self, bucket):
        bucket.put_object("streamed", iter([b"one ", b"two ", b"three"]))
        assert read(bucket, "streamed") == b"one two three"

    def test_content_md5_is_checked(self, bucket):
        right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
        bucket.put_object("k", b"hello", headers={"Content-MD5": right})
        for wrong in (base64.b64encode(hashlib.md5(b"other").digest()).decode(), "nonsense"):
            with pytest.raises(oss2.exceptions.InvalidDigest):
                bucket.put_object("k", b"hello", headers={"Content-MD5": wrong})

    def test_overwriting_can_be_forbidden(self, bucket):
        bucket.put_object("k", b"first", headers={"x-oss-forbid-overwrite": "true"})
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.put_object("k", b"second", headers={"x-oss-forbid-overwrite": "true"})
        assert (raised.value.status, raised.value.code) == (409, "FileAlreadyExists")
        assert read(bucket, "k") == b"first"
        bucket.put_object("k", b"third")
        assert read(bucket, "k") == b"third"

    @pytest.mark.parametrize("key", ["/absolute", "\\back", "k" * 1024])
    def test_an_invalid_key_is_refused(self, bucket, key):
        with pytest.raises(oss2.exceptions.InvalidObjectName):
            bucket.put_object(key, b"")

    @pytest.mark.parametrize(
        "headers", [{"x-oss-server-side-encryption": "AES256"}, {"x-oss-object-worm-mode": "COMPLIANCE"}]
    )
    def test_what_it_cannot_honour_is_refused_and_not_ignored(self, bucket, headers):
        with pytest.raises(oss2.exceptions.NotImplemented):
            bucket.put_object("k", b"", headers=headers)
        for attempt in (
            lambda: bucket.get_object("k", process="image/resize,w_100"),
            lambda: bucket.get_object("k", params={"versionId": "v"}),
            bucket.list_object_versions,
            lambda: bucket.delete_object_versions(
                oss2.models.BatchDeleteObjectVersionList([oss2.models.BatchDeleteObjectVersion("k", "v")])
            ),
        ):
            with pytest.raises(oss2.exceptions.NotImplemented):
                attempt()


class TestPartialAndConditionalReads:
    @pytest.mark.parametrize(
        ("byte_range", "expected"),
        [((0, 4), b"01234"), ((5, 9), b"56789"), ((3, None), b"3456789"), ((None, 2), b"89"), ((9, 9), b"9")],
    )
    def test_a_range_yields_its_bytes(self, bucket, byte_range, expected):
        bucket.put_object("digits", b"0123456789")
        result = bucket.get_object("digits", byte_range=byte_range)
        assert (result.status, result.read()) == (206, expected)
        assert result.headers["Content-Range"].endswith("/10")
        assert result.content_length == len(expected)

    @pytest.mark.parametrize("byte_range", [(5, 10), (10, 20), (None, 11)])
    def test_a_range_beyond_the_object_yields_all_of_it(self, bucket, byte_range):
        bucket.put_object("digits", b"0123456789")
        result = bucket.get_object("digits", byte_range=byte_range)
        assert (result.status, result.read()) == (200, b"0123456789")

    def test_a_range_follows_http_when_asked_to(self, bucket):
        bucket.put_object("digits", b"0123456789")
        standard = {"x-oss-range-behavior": "standard"}
        cut = bucket.get_object("digits", byte_range=(5, 100), headers=standard)
        assert (cut.status, cut.read()) == (206, b"56789")
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.get_object("digits", byte_range=(10, 20), headers=standard)
        assert (raised.value.status, raised.value.code) == (416, "InvalidRange")

    def test_conditions_are_honoured(self, bucket):
        etag = bucket.put_object("k", b"content").etag
        modified = bucket.head_object("k").last_modified
        date, before = oss2.http_date(modified), oss2.http_date(modified - 10)
        for met in ({"If-Match": etag}, {"If-Unmodified-Since": date}, {"If-Modified-Since": before}):
            assert read(bucket, "k", headers=met) == b"content"
        for failed in ({"If-Match": "other"}, {"If-Unmodified-Since": before}):
            with pytest.raises(oss2.exceptions.PreconditionFailed):
                bucket.get_object("k", headers=failed)
        for unchanged in ({"If-None-Match": f'"{etag}"'}, {"If-Modified-Since": date}):
            with pytest.raises(oss2.exceptions.NotModified):
                bucket.get_object("k", headers=unchanged)


class TestAppending:
    def test_an_object_grows_at_its_end_and_keeps_its_checksum(self, bucket):
        first = bucket.append_object("log", 0, b"one ", init_crc=0)
        second = bucket.append_object("log", first.next_position, b"two", init_crc=first.crc)
        assert second.next_position == 7
        assert second.etag != first.etag
        assert read(bucket, "log") == b"one two"
        assert bucket.head_object("log").object_type == "Appendable"

    def test_another_position_is_refused_with_the_right_one(self, bucket):
        bucket.append_object("log", 0, b"one ")
        with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as raised:
            bucket.append_object("log", 2, b"two")
        assert raised.value.next_position == 4
        assert read(bucket, "log") == b"one "

    def test_an_ordinary_object_is_not_appendable(self, bucket):
        bucket.put_object("k", b"content")
        with pytest.raises(oss2.exceptions.ObjectNotAppendable):
            bucket.append_object("k", 7, b"more")
