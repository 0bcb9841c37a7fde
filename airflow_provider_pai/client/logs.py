"""A job's log lines: each read once, in order, with bounded work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.api.training import LOG_PAGE_SIZE, NO_INSTANCE_YET, LinePage, list_training_job_logs
from airflow_provider_pai.errors import APIError, PAIError

PAGES_PER_READ = 20
"""Pages one read takes at most, so that a talkative job doesn't hold up the others."""


class Sender(Protocol):
    """What sends calls; :class:`~airflow_provider_pai.client.http.PAIClient` does."""

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        """Send a call and return its value."""
        ...


class LogReader:
    """Reads on where it stopped: keeps the number of the page and how many of its lines were seen.

    Losing logs never fails a task: an error is told once and the lines are asked for again at the next read.

    Args:
        client: sends the calls.
        job_id: whose log.
        warn: called as a logger's ``warning`` when lines can't be read.

    Attributes:
        behind: whether the last read stopped because it had taken enough; there may be more lines at once.
    """

    def __init__(self, client: Sender, job_id: str, warn: Callable[..., None]) -> None:
        self._client = client
        self._job_id = job_id
        self._warn = warn
        self._warned = False
        self._size = LOG_PAGE_SIZE
        self._page = 1
        self._seen = 0
        self.behind = False

    def read(self) -> list[str]:
        """Return the lines that came since the last read; empty when there are none, or when they can't be read."""
        lines: list[str] = []
        self.behind = False
        try:
            for _ in range(PAGES_PER_READ):
                page = self._get(self._page)
                if self._page == 1 and len(page.lines) < min(page.total, self._size):
                    page = self._measured(page)
                lines += page.lines[self._seen :]
                # An answer may be older than the one before; its missing end was seen all the same.
                self._seen = max(self._seen, len(page.lines))
                if len(page.lines) < self._size:
                    return lines
                self._page, self._seen = self._page + 1, 0
            self.behind = True
        except PAIError as error:
            self._tell(error)
        return lines

    def _get(self, number: int) -> LinePage:
        return self._client.send(list_training_job_logs(self._job_id, page=number), attempts=1)

    def _measured(self, first: LinePage) -> LinePage:
        """Find out whether the first page is short because the service gives fewer lines than were asked for.

        It is when there is a second page; then the first is complete, and has the service's size.
        """
        if not self._get(2).lines:
            return first
        first = self._get(1)
        self._size = min(self._size, len(first.lines) or self._size)
        return first

    def _tell(self, error: PAIError) -> None:
        if isinstance(error, APIError) and error.code == NO_INSTANCE_YET:
            return
        if not self._warned:
            self._warned = True
            self._warn("The log of job %s can't be read now (%s); trying again", self._job_id, error)


def log_tail(client: Sender, job_id: str, count: int) -> tuple[str, ...]:
    """Return a job's last log lines, oldest first; empty when they can't be read."""
    if count < 1:
        return ()
    try:
        first = client.send(list_training_job_logs(job_id), attempts=2)
        size = len(first.lines) or LOG_PAGE_SIZE
        oldest, newest = max(0, first.total - count) // size + 1, -(-first.total // size)
        lines = first.lines if oldest == 1 else ()
        for page in range(max(2, oldest), newest + 1):
            lines += client.send(list_training_job_logs(job_id, page=page), attempts=2).lines
    except PAIError:
        return ()
    return lines[-count:]
