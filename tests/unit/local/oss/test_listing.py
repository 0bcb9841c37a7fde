"""Paging loses nothing, repeats nothing and keeps the order of bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.oss.objects import ObjectStore

KEYS = st.lists(st.text(st.sampled_from("ab/é~\U0001f600"), min_size=1, max_size=5), max_size=12, unique=True).map(
    lambda keys: [key for key in keys if not key.startswith("/")]
)
PREFIXES = st.text(st.sampled_from("ab/é"), max_size=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as store:
        store.create_bucket("bkt")
        yield store


def fill(store: ObjectStore, keys: list[str]) -> None:
    with tempfile.TemporaryFile() as nothing:
        store.delete_many("bkt", [stored.key for stored in store.list_objects("bkt").objects])
        for key in keys:
            store.put("bkt", key, nothing)


def pages(store: ObjectStore, prefix: str, delimiter: str, size: int) -> Iterator[list[tuple[str, bool]]]:
    marker = ""
    while True:
        page = store.list_objects("bkt", prefix, delimiter, marker, size)
        found = [(stored.key, False) for stored in page.objects] + [(name, True) for name in page.prefixes]
        yield sorted(found, key=lambda item: item[0].encode())
        if not page.truncated:
            return
        assert page.next_marker.encode() > marker.encode()
        marker = page.next_marker


def expected(keys: list[str], prefix: str, delimiter: str) -> list[tuple[str, bool]]:
    items = set()
    for key in keys:
        if key.startswith(prefix):
            head, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
            items.add((prefix + head + found, True) if found else (key, False))
    return sorted(items, key=lambda item: item[0].encode())


@given(keys=KEYS, prefix=PREFIXES, delimiter=st.sampled_from(["", "/", "b"]), size=st.integers(1, 13))
def test_any_page_size_yields_exactly_the_sorted_keys(store, keys, prefix, delimiter, size):
    fill(store, keys)
    found = list(pages(store, prefix, delimiter, size))
    assert [item for page in found for item in page] == expected(keys, prefix, delimiter)
    assert all(len(page) == size for page in found[:-1])
    assert len(found[-1]) <= size


def test_a_group_larger_than_a_page_is_one_item(store):
    fill(store, [f"a/{number}" for number in range(100)] + ["b"])
    assert list(pages(store, "", "/", 10)) == [[("a/", True), ("b", False)]]


def test_a_marker_inside_a_group_keeps_what_follows_it(store):
    fill(store, ["a/1", "a/2", "b"])
    page = store.list_objects("bkt", delimiter="/", marker="a/1")
    assert (page.prefixes, [stored.key for stored in page.objects]) == (("a/",), ["b"])
