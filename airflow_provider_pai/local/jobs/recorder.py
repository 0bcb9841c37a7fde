"""What is written down while a job runs: its log, its events, its metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.local.jobs.metrics import MetricReader, ProgressDefinition
from airflow_provider_pai.model.training.spec import MetricDefinition

logger = logging.getLogger(__name__)


class JobRecorder:
    """Writes a job's files. Threads of several instances may write at a time.

    What can't be written, on a full disk for instance, is dropped, and the server's log says so: how a job ends is not
    decided here, and a command whose output nobody reads would stand still.

    Args:
        files: where to.
        instances: names of the job's instances.
        metrics: what is read from the command's lines, metrics and progress.
        now: the server's time, in UTC.
    """

    def __init__(
        self,
        files: JobFiles,
        instances: Sequence[str],
        metrics: Iterable[MetricDefinition],
        now: Callable[[], datetime],
    ) -> None:
        self._files = files
        self._instances = instances
        self._metrics = MetricReader(metrics, self.say)
        self._now = now
        self._complete = True

    def write_line(self, instance: str, line: str) -> None:
        """Write a line of one instance into its log; the job's log has the lines of all."""
        with self._dropping_failed_writes():
            self._files.log.append(line)
            if len(self._instances) > 1:
                self._files.instance_log(instance).append(line)

    def say(self, line: str) -> None:
        """Write a line of the launcher into the log of every instance, and once into the job's."""
        with self._dropping_failed_writes():
            self._files.log.append(line)
            if len(self._instances) > 1:
                for instance in self._instances:
                    self._files.instance_log(instance).append(line)

    def write_output(self, instance: str, line: str) -> None:
        """Write a line that the command printed, and keep the metrics in it."""
        self.write_line(instance, line)
        with self._dropping_failed_writes():
            for definition, value in self._metrics.values(line):
                points = self._files.progress if isinstance(definition, ProgressDefinition) else self._files.metrics
                points.add(wire_time(self._now()), definition.name, value)

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
            # Once a job: a log line for each of its lines would help nobody.
            if self._complete:
                self._complete = False
                logger.warning("logs, events and metrics of %s are incomplete: %s", self._instances[0], error)
