"""A job's log lines: each read once, in order, with bounded work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from airflow_provider_pai.api.training import NO_INSTANCE_YET, get_training_job
from airflow_provider_pai.client.logs.instance_log import InstanceLog, short_name
from airflow_provider_pai.client.logs.paging import PageSizes
from airflow_provider_pai.client.logs.progress_bar import latest_segment
from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import APIError, PAIError, ProtocolError, ThrottledError
from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot

PAGES_PER_READ = 20
"""Pages one read takes at most, of all instances together, so that a talkative job doesn't hold up the others."""
CHARACTERS_PER_READ = 4 * 1024 * 1024
"""Length of the lines after which one read takes no further page, so that it never holds much."""


class LogReader:
    """Reads on where it stopped; with several instances, each line begins with the name of its instance.

    Losing logs never fails a task: an error is logged once and the lines are asked for again. One that may be of one
    instance alone leaves out that instance until all others had their turn; any other ends the read.

    Args:
        client: sends the calls.
        job_id: the job that writes the log.
        warn: called as a logger's ``warning`` when lines can't be read.
        shown: number of lines of each instance that were read before, in this process or another.
        pages: what is known of the service's pages; readers of one service share it.

    Attributes:
        behind: whether the last read stopped because it had taken enough; there may be more lines at once.
    """

    def __init__(
        self,
        client: Sender,
        job_id: str,
        warn: Callable[..., None],
        shown: Mapping[str, int] | None = None,
        pages: PageSizes | None = None,
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._warn = warn
        self._warned = False
        self._shown = dict(shown or {})
        self._pages = pages or PageSizes()
        self._logs: dict[str, InstanceLog] = {}
        self._waiting: deque[InstanceLog] = deque()
        self._errors: dict[InstanceLog | None, PAIError] = {}
        self.behind = False

    @property
    def error(self) -> PAIError | None:
        """Why lines can't be read, of one instance at least, as far as is known; one that passes before any other."""
        errors = list(self._errors.values())
        passing = (error for error in errors if may_repeat(idempotent=True, error=error))
        return next(passing, errors[0] if errors else None)

    @property
    def shown(self) -> dict[str, int]:
        """Number of lines read of each instance; the name is empty for a job with one instance."""
        return {**self._shown, **{name: log.read for name, log in self._logs.items()}}

    def resume(self, shown: Mapping[str, int]) -> None:
        """Leave out lines that were read before; for a reader that has read nothing yet."""
        self._shown = dict(shown)

    def read(self, job: JobSnapshot, pages: int = PAGES_PER_READ) -> list[str]:
        """Return the lines that came since the last read; empty when there are none, or when they can't be read.

        Instances take turns, page by page, and the next read begins where this one stopped: an instance without
        more lines waits until all others have had their turn, in however many reads.

        Args:
            job: the job as it was just seen.
            pages: the most pages to take.
        """
        lines: list[str] = []
        self.behind = False
        with suppress(PAIError):
            self._register_instances(job)
            left = tuple(self._waiting)
            self._waiting = self._waiting or deque(self._logs.values())
            pages = self._take_turns(lines, pages)
            if left and pages > 0 and not self._waiting:
                # Those that had their turn in the read before may have more lines by now.
                others = [log for log in self._logs.values() if log not in left]
                self._waiting.extend(others)
                unread = others[pages:]
                self._take_turns(lines, pages)
                self._waiting = deque(log for log in self._waiting if log not in unread)
            self.behind = bool(self._waiting)
        return lines

    def _take_turns(self, lines: list[str], pages: int) -> int:
        """Read pages of the instances that wait, and add their lines; return how many pages may still be read."""
        room = CHARACTERS_PER_READ - sum(map(len, lines))
        while self._waiting and pages > 0 and room > 0:
            pages -= 1
            new = self._read_next_page()
            lines += new
            room -= sum(map(len, new))
        return pages if room > 0 else 0

    def _read_next_page(self) -> list[str]:
        """Return new lines of the instance that is next; none when its log can't be read."""
        log = self._waiting.popleft()
        try:
            new, more = log.read_page()
        except PAIError as error:
            self._record_error(log, error)
            if _is_of_one_instance(error):
                return []
            self._waiting.append(log)
            raise
        self._errors.pop(log, None)
        if more:
            self._waiting.append(log)
        return [log.prefix + latest_segment(line) for line in new]

    def _register_instances(self, job: JobSnapshot) -> None:
        """Take note of instances that weren't there before; a list doesn't name them, so the job is asked for once."""
        self._errors.pop(None, None)
        if job.instance_count <= 1 or "" in self._logs:
            return self._add_instance("")
        names = job.instances
        if not names and len(self._logs) < job.instance_count and job.status not in WAITING_STATUSES:
            names = self._fetch_instance_names()
        for name in names:
            self._add_instance(name)
        if job.is_terminal and not self._logs:
            # It ended before it had an instance; if it has a log nevertheless, it is the job's.
            self._add_instance("")
        return None

    def _fetch_instance_names(self) -> Sequence[str]:
        try:
            return self._client.send(get_training_job(self._job_id), attempts=1).instances
        except PAIError as error:
            self._record_error(None, error)
            raise

    def _add_instance(self, instance: str) -> None:
        name = short_name(self._job_id, instance)
        if name in self._logs:
            return
        log = InstanceLog(self._client, self._job_id, instance, self._shown.get(name, 0), self._pages)
        self._logs[name] = log
        if self._waiting:
            self._waiting.append(log)

    def _record_error(self, log: InstanceLog | None, error: PAIError) -> None:
        """Take note of an error of an instance, or of the question which there are, and tell the first."""
        if isinstance(error, APIError) and error.code == NO_INSTANCE_YET:
            self._errors.pop(log, None)
            return
        self._errors[log] = error
        if not self._warned:
            self._warned = True
            self._warn("The log of job %s can't be read now (%s); trying again", self._job_id, error)


def _is_of_one_instance(error: PAIError) -> bool:
    """Whether other instances may be read nevertheless."""
    return isinstance(error, APIError | ProtocolError) and not isinstance(error, ThrottledError)
