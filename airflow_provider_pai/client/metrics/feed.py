"""The points of a job's metrics while they come."""

from __future__ import annotations

from airflow_provider_pai.api.training import Point, list_training_job_metrics
from airflow_provider_pai.client.transport.growing_list import GrowingList
from airflow_provider_pai.client.transport.sender import Sender

MOST_POINTS = 20_000
"""Points kept of a job, of all metrics together."""


class MetricFeed:
    """All points of a job's metrics so far.

    PAI is taken to list the oldest first when it is asked to [inferred: ``Order`` is documented, its effect is not].

    Args:
        client: sends the calls.
        job_id: the job that has the metrics.

    Attributes:
        points: the points, oldest first.
    """

    def __init__(self, client: Sender, job_id: str) -> None:
        self._client = client
        self._job_id = job_id
        self._list = GrowingList(self._page, MOST_POINTS)
        self.points: list[Point] = []

    def read_on(self) -> None:
        """Read the points that came since the last look.

        Raises:
            PAIError: they can't be read.
        """
        self.points = [*self.points, *self._list.read_on()][-MOST_POINTS:]

    def _page(self, number: int, size: int) -> tuple[tuple[Point, ...], int]:
        call = list_training_job_metrics(self._job_id, page=number, page_size=size, order="ASC")
        page = self._client.send(call, attempts=2)
        return page.items, page.total
