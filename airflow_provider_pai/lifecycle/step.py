"""What a lifecycle step returns: waiting is data, so that an operator can loop or defer as it likes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True)
class Waiting(Generic[S]):
    """There is something to wait for.

    Attributes:
        state: what the next step needs when the wait is over.
    """

    state: S


@dataclass(frozen=True)
class Done(Generic[R]):
    """There is nothing more to wait for.

    Attributes:
        result: what came of it.
    """

    result: R
