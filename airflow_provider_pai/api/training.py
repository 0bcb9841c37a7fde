"""Operations on training jobs (PaiStudio 2022-01-12): each function returns a :class:`Call`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from airflow_provider_pai.api.answer import (
    Page,
    acknowledged,
    as_object,
    read_list,
    read_page,
    required_object,
    required_text,
)
from airflow_provider_pai.api.call import Call, present, segment
from airflow_provider_pai.api.endpoints import PAI_STUDIO
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training import response
from airflow_provider_pai.model.training.failure_details import ErrorInfo
from airflow_provider_pai.model.training.status import JobSnapshot, moment
from airflow_provider_pai.model.values import shown

JOBS = "/api/v1/trainingjobs"
PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 100
"""Jobs on a page of a list; PAI's maximum is not public [inferred: examples go to 100]."""
LOG_PAGE_SIZE = 100
"""Lines on a page of a log, as in the example of PAI's documentation; every service is taken to allow so many."""
LARGEST_LOG_PAGE = 1000
"""Lines to ask for when many are to come [inferred: the maximum is not public; a smaller one is found out]."""
Point = Mapping[str, Any]
"""A point of a metric, with ``Name``, ``Timestamp`` and ``Value``."""
NO_INSTANCE_YET = "TRAINING_JOB_INSTANCE_NOT_FOUND"
"""Code of the refusal to list logs before the job's first instance exists; the only one ``alipai`` knows."""


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job on a list, which is read when it is needed: of very many, most are as they were.

    Attributes:
        item: the job as the list has it.
    """

    item: Mapping[str, Any]

    @property
    def job_id(self) -> str:
        """Its id; empty when it can't be read."""
        return str(self.item.get("TrainingJobId") or "")

    @property
    def created(self) -> datetime | None:
        """When it was created; None when that can't be read."""
        return moment(str(self.item.get("GmtCreateTime")))

    @property
    def modified(self) -> datetime | None:
        """When it was last modified; None when that can't be read."""
        return moment(str(self.item.get("GmtModifiedTime")))

    @property
    def mark(self) -> response.Mark:
        """Another one when the job has changed."""
        return response.mark(self.item)

    def read(self) -> JobSnapshot:
        """Return the job.

        Raises:
            ProtocolError: it can't be read.
        """
        return response.snapshot(self.item)


@dataclass(frozen=True)
class ListedPage:
    """One page of a list of jobs that were not read yet.

    Attributes:
        jobs: the jobs of this page.
        total: number of jobs on all pages.
    """

    jobs: tuple[ListedJob, ...]
    total: int


@dataclass(frozen=True)
class LinePage:
    """One page of log lines or events.

    Attributes:
        lines: the lines, oldest first.
        total: number of lines on all pages.
    """

    lines: tuple[str, ...]
    total: int


def create_training_job(body: Mapping[str, Any]) -> Call[str]:
    """CreateTrainingJob; answers the job's id. Not idempotent: PAI has no client token."""
    return Call(PAI_STUDIO, "CreateTrainingJob", "POST", JOBS, _job_id, body=body, idempotent=False)


def get_training_job(job_id: str) -> Call[JobSnapshot]:
    """GetTrainingJob."""
    return Call(PAI_STUDIO, "GetTrainingJob", "GET", _path(job_id), response.snapshot)


