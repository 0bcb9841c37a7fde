"""Local OSS answers the unmodified oss2 as OSS does."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import oss2
import oss2.exceptions
import pytest
import requests
import uvicorn

from airflow_provider_pai.local.oss.app import oss_app
from airflow_provider_pai.local.oss.objects import ObjectStore

# oss2 2.19.1 signs V4 with datetime.utcnow(), deprecated since Python 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:oss2.auth")

KEY_ID, SECRET, REGION = "local-key", "local-secret", "cn-hangzhou"
ODD_KEYS = [
    "plain",
    "dir/a b.txt",
    "模型/检查点 1.bin",
    "100%",
    "%2F",
    "a%2Fb",
    "a+b",
    "a+b c%20d",
    ".hidden",
    "dir/.hidden",
    "..dots",
    "folder/",
    "a//b",
    "q?x=1&y=2#z",
    "tab\tand\nnewline",
    "~tilde*star'quote\"(paren)!",
    "back\\slash",
    "é😀",
    "k" * 1023,
]


class SteerableClock:
    """The real time, moved by ``offset`` seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


class RunningOSS:
    """Local OSS on a free loopback port, in a thread of its own."""

    def __init__(self, home: Path) -> None:
        self.clock = SteerableClock()
        self.store = ObjectStore(home)
        app = oss_app(self.store, {KEY_ID: SECRET}.get, REGION, self.clock)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", ws="none"))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> RunningOSS:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.store.close()


