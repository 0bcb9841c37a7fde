"""A job's metrics at its end: the last value of each, and how each went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.training import Point, list_training_job_metrics
from airflow_provider_pai.client.logs.tail import pages_from_end
from airflow_provider_pai.client.metrics.safe_regex import FoundText, last_texts
from airflow_provider_pai.client.transport.listing import list_first
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.metric_regex import may_cut
from airflow_provider_pai.model.training.metric_series import Series, series_of
from airflow_provider_pai.model.training.metric_text import cut_reason, metric_value, no_value_reason
from airflow_provider_pai.model.training.status import JobSnapshot

SERIES_PAGES = 100
"""Pages of points read at most, of all metrics together: 10,000 points."""
LOG_PAGES = 100
"""Pages of log read at most for values that PAI does not have: the last 10,000 lines of an instance."""


def metric_series(client: Sender, job_id: str) -> list[Series]:
    """Return how each metric of a job went; of very many points, the first ones PAI lists.

    Raises:
        PAIError: they can't be read.
    """
    points = list_first(client, partial(_points, job_id), attempts=2, most_pages=SERIES_PAGES)
    return series_of(points)


def _points(job_id: str, page: int) -> Call[Page[Point]]:
    return list_training_job_metrics(job_id, page=page)


def texts_from_log(
    client: Sender, job: JobSnapshot, regexes: Mapping[str, str], give_up: Callable[[str], None]
) -> Iterator[tuple[str, FoundText]]:
    """Find the last text of metrics in the job's log: PAI may keep none although lines match, seen in the field.

    Yields name and text as they are found; a text need not be a number. Of several instances, the first one with a
    text counts.

    Args:
        client: sends the calls.
        job: the job, as GetTrainingJob answered it.
        regexes: regular expression of each metric.
        give_up: is given the name of each metric with a regular expression that takes too long.

    Raises:
        PAIError: the log can't be read.
        OSError: there can't be a process now.
    """
    missing = dict(regexes)

    def leave_out(name: str) -> None:
        give_up(name)
        del missing[name]

    for instance in job.instances if job.instance_count > 1 else ("",):
        for page in islice(pages_from_end(client, job.job_id, instance), LOG_PAGES):
            for name, found in last_texts(missing, page, leave_out).items():
                yield name, found
                del missing[name]
            if not missing:
                return


def whole_metrics(
    client: Sender, job: JobSnapshot, notify: Callable[[str], None], warn: Callable[..., None]
) -> dict[str, float]:
    """Return the last value of each metric of a job that has ended, and tell how each went.

    PAI's own last value counts; where it has none, the last one that the log shows, else the last one of the series. A
    metric with no finite number at its end has none: an older one never stands for it. Neither has one of which the
    log shows that its regex reads the beginning of a number. What can't be read is logged and left out: it fails no
    task.

    Args:
        client: sends the calls.
        job: the job, as GetTrainingJob answered it.
        notify: is given a line about each metric.
        warn: called as a logger's ``warning``.
    """
    if not job.metrics and not job.metrics_without_value and not job.metric_regexes:
        return {}
    found = _Metrics(dict(job.metrics), set(job.metrics_without_value), notify, warn)
    series = found.read_series(client, job.job_id)
    if job.is_success:
        found.read_log(client, job)
    found.add_last_of(series)
    if job.is_success:
        found.warn_of_missing(job.metric_regexes)
    return found.values


@dataclass
class _Metrics:
    """What is known of a job's metrics so far."""

    values: dict[str, float]
    without_value: set[str]
    notify: Callable[[str], None]
    warn: Callable[..., None]
    unread: set[str] = field(default_factory=set)

    def read_series(self, client: Sender, job_id: str) -> list[Series]:
        try:
            found = metric_series(client, job_id)
        except PAIError as error:
            self.warn("The series of the metrics of job %s can't be read (%s)", job_id, error)
            return []
        for series in found:
            if series.last_text is not None:
                self._drop(series.name, no_value_reason(series.name, series.last_text))
            else:
                self.notify(str(series))
        return found

    def read_log(self, client: Sender, job: JobSnapshot) -> None:
        known = self.values.keys() | self.without_value
        missing = {name: regex for name, regex in job.metric_regexes.items() if name not in known}
        # What PAI has read with the same regular expression may be the beginning of a number, too.
        doubtful = {name: job.metric_regexes.get(name, "") for name in self.values}
        doubtful = {name: regex for name, regex in doubtful.items() if may_cut(regex)}
        if not missing and not doubtful:
            return
        try:
            for name, found in texts_from_log(client, job, {**missing, **doubtful}, self._give_up):
                if found.whole != found.text:
                    self._drop(name, cut_reason(name, found.text, found.whole))
                elif name in missing:
                    self._take(name, found.text)
        except (PAIError, OSError) as error:
            self.unread.update(missing)
            self.warn("Metrics of job %s can't be read from its log (%s)", job.job_id, error)

    def add_last_of(self, series: Iterable[Series]) -> None:
        """Take the last value of series, but of those of which the log may tell another."""
        for each in series:
            if each.last is not None and each.name not in self.without_value | self.unread:
                self.values.setdefault(each.name, each.last)

    def warn_of_missing(self, names: Iterable[str]) -> None:
        if without := [name for name in names if name not in self.values]:
            self.warn("Metrics without a value: %s", ", ".join(without))

    def _give_up(self, name: str) -> None:
        self.unread.add(name)
        self.warn("Metric %s is not read from the log: its regex takes too long", name)

    def _take(self, name: str, text: str) -> None:
        value = metric_value(text)
        if value is None:
            self._drop(name, no_value_reason(name, text))
        else:
            self.notify(f"Metric {name}: {value:g}, from the log, because PAI has no value")
            self.values[name] = value

    def _drop(self, name: str, reason: str) -> None:
        self.without_value.add(name)
        self.values.pop(name, None)
        self.warn("%s", reason)
