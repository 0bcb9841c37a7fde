"""What a bucket is made with is kept and returned, or refused: nothing in PutBucket's body is overlooked."""

from __future__ import annotations

import time

import oss2
import pytest

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from tests.support.oss import RunningOSS, connect

_OTHER = "<CreateBucketConfiguration>{}</CreateBucketConfiguration>"


@pytest.fixture
def new(server: RunningOSS, auth: oss2.auth.AuthBase, session: oss2.Session) -> oss2.Bucket:
    return connect(server, auth, f"made-{time.monotonic_ns()}", session)


def _put(bucket: oss2.Bucket, body: str) -> None:
    bucket._Bucket__do_bucket("PUT", data=body.encode())


@pytest.mark.parametrize("kept", ["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"])
@pytest.mark.parametrize("redundancy", ["LRS", "ZRS"])
def test_storage_class_and_redundancy_are_stored_and_returned(new, kept, redundancy):
    new.create_bucket(input=oss2.models.BucketCreateConfig(kept, redundancy))
    info = new.get_bucket_info()
    assert (info.storage_class, info.data_redundancy_type) == (kept, redundancy)
    new.put_object("k", b"bytes")
    assert new.list_objects().object_list[0].storage_class == kept
    assert new.head_object("k").headers["x-oss-storage-class"] == kept


def test_a_bucket_without_a_configuration_is_standard(new):
    new.create_bucket()
    assert (new.get_bucket_info().storage_class, new.get_bucket_info().data_redundancy_type) == ("Standard", "LRS")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("Nonsense", "MalformedXML"),
        ("<Nonsense/>", "MalformedXML"),
        (_OTHER.format("<StorageClass>Warm</StorageClass>"), "InvalidArgument"),
        (_OTHER.format("<StorageClass/>"), "InvalidArgument"),
        (_OTHER.format("<DataRedundancyType>XRS</DataRedundancyType>"), "InvalidArgument"),
        (_OTHER.format("<StorageClass>IA</StorageClass><StorageClass>IA</StorageClass>"), "MalformedXML"),
        (_OTHER.format("<StorageClass><IA/></StorageClass>"), "MalformedXML"),
        (_OTHER.format("<Colour>red</Colour>"), "NotImplemented"),
    ],
)
def test_a_body_that_says_something_else_is_refused_and_makes_no_bucket(server, new, body, error):
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        _put(new, body)
    assert caught.value.code == error
    assert new.bucket_name not in {bucket.name for bucket in server.store.buckets()}


def test_making_a_bucket_again_changes_none_of_its_settings(new):
    config = oss2.models.BucketCreateConfig("IA", "ZRS")
    new.create_bucket(input=config)
    new.create_bucket(input=config)
    new.create_bucket()
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        new.create_bucket(input=oss2.models.BucketCreateConfig("Archive"))
    assert (caught.value.status, caught.value.code) == (409, "BucketAlreadyExists")
    assert new.get_bucket_info().storage_class == "IA"


def test_a_bucket_made_anew_has_nothing_of_the_one_before(new):
    new.create_bucket("public-read", oss2.models.BucketCreateConfig("IA"))
    new.delete_bucket()
    new.create_bucket()
    assert (new.get_bucket_info().storage_class, new.get_bucket_acl().acl) == ("Standard", "private")


def test_a_buckets_statistics_count_what_is_there(bucket):
    bucket.put_object("a", b"x" * 10)
    bucket.put_object("b", b"x" * 20, headers={"x-oss-storage-class": "IA"})
    upload = bucket.init_multipart_upload("c").upload_id
    bucket.upload_part("c", upload, 1, b"x" * 30)
    stat = bucket.get_bucket_stat()
    assert (stat.object_count, stat.storage_size_in_bytes, stat.multi_part_upload_count) == (2, 30, 1)
    assert (stat.standard_object_count, stat.standard_storage, stat.live_channel_count) == (1, 10, 0)
    assert (stat.infrequent_access_object_count, stat.infrequent_access_real_storage) == (1, 20)
    assert stat.infrequent_access_storage == 64 * 1024
    assert (stat.multipart_part_count, stat.archive_object_count) == (1, 0)


def test_a_bucket_has_no_live_channels(bucket):
    assert bucket.list_live_channel().channels == []


class TestStorageClasses:
    @pytest.mark.parametrize("kept", ["IA", "Archive", "ColdArchive"])
    def test_an_objects_class_is_kept_whichever_way_it_came(self, bucket, kept):
        headers = {"x-oss-storage-class": kept}
        bucket.put_object("put", b"x", headers=headers)
        bucket.append_object("append", 0, b"x", headers=headers)
        bucket.put_object("source", b"x")
        bucket.copy_object(bucket.bucket_name, "source", "copy", headers=headers)
        upload = bucket.init_multipart_upload("parts", headers=headers).upload_id
        part = bucket.upload_part("parts", upload, 1, b"x")
        bucket.complete_multipart_upload("parts", upload, [oss2.models.PartInfo(1, part.etag)])
        found = {item.key: item.storage_class for item in bucket.list_objects().object_list}
        assert found == {"put": kept, "append": kept, "copy": kept, "parts": kept, "source": "Standard"}

    def test_a_copy_does_not_inherit_its_sources_class(self, bucket):
        bucket.put_object("ia", b"x", headers={"x-oss-storage-class": "IA"})
        bucket.copy_object(bucket.bucket_name, "ia", "copy")
        assert bucket.head_object("copy").headers["x-oss-storage-class"] == "Standard"

    def test_no_such_class_is_refused(self, bucket):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.put_object("k", b"x", headers={"x-oss-storage-class": "Warm"})
        assert not bucket.object_exists("k")

    def test_an_archived_object_is_read_only_after_it_was_restored(self, server, bucket):
        bucket.put_object("k", b"bytes", headers={"x-oss-storage-class": "Archive"})
        for attempt in (lambda: bucket.get_object("k"), lambda: bucket.copy_object(bucket.bucket_name, "k", "copy")):
            with pytest.raises(oss2.exceptions.ServerError) as caught:
                attempt()
            assert (caught.value.status, caught.value.code) == (403, "InvalidObjectState")
        assert bucket.restore_object("k").status == 202
        assert bucket.head_object("k").headers["x-oss-restore"] == 'ongoing-request="true"'
        with pytest.raises(oss2.exceptions.ServerError, match="RestoreAlreadyInProgress"):
            bucket.restore_object("k")
        server.clock.offset = 61
        assert bucket.get_object("k").read() == b"bytes"
        assert bucket.list_objects().object_list[0].restore_info.startswith('ongoing-request="false", expiry-date="')
        assert bucket.restore_object("k").status == 200
        server.clock.offset = 25 * 3600
        with pytest.raises(OSSErrorResponse, match="InvalidObjectState"):
            server.store.read(bucket.bucket_name, "k")

    def test_what_is_not_archived_is_not_restored(self, bucket):
        bucket.put_object("k", b"x", headers={"x-oss-storage-class": "IA"})
        with pytest.raises(oss2.exceptions.OperationNotSupported):
            bucket.restore_object("k")

    @pytest.mark.parametrize(("kept", "days"), [("Archive", 8), ("ColdArchive", 366), ("Archive", 0)])
    def test_more_days_than_the_class_allows_are_refused(self, bucket, kept, days):
        bucket.put_object("k", b"x", headers={"x-oss-storage-class": kept})
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.restore_object("k", input=oss2.models.RestoreConfiguration(days=days))
