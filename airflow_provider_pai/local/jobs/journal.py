"""What is written down while a job runs: its log, its events, its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.local.jobs.metrics import MetricReader
from airflow_provider_pai.local.jobs.transitions import wire_time
from airflow_provider_pai.model.spec import MetricDefinition


class Journal:
    """Writes a job's files. Threads of several instances may write at a time.

    Args:
        files: where to.
        instances: names of the job's instances.
        metrics: what is read from the command's lines.
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
        self._metrics = MetricReader(metrics)
        self._now = now

    def line(self, instance: str, line: str) -> None:
        """Write a line of one instance into its log; the job's log has the lines of all."""
        self._files.log.append(line)
        if len(self._instances) > 1:
            self._files.instance_log(instance).append(line)

    def say(self, line: str) -> None:
        """Write a line of the launcher into the log of every instance, and once into the job's."""
        self._files.log.append(line)
        if len(self._instances) > 1:
            for instance in self._instances:
                self._files.instance_log(instance).append(line)

    def command_line(self, instance: str, line: str) -> None:
        """Write a line that the command printed, and keep the metrics in it."""
        self.line(instance, line)
        for name, value in self._metrics.values(line):
            self._files.add_metric(wire_time(self._now()), name, value)

    def event(self, text: str, instance: str = "") -> None:
        """Keep an event of the job, or of one of its instances."""
        self._files.add_event(wire_time(self._now()), text, instance)
