"""A job's log lines: each read once, in order, with bounded work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from airflow_provider_pai.api.training import NO_INSTANCE_YET, get_training_job
from airflow_provider_pai.client.log_pages import LogPages
from airflow_provider_pai.client.log_stream import LogStream, short_name
from airflow_provider_pai.client.sender import Sender
from airflow_provider_pai.errors import APIError, PAIError
from airflow_provider_pai.model.status import WAITING_STATUSES, JobSnapshot

PAGES_PER_READ = 20
"""Pages one read takes at most, of all instances together, so that a talkative job doesn't hold up the others."""
CHARACTERS_PER_READ = 4 * 1024 * 1024
"""Length of the lines after which one read takes no further page, so that it never holds much."""


class LogReader:
    """Reads on where it stopped; with several instances, each line begins with the name of its instance.

    Losing logs never fails a task: an error is told once and the lines are asked for again at the next read.

    Args:
        client: sends the calls.
        job_id: whose log.
        warn: called as a logger's ``warning`` when lines can't be read.
        shown: number of lines of each instance that were read already, by whoever read before.
        pages: what is known of the service's pages; readers of one service share it.

    Attributes:
        behind: whether the last read stopped because it had taken enough; there may be more lines at once.
        failed: whether the last read stopped because of an error.
    """

    def __init__(
        self,
        client: Sender,
        job_id: str,
        warn: Callable[..., None],
        shown: Mapping[str, int] | None = None,
        pages: LogPages | None = None,
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._warn = warn
        self._warned = False
        self._shown = dict(shown or {})
        self._pages = pages or LogPages()
        self._streams: dict[str, LogStream] = {}
        self._turns: deque[LogStream] = deque()
        self.behind = False
        self.failed = False

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
        room = CHARACTERS_PER_READ
        self.behind = self.failed = False
        try:
            self._meet(job)
            waiting = deque(self._turns)
            while waiting and pages > 0 and room > 0:
                pages -= 1
                stream = waiting.popleft()
                # Before it is asked: one that always fails must not keep the others from their turn.
                self._turns.remove(stream)
                self._turns.append(stream)
                new, more = stream.next_page()
                lines += [stream.prefix + line for line in new]
                room -= sum(map(len, new))
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
        if not names and len(self._streams) < job.instance_count and job.status not in WAITING_STATUSES:
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
            stream = LogStream(self._client, self._job_id, instance, self._shown.get(name, 0), self._pages)
            self._streams[name] = stream
            self._turns.append(stream)

    def _tell(self, error: PAIError) -> None:
        if isinstance(error, APIError) and error.code == NO_INSTANCE_YET:
            return
        self.failed = True
        if not self._warned:
            self._warned = True
            self._warn("The log of job %s can't be read now (%s); trying again", self._job_id, error)
