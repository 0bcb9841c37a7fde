"""A list that grows at its end, such as a log, read on from where it was read last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from airflow_provider_pai.errors import APIError

T = TypeVar("T")
_ORDINARY, _LARGE = 100, 1000
"""Items on a page that every service gives, and those asked for first [inferred: PAI's maximum is not public]."""


class GrowingList(Generic[T]):
    """Reads what is new of a list. A look costs one call when no more came than one page holds.

    Args:
        page: asks for a page by its number, from 1, and its size; returns its items and how many there are in all (0
            where the service does not count them).
        most: items read at most at once: of more, the last ones.

    Attributes:
        read: how many items were read, or passed over.
    """

    def __init__(self, page: Callable[[int, int], tuple[Sequence[T], int]], most: int) -> None:
        self._ask = page
        self._most = most
        self._size = _LARGE
        self.read = 0

    def read_on(self) -> list[T]:
        """Return the items that came since the last look.

        Raises:
            PAIError: they can't be read; what was read before the error is returned by the next look that succeeds.
        """
        new: list[T] = []
        read = self.read
        while True:
            items, total = self._page(read)
            if read < self._size and 0 < len(items) < min(self._size, total):
                # The first page of a service that gives fewer items than asked for: every page is as small.
                self._size = len(items)
                if read >= self._size:
                    # What is new begins on a later one.
                    continue
            if total - read > self._most:
                read = (total - self._most) // self._size * self._size
                continue
            given = items[read % self._size :]
            new += given
            read += len(given)
            if not given or read >= total > 0:
                self.read = read
                return new

    def _page(self, read: int) -> tuple[Sequence[T], int]:
        try:
            return self._ask(read // self._size + 1, self._size)
        except APIError as error:
            if error.status != 400 or self._size == _ORDINARY or read:
                raise
            self._size = _ORDINARY
            return self._ask(1, self._size)