def list_training_jobs(
    workspace_id: str,
    *,
    start_time: datetime,
    end_time: datetime | None = None,
    labels: Mapping[str, str] | None = None,
    name: str | None = None,
    status: str | None = None,
    page: int = 1,
    page_size: int = PAGE_SIZE,
    sort_by: Literal["GmtCreateTime", "GmtModifiedTime"] = "GmtCreateTime",
    order: Literal["ASC", "DESC"] = "DESC",
) -> Call[Page[JobSnapshot]]:
    """ListTrainingJobs, sorted by time of creation or of the last modification.

    Args:
        workspace_id: the workspace.
        start_time: jobs created since then, aware of its zone. Explicit, because PAI's own default hides jobs older
            than 7 days.
        end_time: jobs created until then. Default: now.
        labels: labels that a job must all have.
        name: PAI's name filter; may match more than the exact name [inferred].
        status: only jobs in this status.
        page: number of the page, from 1.
        page_size: jobs on a page.
        sort_by: the time that jobs are sorted by.
        order: newest or oldest first.
    """
    query = {
        "WorkspaceId": workspace_id,
        "StartTime": _time(start_time),
        "SortBy": sort_by,
        "Order": order,
        "PageNumber": str(page),
        "PageSize": str(page_size),
    }
    if end_time:
        query["EndTime"] = _time(end_time)
    if labels is not None and (given := _labels(labels)):
        query["Labels"] = json.dumps(given, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    query |= present({"TrainingJobName": name, "Status": status})
    read = partial(read_page, member="TrainingJobs", item=_job, before=(page - 1) * page_size)
    return Call(PAI_STUDIO, "ListTrainingJobs", "GET", JOBS, read, query)


def unread(call: Call[Page[JobSnapshot]]) -> Call[ListedPage]:
    """Return a call for a list that leaves its jobs unread, so that one that can't be read spoils no other."""
    return replace(call, parse=_listed_page)  # type: ignore[arg-type, return-value]


def stop_training_job(job_id: str) -> Call[None]:
    """StopTrainingJob; asynchronous, the status changes later."""
    return Call(PAI_STUDIO, "StopTrainingJob", "PUT", f"{_path(job_id)}/stop", acknowledged)


def delete_training_job(job_id: str) -> Call[None]:
    """DeleteTrainingJob; its outputs in OSS stay [inferred]."""
    return Call(PAI_STUDIO, "DeleteTrainingJob", "DELETE", _path(job_id), acknowledged)


def list_training_job_logs(
    job_id: str, *, page: int = 1, page_size: int = LOG_PAGE_SIZE, instance: str | None = None
) -> Call[LinePage]:
    """ListTrainingJobLogs, oldest line first; refused with :data:`NO_INSTANCE_YET` before an instance exists."""
    query = {"PageNumber": str(page), "PageSize": str(page_size)}
    if instance:
        query["InstanceId"] = instance
    return _lines("ListTrainingJobLogs", f"{_path(job_id)}/logs", "Logs", query)


def list_training_job_events(job_id: str, *, page: int = 1, page_size: int = LOG_PAGE_SIZE) -> Call[LinePage]:
    """ListTrainingJobEvents."""
    query = {"PageNumber": str(page), "PageSize": str(page_size)}
    return _lines("ListTrainingJobEvents", f"{_path(job_id)}/events", "Events", query)


def list_training_job_metrics(
    job_id: str,
    *,
    name: str | None = None,
    page: int = 1,
    page_size: int = LOG_PAGE_SIZE,
    order: Literal["", "ASC", "DESC"] = "",
) -> Call[Page[Point]]:
    """ListTrainingJobMetrics: the points of one metric, or of all; by default in the order of the service."""
    query = {"PageNumber": str(page), "PageSize": str(page_size)}
    query |= {member: value for member, value in (("Name", name), ("Order", order)) if value}
    read = partial(read_page, member="Metrics", item=partial(as_object, what="a point"), before=(page - 1) * page_size)
    return Call(PAI_STUDIO, "ListTrainingJobMetrics", "GET", f"{_path(job_id)}/metrics", read, query)


def get_training_job_error_info(job_id: str) -> Call[ErrorInfo]:
    """GetTrainingJobErrorInfo."""
    return Call(PAI_STUDIO, "GetTrainingJobErrorInfo", "GET", f"{_path(job_id)}/errorinfo", _error_info)


def update_training_job_labels(job_id: str, labels: Mapping[str, str]) -> Call[None]:
    """UpdateTrainingJobLabels."""
    body = {"Labels": [{"Key": key, "Value": value} for key, value in _labels(labels).items()]}
    return Call(PAI_STUDIO, "UpdateTrainingJobLabels", "POST", f"{_path(job_id)}/labels", acknowledged, body=body)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels that were checked.

    Raises:
        SpecError: they are no dict of texts.
    """
    if not isinstance(labels, Mapping):
        raise SpecError([Problem("labels", f"must be a dict of texts, not {shown(labels)}")])
    if wrong := [name for name, value in labels.items() if not isinstance(name, str) or not isinstance(value, str)]:
        raise SpecError([Problem("labels", f"must have texts as names and values; see {shown(wrong[0])}")])
    return dict(labels)


def _path(job_id: str) -> str:
    return f"{JOBS}/{segment(job_id)}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(action: str, path: str, member: str, query: Mapping[str, str]) -> Call[LinePage]:
    return Call(PAI_STUDIO, action, "GET", path, partial(_line_page, member), query)


def _job_id(body: Mapping[str, Any]) -> str:
    return required_text(body, "TrainingJobId")


def _job(value: object) -> JobSnapshot:
    return response.snapshot(as_object(value, "a job"))


def _listed_page(body: Mapping[str, Any]) -> ListedPage:
    page = read_page(body, "TrainingJobs", lambda item: item)
    return ListedPage(tuple(ListedJob(item) for item in page.items if isinstance(item, Mapping)), page.total)


def _line_page(member: str, body: Mapping[str, Any]) -> LinePage:
    """Read a page of lines; one without a count may still be read to its end, page by page."""
    if body.get("TotalCount") is None:
        return LinePage(tuple(read_list(body, member, str)), 0)
    page = read_page(body, member, str)
    return LinePage(page.items, page.total)


def _error_info(body: Mapping[str, Any]) -> ErrorInfo:
    info = required_object(body, "ErrorInfo")
    return ErrorInfo(*(str(info.get(name) or "") for name in ("Code", "Message", "AdditionalInfo")))
