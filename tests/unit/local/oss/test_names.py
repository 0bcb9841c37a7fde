"""Names are OSS's, and no key leads out of a folder."""

from __future__ import annotations

import pytest

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.names import check_bucket, check_key, local_path


@pytest.mark.parametrize("name", ["abc", "a-b", "1" * 63])
def test_a_valid_bucket_name_passes(name):
    assert check_bucket(name) == name


@pytest.mark.parametrize("name", ["ab", "1" * 64, "-ab", "ab-", "Abc", "a.b", "a_b", "a/b", "", "abc\n"])
def test_an_invalid_bucket_name_is_refused(name):
    with pytest.raises(OSSErrorResponse, match="InvalidBucketName"):
        check_bucket(name)


@pytest.mark.parametrize("key", ["a", "..", "a//b", "é" * 511, "a/"])
def test_a_valid_key_passes(key):
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "/a", "\\a", "é" * 512, "\udc80"])
def test_an_invalid_key_is_refused(key):
    with pytest.raises(OSSErrorResponse, match="InvalidObjectName"):
        check_key(key)


@pytest.mark.parametrize("key", ["..", "../x", "a/../../x", "a/..", "/etc/passwd", "a//b", "./a", "a/.", "", "a\0b"])
def test_a_key_that_leads_out_of_a_folder_is_refused(tmp_path, key):
    with pytest.raises(OSSErrorResponse, match="InvalidObjectName"):
        local_path(tmp_path, key)


def test_a_key_that_leads_out_through_a_link_is_refused(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(OSSErrorResponse, match="InvalidObjectName"):
        local_path(folder, "link/x")


def test_an_ordinary_key_stays_in_the_folder(tmp_path):
    assert local_path(tmp_path, "a/..b/c d") == tmp_path / "a" / "..b" / "c d"
