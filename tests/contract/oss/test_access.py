"""Local OSS lets in whom OSS lets in."""

from __future__ import annotations

import io

import oss2
import oss2.exceptions
import pytest
import requests

from tests.support.oss import KEY_ID, ODD_KEYS, REGION, SECRET, ToLocalServer, connect, read
from tests.support.waits import PATIENCE


class TestAddressing:
    def test_path_style_works_on_any_host(self, server, bucket, auth):
        session = oss2.Session(adapter=ToLocalServer(server.endpoint))
        options = {"region": REGION, "session": session, "is_path_style": True}
        for endpoint in (f"http://oss-{REGION}.aliyuncs.com", "http://objects.example.com"):
            by_path = oss2.Bucket(auth, endpoint, bucket.bucket_name, **options)
            by_path.put_object("a/b c", b"content")
            assert read(bucket, "a/b c") == b"content"
            by_path.delete_object("a/b c")
        session.session.close()

    def test_localhost_reaches_it_as_well(self, server, bucket, auth, session):
        by_name = oss2.Bucket(
            auth, server.endpoint.replace("127.0.0.1", "localhost"), bucket.bucket_name, region=REGION, session=session
        )
        by_name.put_object("a/b c", b"content")
        assert read(bucket, "a/b c") == b"content"

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
        assert (
            requests.put(url, b"content", headers={"Content-Type": "text/plain"}, timeout=PATIENCE).status_code == 200
        )
        url = bucket.sign_url("GET", key, 60, slash_safe=slash_safe, params={"response-content-type": "text/x-test"})
        answer = requests.get(url, timeout=PATIENCE)
        assert (answer.content, answer.headers["Content-Type"]) == (b"content", "text/x-test")
        server.clock.offset = 120
        expired = requests.get(url, timeout=PATIENCE)
        assert expired.status_code == 403
        assert "<Code>AccessDenied</Code>" in expired.text

    def test_a_presigned_url_is_good_for_nothing_else(self, bucket):
        bucket.put_object("k", b"content")
        url = bucket.sign_url("GET", "k", 60)
        for answer in (
            requests.delete(url, timeout=PATIENCE),
            requests.get(url.replace("/k?", "/other?"), timeout=PATIENCE),
        ):
            assert answer.status_code == 403
            assert "<Code>SignatureDoesNotMatch</Code>" in answer.text

    def test_a_length_without_a_body_does_not_harm_the_next_request(self, server, session, bucket):
        signing = connect(server, oss2.AuthV4(KEY_ID, SECRET), bucket.bucket_name, session)
        bucket.put_object("k", b"Hello OSS")
        for attempt in range(3):
            length = {"Content-Length": "9"}
            url = signing.sign_url("GET", "k", 60, headers=length, additional_headers=["Content-Length"])
            assert signing.get_object_with_url(url, headers=length).read() == b"Hello OSS"
            signing.put_object(f"next-{attempt}", b"content")

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

    def test_a_request_without_a_signature_is_refused(self, server, session, bucket):
        stranger = connect(server, oss2.AnonymousAuth(), bucket.bucket_name, session)
        for attempt in (lambda: stranger.get_object("k"), lambda: stranger.put_object("k", b""), stranger.list_objects):
            with pytest.raises(oss2.exceptions.AccessDenied):
                attempt()
        with pytest.raises(oss2.exceptions.AccessDenied):
            oss2.Service(oss2.AnonymousAuth(), server.endpoint, session=session, region=REGION).list_buckets()

    def test_a_request_without_a_signature_learns_that_a_bucket_is_missing(self, server, session):
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            connect(server, oss2.AnonymousAuth(), "no-such-bucket", session).get_object("k")

    def test_oss2_itself_reads_and_writes_by_presigned_urls(self, bucket, tmp_path):
        (tmp_path / "up").write_bytes(b"content")
        bucket.put_object_with_url(bucket.sign_url("PUT", "a b/c", 60), b"first")
        assert read(bucket, "a b/c") == b"first"
        bucket.put_object_with_url_from_file(bucket.sign_url("PUT", "a b/c", 60), str(tmp_path / "up"))
        url = bucket.sign_url("GET", "a b/c", 60)
        assert bucket.get_object_with_url(url, byte_range=(0, 2)).read() == b"con"
        bucket.get_object_with_url_to_file(url, str(tmp_path / "down"))
        assert (tmp_path / "down").read_bytes() == b"content"

    def test_a_presigned_url_signs_further_headers_in_v4(self, server, session, bucket):
        signing = connect(server, oss2.AuthV4(KEY_ID, SECRET), bucket.bucket_name, session)
        url = signing.sign_url("PUT", "k", 60, headers={"x-note": "signed"}, additional_headers=["x-note"])
        assert requests.put(url, b"content", headers={"x-note": "signed"}, timeout=PATIENCE).status_code == 200
        changed = requests.put(url, b"other", headers={"x-note": "changed"}, timeout=PATIENCE)
        assert (changed.status_code, read(bucket, "k")) == (403, b"content")

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
