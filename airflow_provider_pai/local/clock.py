"""The one clock of a local PAI: real time, moved by as much as a test asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def wire_time(moment: datetime) -> str:
    """Return a time as PAI's job and service APIs write it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wire_time_ms(moment: datetime) -> str:
    """Return a time as AIWorkSpace writes it: UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def system_time() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


class Clock:
    """Tells the time to everything in one server; safe to use from several threads."""

    def __init__(self, source: Callable[[], datetime] = system_time) -> None:
        """Start without an offset.

        Args:
            source: the time that is moved, aware of its zone.
        """
        self._source = source
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the server's time, in UTC."""
        with self._lock:
            return (self._source() + self._offset).astimezone(UTC)

    def timestamp(self) -> float:
        """Return the server's time in seconds since the epoch."""
        return self.now().timestamp()

    @property
    def offset(self) -> timedelta:
        """How far the server's time is ahead of real time; negative when it is behind."""
        with self._lock:
            return self._offset

    def move_to(self, offset: timedelta) -> None:
        """Set how far the server's time is ahead of real time; this replaces an earlier offset.

        Raises:
            OverflowError: the server's time would leave the years 1 to 9999.
        """
        with self._lock:
            (self._source() + offset).astimezone(UTC)
            self._offset = offset
