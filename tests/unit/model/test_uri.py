from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_pai.model.uri import INPUT_FORMS, DataKind, OssUri, data_kind, dataset_parts

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True)
ENDPOINTS = st.sampled_from(
    ["", "oss-cn-hangzhou.aliyuncs.com", "oss-cn-hangzhou-internal.aliyuncs.com", "127.0.0.1:9000"]
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def valid(key: str) -> bool:
    """Whether a key has a form of its own: OSS forbids some, and one is how PAI's SDK writes an endpoint."""
    named = any(f"?{name}=" in key for name in ("endpoint", "host"))
    return not key.startswith(("/", "\\")) and len(key.encode()) <= 1023 and not named


@given(BUCKETS, KEYS, ENDPOINTS)
def test_a_uri_reads_back_as_it_was_written(bucket: str, key: str, endpoint: str) -> None:
    assume(valid(key))
    uri = OssUri(bucket, key, endpoint)
    assert OssUri.parse(str(uri)) == uri


@given(BUCKETS, KEYS, ENDPOINTS)
def test_a_uris_text_stays_as_it_was_read(bucket: str, key: str, endpoint: str) -> None:
    assume(valid(key))
    text = f"oss://{bucket}{'.' * bool(endpoint)}{endpoint}/{key}"
    assert str(OssUri.parse(text)) == text


@given(st.from_regex(r"oss://[a-z.]{0,5}[^/]{0,4}/?.{0,9}(\\?(endpoint|host)=.{0,5})?"))
def test_whatever_is_read_reads_back(text: str) -> None:
    try:
        uri = OssUri.parse(text)
    except ValueError:
        return
    assert OssUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    ("text", "bucket", "key", "endpoint"),
    [
        ("oss://my-bucket/data/train.csv", "my-bucket", "data/train.csv", ""),
        ("oss://my-bucket", "my-bucket", "", ""),
        ("oss://my-bucket/", "my-bucket", "", ""),
        (
            "oss://bkt.oss-cn-hangzhou.aliyuncs.com/data/",
            "bkt",
            "data/",
            "oss-cn-hangzhou.aliyuncs.com",
        ),
        ("oss://bkt.127.0.0.1:9000/data/", "bkt", "data/", "127.0.0.1:9000"),
        ("oss://bkt/data/?endpoint=oss-cn-beijing.aliyuncs.com", "bkt", "data/", "oss-cn-beijing.aliyuncs.com"),
        ("oss://bkt/data/?host=oss-cn-beijing.aliyuncs.com", "bkt", "data/", "oss-cn-beijing.aliyuncs.com"),
        ("oss://bkt.here.com/data/?endpoint=there.com", "bkt", "data/", "here.com"),
        ("oss://bkt/what?.txt", "bkt", "what?.txt", ""),
        ("oss://bkt/a b/ü.txt", "bkt", "a b/ü.txt", ""),
        ("oss://bkt/a//b/../c", "bkt", "a//b/../c", ""),
    ],
)
def test_the_parts_of_a_uri(text: str, bucket: str, key: str, endpoint: str) -> None:
    assert OssUri.parse(text) == OssUri(bucket, key, endpoint)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin with oss://"),
        ("s3://bucket/key", "does not begin with oss://"),
        ("/data/train.csv", "does not begin with oss://"),
        ("OSS://bucket/key", "does not begin with oss://"),
        ("oss://", "no valid bucket name"),
        ("oss:///key", "no valid bucket name"),
        ("oss://My_Bucket/key", "no valid bucket name"),
        ("oss://-bucket/key", "no valid bucket name"),
        ("oss://ab/key", "3 to 63"),
        (f"oss://{'b' * 64}/key", "no valid bucket name"),
        ("oss://bucket//key", "slash"),
        ("oss://bucket/\\key", "slash"),
        (f"oss://bucket/{'k' * 1024}", "1,023 bytes"),
        (f"oss://bucket/{'ü' * 512}", "1,023 bytes"),
        ("oss://bkt.http://host/key", "no valid endpoint"),
        ("oss://bkt/key?endpoint=http://127.0.0.1:9000", "no valid endpoint"),
        ("oss://bkt.my host/key", "no valid endpoint"),
    ],
)
def test_what_is_no_uri_is_refused_with_its_text_and_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        OssUri.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("key", ["k" * 1023, "ü" * 511])
def test_the_longest_key_is_taken(key: str) -> None:
    assert OssUri.parse(f"oss://bucket/{key}").key == key


