"""The points of a job's metrics, read on from where they were read last."""

from __future__ import annotations

from airflow_provider_pai.api.training import LOG_PAGE_SIZE, Point, list_training_job_metrics
from airflow_provider_pai.client.transport.sender import Sender

MOST_POINTS = 20_000
"""Points kept of a job, of all metrics together."""


class MetricFeed:
    """All points of a job's metrics so far. A look costs one call when no more points came than one page holds.

    PAI is taken to list the oldest first when it is asked to [inferred: ``Order`` is documented, its effect is not].

    Args:
        client: sends the calls.
        job_id: whose metrics.

    Attributes:
        points: the points, oldest first.
    """

    def __init__(self, client: Sender, job_id: str) -> None:
        self._client = client
        self._job_id = job_id
        self.points: list[Point] = []

    def read_on(self) -> None:
        """Read the points that came since the last look.

        Raises:
            PAIError: they can't be read.
        """
        while len(self.points) < MOST_POINTS:
            read = len(self.points)
            call = list_training_job_metrics(self._job_id, page=read // LOG_PAGE_SIZE + 1, order="ASC")
            page = self._client.send(call, attempts=2)
            given = page.items[read % LOG_PAGE_SIZE :]
            self.points += given
            if not given or len(self.points) >= page.total:
                return
