"""How bytes travel: compressed when asked for, no faster than asked for, and with the MD5 of a sequential upload."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import time

import oss2
import pytest

from tests.support.oss import read

_GZIP = {"Accept-Encoding": "gzip"}
_SLOWEST = 819_200
TEXT = b"The same words again. " * 100


class TestGzip:
    @pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/html; charset=utf-8", "text/xml"])
    def test_a_text_is_sent_compressed_when_asked_for(self, bucket, kind):
        bucket.put_object("k", TEXT, headers={"Content-Type": kind})
        answer = bucket.get_object("k", headers=_GZIP)
        sent = answer.headers
        assert sent["Content-Encoding"] == "gzip"
        assert not {"Content-Length", "ETag", "Accept-Ranges"} & set(sent)
        assert gzip.decompress(answer.resp.response.raw.read(decode_content=False)) == TEXT

    def test_what_is_unpacked_on_the_way_is_what_was_stored(self, bucket):
        bucket.put_object("k", TEXT, headers={"Content-Type": "text/plain"})
        assert read(bucket, "k", headers=_GZIP) == TEXT

    @pytest.mark.parametrize(
        ("content", "headers", "asked"),
        [
            (TEXT, {"Content-Type": "text/plain"}, {"Accept-Encoding": "identity"}),
            (TEXT, {"Content-Type": "text/plain"}, {"Accept-Encoding": ""}),
            (TEXT, {"Content-Type": "text/plain"}, {"Accept-Encoding": "br, gzip;q=0"}),
            (TEXT, {"Content-Type": "text/plain"}, {"Accept-Encoding": "gzip; q=0.0"}),
            (TEXT[:1023], {"Content-Type": "text/plain"}, _GZIP),
            (TEXT, {"Content-Type": "image/png"}, _GZIP),
            (TEXT, {"Content-Type": "text/plain", "Content-Encoding": "br"}, _GZIP),
        ],
    )
    def test_anything_else_is_sent_as_it_is(self, bucket, content, headers, asked):
        bucket.put_object("k", content, headers=headers)
        sent = bucket.get_object("k", headers=asked).headers
        assert (sent["Content-Length"], sent.get("Content-Encoding")) == (
            str(len(content)),
            headers.get("Content-Encoding"),
        )

    def test_a_range_is_sent_as_it_is(self, bucket):
        bucket.put_object("k", TEXT, headers={"Content-Type": "text/plain"})
        assert read(bucket, "k", byte_range=(0, 9), headers=_GZIP) == TEXT[:10]


class TestTrafficLimit:
    CONTENT = os.urandom(60 * 1024)

    def _seconds(self, call) -> float:
        began = time.monotonic()
        call()
        return time.monotonic() - began

    def test_no_byte_is_taken_or_sent_sooner_than_the_limit_allows(self, bucket):
        """100 KiB a second is the least that OSS takes: 60 KiB need six tenths of a second or more."""
        limit = {"x-oss-traffic-limit": str(_SLOWEST)}
        assert self._seconds(lambda: bucket.put_object("k", self.CONTENT, headers=limit)) >= 0.59
        assert self._seconds(lambda: read(bucket, "k", headers=limit)) >= 0.59
        assert self._seconds(lambda: bucket.append_object("log", 0, self.CONTENT, headers=limit)) >= 0.59
        assert self._seconds(lambda: bucket.copy_object(bucket.bucket_name, "k", "copy", headers=limit)) >= 0.59
        assert read(bucket, "copy") == self.CONTENT

    def test_a_presigned_url_can_carry_the_limit(self, bucket, session):
        bucket.put_object("k", self.CONTENT)
        url = bucket.sign_url("GET", "k", 60, params={"x-oss-traffic-limit": str(_SLOWEST)})
        assert self._seconds(lambda: session.session.get(url).content) >= 0.59

    @pytest.mark.parametrize("limit", ["0", "819199", "838860801", "fast", "1e6", "9" * 5000])
    def test_a_limit_out_of_range_is_refused(self, bucket, limit):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.put_object("k", b"x", headers={"x-oss-traffic-limit": limit})
        assert not bucket.object_exists("k")


def test_a_sequential_upload_has_the_md5_of_the_whole(bucket):
    pieces = [os.urandom(100 * 1024), b"the end"]
    for params, expected in (({}, None), ({"sequential": ""}, hashlib.md5(b"".join(pieces)).digest())):
        upload = bucket.init_multipart_upload("k", params=params).upload_id
        parts = []
        for number, piece in enumerate(pieces, 1):
            done = bucket.upload_part("k", upload, number, piece)
            parts.append(oss2.models.PartInfo(number, done.etag))
        bucket.complete_multipart_upload("k", upload, parts)
        md5 = bucket.head_object("k").headers.get("Content-MD5")
        assert md5 == (expected and base64.b64encode(expected).decode())


class TestNumbersAndDates:
    """Texts of any length where a number or a date is meant get an answer, and never a failure of the server."""

    HUGE = "9" * 5000

    @pytest.mark.parametrize(
        ("method", "key", "params", "headers"),
        [
            ("POST", "k", {"append": "", "position": HUGE}, {}),
            ("PUT", "k", {"uploadId": "u", "partNumber": HUGE}, {}),
            ("GET", "k", {"uploadId": "u", "part-number-marker": HUGE}, {}),
            ("GET", "k", {"uploadId": "u", "max-parts": HUGE}, {}),
            ("GET", "", {"max-keys": HUGE}, {}),
            ("GET", "", {"max-keys": "²"}, {}),
            ("GET", "", {"max-keys": "-1"}, {}),
            ("GET", "", {"uploads": "", "max-uploads": HUGE}, {}),
            ("GET", "", {"live": "", "max-keys": HUGE}, {}),
        ],
    )
    def test_a_number_that_is_none_is_an_invalid_argument(self, bucket, method, key, params, headers):
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            bucket._do(method, bucket.bucket_name, key, params=params, headers=headers)
        assert caught.value.status in (400, 404)

    @pytest.mark.parametrize("asked", [f"bytes={HUGE}-", f"bytes=0-{HUGE}", f"bytes=-{HUGE}", "bytes=²-³"])
    def test_a_range_that_is_none_means_the_whole_object(self, bucket, asked):
        bucket.put_object("k", b"bytes")
        assert read(bucket, "k", headers={"Range": asked}) == b"bytes"

    @pytest.mark.parametrize(
        "date", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 99 Jan 0001 00:00:00 GMT", f"{HUGE} Jan 2020", ""]
    )
    def test_a_condition_with_no_date_counts_as_absent(self, bucket, date):
        bucket.put_object("k", b"bytes")
        assert read(bucket, "k", headers={"If-Modified-Since": date}) == b"bytes"

    @pytest.mark.parametrize("expires", [HUGE, "-1", "soon", ""])
    @pytest.mark.parametrize("name", ["Expires", "x-oss-expires"])
    def test_an_expiry_that_is_none_is_refused(self, server, session, name, expires):
        v1 = {"OSSAccessKeyId": "local-key", "Expires": expires, "Signature": "s"}
        v4 = {
            "x-oss-signature-version": "OSS4-HMAC-SHA256",
            "x-oss-credential": "local-key/20250102/cn-hangzhou/oss/aliyun_v4_request",
            "x-oss-date": "20250102T030405Z",
            "x-oss-expires": expires,
            "x-oss-signature": "s",
        }
        answer = session.session.get(f"{server.endpoint}/bkt/k", params=v1 if name == "Expires" else v4)
        assert answer.status_code in (400, 403)

    @pytest.mark.parametrize("date", ["Mon, 01 Jan 99999999999 00:00:00 GMT", f"Mon, 01 Jan {HUGE} 00:00:00 GMT", "x"])
    def test_a_request_without_a_date_is_refused(self, server, session, date):
        headers = {"Date": date, "Authorization": "OSS local-key:c2lnbmF0dXJl"}
        assert session.session.get(f"{server.endpoint}/bkt/k", headers=headers).status_code == 403


def test_a_part_of_a_sequential_upload_follows_the_last_one(bucket):
    upload = bucket.init_multipart_upload("k", params={"sequential": ""}).upload_id
    bucket.upload_part("k", upload, 1, b"one")
    with pytest.raises(oss2.exceptions.PartNotSequential):
        bucket.upload_part("k", upload, 3, b"three")
    bucket.upload_part("k", upload, 1, b"one again")
    bucket.upload_part("k", upload, 2, b"two")
    assert [part.part_number for part in bucket.list_parts("k", upload).parts] == [1, 2]
