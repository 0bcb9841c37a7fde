"""Symbolic links of local OSS behave to the unmodified oss2 as OSS's do."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import oss2
import oss2.exceptions
import pytest

from tests.support.oss import read

TARGET = "模型/检查点 1+2%.bin"


class TestSymbolicLinks:
    @pytest.fixture
    def linked(self, bucket):
        bucket.put_object(TARGET, b"0123456789", headers={"Content-Type": "text/x-target", "x-oss-meta-of": "target"})
        bucket.put_symlink(TARGET, "link", headers={"x-oss-meta-of": "link"})
        return bucket

    def test_a_link_names_its_target(self, linked):
        found = linked.get_symlink("link")
        assert found.target_key == TARGET
        assert found.headers["x-oss-symlink-target"] == quote(TARGET, safe="")

    def test_reading_a_link_yields_the_target(self, linked, tmp_path):
        assert read(linked, "link") == b"0123456789"
        assert read(linked, "link", byte_range=(2, 4)) == b"234"
        linked.get_object_to_file("link", str(tmp_path / "file"))
        assert (tmp_path / "file").read_bytes() == b"0123456789"

    def test_head_has_size_and_etag_of_the_target_and_the_links_own_metadata(self, linked):
        head = linked.head_object("link")
        assert (head.content_length, head.etag) == (10, hashlib.md5(b"0123456789").hexdigest().upper())
        assert head.object_type == "Symlink"
        assert head.headers["x-oss-meta-of"] == "link"

    def test_conditions_mean_the_target(self, linked):
        etag = linked.head_object(TARGET).etag
        assert read(linked, "link", headers={"If-Match": etag}) == b"0123456789"
        with pytest.raises(oss2.exceptions.PreconditionFailed):
            linked.get_object("link", headers={"If-Match": linked.get_symlink("link").headers["ETag"]})

    def test_a_link_is_downloaded_in_ranges(self, linked, tmp_path):
        oss2.resumable_download(
            linked,
            "link",
            str(tmp_path / "file"),
            store=oss2.ResumableDownloadStore(root=str(tmp_path)),
            multiget_threshold=4,
            part_size=3,
        )
        assert (tmp_path / "file").read_bytes() == b"0123456789"

    def test_meta_and_lists_show_the_link_itself(self, linked):
        assert linked.get_object_meta("link").content_length == len(TARGET.encode())
        (item,) = linked.list_objects_v2(prefix="link").object_list
        assert item.type == "Symlink"

    def test_a_link_may_be_made_before_its_target(self, bucket):
        bucket.put_symlink("later", "link")
        for attempt in (bucket.get_object, bucket.head_object):
            with pytest.raises(oss2.exceptions.ServerError) as raised:
                attempt("link")
            assert raised.value.status == 404
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket.get_object("link")
        assert raised.value.code == "SymlinkTargetNotExist"
        bucket.put_object("later", b"content")
        assert read(bucket, "link") == b"content"

    def test_a_link_follows_its_target_when_that_is_replaced(self, linked):
        linked.put_object(TARGET, b"other")
        assert read(linked, "link") == b"other"

    def test_a_link_to_a_link_is_no_way(self, linked):
        linked.put_symlink("link", "second")
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            linked.get_object("second")
        assert (raised.value.status, raised.value.code) == (400, "InvalidTargetType")

    def test_an_ordinary_object_leads_nowhere(self, linked):
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            linked.get_symlink(TARGET)
        assert raised.value.code == "NotSymlink"
        with pytest.raises(oss2.exceptions.NoSuchKey):
            linked.get_symlink("absent")

    def test_a_target_must_be_a_key(self, bucket):
        with pytest.raises(oss2.exceptions.InvalidObjectName):
            bucket.put_symlink("/absolute", "link")

    def test_a_copy_of_a_link_is_a_link(self, linked):
        linked.copy_object(linked.bucket_name, "link", "copy")
        assert linked.get_symlink("copy").target_key == TARGET
        linked.update_object_meta("copy", {"x-oss-meta-of": "copy"})
        assert linked.get_symlink("copy").target_key == TARGET
        assert linked.head_object("copy").headers["x-oss-meta-of"] == "copy"

    def test_deleting_a_link_leaves_its_target(self, linked):
        linked.delete_object("link")
        assert not linked.object_exists("link")
        assert read(linked, TARGET) == b"0123456789"

    def test_making_a_link_can_forbid_overwriting(self, linked):
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            linked.put_symlink("other", TARGET, headers={"x-oss-forbid-overwrite": "true"})
        assert raised.value.code == "FileAlreadyExists"
