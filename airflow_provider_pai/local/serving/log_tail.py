"""The last lines that a service's instances printed."""

from __future__ import annotations

import threading
from collections import deque
from itertools import count

_KEPT_LINES = 1000
_KEPT_INSTANCES = 20


class InstanceLogTail:
    """Lines by instance, of the latest instances; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._lines: dict[str, deque[tuple[int, str]]] = {}

    def add(self, instance: str, line: str) -> None:
        """Keep a line."""
        with self._lock:
            if instance not in self._lines:
                self._lines[instance] = deque(maxlen=_KEPT_LINES)
                for oldest in list(self._lines)[:-_KEPT_INSTANCES]:
                    del self._lines[oldest]
            self._lines[instance].append((next(self._numbers), line))

    def of(self, instance: str | None = None) -> list[str]:
        """Return the lines of an instance, or those of all, in the order they came."""
        with self._lock:
            if instance is not None:
                return [line for _, line in self._lines.get(instance, ())]
            return [line for _, line in sorted(each for lines in self._lines.values() for each in lines)]
