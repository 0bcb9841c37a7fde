"""What is written down while a job runs: its log, its events, its metrics."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.jobs.files import JobFiles, Points
from airflow_provider_pai.local.jobs.metrics import MetricReader, ProgressDefinition
from airflow_provider_pai.model.training.metric_text import metric_value, no_value_reason
from airflow_provider_pai.model.training.spec import MetricDefinition

logger = logging.getLogger(__name__)

_BAR_SECONDS = 2.0
"""Between two states of a progress bar in the log."""


class JobRecorder:
    """Writes a job's files. Threads of several instances may write at a time.

    What can't be written, on a full disk for instance, is dropped, and the server's log says so: how a job ends is not
    decided here, and a command would stand still while its output is not read.

    Args:
        files: where to.
        instances: names of the job's instances.
        metrics: what is read from the command's lines, metrics and progress.
        now: the server's time, in UTC.
        monotonic: seconds that only grow, for how often the state of a progress bar is written.
    """

    def __init__(
        self,
        files: JobFiles,
        instances: Sequence[str],
        metrics: Iterable[MetricDefinition],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._instances = instances
        self._metrics = MetricReader(metrics, self._give_up)
        self._without_value: dict[MetricDefinition, str] = {}
        self._bars = {instance: _ProgressBar() for instance in instances}
        self._now = now
        self._monotonic = monotonic
        self._complete = True
        self._writing = threading.Lock()

    def write_line(self, instance: str, line: str) -> None:
        """Write a line of one instance into its log; the job's log has the lines of all."""
        self._append(line, (instance,))

    def say(self, line: str) -> None:
        """Write a line of the launcher into the log of every instance, and once into the job's."""
        self._append(line, self._instances)

    def _append(self, line: str, instances: Sequence[str]) -> None:
        with self._dropping_failed_writes(), self._writing:
            now = self._now()
            self._files.log.append(line, now)
            for instance in instances if len(self._instances) > 1 else ():
                self._files.instance_log(instance).append(line, now)

    def write_output(self, instance: str, text: str) -> None:
        """Write a line that the command printed, and keep the metrics in it.

        The states of a progress bar overwrite each other: one is written every few seconds, and the last one.

        Args:
            instance: who printed it.
            text: a line, or a segment that ends with a carriage return.
        """
        for line in self._bars[instance].lines(text, self._monotonic()):
            self.write_line(instance, line)
        with self._dropping_failed_writes():
            for definition, found in self._metrics.find(text):
                self._keep_value(definition, found)

    def finish_output(self) -> None:
        """Write the last states of progress bars, and which metrics have no value, and why."""
        for instance, bar in self._bars.items():
            for line in bar.finish():
                self.write_line(instance, line)
        for reason in self._without_value.values():
            self.say(reason)

    def _keep_value(self, definition: MetricDefinition, text: str) -> None:
        value = metric_value(text)
        if value is None:
            self._without_value[definition] = no_value_reason(definition.name, text)
        else:
            self._without_value.pop(definition, None)
        self._points(definition).add(wire_time(self._now()), definition.name, value)

    def _give_up(self, definition: MetricDefinition) -> None:
        """Leave a metric without a value that is not read any more: its last one may be old."""
        self.say(f"Metric {definition.name} is not read any more and has no value: its regex takes too long")
        with self._dropping_failed_writes():
            self._points(definition).add(wire_time(self._now()), definition.name, None)

    def _points(self, definition: MetricDefinition) -> Points:
        return self._files.progress if isinstance(definition, ProgressDefinition) else self._files.metrics

    def add_event(self, text: str, instance: str = "") -> None:
        """Keep an event of the job, or of one of its instances."""
        with self._dropping_failed_writes():
            self._files.add_event(wire_time(self._now()), text, instance)

    def close_metrics(self) -> None:
        """Read no more metrics, and free what reading them held."""
        self._metrics.close()

    @contextmanager
    def _dropping_failed_writes(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Once a job: a log line for each of its lines would be of no help.
            if self._complete:
                self._complete = False
                logger.warning("logs, events and metrics of %s are incomplete: %s", self._instances[0], error)


class _ProgressBar:
    """Chooses what is written of a progress bar that one instance prints."""

    def __init__(self) -> None:
        self._waiting: str | None = None
        self._next = float("-inf")

    def lines(self, text: str, now: float) -> Iterator[str]:
        """Yield the lines to write for a line or a segment."""
        if not text.endswith("\r"):
            yield from self.finish()
            if text or self._next == float("-inf"):
                yield text
            self._next = float("-inf")
            return
        self._waiting = text[:-1]
        if now >= self._next:
            self._next = now + _BAR_SECONDS
            yield from self.finish()

    def finish(self) -> Iterator[str]:
        """Yield the last state, unless it was written."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            yield waiting
