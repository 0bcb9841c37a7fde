"""How processes that share nothing but a store of texts agree on one value, whatever each of them is delayed by.

The store can read and overwrite a text; it can't create one only where there is none. With that much, no waiting time
makes "write, wait, read again" safe: a write that comes late replaces what others have settled on.

It is Paxos over shared memory, with one proposer per ballot. A ballot has a door, which at most one process passes as
its owner (Lamport, "A Fast Mutual Exclusion Algorithm", 1987); the others close it and proceed to the next ballot. Its
owner takes the value of the latest earlier ballot that has one, else its own; writes it down; and when the next door is
still open then, the value is decided: each later owner finds it. Two that meet could disturb each other in ballot after
ballot, so each waits a random time before its next one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

_MOST_BALLOTS = 200
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_CLOSED = "closed"


class Store(Protocol):
    """Texts by key that all processes share; an answered write is seen by all later reads."""

    def read(self, key: str) -> str | None:
        """Return a text; None when there is none."""
        ...

    def write(self, key: str, value: str) -> None:
        """Write a text, over another one where there is one."""
        ...


def agree(
    store: Store,
    key: str,
    proposal: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> str:
    """Return the text under a key, the same to all that ask; decide on it when there is none.

    What it takes besides is under the key with ``_1_claim``, ``_1_door``, ``_1_value`` and so on, and stays: it brings
    the text back when that is lost.

    Args:
        store: keeps the texts.
        key: where the decision is kept.
        proposal: what it shall be when nothing is decided; unlike that of each other process.
        sleep: waits, in seconds.
        chance: a number from 0 to 1.

    Raises:
        TimeoutError: too many processes went at it at the same time.
    """
    for number in range(1, _MOST_BALLOTS + 1):
        if decided := store.read(key):
            return decided
        attempt = _Ballot(store, key, number)
        if attempt.enter(proposal) and (value := attempt.settle(proposal)):
            store.write(key, value)
            return value
        sleep((0.5 + chance()) * min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE))
    raise TimeoutError(f"no agreement on {key} after {_MOST_BALLOTS} ballots")


class _Ballot:
    """One attempt to decide; at most one process owns it."""

    def __init__(self, store: Store, key: str, number: int) -> None:
        self._store = store
        self._key = key
        self._number = number

    def enter(self, own: str) -> bool:
        """Close the door; tell whether this process owns the ballot."""
        self._store.write(self._name("claim"), own)
        if self._is_closed(self._number):
            return False
        self._store.write(self._name("door"), _CLOSED)
        return self._store.read(self._name("claim")) == own

    def settle(self, own: str) -> str | None:
        """Return the value that is decided; None when a later ballot has begun, which may decide another one."""
        value = self._latest() or own
        self._store.write(self._name("value"), value)
        return None if self._is_closed(self._number + 1) else value

    def _latest(self) -> str | None:
        earlier = (self._store.read(self._name("value", number)) for number in range(self._number - 1, 0, -1))
        return next((value for value in earlier if value), None)

    def _is_closed(self, number: int) -> bool:
        return self._store.read(self._name("door", number)) is not None

    def _name(self, part: str, number: int | None = None) -> str:
        return f"{self._key}_{number or self._number}_{part}"