class ToLocalServer(requests.adapters.HTTPAdapter):
    """Sends what is meant for any host to one server and keeps the Host header: a DNS entry for tests."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._target = urlsplit(endpoint).netloc

    def send(self, request, *args, **kwargs):
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=self._target))
        return super().send(request, *args, **kwargs)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOSS]:
    with RunningOSS(tmp_path_factory.mktemp("oss")) as server:
        yield server


@pytest.fixture
def server(running: RunningOSS) -> Iterator[RunningOSS]:
    running.clock.offset = 0.0
    yield running
    running.clock.offset = 0.0


_numbers = itertools.count()


def connect(server: RunningOSS, auth: oss2.auth.AuthBase, name: str, session: oss2.Session) -> oss2.Bucket:
    return oss2.Bucket(auth, server.endpoint, name, region=REGION, session=session)


@pytest.fixture
def session() -> Iterator[oss2.Session]:
    session = oss2.Session()
    yield session
    session.session.close()


@pytest.fixture(params=[oss2.Auth, oss2.AuthV4], ids=["V1", "V4"])
def auth(request: pytest.FixtureRequest) -> oss2.auth.AuthBase:
    return request.param(KEY_ID, SECRET)


@pytest.fixture
def bucket(server: RunningOSS, auth: oss2.auth.AuthBase, session: oss2.Session) -> oss2.Bucket:
    bucket = connect(server, auth, f"bucket-{next(_numbers)}", session)
    bucket.create_bucket()
    return bucket


def read(bucket: oss2.Bucket, key: str, **options: object) -> bytes:
    return bucket.get_object(key, **options).read()


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

    def test_head_tells_what_the_uploader_said(self, bucket):
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

    def test_existence_is_told_apart_from_a_missing_bucket(self, server, bucket, auth, session):
        bucket.put_object("k", b"")
        assert bucket.object_exists("k")
        assert not bucket.object_exists("absent")
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            connect(server, auth, "no-such-bucket", session).object_exists("k")

    def test_meta_tells_size_and_etag_only(self, bucket):
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
        "headers", [{"x-oss-server-side-encryption": "AES256"}, {"x-oss-object-acl": "public-read"}]
    )
    def test_what_it_cannot_honour_is_refused_and_not_ignored(self, bucket, headers):
        with pytest.raises(oss2.exceptions.NotImplemented):
            bucket.put_object("k", b"", headers=headers)
        with pytest.raises(oss2.exceptions.NotImplemented):
            bucket.get_object_tagging("k")


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

    def test_an_item_tells_what_the_object_is(self, filled):
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

    def test_many_objects_are_deleted_at_once(self, filled):
        result = filled.batch_delete_objects(["a", "模型", "absent", "b/c/3"])
        assert result.deleted_keys == ["a", "模型", "absent", "b/c/3"]
        assert not filled.object_exists("模型")
        assert filled.object_exists("d")


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

    def test_a_copy_of_nothing_is_refused(self, bucket):
        with pytest.raises(oss2.exceptions.NoSuchKey):
            bucket.copy_object(bucket.bucket_name, "absent", "copy")

    def test_a_copy_honours_its_conditions(self, bucket):
        bucket.put_object("k", b"content")
        with pytest.raises(oss2.exceptions.PreconditionFailed):
            bucket.copy_object(bucket.bucket_name, "k", "copy", headers={"x-oss-copy-source-if-match": "other"})


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


class TestMultipart:
    PART = 100 * 1024

    def test_resumable_upload_and_download_round_trip_with_several_threads(self, bucket, tmp_path):
        content = os.urandom(5 * self.PART + 123)
        (tmp_path / "up").write_bytes(content)
        oss2.resumable_upload(
            bucket,
            "big/模型.bin",
            str(tmp_path / "up"),
            store=oss2.ResumableStore(root=str(tmp_path)),
            multipart_threshold=self.PART,
            part_size=self.PART,
            num_threads=4,
            headers={"x-oss-meta-a": "b"},
        )
        head = bucket.head_object("big/模型.bin")
        assert (head.object_type, head.content_length) == ("Multipart", len(content))
        assert head.etag.endswith("-6")
        assert head.headers["x-oss-meta-a"] == "b"
        oss2.resumable_download(
            bucket,
            "big/模型.bin",
            str(tmp_path / "down"),
            store=oss2.ResumableDownloadStore(root=str(tmp_path)),
            multiget_threshold=self.PART,
            part_size=self.PART,
            num_threads=4,
        )
        assert (tmp_path / "down").read_bytes() == content
        assert list(oss2.MultipartUploadIterator(bucket)) == []

    def _upload(self, bucket, key, *sizes):
        upload_id = bucket.init_multipart_upload(key).upload_id
        parts = []
        for number, size in enumerate(sizes, 1):
            data = bytes([number]) * size
            result = bucket.upload_part(key, upload_id, number, data)
            parts.append(oss2.models.PartInfo(number, result.etag, size=size, part_crc=result.crc))
        return upload_id, parts

    def test_parts_and_uploads_under_way_are_listed_in_pages(self, bucket):
        first, _ = self._upload(bucket, "a", 3, 4, 5)
        second, _ = self._upload(bucket, "模型", 1)
        parts = list(oss2.PartIterator(bucket, "a", first, max_parts=2))
        assert [(part.part_number, part.size) for part in parts] == [(1, 3), (2, 4), (3, 5)]
        uploads = list(oss2.MultipartUploadIterator(bucket, max_uploads=1))
        assert [(upload.key, upload.upload_id) for upload in uploads] == [("a", first), ("模型", second)]

    def test_an_object_is_only_there_when_the_upload_is_complete(self, bucket):
        upload_id, parts = self._upload(bucket, "k", self.PART, 7)
        assert not bucket.object_exists("k")
        bucket.complete_multipart_upload("k", upload_id, parts)
        assert read(bucket, "k") == b"\1" * self.PART + b"\2" * 7
        with pytest.raises(oss2.exceptions.NoSuchUpload):
            bucket.complete_multipart_upload("k", upload_id, parts)

    def test_all_parts_can_be_completed_without_listing_them(self, bucket):
        upload_id, _ = self._upload(bucket, "k", self.PART, 7)
        bucket.complete_multipart_upload("k", upload_id, None, headers={"x-oss-complete-all": "yes"})
        assert bucket.head_object("k").content_length == self.PART + 7

    def test_a_part_can_be_replaced_and_left_out(self, bucket):
        upload_id, _parts = self._upload(bucket, "k", 3, 4)
        again = bucket.upload_part("k", upload_id, 1, b"again")
        bucket.complete_multipart_upload("k", upload_id, [oss2.models.PartInfo(1, again.etag)])
        assert read(bucket, "k") == b"again"

    def test_wrong_completions_are_refused_and_leave_the_upload_alone(self, bucket):
        upload_id, parts = self._upload(bucket, "k", 10, 10)
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.complete_multipart_upload("k", upload_id, parts)
        assert raised.value.code == "EntityTooSmall"
        for wrong in (oss2.models.PartInfo(3, parts[0].etag), oss2.models.PartInfo(1, "0" * 32)):
            with pytest.raises(oss2.exceptions.ServerError) as raised:
                bucket.complete_multipart_upload("k", upload_id, [wrong])
            assert raised.value.code == "InvalidPart"
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.complete_multipart_upload("k", upload_id, [parts[0], parts[0]])
        assert raised.value.code == "InvalidPartOrder"
        bucket.complete_multipart_upload("k", upload_id, parts[:1])

    def test_an_aborted_upload_is_gone(self, bucket):
        upload_id, _ = self._upload(bucket, "k", 10)
        bucket.abort_multipart_upload("k", upload_id)
        for attempt in (
            lambda: bucket.upload_part("k", upload_id, 1, b""),
            lambda: bucket.list_parts("k", upload_id),
            lambda: bucket.abort_multipart_upload("k", upload_id),
        ):
            with pytest.raises(oss2.exceptions.NoSuchUpload):
                attempt()

    def test_a_part_number_out_of_range_is_refused(self, bucket):
        upload_id, _ = self._upload(bucket, "k")
        for number in (0, 10_001):
            with pytest.raises(oss2.exceptions.InvalidArgument):
                bucket.upload_part("k", upload_id, number, b"")

    def test_completing_can_forbid_overwriting(self, bucket):
        bucket.put_object("k", b"first")
        upload_id, parts = self._upload(bucket, "k", 3)
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.complete_multipart_upload("k", upload_id, parts, headers={"x-oss-forbid-overwrite": "true"})
        assert raised.value.code == "FileAlreadyExists"
        assert read(bucket, "k") == b"first"


class TestBuckets:
    def test_a_bucket_tells_where_it_is(self, server, bucket):
        info = bucket.get_bucket_info()
        assert (info.name, info.location) == (bucket.bucket_name, f"oss-{REGION}")
        assert info.extranet_endpoint == urlsplit(server.endpoint).netloc
        assert bucket.get_bucket_location().location == f"oss-{REGION}"

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


class TestAddressing:
    @pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
    def test_virtual_host_style_reaches_the_same_objects(self, server, bucket, auth, key):
        session = oss2.Session(adapter=ToLocalServer(server.endpoint))
        endpoint = f"http://oss-{REGION}.aliyuncs.com"
        by_host = oss2.Bucket(auth, endpoint, bucket.bucket_name, region=REGION, session=session)
        by_host.put_object(key, b"content")
        assert read(bucket, key) == b"content"
        assert by_host.get_bucket_info().name == bucket.bucket_name
        assert bucket.bucket_name in [
            found.name for found in oss2.BucketIterator(oss2.Service(auth, endpoint, session=session, region=REGION))
        ]
        session.session.close()


class TestSignatures:
    @pytest.mark.parametrize("key", ["dir/a b+c%.txt", "模型"])
    @pytest.mark.parametrize("slash_safe", [True, False])
    def test_a_presigned_url_is_good_until_it_expires(self, server, bucket, session, key, slash_safe):
        url = bucket.sign_url("PUT", key, 60, slash_safe=slash_safe, headers={"Content-Type": "text/plain"})
        assert requests.put(url, b"content", headers={"Content-Type": "text/plain"}, timeout=10).status_code == 200
        url = bucket.sign_url("GET", key, 60, slash_safe=slash_safe, params={"response-content-type": "text/x-test"})
        answer = requests.get(url, timeout=10)
        assert (answer.content, answer.headers["Content-Type"]) == (b"content", "text/x-test")
        server.clock.offset = 120
        expired = requests.get(url, timeout=10)
        assert expired.status_code == 403
        assert "<Code>AccessDenied</Code>" in expired.text

    def test_a_presigned_url_is_good_for_nothing_else(self, bucket):
        bucket.put_object("k", b"content")
        url = bucket.sign_url("GET", "k", 60)
        for answer in (requests.delete(url, timeout=10), requests.get(url.replace("/k?", "/other?"), timeout=10)):
            assert answer.status_code == 403
            assert "<Code>SignatureDoesNotMatch</Code>" in answer.text

    @pytest.mark.parametrize("kind", [oss2.Auth, oss2.AuthV4])
    def test_a_wrong_secret_is_refused_even_while_a_big_body_is_sent(self, server, session, kind):
        stranger = connect(server, kind(KEY_ID, "wrong"), "bucket", session)
        with pytest.raises(oss2.exceptions.SignatureDoesNotMatch) as raised:
            stranger.put_object("k", io.BytesIO(b"x" * (8 << 20)))
        assert raised.value.status == 403
        assert SECRET.encode() not in raised.value.body
        with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
            stranger.head_object("k")

    @pytest.mark.parametrize("kind", [oss2.Auth, oss2.AuthV4])
    def test_an_unknown_key_is_refused(self, server, session, kind):
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            connect(server, kind("unknown", SECRET), "bucket", session).get_object("k")
        assert (raised.value.status, raised.value.code) == (403, "InvalidAccessKeyId")

    @pytest.mark.parametrize("offset", [-16 * 60, 16 * 60])
    def test_a_clock_that_is_far_off_is_refused(self, server, bucket, offset):
        server.clock.offset = offset
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.list_objects_v2()
        assert (raised.value.status, raised.value.code) == (403, "RequestTimeTooSkewed")

    def test_a_request_without_a_signature_is_refused(self, server, session):
        with pytest.raises(oss2.exceptions.AccessDenied):
            connect(server, oss2.AnonymousAuth(), "bucket", session).get_object("k")

    @pytest.mark.parametrize("version", ["v1", "v4"])
    def test_a_security_token_is_refused(self, server, session, version):
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            connect(server, oss2.StsAuth(KEY_ID, SECRET, "token", version), "bucket", session).get_object("k")
        assert (raised.value.status, raised.value.code) == (403, "InvalidSecurityToken")
        assert b"token</" not in raised.value.body

    def test_another_region_is_refused(self, server, session):
        elsewhere = oss2.Bucket(
            oss2.AuthV4(KEY_ID, SECRET), server.endpoint, "bucket", region="cn-beijing", session=session
        )
        with pytest.raises(oss2.exceptions.InvalidArgument) as raised:
            elsewhere.get_object("k")
        assert raised.value.message == "Invalid signing region in Authorization header."
