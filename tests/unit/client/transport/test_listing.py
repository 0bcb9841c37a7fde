"""Lists of many pages: whole, however they change while they are read, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.endpoints import PAI_STUDIO
from airflow_provider_pai.client.transport.listing import list_all, list_first
from airflow_provider_pai.errors import ProtocolError

SIZE = 3


def asked(number: int) -> Call[Page[str]]:
    return Call(PAI_STUDIO, "ListThings", "GET", "/things", lambda _: Page((), 0), {"PageNumber": str(number)})


class Scripted:
    """Answers each page as it is given; the last answer stands for all further ones."""

    def __init__(self, *pages: tuple[str, int]) -> None:
        self.pages = pages
        self.calls = 0

    def send(self, call: Call[Any], *, attempts: int | None = None) -> Any:
        self.calls += 1
        assert self.calls < 50, "the list is read for ever"
        items, total = self.pages[min(int(call.query["PageNumber"]), len(self.pages)) - 1]
        return Page(tuple(items), total)


class Changing:
    """A list, the newest first, that changes after each page that was asked for."""

    def __init__(self, count: int, changes: Sequence[tuple[int, int]]) -> None:
        self.things = list(range(count))
        self.lasting = set(self.things)
        self._changes = list(changes)
        self._next = count

    def send(self, call: Call[Any], *, attempts: int | None = None) -> Any:
        start = (int(call.query["PageNumber"]) - 1) * SIZE
        page = Page(tuple(self.things[start : start + SIZE]), len(self.things))
        added, removed = self._changes.pop(0) if self._changes else (0, -1)
        for _ in range(added):
            self.things.insert(0, self._next)
            self._next += 1
        if 0 <= removed < len(self.things):
            self.lasting.discard(self.things.pop(removed))
        return page


def listed(*pages: tuple[str, int]) -> list[str]:
    return list_all(Scripted(*pages), asked, key=lambda item: item)


def test_pages_are_read_until_all_are_there_however_few_a_page_holds() -> None:
    assert listed(("a", 3), ("b", 3), ("c", 3)) == ["a", "b", "c"]


def test_a_list_of_nothing_is_empty() -> None:
    assert listed(("", 0)) == []


@pytest.mark.parametrize(
    "pages",
    [
        [("a", 2), ("", 2)],
        [("abc", 9), ("abc", 9)],
        [("aa", 2), ("", 2)],
        [("abc", 6), ("def", 5), ("", 5)],
        [("ab", 4), ("bc", 4), ("", 4)],
    ],
    ids=["ends early", "always the same page", "the same item twice", "one has gone", "pages overlap"],
)
def test_a_list_that_may_lack_something_is_no_answer(pages: Sequence[tuple[str, int]]) -> None:
    with pytest.raises(ProtocolError, match=r"ListThings: the list is incomplete: \d of \d came in \d pages"):
        listed(*pages)


def test_items_that_were_added_meanwhile_and_come_twice_count_once() -> None:
    assert listed(("ab", 4), ("bc", 5), ("d", 5)) == ["a", "b", "c", "d"]


@example(4, [(4, -1), (2, -1)])
@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 4), st.integers(-30, 20)), max_size=12))
def test_what_is_there_from_beginning_to_end_is_on_the_list_or_there_is_no_list(
    count: int, changes: list[tuple[int, int]]
) -> None:
    server = Changing(count, changes)
    try:
        found = list_all(server, asked, key=lambda item: item)
    except ProtocolError:
        return
    assert server.lasting <= set(found)
    assert len(found) == len(set(found))


@given(st.integers(0, 20), st.lists(st.integers(0, 2), max_size=12))
def test_a_list_that_only_grows_is_always_read(count: int, added: list[int]) -> None:
    server = Changing(count, [(each, -1) for each in added])
    assert server.lasting <= set(list_all(server, asked, key=lambda item: item))


@pytest.mark.parametrize(("pages", "found"), [([("ab", 4), ("cd", 4)], "abcd"), ([("aa", 9), ("", 9)], "aa")])
def test_first_pages_are_taken_as_they_are(pages: Sequence[tuple[str, int]], found: str) -> None:
    assert "".join(list_first(Scripted(*pages), asked, most_pages=5)) == found


def test_no_more_than_the_first_pages_are_read() -> None:
    assert list_first(Scripted(("a", 9), ("b", 9), ("c", 9)), asked, most_pages=2) == ["a", "b"]
