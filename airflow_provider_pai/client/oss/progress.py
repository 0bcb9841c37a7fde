"""How far an upload is, in the task's log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

QUIET = 32 * 1024 * 1024
"""Bytes up to which an upload is over too soon to tell how far it is."""
_STEP = 10
_SILENCE_MOST = 30.0


class UploadProgress:
    """Writes a line after each tenth of an upload, and when none came for half a minute. Safe to use from threads."""

    def __init__(
        self, what: str, total: int, log: Callable[..., None], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count.

        Args:
            what: what is uploaded, for the lines.
            total: bytes of all of it.
            log: called as a logger's ``info``.
            now: seconds of a monotonic clock.
        """
        self._what = what
        self._total = total
        self._log = log
        self._now = now
        self._lock = threading.Lock()
        self._sent = 0
        self._step = 0
        self._spoken = now()

    def add(self, count: int) -> None:
        """Count bytes that have arrived."""
        with self._lock:
            self._sent += count
            percent = 100 * self._sent // max(self._total, 1)
            silent = self._now() - self._spoken
            if self._total <= QUIET or (percent // _STEP == self._step and silent < _SILENCE_MOST):
                return
            self._step, self._spoken = percent // _STEP, self._now()
            self._log(
                "Uploaded %d %% of %s (%s of %s bytes)", percent, self._what, f"{self._sent:,}", f"{self._total:,}"
            )
