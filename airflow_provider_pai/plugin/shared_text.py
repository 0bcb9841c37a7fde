"""What many pages are sent is made once, and not in the event loop of the API server."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

_MOST_TEXTS = 200


@dataclass(frozen=True)
class _MadeText:
    """A text, and the objects that it was made from."""

    sources: tuple[object, ...]
    made: asyncio.Future[str]


class SharedTexts:
    """Keeps the newest text of each thing; it is made again only when what it is made from is another object.

    Args:
        most: texts to keep.
    """

    def __init__(self, most: int = _MOST_TEXTS) -> None:
        self._most = most
        self._texts: OrderedDict[Hashable, _MadeText] = OrderedDict()

    async def text(self, key: Hashable, sources: Sequence[object], make: Callable[[], str]) -> str:
        """Return a text; of those who ask at the same time, one has it made, in a thread.

        Args:
            key: the thing.
            sources: what the text is made from.
            make: makes it.
        """
        known = self._texts.get(key)
        if known is None or not _are_same(known.sources, sources) or _has_failed(known.made):
            known = _MadeText(tuple(sources), asyncio.ensure_future(asyncio.to_thread(make)))
            self._texts[key] = known
        self._texts.move_to_end(key)
        while len(self._texts) > self._most:
            self._texts.popitem(last=False)
        # A viewer who leaves must not take the text away from the others.
        return await asyncio.shield(known.made)


def _are_same(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _has_failed(made: asyncio.Future[str]) -> bool:
    return made.done() and (made.cancelled() or made.exception() is not None)
