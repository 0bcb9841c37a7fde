"""What an answer must say: readers of its members, which raise where one is missing.

A member that an operation promises and that isn't there means that the answer isn't the operation's: never "none".
The messages name the member and show nothing of the answer, which may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Body = Mapping[str, Any]


class IncompleteAnswerError(ValueError):
    """An answer lacks what its operation promises; the call's decoder makes a ``ProtocolError`` of it."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: what is on this page.
        total: number of items on all pages.
    """

    items: tuple[T, ...]
    total: int


def read_page(body: Body, member: str, item: Callable[[Any], T], *, before: int | None = None) -> Page[T]:
    """Read one page of a list.

    Args:
        body: the answer.
        member: name of the list.
        item: reads one item.
        before: how many items the pages before this one hold at most; None when a page may be empty for other reasons.

    Raises:
        IncompleteAnswerError: the list or its count is missing, or the two contradict each other.
    """
    total = _count(body)
    if body.get(member) is None and total:
        raise IncompleteAnswerError(f"it has no {member}, and TotalCount {total}")
    found = tuple(map(item, _items(body.get(member) or [], member)))
    if before is not None and len(found) > total:
        raise IncompleteAnswerError(f"it has {len(found)} {member}, and TotalCount {total}")
    if before is not None and not found and total > before:
        raise IncompleteAnswerError(f"{member} is empty, and TotalCount {total}")
    return Page(found, total)


def read_list(body: Body, member: str, item: Callable[[Any], T]) -> list[T]:
    """Read a list that has no count.

    Raises:
        IncompleteAnswerError: it is missing.
    """
    return [item(each) for each in _items(required(body, member), member)]


def required(body: Body, member: str) -> Any:
    """Return a member that may be empty, but not missing.

    Raises:
        IncompleteAnswerError: it is missing or null.
    """
    if body.get(member) is None:
        raise IncompleteAnswerError(f"it has no {member}")
    return body[member]


def required_text(body: Body, member: str) -> str:
    """Return a text that is not empty.

    Raises:
        IncompleteAnswerError: it is missing, empty or no text.
    """
    value = required(body, member)
    if not isinstance(value, str) or not value:
        raise IncompleteAnswerError(f"its {member} is no text, or an empty one")
    return value


def present_text(body: Body, member: str) -> str:
    """Return a text that may be empty, but not missing.

    Raises:
        IncompleteAnswerError: it is missing or no text.
    """
    value = required(body, member)
    if not isinstance(value, str):
        raise IncompleteAnswerError(f"its {member} is no text")
    return value


def required_object(body: Body, member: str) -> Body:
    """Return an object, as JSON has them.

    Raises:
        IncompleteAnswerError: it is missing or something else.
    """
    return as_object(required(body, member), member)


def as_object(value: object, what: str) -> Body:
    """Return a value that must be an object.

    Raises:
        IncompleteAnswerError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise IncompleteAnswerError(f"{what} is no object")
    return value


def acknowledged(body: Body) -> None:
    """Read the answer of an operation that does something and answers nothing but its request's id.

    Raises:
        IncompleteAnswerError: there is no id: a proxy's ``{}`` does not mean that it was done.
    """
    required_text(body, "RequestId")


def _count(body: Body) -> int:
    # TotalCount of logs and events is typed as text in PAI's SDK and is a number in its documentation.
    value = required(body, "TotalCount")
    if isinstance(value, bool) or not str(value).isdecimal():
        raise IncompleteAnswerError("its TotalCount is no number")
    return int(value)


def _items(value: object, member: str) -> list[Any]:
    if not isinstance(value, list):
        raise IncompleteAnswerError(f"its {member} is no list")
    return value