@pytest.mark.parametrize(
    ("key", "is_folder", "name"), [("", True, ""), ("a/", True, ""), ("a/b", False, "b"), ("b", False, "b")]
)
def test_a_slash_marks_a_folder(key: str, is_folder: bool, name: str) -> None:
    uri = OssUri("bkt", key)
    assert (uri.is_folder, uri.name) == (is_folder, name)


def test_a_folder_uri_keeps_its_slash() -> None:
    assert str(OssUri.parse("oss://bkt/data/")) == "oss://bkt/data/"
    assert str(OssUri.parse("oss://bkt/data/").folder()) == "oss://bkt/data/"
    assert str(OssUri.parse("oss://bkt/data").folder()) == "oss://bkt/data/"
    assert str(OssUri.parse("oss://bkt").folder()) == "oss://bkt/"


@given(BUCKETS, st.sampled_from(["", "a", "a/", "a/b"]), st.lists(st.sampled_from(["x", "y.z", "w"]), min_size=1))
def test_a_child_lies_below_its_folder(bucket: str, key: str, names: list[str]) -> None:
    parent = OssUri(bucket, key, "host")
    child = parent.child(*names)
    assert str(child) == str(parent.folder()) + "/".join(names)
    assert child.endpoint == "host"


def test_a_child_folder_keeps_its_slash() -> None:
    assert OssUri("bkt", "a").child("b", "") == OssUri("bkt", "a/b/")


def test_without_endpoint_two_forms_of_one_place_are_equal() -> None:
    long = OssUri.parse("oss://bkt.oss-cn-hangzhou-internal.aliyuncs.com/data/")
    assert long.without_endpoint() == OssUri.parse("oss://bkt/data/")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("oss://bucket/data/", DataKind.OSS),
        ("nas://0123abc.cn-hangzhou/data/", DataKind.NAS),
        ("nas://0123abc-x.cn-hangzhou.nas.aliyuncs.com/", DataKind.NAS),
        ("cpfs://cpfs-0123.cn-hangzhou/ptc-1/exp-1/", DataKind.CPFS),
        ("bmcpfs://cpfs-0123.cn-hangzhou/", DataKind.LINGJUN_CPFS),
        ("odps://project/tables/iris", DataKind.MAXCOMPUTE),
        ("odps://project/schema/tables/iris", DataKind.MAXCOMPUTE),
        ("d-0123abc", DataKind.DATASET),
        ("d-0123abc/v12", DataKind.DATASET),
    ],
)
def test_every_kind_of_input_is_known(text: str, kind: DataKind) -> None:
    assert data_kind(text) is kind


def test_every_kind_has_an_example_in_the_advice() -> None:
    for kind in set(DataKind) - {DataKind.DATASET}:
        assert f"{kind}://" in INPUT_FORMS
    assert "d-abc123" in INPUT_FORMS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data/train.csv",
        "/data",
        "file:///data",
        "s3://b/k",
        "https://x.y/z",
        "nas://host",
        "odps://p/iris",
        "d-",
        "d-ABC",
        "d-1/2",
    ],
)
def test_an_address_of_no_kind_is_refused_and_the_kinds_are_listed(text: str) -> None:
    with pytest.raises(ValueError, match="is of no kind that PAI reads") as caught:
        data_kind(text)
    assert repr(text) in str(caught.value)
    assert INPUT_FORMS in str(caught.value)


def test_a_broken_oss_address_gets_oss_advice() -> None:
    with pytest.raises(ValueError, match="no valid bucket name"):
        data_kind("oss://My_Bucket/data/")


def test_a_dataset_has_an_id_and_perhaps_a_version() -> None:
    assert dataset_parts("d-abc") == ("d-abc", "")
    assert dataset_parts("d-abc/v2") == ("d-abc", "v2")
    with pytest.raises(ValueError, match="no dataset id"):
        dataset_parts("abc")
