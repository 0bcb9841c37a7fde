"""The lines of a job's log while they come."""

from __future__ import annotations

from airflow_provider_pai.api.training import NO_INSTANCE_YET, list_training_job_logs
from airflow_provider_pai.client.transport.growing_list import GrowingList
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import APIError

MOST_READ = 20_000
"""Lines read at most at once: of a longer log the beginning is left out."""


class LogFeed:
    """All that comes to a job's log.

    Args:
        client: sends the calls.
        job_id: the job that writes the log.
    """

    def __init__(self, client: Sender, job_id: str) -> None:
        self._client = client
        self._job_id = job_id
        self._log = GrowingList(self._page, MOST_READ)

    @property
    def total(self) -> int:
        """Number of lines so far."""
        return self._log.read

    def read_on(self) -> list[str]:
        """Return the lines that came since the last look; of very many, the last ones.

        Raises:
            PAIError: they can't be read.
        """
        return self._log.read_on()

    def _page(self, number: int, size: int) -> tuple[tuple[str, ...], int]:
        call = list_training_job_logs(self._job_id, page=number, page_size=size)
        try:
            page = self._client.send(call, attempts=2)
        except APIError as error:
            if error.code != NO_INSTANCE_YET:
                raise
            return (), 0
        return page.lines, page.total
