"""Probes of training jobs, quotas and machines: lists, absent objects, and what is there already."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_pai.api.endpoints import DLC, PAI_STUDIO
from airflow_provider_pai.local.catalogs.machines import MACHINES
from airflow_provider_pai.local.jobs.query import MAX_LOG_PAGE_SIZE, MAX_PAGE_SIZE
from airflow_provider_pai.local.verify.ledger import JOBS
from airflow_provider_pai.local.verify.prober import Probe, Prober, Verdict, absent, refuses

_JOB_ABSENT = f"{JOBS}/{{absent}}"
_NO_JOB = "TRAINING_JOB_NOT_FOUND"
_QUOTAS = "/api/v1/quotas/"
_DEFAULT_SIZE = 10
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_LABELS = {"Labels": [{"Key": "a", "Value": "b"}]}


def _name_is_matched_in_part(prober: Prober) -> Verdict:
    job = prober.newest_job()
    if job is None or len(str(job.get("TrainingJobName", ""))) < 2:
        return None
    name = str(job["TrainingJobName"])
    return prober.newest_job(TrainingJobName=name[1:].swapcase()) is not None


def _ended_job_is_not_stopped(prober: Prober) -> Verdict:
    job = prober.newest_job(Status="Succeed")
    if job is None:
        return None
    return prober.ask(PAI_STUDIO, "StopTrainingJob", f"{JOBS}/{job['TrainingJobId']}/stop", "PUT").status == 400


def _default_page_is_ten(prober: Prober) -> Verdict:
    answer = prober.ask(PAI_STUDIO, "ListTrainingJobs", JOBS, WorkspaceId=prober.workspace_id)
    total, jobs = answer.body.get("TotalCount"), answer.rows("TrainingJobs")
    return len(jobs) == _DEFAULT_SIZE if isinstance(total, int) and total > _DEFAULT_SIZE else None


def _log_page_has_a_greatest_size(prober: Prober) -> Verdict:
    job = prober.newest_job()
    if job is None:
        return None
    path, size = f"{JOBS}/{job['TrainingJobId']}/logs", str(MAX_LOG_PAGE_SIZE + 1)
    return prober.ask(PAI_STUDIO, "ListTrainingJobLogs", path, PageSize=size).code == "InvalidParameter"


def _names_of_metrics_are_joined_by_commas(prober: Prober) -> Verdict:
    for job in _recent_jobs(prober):
        path = f"{JOBS}/{job['TrainingJobId']}/latestmetrics"
        rows = prober.ask(PAI_STUDIO, "GetTrainingJobLatestMetrics", path).rows("Metrics")
        names = sorted({str(row.get("Name")) for row in rows})
        if len(names) > 1:
            found = prober.ask(PAI_STUDIO, "GetTrainingJobLatestMetrics", path, Names=",".join(names[:2]))
            return {str(row.get("Name")) for row in found.rows("Metrics")} == set(names[:2])
    return None


def _lists_are_sorted_and_filtered_at_once(prober: Prober) -> Verdict:
    query = {"SortBy": "GmtModifiedTime", "Order": "DESC", "Labels": '{"pai-verify": "absent"}', "PageSize": "1"}
    answer = prober.ask(PAI_STUDIO, "ListTrainingJobs", JOBS, WorkspaceId=prober.workspace_id, **query)
    return answer.is_done and answer.body.get("TotalCount") == 0


def _metrics_come_in_their_order(prober: Prober) -> Verdict:
    for job in _recent_jobs(prober):
        path = f"{JOBS}/{job['TrainingJobId']}/metrics"
        rows = prober.ask(PAI_STUDIO, "ListTrainingJobMetrics", path, Order="ASC", PageSize="100").rows("Metrics")
        times = [str(row.get("Timestamp")) for row in rows]
        if len(set(times)) > 1:
            return times == sorted(times)
    return None


def _events_come_in_their_order(prober: Prober) -> Verdict:
    for job in _recent_jobs(prober):
        path = f"{JOBS}/{job['TrainingJobId']}/events"
        events = prober.ask(PAI_STUDIO, "ListTrainingJobEvents", path, PageSize="100").body.get("Events")
        times = [found[0] for each in events or () if (found := _TIME.search(str(each)))]
        if len(set(times)) > 1:
            return times == sorted(times)
    return None


def _recent_jobs(prober: Prober) -> list[Mapping[str, Any]]:
    return prober.ask(
        PAI_STUDIO, "ListTrainingJobs", JOBS, WorkspaceId=prober.workspace_id, PageSize="10", Status="Succeed"
    ).rows("TrainingJobs")


def _quotas(prober: Prober) -> list[Mapping[str, Any]]:
    return prober.ask(PAI_STUDIO, "ListQuotas", _QUOTAS, PageSize="10").rows("Quotas")


def _memory_of_a_quota_has_its_unit(prober: Prober) -> Verdict:
    details = [quota.get("QuotaDetails") for quota in _quotas(prober)]
    amounts = [each.get("ActualMinQuota") for each in details if isinstance(each, dict)]
    written = [str(each["Memory"]) for each in amounts if isinstance(each, dict) and each.get("Memory")]
    return all(re.fullmatch(r"[0-9.]+Gi", each) for each in written) if written else None


def _a_usable_quota_is_enabled(prober: Prober) -> Verdict:
    statuses = {quota.get("Status") for quota in _quotas(prober)}
    return "Enabled" in statuses if statuses else None


def _workloads(prober: Prober) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for quota in _quotas(prober)[:3]:
        path = f"{_QUOTAS}{quota.get('QuotaId')}/workloads"
        found += prober.ask(PAI_STUDIO, "ListQuotaWorkloads", path, PageSize="50").rows("Workloads")
    return found


def _a_workload_has_the_jobs_id(prober: Prober) -> Verdict:
    ids = [str(row.get("WorkloadId")) for row in _workloads(prober) if "raining" in str(row.get("WorkloadType"))]
    return all(each.startswith("train") for each in ids) if ids else None


def _places_begin_at_one(prober: Prober) -> Verdict:
    rows = _workloads(prober)
    # The SDK's model has it in the row; its name says that it may as well be in one of the row's members.
    queues = [*rows, *(row.get("QueueInfo") for row in rows)]
    places = [each["Position"] for each in queues if isinstance(each, dict) and isinstance(each.get("Position"), int)]
    waiting = [place for place in places if place >= 0]
    return min(waiting) == 1 if waiting else None


def _machines(prober: Prober) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for number in range(1, 11):
        answer = prober.ask(DLC, "ListEcsSpecs", "/api/v1/ecsspecs", PageSize="100", PageNumber=str(number))
        rows = answer.rows("EcsSpecs")
        found |= {str(row.get("InstanceType")): row for row in rows}
        if not rows or len(found) >= int(answer.body.get("TotalCount") or 0):
            break
    return found


def _instance_types_are_offered(prober: Prober) -> Verdict:
    offered = _machines(prober)
    return {str(machine["InstanceType"]) for machine in MACHINES} <= offered.keys() if offered else None


def _machines_agree_on(member: str) -> Callable[[Prober], Verdict]:
    """Return a probe of whether machines that both know have the same in a member."""

    def probe(prober: Prober) -> Verdict:
        offered = _machines(prober)
        pairs = [
            (machine[member], offered[machine["InstanceType"]].get(member))
            for machine in MACHINES
            if machine.get(member) and machine["InstanceType"] in offered
        ]
        return all(ours == theirs for ours, theirs in pairs) if pairs else None

    return probe


TRAINING_PROBES = (
    Probe(
        "jobs.page.greatest",
        f"ListTrainingJobs: the greatest PageSize is {MAX_PAGE_SIZE}",
        refuses(PAI_STUDIO, "ListTrainingJobs", JOBS, PageSize=str(MAX_PAGE_SIZE + 1)),
    ),
    Probe("jobs.page.default", "ListTrainingJobs: a page has 10 jobs by default", _default_page_is_ten),
    Probe(
        "jobs.sort",
        "ListTrainingJobs: an unknown SortBy is refused",
        refuses(PAI_STUDIO, "ListTrainingJobs", JOBS, SortBy="Zzz"),
    ),
    Probe(
        "jobs.sort.labels",
        "ListTrainingJobs: SortBy goes with a filter by labels",
        _lists_are_sorted_and_filtered_at_once,
    ),
    Probe("events.order", "ListTrainingJobEvents: the oldest is the first", _events_come_in_their_order),
    Probe("metrics.order", "ListTrainingJobMetrics: ASC has the oldest first", _metrics_come_in_their_order),
    Probe(
        "jobs.name",
        "ListTrainingJobs: TrainingJobName is a part of the name in any case",
        _name_is_matched_in_part,
    ),
    Probe(
        "jobs.absent",
        f"GetTrainingJob: an absent job is {_NO_JOB} with 404",
        absent(PAI_STUDIO, "GetTrainingJob", _JOB_ABSENT, _NO_JOB),
    ),
    Probe(
        "jobs.absent.labels",
        f"UpdateTrainingJobLabels: an absent job is {_NO_JOB} with 404",
        absent(PAI_STUDIO, "UpdateTrainingJobLabels", f"{_JOB_ABSENT}/labels", _NO_JOB, "POST", body=_LABELS),
    ),
    Probe("jobs.stop.ended", "StopTrainingJob: a job that has ended is refused with 400", _ended_job_is_not_stopped),
    Probe(
        "logs.page.greatest",
        f"ListTrainingJobLogs: a PageSize above {MAX_LOG_PAGE_SIZE} is InvalidParameter",
        _log_page_has_a_greatest_size,
    ),
    Probe(
        "metrics.names",
        "GetTrainingJobLatestMetrics: Names are joined by commas",
        _names_of_metrics_are_joined_by_commas,
    ),
    Probe(
        "quotas.absent",
        "GetQuota: an absent quota is QuotaNotFound with 404",
        absent(PAI_STUDIO, "GetQuota", "/api/v1/quotas/{absent}", "QuotaNotFound"),
    ),
    Probe("quotas.memory", "ListQuotas: memory is a number of GiB with its unit, Gi", _memory_of_a_quota_has_its_unit),
    Probe("quotas.status", "ListQuotas: a quota that can be used is Enabled", _a_usable_quota_is_enabled),
    Probe(
        "workloads.id", "ListQuotaWorkloads: a training job's workload has the job's id", _a_workload_has_the_jobs_id
    ),
    Probe("workloads.place", "ListQuotaWorkloads: places begin at 1", _places_begin_at_one),
    Probe("machines.types", "ListEcsSpecs: local PAI's instance types are offered", _instance_types_are_offered),
    Probe("machines.gpus", "ListEcsSpecs: GPU types have the names that local PAI has", _machines_agree_on("GpuType")),
    Probe(
        "machines.drivers",
        "ListEcsSpecs: default drivers are those of local PAI",
        _machines_agree_on("DefaultGPUDriver"),
    ),
)
