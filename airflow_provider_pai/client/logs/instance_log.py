"""The log of one instance of a job, read on where reading stopped."""

from __future__ import annotations

from airflow_provider_pai.api.training import LOG_PAGE_SIZE, NO_INSTANCE_YET, LinePage, list_training_job_logs
from airflow_provider_pai.client.logs.paging import PageSizes, page_from
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import APIError


class InstanceLog:
    """The log of one instance, or of a job that has only one: small pages while it is quiet, large ones behind time.

    Args:
        client: sends the calls.
        job_id: the job that writes the log.
        instance: name of the instance; empty for a job's only one.
        read: number of lines that were read already.
        pages: what is known of the service's pages.

    Attributes:
        read: number of lines read.
        prefix: what each of its lines begins with.
    """

    def __init__(self, client: Sender, job_id: str, instance: str, read: int, pages: PageSizes) -> None:
        self._client = client
        self._job_id = job_id
        self._instance = instance
        self._pages = pages
        self._missing = 0
        self._expected = 0
        self.read = read
        self.prefix = f"[{short_name(job_id, instance)}] " if instance else ""

    def read_page(self) -> tuple[tuple[str, ...], bool]:
        """Return new lines, of one page, and whether there may be more at once.

        Raises:
            PAIError: they can't be read.
        """
        due = max(LOG_PAGE_SIZE, self._missing)
        if min(due, self._pages.limit) > self._pages.given:
            # Whether so many come is not known, and the first page begins with the same line whatever its size is.
            new, more = self._accept(self._read_first_page(), 1, self._pages.limit)
            if new or not self._pages.is_measured:
                return new, more
        # Of what may come no more than half a page is asked for: then there is a choice of pages, and one that begins
        # close to the next line is among them.
        want = min(max(due, min(self._expected, self._pages.given // 2)), self._pages.given)
        number, size = page_from(self.read, want, self._pages.given)
        return self._accept(self._fetch(number, size), number, size)

    def _accept(self, page: LinePage, number: int, size: int) -> tuple[tuple[str, ...], bool]:
        begin = (number - 1) * size
        lines = page.lines[:size]
        new = lines[max(0, self.read - begin) :]
        # An answer may be older than the one before; its missing end was read nevertheless.
        self.read = max(self.read, begin + len(lines))
        self._pages.given = max(self._pages.given, len(lines))
        self._missing = page.total - self.read
        # Twice as many, so that as many as have come since the last look fit when they come again.
        self._expected = 2 * len(new)
        return new, len(lines) == size and self._missing != 0

    def _read_first_page(self) -> LinePage:
        """Return the first page, as large as the service makes it."""
        try:
            first = self._fetch(1, self._pages.most)
        except APIError as error:
            if self._pages.most <= LOG_PAGE_SIZE or not _may_mean_page_size(error):
                raise
            first = self._fetch(1, LOG_PAGE_SIZE)
            self._pages.record_refusal()
        if 0 < len(first.lines) < min(first.total or self._pages.most, self._pages.most):
            first = self._check_cap(first)
        return first

    def _check_cap(self, first: LinePage) -> LinePage:
        """Find out whether the first page is short because the service gives fewer lines than were asked for.

        It is when there is a second page; then the first is complete, and has the service's size.
        """
        if not self._fetch(2, self._pages.most).lines:
            return first
        first = self._fetch(1, self._pages.most)
        if 0 < len(first.lines) < self._pages.most:
            self._pages.given, self._pages.is_cap = len(first.lines), True
        return first

    def _fetch(self, number: int, size: int) -> LinePage:
        call = list_training_job_logs(self._job_id, page=number, page_size=size, instance=self._instance or None)
        return self._client.send(call, attempts=1)


def short_name(job_id: str, instance: str) -> str:
    """Return what tells an instance from the others of its job, for example ``worker-0``."""
    return instance.removeprefix(f"{job_id}-")


def _may_mean_page_size(error: APIError) -> bool:
    """Whether a refusal may mean the page's size: what PAI's would look like is not public [inferred]."""
    return type(error) is APIError and error.status == 400 and error.code != NO_INSTANCE_YET
