from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.client.logs.paging import page_from


@given(st.integers(0, 10**7), st.integers(1, 1000), st.integers(1, 1000))
def test_the_page_holds_the_next_line_and_is_one_that_may_be_had(read: int, want: int, most: int) -> None:
    number, size = page_from(read, min(want, most), most)
    assert size <= most
    assert (number - 1) * size <= read < number * size


@given(st.integers(0, 10**6))
def test_a_small_page_hardly_begins_before_the_next_line(read: int) -> None:
    number, size = page_from(read, 100, 1000)
    again = read - (number - 1) * size
    assert size - again >= 100
    assert again <= 100


def test_a_reader_far_behind_takes_the_largest_pages() -> None:
    assert page_from(0, 1000, 1000) == (1, 1000)
    assert page_from(5040, 1000, 1000) == (6, 1000)


def test_what_was_read_is_left_out_where_a_size_divides_it() -> None:
    assert page_from(250, 100, 1000) == (3, 125)
    assert page_from(1000, 100, 1000) == (11, 100)
