"""Local OSS lists objects and buckets for the unmodified oss2 as OSS does."""

from __future__ import annotations

import hashlib
import time
from urllib.parse import urlsplit

import oss2
import oss2.exceptions
import pytest

from tests.support.oss import REGION, connect, read


class TestListing:
    KEYS = ("a", "b/1", "b/2", "b/c/3", "d", "e/", "e/f", "模型", "é")

    @pytest.fixture
    def filled(self, bucket):
        for key in self.KEYS:
            bucket.put_object(key, key.encode())
        return bucket

    @pytest.mark.parametrize("page_size", [1, 2, 3, 100])
    def test_iterators_visit_every_key_once_in_order_of_bytes(self, filled, page_size):
        expected = sorted(self.KEYS, key=str.encode)
        assert [item.key for item in oss2.ObjectIterator(filled, max_keys=page_size)] == expected
        assert [item.key for item in oss2.ObjectIteratorV2(filled, max_keys=page_size)] == expected

    @pytest.mark.parametrize("page_size", [1, 2, 100])
    @pytest.mark.parametrize("iterator", [oss2.ObjectIterator, oss2.ObjectIteratorV2])
    def test_a_delimiter_groups_keys(self, filled, iterator, page_size):
        found = list(iterator(filled, delimiter="/", max_keys=page_size))
        assert [(item.key, item.is_prefix()) for item in found] == [
            ("a", False),
            ("b/", True),
            ("d", False),
            ("e/", True),
            ("é", False),
            ("模型", False),
        ]

    def test_a_prefix_and_a_delimiter_list_a_folder(self, filled):
        page = filled.list_objects_v2(prefix="b/", delimiter="/")
        assert [item.key for item in page.object_list] == ["b/1", "b/2"]
        assert page.prefix_list == ["b/c/"]
        assert not page.is_truncated

    def test_listing_begins_behind_a_marker(self, filled):
        assert [item.key for item in filled.list_objects(marker="b/2", max_keys=2).object_list] == ["b/c/3", "d"]
        assert next(item.key for item in filled.list_objects_v2(start_after="e/").object_list) == "e/f"

    def test_a_listed_item_has_size_type_class_etag_owner_and_time(self, filled):
        (item,) = filled.list_objects_v2(prefix="d", fetch_owner=True).object_list
        assert (item.size, item.type, item.storage_class) == (1, "Normal", "Standard")
        assert item.etag == hashlib.md5(b"d").hexdigest().upper()
        assert item.owner.id
        assert abs(item.last_modified - time.time()) < 60

    def test_names_may_be_listed_without_encoding(self, filled):
        page = filled.list_objects_v2(prefix="模", encoding_type="")
        assert [item.key for item in page.object_list] == ["模型"]

    def test_a_page_size_out_of_range_is_refused(self, filled):
        for size in (0, 1001):
            with pytest.raises(oss2.exceptions.InvalidArgument):
                filled.list_objects_v2(max_keys=size)

    @pytest.mark.parametrize("key", ["form\x0cfeed", "\x01\x1f", "<&>\"'", "tab\tand\nnewline", "\ufdd0 is no letter"])
    def test_any_key_can_be_among_those_deleted_at_once(self, bucket, key):
        bucket.put_object(key, b"content")
        assert bucket.batch_delete_objects([key]).deleted_keys == [key]
        assert not bucket.object_exists(key)

    def test_many_objects_are_deleted_at_once(self, filled):
        result = filled.batch_delete_objects(["a", "模型", "absent", "b/c/3"])
        assert result.deleted_keys == ["a", "模型", "absent", "b/c/3"]
        assert not filled.object_exists("模型")
        assert filled.object_exists("d")


class TestBuckets:
    def test_a_bucket_has_its_location_and_endpoint(self, server, bucket):
        info = bucket.get_bucket_info()
        assert (info.name, info.location) == (bucket.bucket_name, f"oss-{REGION}")
        assert info.extranet_endpoint == urlsplit(server.endpoint).netloc
        assert bucket.get_bucket_location().location == f"oss-{REGION}"
        assert (info.comment, info.storage_class, info.versioning_status) == ("", "Standard", None)
        assert info.bucket_encryption_rule.sse_algorithm is None

    def test_buckets_are_listed(self, server, bucket, auth, session):
        service = oss2.Service(auth, server.endpoint, session=session, region=REGION)
        listed = [found.name for found in oss2.BucketIterator(service, prefix="bucket-", max_keys=2)]
        assert bucket.bucket_name in listed
        assert listed == sorted(listed)

    def test_creating_a_bucket_again_is_no_error(self, bucket):
        bucket.put_object("k", b"content")
        assert bucket.create_bucket().status == 200
        assert read(bucket, "k") == b"content"

    def test_only_an_empty_bucket_is_deleted(self, bucket):
        bucket.put_object("k", b"")
        with pytest.raises(oss2.exceptions.BucketNotEmpty):
            bucket.delete_bucket()
        bucket.delete_object("k")
        bucket.delete_bucket()
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            bucket.get_bucket_info()

    def test_every_operation_on_a_missing_bucket_is_refused(self, server, auth, session):
        missing = connect(server, auth, "missing", session)
        for attempt in (
            lambda: missing.put_object("k", b"x" * 100_000),
            lambda: missing.get_object("k"),
            lambda: missing.delete_object("k"),
            missing.list_objects_v2,
            missing.list_multipart_uploads,
            lambda: missing.init_multipart_upload("k"),
            lambda: missing.append_object("k", 0, b""),
            lambda: missing.batch_delete_objects(["k"]),
        ):
            with pytest.raises(oss2.exceptions.NoSuchBucket):
                attempt()
