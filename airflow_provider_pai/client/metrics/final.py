"""A job's metrics at its end: the last value of each, and how each went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.training import Point, list_training_job_metrics
from airflow_provider_pai.client.logs.tail import pages_from_end
from airflow_provider_pai.client.metrics.safe_regex import last_values
from airflow_provider_pai.client.transport.listing import list_all
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.metric_series import Series, series_of
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
    points = list_all(client, partial(_points, job_id), attempts=2, most_pages=SERIES_PAGES)
    return series_of(points)


def _points(job_id: str, page: int) -> Call[Page[Point]]:
    return list_training_job_metrics(job_id, page=page)


def metrics_from_log(
    client: Sender, job: JobSnapshot, regexes: Mapping[str, str], warn: Callable[..., None]
) -> Iterator[tuple[str, float]]:
    """Find the last value of metrics in the job's log: PAI may keep none although lines match, seen in the field.

    Yields name and value as they are found. Of several instances, the first one with a value counts.

    Args:
        client: sends the calls.
        job: the job, as GetTrainingJob answered it.
        regexes: regular expression of each metric.
        warn: called as a logger's ``warning`` when a regular expression takes too long.

    Raises:
        PAIError: the log can't be read.
        OSError: there can't be a process now.
    """
    missing = dict(regexes)

    def give_up(name: str) -> None:
        warn("Metric %s is not read from the log: its regex takes too long", name)
        del missing[name]

    for instance in job.instances if job.instance_count > 1 else ("",):
        for page in islice(pages_from_end(client, job.job_id, instance), LOG_PAGES):
            for name, value in last_values(missing, page, give_up).items():
                yield name, value
                del missing[name]
            if not missing:
                return


def whole_metrics(
    client: Sender, job: JobSnapshot, tell: Callable[[str], None], warn: Callable[..., None]
) -> dict[str, float]:
    """Return the last value of each metric of a job that has ended, and tell how each went.

    What can't be read is told and left out: it fails no task.

    Args:
        client: sends the calls.
        job: the job, as GetTrainingJob answered it.
        tell: is given a line about each metric.
        warn: called as a logger's ``warning``.
    """
    metrics = dict(job.metrics)
    if not metrics and not job.metric_regexes:
        return metrics
    try:
        for series in metric_series(client, job.job_id):
            tell(f"Metric {series}")
            metrics.setdefault(series.name, series.values[-1])
    except PAIError as error:
        warn("The series of the metrics of job %s can't be read (%s)", job.job_id, error)
    missing = {name: regex for name, regex in job.metric_regexes.items() if name not in metrics}
    if not missing or not job.is_success:
        return metrics
    try:
        for name, value in metrics_from_log(client, job, missing, warn):
            tell(f"Metric {name}: {value:g}, from the log, because PAI has no value")
            metrics[name] = value
    except (PAIError, OSError) as error:
        warn("Metrics of job %s can't be read from its log (%s)", job.job_id, error)
    if without := [name for name in missing if name not in metrics]:
        warn("Metrics without a value: %s", ", ".join(without))
    return metrics
