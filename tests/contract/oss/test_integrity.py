"""With oss2's CRC-64 checks on, what was changed on its way is noticed; with them off, it is not."""

from __future__ import annotations

import oss2
import oss2.exceptions
import pytest
import requests

from tests.support.oss import REGION, read


class TamperingAdapter(requests.adapters.HTTPAdapter):
    """Changes the first byte of every body it is given to send, or of every answer."""

    def __init__(self, *, upwards: bool = False, downwards: bool = False) -> None:
        super().__init__()
        self._upwards = upwards
        self._downwards = downwards

    def send(self, request, *args, **kwargs):
        if self._upwards and request.body:
            whole = request.body if isinstance(request.body, bytes) else b"".join(request.body)
            request.body = b"X" + whole[1:]
        answer = super().send(request, *args, **kwargs)
        if self._downwards:
            untouched = answer.raw.read

            def tampered(*args: object, **kwargs: object) -> bytes:
                data = untouched(*args, **kwargs)
                return b"X" + data[1:] if data else data

            answer.raw.read = tampered
        return answer


def through(bucket: oss2.Bucket, adapter: TamperingAdapter, *, crc: bool) -> oss2.Bucket:
    session = oss2.Session(adapter=adapter)
    return oss2.Bucket(bucket.auth, bucket.endpoint, bucket.bucket_name, region=REGION, session=session, enable_crc=crc)


@pytest.mark.parametrize("crc", [True, False])
def test_whole_objects_parts_and_appends_pass_with_and_without_checks(bucket, crc):
    plain = through(bucket, TamperingAdapter(), crc=crc)
    plain.put_object("k", b"content")
    assert read(plain, "k") == b"content"
    assert read(plain, "k", byte_range=(1, 3)) == b"ont"
    first = plain.append_object("log", 0, b"one ", init_crc=0 if crc else None)
    plain.append_object("log", first.next_position, b"two", init_crc=first.crc if crc else None)
    upload = plain.init_multipart_upload("parts").upload_id
    part = plain.upload_part("parts", upload, 1, b"content")
    plain.complete_multipart_upload("parts", upload, [oss2.models.PartInfo(1, part.etag, size=7, part_crc=part.crc)])
    assert (read(plain, "log"), read(plain, "parts")) == (b"one two", b"content")


def test_a_changed_upload_is_noticed_with_checks_only(bucket):
    with pytest.raises(oss2.exceptions.InconsistentError):
        through(bucket, TamperingAdapter(upwards=True), crc=True).put_object("k", b"content")
    through(bucket, TamperingAdapter(upwards=True), crc=False).put_object("k", b"content")
    assert read(bucket, "k") == b"Xontent"


def test_a_changed_download_is_noticed_with_checks_only(bucket, tmp_path):
    bucket.put_object("k", b"content")
    with pytest.raises(oss2.exceptions.InconsistentError):
        through(bucket, TamperingAdapter(downwards=True), crc=True).get_object_to_file("k", str(tmp_path / "checked"))
    through(bucket, TamperingAdapter(downwards=True), crc=False).get_object_to_file("k", str(tmp_path / "unchecked"))
    assert (tmp_path / "unchecked").read_bytes() == b"Xontent"
