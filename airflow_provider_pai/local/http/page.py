"""Pages of a list, as the ``PageNumber`` and ``PageSize`` of a request ask for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_pai.local.http.response import ErrorResponse

T = TypeVar("T")

_POSITIVE = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class PageRequest:
    """One page of a list.

    Attributes:
        number: from 1.
        size: items on a page.
    """

    number: int
    size: int

    @classmethod
    def asked(cls, query: Mapping[str, str], default_size: int, number: str = "PageNumber") -> PageRequest:
        """Read a request's parameters.

        Args:
            query: the parameters.
            default_size: items on a page when it is not said.
            number: the parameter that says which page.

        Raises:
            ErrorResponse: 400 InvalidParameter, one of them is no positive integer.
        """
        return cls(_positive(query, number, 1), _positive(query, "PageSize", default_size))

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items on this page; none behind the last page."""
        return items[(self.number - 1) * self.size : self.number * self.size]


def descending(query: Mapping[str, str], default: bool = False) -> bool:
    """Read ``Order``: ``ASC`` or ``DESC`` in any case.

    Raises:
        ErrorResponse: 400 InvalidParameter, it is neither.
    """
    order = query.get("Order", "").upper()
    if order not in ("", "ASC", "DESC"):
        raise ErrorResponse(400, "InvalidParameter", "The parameter Order is invalid: it must be ASC or DESC.")
    return order == "DESC" if order else default


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name) or str(default)
    if not _POSITIVE.fullmatch(text):
        raise ErrorResponse(400, "InvalidParameter", f"The parameter {name} is invalid: it must be a positive integer.")
    return int(text)
