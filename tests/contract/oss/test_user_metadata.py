"""User metadata has limits, wherever an object gets it."""

from __future__ import annotations

from collections.abc import Callable

import oss2
import pytest

from airflow_provider_pai.local.oss.user_metadata import MAX_BYTES

NAME = "x-oss-meta-a"
FITS = {NAME: "v" * (MAX_BYTES - len(NAME))}
Put = Callable[[oss2.Bucket, str, dict[str, str]], object]

WAYS: dict[str, Put] = {
    "put": lambda bucket, key, headers: bucket.put_object(key, b"content", headers=headers),
    "append": lambda bucket, key, headers: bucket.append_object(key, 0, b"content", headers=headers),
    "multipart": lambda bucket, key, headers: bucket.init_multipart_upload(key, headers=headers),
    "link": lambda bucket, key, headers: bucket.put_symlink("source", key, headers=headers),
    "copy": lambda bucket, key, headers: bucket.copy_object(
        bucket.bucket_name, "source", key, headers={**headers, "x-oss-metadata-directive": "REPLACE"}
    ),
    "onto itself": lambda bucket, _, headers: bucket.update_object_meta("source", headers),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Put:
    return WAYS[request.param]


@pytest.mark.parametrize(
    ("headers", "ec"),
    [
        ({NAME: FITS[NAME] + "v"}, "0011-00000002"),
        ({**FITS, "x-oss-meta-b": ""}, "0011-00000002"),
        ({"x-oss-meta-a_b": "v"}, "0011-00000004"),
        ({"x-oss-meta-a.b": "v"}, "0011-00000004"),
    ],
)
def test_what_oss_would_not_take_is_refused_and_changes_nothing(
    bucket: oss2.Bucket, way: Put, headers: dict[str, str], ec: str
) -> None:
    bucket.put_object("source", b"content", headers={"x-oss-meta-of": "source"})
    with pytest.raises(oss2.exceptions.InvalidArgument) as refused:
        way(bucket, "key", dict(headers))
    assert refused.value.details["EC"] == ec
    assert not bucket.object_exists("key")
    assert bucket.head_object("source").headers["x-oss-meta-of"] == "source"


def test_what_just_fits_is_kept(bucket: oss2.Bucket, way: Put) -> None:
    bucket.put_object("source", b"content")
    way(bucket, "key", dict(FITS))
    for upload in bucket.list_multipart_uploads().upload_list:
        part = bucket.upload_part("key", upload.upload_id, 1, b"content")
        bucket.complete_multipart_upload("key", upload.upload_id, [oss2.models.PartInfo(1, part.etag)])
    key = "key" if bucket.object_exists("key") else "source"
    assert bucket.head_object(key).headers[NAME] == FITS[NAME]
