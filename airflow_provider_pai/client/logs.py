"""A job's log lines: each read once, in order, with bounded work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.api.training import (
    LOG_PAGE_SIZE,
    NO_INSTANCE_YET,
    LinePage,
    get_training_job,
    list_training_job_logs,
)
from airflow_provider_pai.errors import APIError, PAIError
from airflow_provider_pai.model.status import JobSnapshot, JobStatus

PAGES_PER_READ = 20
"""Pages one read takes at most, of all instances together, so that a talkative job doesn't hold up the others."""
_BEFORE_INSTANCES = (JobStatus.CREATING, JobStatus.CREATED, JobStatus.INITIALIZING, JobStatus.SUBMITTED)


class Sender(Protocol):
    """What sends calls; :class:`~airflow_provider_pai.client.http.PAIClient` does."""

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        """Send a call and return its value."""
        ...


class LogReader:
    """Reads on where it stopped; with several instances, each line begins with the name of its instance.

    Losing logs never fails a task: an error is told once and the lines are asked for again at the next read.

    Args:
        client: sends the calls.
        job_id: whose log.
        warn: called as a logger's ``warning`` when lines can't be read.
        shown: number of lines of each instance that were read already, by whoever read before.

    Attributes:
        behind: whether the last read stopped because it had taken enough; there may be more lines at once.
    """

    def __init__(
        self, client: Sender, job_id: str, warn: Callable[..., None], shown: Mapping[str, int] | None = None
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._warn = warn
        self._warned = False
        self._shown = dict(shown or {})
        self._streams: dict[str, _Stream] = {}
        self._turns: deque[_Stream] = deque()
        self.behind = False

    @property
    def shown(self) -> dict[str, int]:
        """Number of lines read of each instance; the name is empty for a job with one instance."""
        return {**self._shown, **{name: stream.read for name, stream in self._streams.items()}}

    def resume(self, shown: Mapping[str, int]) -> None:
        """Leave out lines that were read by whoever read before; for a reader that has read nothing yet."""
        self._shown = dict(shown)

    def read(self, job: JobSnapshot, pages: int = PAGES_PER_READ) -> list[str]:
        """Return the lines that came since the last read; empty when there are none, or when they can't be read.

        Instances take turns, page by page, and the next read begins with the one whose turn it is.

        Args:
            job: the job as it was just seen.
            pages: the most pages to take.
        """
        lines: list[str] = []
        self.behind = False
        try:
            self._meet(job)
            waiting = deque(self._turns)
            while waiting and pages > 0:
                pages -= 1
                stream = waiting.popleft()
                # Before it is asked: one that always fails must not keep the others from their turn.
                self._turns.remove(stream)
                self._turns.append(stream)
                new, more = stream.next_page()
                lines += [stream.prefix + line for line in new]
                if more:
                    waiting.append(stream)
            self.behind = bool(waiting)
        except PAIError as error:
            self._tell(error)
        return lines

    def _meet(self, job: JobSnapshot) -> None:
        """Take note of instances that weren't there before; a list doesn't name them, so the job is asked for once."""
        if job.instance_count <= 1 or "" in self._streams:
            return self._add("")
        names = job.instances
        if not names and len(self._streams) < job.instance_count and job.status not in _BEFORE_INSTANCES:
            names = self._client.send(get_training_job(self._job_id), attempts=1).instances
        for name in names:
            self._add(name)
        if job.is_terminal and not self._streams:
            # It ended before it had an instance; if it has a log all the same, it is the job's.
            self._add("")
        return None

    def _add(self, instance: str) -> None:
        name = short_name(self._job_id, instance)
        if name not in self._streams:
            stream = _Stream(self._client, self._job_id, instance, self._shown.get(name, 0))
            self._streams[name] = stream
            self._turns.append(stream)

    def _tell(self, error: PAIError) -> None:
        if isinstance(error, APIError) and error.code == NO_INSTANCE_YET:
            return
        if not self._warned:
            self._warned = True
            self._warn("The log of job %s can't be read now (%s); trying again", self._job_id, error)


class _Stream:
    """The log of one instance, or of a job that has only one: reads on, page by page.

    Args:
        client: sends the calls.
        job_id: whose log.
        instance: name of the instance; empty for a job's only one.
        read: number of lines that were read already.

    Attributes:
        read: number of lines read.
        prefix: what each of its lines begins with.
    """

    def __init__(self, client: Sender, job_id: str, instance: str, read: int) -> None:
        self._client = client
        self._job_id = job_id
        self._instance = instance
        self._size = LOG_PAGE_SIZE
        # The size of pages is measured on the first one, which whoever goes on behind it hasn't seen.
        self._measured = read < LOG_PAGE_SIZE
        self.read = read
        self.prefix = f"[{short_name(job_id, instance)}] " if instance else ""

    def next_page(self) -> tuple[tuple[str, ...], bool]:
        """Return new lines of the page that reading stopped on, and whether there may be more on the next."""
        if not self._measured and not self._measure():
            return (), False
        number, seen = divmod(self.read, self._size)
        page = self._get(number + 1)
        if number == 0 and len(page.lines) < min(page.total, self._size):
            page = self._complete(page)
        lines = page.lines[: self._size]
        # An answer may be older than the one before; its missing end was read all the same.
        self.read = number * self._size + max(seen, len(lines))
        return lines[seen:], len(lines) == self._size

    def _measure(self) -> bool:
        """Find out how many lines the service gives on a page; False when the answers don't tell."""
        first = self._get(1)
        if len(first.lines) < self._size:
            first = self._complete(first)
        self._measured = len(first.lines) >= self._size
        return self._measured

    def _complete(self, first: LinePage) -> LinePage:
        """Find out whether the first page is short because the service gives fewer lines than were asked for.

        It is when there is a second page; then the first is complete, and has the service's size.
        """
        if not self._get(2).lines:
            return first
        first = self._get(1)
        self._size = min(self._size, len(first.lines) or self._size)
        return first

    def _get(self, number: int) -> LinePage:
        call = list_training_job_logs(self._job_id, page=number, instance=self._instance or None)
        return self._client.send(call, attempts=1)


def short_name(job_id: str, instance: str) -> str:
    """Return what tells an instance from the others of its job, for example ``worker-0``."""
    return instance.removeprefix(f"{job_id}-")
