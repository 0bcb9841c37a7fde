"""The end of a growing log, read on from where it was read last."""

from __future__ import annotations

from collections import deque

from airflow_provider_pai.api.training import (
    LARGEST_LOG_PAGE,
    LOG_PAGE_SIZE,
    NO_INSTANCE_YET,
    LinePage,
    list_training_job_logs,
)
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import APIError

MOST_READ = 20_000
"""Lines read at most at once: of a longer log the beginning is left out."""
_KEPT = 200


class LogWindow:
    """The last lines of a job's log. A look costs one call when no more lines came than one page holds.

    Args:
        client: sends the calls.
        job_id: whose log.
        kept: lines to keep.

    Attributes:
        total: number of lines read or passed over so far.
        lines: the last ones, oldest first.
    """

    def __init__(self, client: Sender, job_id: str, kept: int = _KEPT) -> None:
        self._client = client
        self._job_id = job_id
        self._size = LARGEST_LOG_PAGE
        self.total = 0
        self.lines: deque[str] = deque(maxlen=kept)

    def read_on(self) -> list[str]:
        """Return the lines that came since the last look; of very many, the last ones.

        Raises:
            PAIError: they can't be read.
        """
        new: list[str] = []
        while True:
            page = self._page(self.total // self._size + 1)
            if page is None:
                break
            if not self.total and 0 < len(page.lines) < min(self._size, page.total):
                # A service that gives fewer lines than asked for: every page is as small.
                self._size = len(page.lines)
            if page.total - self.total > MOST_READ:
                self.total = (page.total - MOST_READ) // self._size * self._size
                continue
            given = page.lines[self.total % self._size :]
            new += given
            self.total += len(given)
            if not given or self.total >= page.total > 0:
                break
        self.lines.extend(new)
        return new

    def _page(self, number: int) -> LinePage | None:
        try:
            return self._client.send(
                list_training_job_logs(self._job_id, page=number, page_size=self._size), attempts=2
            )
        except APIError as error:
            if error.code == NO_INSTANCE_YET:
                return None
            if error.status == 400 and self._size > LOG_PAGE_SIZE and not self.total:
                self._size = LOG_PAGE_SIZE
                return self._page(1)
            raise
