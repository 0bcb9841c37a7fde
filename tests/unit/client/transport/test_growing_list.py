"""Reading on in a list that grows: everything once and in order, in few calls."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.client.transport.growing_list import GrowingList
from airflow_provider_pai.errors import APIError, TransportError


class GrowingService:
    """A list in pages; it gives no more items than ``cap``, and refuses to be asked for more than ``refused_above``."""

    def __init__(self, cap: int = 1000, refused_above: int = 1000) -> None:
        self.items: list[int] = []
        self.calls = 0
        self.fails = False
        self._cap = cap
        self._refused_above = refused_above

    def grow(self, count: int) -> None:
        self.items += range(len(self.items), len(self.items) + count)

    def page(self, number: int, size: int) -> tuple[Sequence[int], int]:
        self.calls += 1
        if self.fails:
            raise TransportError("no answer", sent=True)
        if size > self._refused_above:
            raise APIError("List", 400, "InvalidParameter", "PageSize")
        size = min(size, self._cap)
        return self.items[(number - 1) * size : number * size], len(self.items)


@given(st.lists(st.integers(0, 2500), max_size=6), st.sampled_from([7, 100, 1000]), st.sampled_from([100, 1000]))
def test_each_item_comes_once_and_in_order(growth: list[int], cap: int, refused_above: int) -> None:
    service = GrowingService(cap, refused_above)
    reader, read = GrowingList(service.page, 10**6), list[int]()
    for count in growth:
        service.grow(count)
        read += reader.read_on()
        assert read == service.items
        assert reader.read == len(read)


def test_a_full_page_that_shows_only_later_to_be_a_small_one_is_not_read_twice() -> None:
    service = GrowingService(cap=7)
    reader = GrowingList(service.page, 100)
    service.grow(7)
    assert reader.read_on() == list(range(7))
    service.grow(9)
    assert reader.read_on() == list(range(7, 16))


def test_a_look_at_a_list_that_has_hardly_grown_costs_one_call() -> None:
    service = GrowingService()
    service.grow(10_300)
    reader = GrowingList(service.page, 20_000)
    reader.read_on()
    assert service.calls == 11
    for _ in range(10):
        service.grow(50)
        reader.read_on()
    assert service.calls == 21


@pytest.mark.parametrize("cap", [100, 1000])
def test_of_a_very_long_list_the_end_is_read(cap: int) -> None:
    service = GrowingService(cap)
    service.grow(1_000_000)
    read = GrowingList(service.page, 2000).read_on()
    assert read[-1] == 999_999
    assert read == list(range(read[0], 1_000_000))
    assert 2000 <= len(read) < 2000 + 1000


def test_what_an_error_kept_away_comes_with_the_next_look() -> None:
    service = GrowingService()
    service.grow(10)
    reader = GrowingList(service.page, 100)
    service.fails = True
    with pytest.raises(TransportError):
        reader.read_on()
    service.fails = False
    assert reader.read_on() == list(range(10))
