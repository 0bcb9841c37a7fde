"""A job's log lines: each read once, in order, with bounded work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.api.training import LOG_PAGE_SIZE, NO_INSTANCE_YET, list_training_job_logs
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
    """

    def __init__(self, client: Sender, job_id: str, warn: Callable[..., None]) -> None:
        self._client = client
        self._job_id = job_id
        self._warn = warn
        self._warned = False
        self._page = 1
        self._seen = 0

    def read(self) -> list[str]:
        """Return the lines that came since the last read; empty when there are none, or when they can't be read."""
        lines: list[str] = []
        try:
            for _ in range(PAGES_PER_READ):
                page = self._client.send(list_training_job_logs(self._job_id, page=self._page), attempts=1).lines
                lines += page[self._seen :]
                self._seen = len(page)
                if len(page) < LOG_PAGE_SIZE:
                    break
                self._page, self._seen = self._page + 1, 0
        except PAIError as error:
            self._tell(error)
        return lines

    def _tell(self, error: PAIError) -> None:
        if isinstance(error, APIError) and error.code == NO_INSTANCE_YET:
            return
        if not self._warned:
            self._warned = True
            self._warn("The log of job %s can't be read now (%s); trying again", self._job_id, error)


def log_tail(client: Sender, job_id: str, count: int) -> tuple[str, ...]:
    """Return a job's last log lines, oldest first; empty when they can't be read."""
    try:
        first = client.send(list_training_job_logs(job_id, page=1, page_size=LOG_PAGE_SIZE), attempts=2)
        lines = first.lines
        last_page = -(-first.total // LOG_PAGE_SIZE)
        for page in range(max(2, last_page - 1), last_page + 1):
            lines += client.send(list_training_job_logs(job_id, page=page, page_size=LOG_PAGE_SIZE), attempts=2).lines
    except PAIError:
        return ()
    return lines[-count:]
