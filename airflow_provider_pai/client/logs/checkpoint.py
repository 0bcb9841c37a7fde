"""Where a task's log stopped, kept with the job itself: every triggerer finds it there, of any Airflow version."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from airflow_provider_pai.api.training import update_training_job_labels
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.log_cursor import LogCursor, is_log_label
from airflow_provider_pai.model.training.ownership import STOPPING_LABEL, TRY_LABEL
from airflow_provider_pai.model.training.status import JobSnapshot

SAVE_INTERVAL = 60.0
"""Seconds between two requests that keep the place while lines are shown: what a killed triggerer shows again."""


class Checkpoint:
    """Keeps the place in labels of the job. Moved in one thread, and kept in any.

    Args:
        try_number: the task's try that shows the log; None keeps nothing.
        cursor: what the task's log shows; None when only the job knows.
        clock: a monotonic clock, in seconds.

    Attributes:
        cursor: the same by now; None while the job was not seen.
    """

    def __init__(
        self,
        try_number: int | None = None,
        cursor: LogCursor | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._try_number = try_number
        self._clock = clock
        self._job: JobSnapshot | None = None
        self._saved: LogCursor | None = None
        self._saved_at = clock()
        self._claimed = False
        self._lock = threading.Lock()
        self.cursor = cursor

    def open(self, job: JobSnapshot) -> LogCursor:
        """Return where the log stopped, with the help of a job that is seen for the first time."""
        if self._try_number is not None:
            self._saved = LogCursor.from_labels(job.labels, self._try_number)
        self.cursor = self.cursor or self._saved or LogCursor()
        return self.cursor

    def move(self, job: JobSnapshot, cursor: LogCursor) -> None:
        """Take note of what the task's log shows by now."""
        self._job = job
        self.cursor = cursor

    @property
    def has_changed(self) -> bool:
        """Whether the place has changed since it was kept."""
        return self._try_number is not None and self.cursor != self._saved

    def claim_save(self) -> bool:
        """Whether to keep the place now; then not again until it was kept and a while has passed."""
        if self._claimed or self._clock() - self._saved_at < SAVE_INTERVAL or not self.has_changed:
            return False
        self._claimed = True
        return True

    def save(self, client: Sender) -> None:
        """Keep the place. Nothing depends on it but lines that come again, so an error is no more than that."""
        with self._lock:
            cursor, self._saved_at, self._claimed = self.cursor, self._clock(), False
            if self._job is None or self._try_number is None or cursor is None or cursor == self._saved:
                return
            labels = {**constant_labels(self._job), **cursor.labels(self._try_number)}
            try:
                client.send(update_training_job_labels(self._job.job_id, labels), attempts=1)
            except PAIError:
                return
            self._saved = cursor


def constant_labels(job: JobSnapshot) -> dict[str, str]:
    """Return the labels that nothing changes while a job runs.

    They are sent along in case an update replaces all labels [inferred: it merges, since another operation deletes
    them]: without the task's key, a retry would submit a second job.
    """
    changing = (TRY_LABEL, STOPPING_LABEL)
    return {name: value for name, value in job.labels.items() if name not in changing and not is_log_label(name)}
