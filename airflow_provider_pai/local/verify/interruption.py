"""Signals that end the probes, but not the clean-up after them."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While it is open, SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt; once it holds, they are noted only.

    In another thread than the main one it does nothing: signals are not for it.
    """

    def __init__(self) -> None:
        self._holds = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def hold(self) -> None:
        """Let nothing be interrupted any more."""
        self._holds = True

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._interrupt) for number in _ENDING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        if not self._holds:
            self._holds = True
            raise KeyboardInterrupt(signal.Signals(number).name)
