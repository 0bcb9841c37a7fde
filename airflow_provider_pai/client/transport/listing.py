"""Lists of many pages, read whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import ProtocolError

T = TypeVar("T")
PageCall = Callable[[int], Call[Page[T]]]

_READINGS = 3
"""How often a list that changes while it is read is begun again."""


def list_all(client: Sender, call: PageCall[T], *, key: Callable[[T], Hashable]) -> list[T]:
    """Return the items of all pages of a list, each once.

    Pages that hold the same items again count once: what is missing behind them may be what a decision rests on. So
    may be what has moved to a page that was read already, because something before it has gone meanwhile.

    Args:
        client: sends the calls.
        call: asks for a page, by its number from 1.
        key: tells an item from all others.

    Raises:
        ProtocolError: the pages hold fewer items than the service counts.
        PAIError: a page can't be read.
    """
    for _ in range(_READINGS):
        reading = _Reading(key)
        for page in _pages(client, call):
            if reading.add(page):
                return [*reading.found.values()]
            if reading.is_at_end:
                break
    missing = f"{len(reading.found)} of {reading.total} came in {reading.pages} pages"
    raise ProtocolError(f"{call(1).action}: the list is incomplete: {missing}")


def list_first(client: Sender, call: PageCall[T], *, most_pages: int, attempts: int | None = None) -> list[T]:
    """Return the items of the first pages of a list, of which nothing depends on one that is missing.

    Args:
        client: sends the calls.
        call: asks for a page, by its number from 1.
        most_pages: pages to read at most.
        attempts: how often to try each call; default is the client's.

    Raises:
        PAIError: a page can't be read.
    """
    found: list[T] = []
    for number, page in enumerate(_pages(client, call, attempts), 1):
        found += page.items
        if not page.items or len(found) >= page.total or number == most_pages:
            break
    return found


class _Reading(Generic[T]):
    """One reading of a list, from its first page on.

    Args:
        key: tells an item from all others.
    """

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self._key = key
        self._first_total: int | None = None
        self._has_shrunk = False
        self.found: dict[Hashable, T] = {}
        self.total = self.pages = self._seen = 0
        self.is_at_end = False

    def add(self, page: Page[T]) -> bool:
        """Take a page; tell whether the list is whole now."""
        self.found |= {self._key(item): item for item in page.items}
        self.pages += 1
        self._seen += len(page.items)
        self._has_shrunk = self._has_shrunk or page.total < self.total
        self.total = page.total
        if self._first_total is None:
            self._first_total = page.total
        self.is_at_end = not page.items or self._seen >= page.total
        # What was added since the first page is not missed: it moves others to later pages, which they come on again.
        return self.is_at_end and not self._has_shrunk and len(self.found) >= self._first_total


def _pages(client: Sender, call: PageCall[T], attempts: int | None = None) -> Iterator[Page[T]]:
    number = 1
    while True:
        yield client.send(call(number), attempts=attempts)
        number += 1
