"""Local OSS takes objects in parts from the unmodified oss2 as OSS does."""

from __future__ import annotations

import os

import oss2
import oss2.exceptions
import pytest

from tests.support.oss import read


class TestMultipart:
    PART = 100 * 1024

    def test_resumable_transfers_with_several_threads_keep_the_content(self, bucket, tmp_path):
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

    def test_an_interrupted_upload_resumes_where_it_stopped(self, bucket, tmp_path):
        content = os.urandom(5 * self.PART)
        (tmp_path / "up").write_bytes(content)
        store = oss2.ResumableStore(root=str(tmp_path))
        sent: list[int] = []

        def upload(stop_behind: int) -> None:
            def progress(consumed: int, _total: int) -> None:
                sent.append(consumed)
                if consumed >= stop_behind:
                    raise InterruptedError

            options = {"multipart_threshold": self.PART, "part_size": self.PART, "num_threads": 1}
            oss2.resumable_upload(bucket, "k", str(tmp_path / "up"), store=store, progress_callback=progress, **options)

        with pytest.raises(InterruptedError):
            upload(2 * self.PART)
        (under_way,) = oss2.MultipartUploadIterator(bucket)
        arrived = [part.part_number for part in oss2.PartIterator(bucket, "k", under_way.upload_id)]
        assert arrived
        assert not bucket.object_exists("k")
        sent.clear()
        upload(6 * self.PART)
        assert sent[0] == len(arrived) * self.PART
        assert read(bucket, "k") == content
        assert list(oss2.MultipartUploadIterator(bucket)) == []

    def test_an_interrupted_download_resumes_where_it_stopped(self, bucket, tmp_path):
        content = os.urandom(5 * self.PART)
        bucket.put_object("k", content)
        store = oss2.ResumableDownloadStore(root=str(tmp_path))
        seen: list[int] = []

        def download(stop_behind: int) -> None:
            def progress(consumed: int, _total: int) -> None:
                seen.append(consumed)
                if consumed >= stop_behind:
                    raise InterruptedError

            options = {"multiget_threshold": self.PART, "part_size": self.PART, "num_threads": 1}
            oss2.resumable_download(
                bucket, "k", str(tmp_path / "down"), store=store, progress_callback=progress, **options
            )

        with pytest.raises(InterruptedError):
            download(2 * self.PART)
        assert not (tmp_path / "down").exists()
        seen.clear()
        download(6 * self.PART)
        assert seen[0] > 0
        assert (tmp_path / "down").read_bytes() == content

    def test_a_download_of_an_object_that_changes_meanwhile_is_refused(self, bucket, tmp_path):
        bucket.put_object("k", b"a" * 2 * self.PART)
        store = oss2.ResumableDownloadStore(root=str(tmp_path))

        def replace(consumed: int, _total: int) -> None:
            if consumed:
                bucket.put_object("k", b"b" * 2 * self.PART)

        with pytest.raises(oss2.exceptions.PreconditionFailed):
            oss2.resumable_download(
                bucket,
                "k",
                str(tmp_path / "down"),
                store=store,
                progress_callback=replace,
                multiget_threshold=self.PART,
                part_size=self.PART,
                num_threads=1,
            )
        assert not (tmp_path / "down").exists()

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

    def test_a_resumable_upload_can_forbid_overwriting(self, bucket, tmp_path):
        bucket.put_object("k", b"first")
        (tmp_path / "up").write_bytes(b"x" * 2 * self.PART)
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            oss2.resumable_upload(
                bucket,
                "k",
                str(tmp_path / "up"),
                store=oss2.ResumableStore(root=str(tmp_path)),
                multipart_threshold=self.PART,
                headers={"x-oss-forbid-overwrite": "true"},
            )
        assert (raised.value.status, raised.value.code) == (409, "FileAlreadyExists")
        assert read(bucket, "k") == b"first"
        assert list(oss2.MultipartUploadIterator(bucket)) == []

    def test_completing_can_forbid_overwriting(self, bucket):
        bucket.put_object("k", b"first")
        upload_id, parts = self._upload(bucket, "k", 3)
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.complete_multipart_upload("k", upload_id, parts, headers={"x-oss-forbid-overwrite": "true"})
        assert raised.value.code == "FileAlreadyExists"
        assert read(bucket, "k") == b"first"
