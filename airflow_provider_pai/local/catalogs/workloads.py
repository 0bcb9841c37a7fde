"""What runs and waits in the resource quota of local PAI: ListQuotaWorkloads.

[inferred], all of it in this file and :mod:`airflow_provider_pai.model.training.queue_place`: that a training job's
workload has the job's own id and name, places begin at 1, the words of codes and reasons, names joined by commas, and
how the list is sorted without SortBy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.http.page import PageRequest, descending
from airflow_provider_pai.local.http.parameters import flag, invalid, one_of, refuse, some_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.jobs.quota_usage import (
    DEFAULT_PRIORITY,
    WAITING_IN_QUEUE,
    Amount,
    Quota,
    queue_order,
    requested_amount,
    usage,
)
from airflow_provider_pai.model.training.status import ACTIVE_STATUSES

ENQUEUED, DEQUEUED = "Enqueued", "Dequeued"
STRATEGY = "PaiStrategyStrictFIFO"
_PAGE_SIZE = 10
_TYPE = "training"
_SORTABLE = ("GmtCreatedTime", "GmtEnqueuedTime", "Position", "Priority")
_EQUAL = {"WorkspaceIds": "WorkspaceId", "WorkloadIds": "WorkloadId", "WorkloadNames": "WorkloadName",
          "WorkloadStatuses": "WorkloadStatus", "UserIds": "UserId"}  # fmt: skip
_RANGES = {"WorkloadCreatedTimeRange": "GmtCreatedTime", "GmtEnqueuedTimeRange": "GmtEnqueuedTime",
           "GmtDequeuedTimeRange": "GmtDequeuedTime"}  # fmt: skip

Item = dict[str, Any]


@dataclass(frozen=True)
class Workloads:
    """The operation.

    Attributes:
        quota: the one there is.
        jobs: returns all stored jobs, oldest first.
    """

    quota: Quota
    jobs: Callable[[], Sequence[Mapping[str, Any]]]

    def answer(self, request: Request) -> Response:
        """Answer one page of the workloads that match."""
        query, quota_id = request.query_params, request.path_params["QuotaId"]
        if quota_id != self.quota.quota_id:
            raise ErrorResponse(404, "QuotaNotFound", f"The quota {quota_id} does not exist.")
        # There are no nodes, and when a workload's place has changed is not kept.
        moved = ("GmtPositionModifiedTimeRange.StartTime", "GmtPositionModifiedTimeRange.EndTime")
        refuse(query, ("InstanceId", "NodeName", *moved))
        # All of this quota's are its own: it has no children.
        flag(query, "ShowOwn")
        items = self.items(historical=flag(query, "WithHistoricalData"))
        found = _sorted([item for item in items if _matches(item, items, query)], query)
        return json_response(
            {"Workloads": list(PageRequest.asked(query, _PAGE_SIZE).of(found)), "TotalCount": len(found)}
        )

    def items(self, *, historical: bool = False) -> list[Item]:
        """Return the workloads: those that wait by their places, then the others, oldest first.

        Args:
            historical: jobs that have ended, too.
        """
        jobs = [job for job in self.jobs() if requested_amount(job) is not None]
        waiting = [(number, job) for number, job in enumerate(jobs) if job["Status"] in WAITING_IN_QUEUE]
        waiting.sort(key=lambda each: queue_order(each[1].get("Priority", DEFAULT_PRIORITY), each[0]))
        queue = [job for _, job in waiting]
        others = [job for job in jobs if job not in queue and (historical or job["Status"] in ACTIVE_STATUSES)]
        used = usage(jobs).running
        return [
            *(self._item(job) | self._place(queue, place, used) for place, job in enumerate(queue)),
            *(self._item(job) | {"Status": DEQUEUED, "GmtDequeuedTime": _left_queue(job)} for job in others),
        ]

    def _place(self, queue: Sequence[Mapping[str, Any]], place: int, used: Amount) -> Item:
        asked = requested_amount(queue[place]) or Amount()
        if place:
            code, reason = "BlockedByPredecessor", f"It waits behind {queue[place - 1]['TrainingJobId']}"
        elif asked.fits(used, self.quota.total):
            code, reason = "NoSlot", "As many jobs run as this local PAI runs at a time"
        else:
            code, reason = "ResourceNotEnough", f"It asks for {asked}; {used} of {self.quota.total} are used"
        return {"Status": ENQUEUED, "Position": place + 1, "Code": code, "CodeType": "Resource", "Reason": reason}

    def _item(self, job: Mapping[str, Any]) -> Item:
        asked = requested_amount(job) or Amount()
        return {
            "QuotaId": self.quota.quota_id,
            "WorkloadId": job["TrainingJobId"],
            "WorkloadName": job["TrainingJobName"],
            "WorkloadType": _TYPE,
            "WorkloadStatus": job["Status"],
            "WorkspaceId": job["WorkspaceId"],
            "WorkspaceName": "local_pai",
            "UserId": OWNER,
            "UserName": OWNER,
            "Priority": job.get("Priority", DEFAULT_PRIORITY),
            "QueueStrategy": STRATEGY,
            "UseOversoldResource": False,
            "Resource": {"CPU": f"{asked.cpu:g}", "GPU": f"{asked.gpu:g}", "Memory": f"{asked.memory_gib:g}Gi"},
            "GmtCreatedTime": job["GmtCreateTime"],
            "GmtEnqueuedTime": job["GmtCreateTime"],
        }


def _left_queue(job: Mapping[str, Any]) -> str:
    """Return when a job entered the first status after the queue."""
    entered = (each["StartTime"] for each in job["StatusTransitions"] if each["Status"] not in WAITING_IN_QUEUE)
    return next(entered, "")


def _matches(item: Item, items: Iterable[Item], query: Mapping[str, str]) -> bool:
    return (
        all(not (wanted := some_of(query, name)) or item[member] in wanted for name, member in _EQUAL.items())
        and one_of(query, "Status", (ENQUEUED, DEQUEUED), item["Status"]) == item["Status"]
        and query.get("WorkloadType") in (None, "", item["WorkloadType"])
        and all(_number(query, name) in (None, item.get(name)) for name in ("Position", "Priority"))
        and all(_is_within(item.get(member, ""), query, name) for name, member in _RANGES.items())
        and (not query.get("BeforeWorkloadId") or item in _before(items, query["BeforeWorkloadId"]))
        # There are no children, and nothing is oversold.
        and not query.get("SubQuotaIds")
        and not flag(query, "UseOversoldResource")
    )


def _before(items: Iterable[Item], workload_id: str) -> list[Item]:
    queue = [item for item in items if "Position" in item]
    place = next((item["Position"] for item in queue if item["WorkloadId"] == workload_id), 0)
    return [item for item in queue if item["Position"] < place]


def _is_within(moment: str, query: Mapping[str, str], name: str) -> bool:
    first, last = (_time(query, f"{name}.{end}") for end in ("StartTime", "EndTime"))
    return not (first or last) or bool(moment and first <= moment and (not last or moment <= last))


def _time(query: Mapping[str, str], name: str) -> str:
    text = query.get(name, "")
    try:
        return wire_time(datetime.fromisoformat(text)) if text else ""
    except (ValueError, OverflowError) as error:
        raise invalid(name, "it must be a time such as 2024-07-10T11:49:47Z") from error


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdecimal()):
        raise invalid(name, "it must be a whole number")
    return int(text) if text else None


def _sorted(items: list[Item], query: Mapping[str, str]) -> list[Item]:
    newest_first = descending(query)
    key = one_of(query, "SortBy", _SORTABLE)
    if key:
        items = sorted(items, key=lambda item: (key not in item, item.get(key, 0)))
    return list(reversed(items)) if newest_first else items
