"""What a job has reported back: the file in its output channel, else the marked lines of its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from airflow_provider_pai.client.logs.tail import pages_from_end
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.model.function.report import REPORT_FILE, Report, parse_report_file, parse_report_lines
from airflow_provider_pai.model.names import REPORT_CHANNEL
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.model.uri import OssUri, local_path

LOG_PAGES = 20
"""Pages of log read at most for a report that is in no file: the last 2,000 lines."""


def read_report(
    client: Sender, oss: Callable[[], ObjectStorage], job: JobSnapshot, warn: Callable[..., None]
) -> Report:
    """Return what a job has reported. What can't be read is logged, and counts as not reported.

    Args:
        client: sends the calls.
        oss: returns what reads objects; asked only when there is one to read.
        job: the job.
        warn: called as a logger's ``warning``.
    """
    uri = job.outputs.get(REPORT_CHANNEL, "")
    if not uri:
        return Report()
    try:
        return parse_report_file(_read(oss, uri), job.job_id)
    except (NotFoundError, FileNotFoundError):
        # The mount of the output channel may not have stored it: the log has the same.
        pass
    except (PAIError, OSError, ValueError) as error:
        warn("The report of job %s can't be read (%s); looking into its log", job.job_id, error)
    try:
        pages = list(islice(pages_from_end(client, job.job_id), LOG_PAGES))
    except PAIError as error:
        warn("The report of job %s can't be read from its log (%s)", job.job_id, error)
        return Report()
    return parse_report_lines(line for page in reversed(pages) for line in page)


def reported(
    client: Sender, oss: Callable[[], ObjectStorage], job: JobSnapshot, warn: Callable[..., None]
) -> tuple[JobSnapshot, Report]:
    """Return a job with the metrics that it has reported itself, and all that it has reported.

    A reported metric that is not finite takes away what PAI has of it: an older value does not stand for it.

    Args:
        client: sends the calls.
        oss: returns what reads objects; asked only when there is one to read.
        job: the job.
        warn: called as a logger's ``warning``.
    """
    report = read_report(client, oss, job, warn)
    if odd := [name for name, value in report.metrics.items() if value is None]:
        warn("No value for metrics with a last value that is not finite: %s", ", ".join(sorted(odd)))
    metrics = {name: value for name, value in report.metrics.items() if value is not None}
    kept = {name: value for name, value in job.metrics.items() if name not in odd}
    return replace(job, metrics={**kept, **metrics}), report


def _read(oss: Callable[[], ObjectStorage], uri: str) -> bytes:
    if (folder := local_path(uri)) is not None:
        return (Path(folder) / REPORT_FILE).read_bytes()
    return oss().read(OssUri.parse(uri).folder().child(REPORT_FILE))
