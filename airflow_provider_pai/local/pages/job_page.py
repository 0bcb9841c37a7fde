"""The page of a training job: status, times, parameters, metrics, outputs, and the log as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.responses import HTMLResponse

from airflow_provider_pai.local.jobs.channel_uris import stored_uris, with_uris
from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.local.jobs.transitions import is_terminal
from airflow_provider_pai.local.jobs.views import duration
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.pages.curve import curve
from airflow_provider_pai.local.pages.html import Markup, facts, page, table, tag
from airflow_provider_pai.model.masking import MASK, looks_secret
from airflow_provider_pai.model.uri import OssUri

Record = Mapping[str, Any]

_REFRESH_S = 3
_LINES = 500
_OBJECTS = 100


def job_path(job_id: str) -> str:
    """Return the path of a job's page."""
    return f"/pages/jobs/{quote(job_id, safe='')}"


def job_rows(records: Sequence[Record]) -> Markup:
    """Return jobs as a table, newest first."""
    return table(
        ("Job", "Name", "Status", "Created", "Reason"),
        [
            (
                tag("a", record["TrainingJobId"], href=job_path(record["TrainingJobId"])),
                record["TrainingJobName"],
                tag("span", record["Status"], class_=record["Status"]),
                record["GmtCreateTime"],
                record.get("ReasonMessage", ""),
            )
            for record in reversed(records)
        ],
    )


def job_page(record: Record, files: JobFiles, objects: ObjectStore, now: datetime, *, whole_log: bool) -> HTMLResponse:
    """Return the page of one job.

    Args:
        record: the job.
        files: its files.
        objects: where its outputs are.
        now: the server's time.
        whole_log: show all of its log instead of the end.
    """
    job_id, status = record["TrainingJobId"], record["Status"]
    title = tag("h1", record["TrainingJobName"], " ", tag("small", job_id))
    return page(
        f"{status}: {record['TrainingJobName']}",
        title,
        tag("p", tag("strong", status, class_=status), " ", record.get("ReasonMessage", "")),
        _about(record, now),
        tag("h2", "Times"),
        _times(record),
        tag("h2", "Parameters"),
        _parameters(record),
        tag("h2", "Metrics"),
        *_curves(files.metrics.all()),
        tag("h2", "Outputs"),
        *_outputs(record, objects),
        tag("h2", "Log"),
        *_log(files, job_id, whole=whole_log),
        refresh_s=None if is_terminal(record) else _REFRESH_S,
    )


def _about(record: Record, now: datetime) -> Markup:
    compute, seconds = record["ComputeResource"], duration(record, now)
    instances = [f"{each['Name']}: {each['Status']}" for each in record.get("Instances", ())]
    return facts(
        {
            "Image": record["AlgorithmSpec"]["Image"],
            "Machine": compute.get("EcsSpec") or compute.get("ResourceId"),
            "Instances": ", ".join(instances),
            "Ran for": None if seconds is None else f"{seconds} s",
            "Labels": ", ".join(f"{each['Key']}={each.get('Value', '')}" for each in record.get("Labels", ())),
        }
    )


def _times(record: Record) -> Markup:
    names = ("Status", "StartTime", "EndTime", "ReasonCode", "ReasonMessage")
    return table(names, [[entry.get(name, "") for name in names] for entry in record["StatusTransitions"]])


def _parameters(record: Record) -> Markup:
    named = [(pair["Name"], pair.get("Value", "")) for pair in record.get("HyperParameters", ())]
    named += record.get("Environments", {}).items()
    return table(("Name", "Value"), [(name, MASK if looks_secret(name) else value) for name, value in named])


def _curves(points: Sequence[Mapping[str, Any]]) -> Iterator[Markup]:
    series: dict[str, list[float | None]] = {}
    for point in points:
        series.setdefault(point["Name"], []).append(point.get("Value"))
    yield from (curve(name, values) for name, values in series.items())
    if not series:
        yield tag("p", "none")


def _outputs(record: Record, objects: ObjectStore) -> Iterator[Markup]:
    channels = with_uris(record, stored_uris(record)).get("OutputChannels", ())
    known = {bucket.name for bucket in objects.buckets()}
    for channel in channels:
        yield tag("p", tag("strong", channel["Name"]), " ", channel.get("OutputUri", ""))
        uri = OssUri.parse(channel["OutputUri"]) if channel.get("OutputUri", "").startswith("oss://") else None
        if uri is not None and uri.bucket in known:
            found = objects.list_objects(uri.bucket, uri.folder().key, max_keys=_OBJECTS)
            yield table(("Object", "Bytes"), [(stored.key, stored.size) for stored in found.objects])
            if found.truncated:
                yield tag("p", f"the first {_OBJECTS} of more")
    if not channels:
        yield tag("p", "none")


def _log(files: JobFiles, job_id: str, *, whole: bool) -> Iterator[Markup]:
    total = len(files.log)
    lines = files.log.tail(total if whole else _LINES)
    if len(lines) < total:
        yield tag("p", f"the last {len(lines)} of {total} lines; ", tag("a", "all", href=f"{job_path(job_id)}?log=all"))
    yield tag("pre", "\n".join(lines))
