"""What a second server does otherwise: one inferred behaviour each, of those that are tried without a job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_pai.api.endpoints import AI_WORKSPACE, PAI_STUDIO
from airflow_provider_pai.local.verify.requests import ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall
from tests.support.flipped_endpoint import (
    OTHER,
    Flip,
    Flipped,
    ObjectFlip,
    answered,
    asked,
    clamped,
    coded,
    each_row,
    member,
    refused,
    rows,
    taken,
    without,
)


def _exactly(parameter: str, name: str) -> Callable[[ProbeCall, list[Any]], list[Any]]:
    def change(ask: ProbeCall, found: list[Any]) -> list[Any]:
        wanted = ask.query.get(parameter, "").strip('"')
        return [row for row in found if not wanted or row.get(name) == wanted]

    return change


def _whole_filter_fails(ask: ProbeCall, found: list[Any]) -> list[Any]:
    return [] if ask.query.get("ModelName", "").startswith('"') else found


def _keeps_models_with_versions(flipped: Flipped, ask: ProbeCall) -> ProbeAnswer | None:
    if ask.action != "DeleteModel":
        return None
    versions = flipped.server.send(ProbeCall(AI_WORKSPACE, "ListModelVersions", f"{ask.path}/versions"))
    return ProbeAnswer(409, {"Code": OTHER}) if versions.rows("Versions") else None


def _deletes_files(flipped: Flipped, ask: ProbeCall) -> ProbeAnswer | None:
    if ask.action == "DeleteModelVersion":
        uri = str(flipped.server.send(replace(ask, action="GetModelVersion", method="GET")).body.get("Uri"))
        flipped.server.send_object(ObjectCall("DELETE", uri.split("/")[2], "model/weights"))
    return None


def _quota_in(unit: str) -> Callable[[Any], Any]:
    def change(details: Any) -> Any:
        return {name: {**each, "Memory": each["Memory"].replace("Gi", unit)} for name, each in details.items()}

    return change


FLIPS: Mapping[str, Flip] = {
    "jobs.page.greatest": clamped("ListTrainingJobs", 100),
    "jobs.page.default": asked("ListTrainingJobs", lambda ask: replace(ask, query={"PageSize": "20", **ask.query})),
    "jobs.sort": asked(
        "ListTrainingJobs", lambda ask: without(ask, "SortBy") if ask.query.get("SortBy") == "Zzz" else ask
    ),
    "jobs.sort.labels": refused("ListTrainingJobs", lambda ask: {"SortBy", "Labels"} <= ask.query.keys()),
    "jobs.name": rows("ListTrainingJobs", "TrainingJobs", _exactly("TrainingJobName", "TrainingJobName")),
    "jobs.absent": coded("GetTrainingJob"),
    "jobs.absent.labels": coded("UpdateTrainingJobLabels"),
    "jobs.stop.ended": answered("StopTrainingJob", lambda _, answer: ProbeAnswer(200, {})),
    "logs.page.greatest": clamped("ListTrainingJobLogs", 1000),
    "metrics.names": rows(
        "GetTrainingJobLatestMetrics", "Metrics", lambda ask, found: [] if "," in ask.query.get("Names", "") else found
    ),
    "metrics.order": rows("ListTrainingJobMetrics", "Metrics", lambda _, found: found[::-1]),
    "events.order": rows("ListTrainingJobEvents", "Events", lambda _, found: found[::-1]),
    "quotas.absent": coded("GetQuota"),
    "quotas.memory": each_row("ListQuotas", "Quotas", QuotaDetails=_quota_in("GB")),
    "quotas.status": each_row("ListQuotas", "Quotas", Status=lambda _: "Active"),
    "workloads.id": each_row("ListQuotaWorkloads", "Workloads", WorkloadId=lambda value: f"w-{value}"),
    "workloads.place": each_row("ListQuotaWorkloads", "Workloads", Position=lambda place: place and place - 1),
    "machines.types": rows("ListEcsSpecs", "EcsSpecs", lambda _, found: found[1:]),
    "machines.gpus": each_row("ListEcsSpecs", "EcsSpecs", GpuType=lambda value: value and f"NVIDIA {value}"),
    "machines.drivers": each_row("ListEcsSpecs", "EcsSpecs", DefaultGPUDriver=lambda value: value and "1.2.3"),
    "images.absent": coded("GetImage"),
    "images.taken": taken("AddImage", "ImageId"),
    "images.workspace": answered(
        "ListImages",
        lambda ask, answer: answer if "WorkspaceId" in ask.query else ProbeAnswer(200, {"Images": [], "TotalCount": 0}),
    ),
    "datasets.absent": coded("GetDataset"),
    "datasets.taken": taken("CreateDataset", "DatasetId"),
    "datasets.version.absent": coded("GetDatasetVersion"),
    "workspaces.absent": coded("GetWorkspace"),
    "experiments.absent": coded("GetExperiment"),
    "experiments.logs": member("GetExperiment", TensorboardLogUri=lambda uri: f"{uri}logs/"),
    "experiments.place": member("GetExperiment", ArtifactUri=lambda uri: uri.replace("/experiments/", "/elsewhere/")),
    "experiments.taken": taken("CreateExperiment", "ExperimentId"),
    "experiments.token": member("ListExperiment", NextPageToken=lambda _: "opaque"),
    "models.absent": coded("GetModel"),
    "models.taken": taken("CreateModel", "ModelId"),
    "models.name": refused("CreateModel", lambda ask: len(ask.body["ModelName"]) > 64, "InvalidParameter"),
    "models.filter": rows("ListModels", "Models", _exactly("ModelName", "ModelName")),
    "models.filter.whole": rows("ListModels", "Models", _whole_filter_fails),
    "models.page": refused("ListModels", lambda ask: int(ask.query.get("PageSize", 10)) > 50),
    "models.delete": _keeps_models_with_versions,
    "versions.absent": coded("GetModelVersion"),
    "versions.taken": coded("CreateModelVersion"),
    "versions.status": member("GetModelVersion", ApprovalStatus=lambda _: "Approved"),
    "versions.files": _deletes_files,
    "services.page.greatest": clamped("ListServices", 1000),
    "services.absent": coded("DescribeService"),
    "groups.absent": coded("DescribeGroup"),
    "services.tokens": each_row("ListServices", "Services", AccessToken=lambda _: "token"),
    "services.versions": rows("ListServiceVersions", "Versions", lambda _, found: found[::-1]),
    "services.events": rows("DescribeServiceEvent", "Events", lambda _, found: found[::-1]),
    "services.diagnosis": rows("DescribeServiceDiagnosis", "DiagnosisList", lambda _, __: [{"Error": "x"}]),
    "services.types": rows("DescribeMachineSpec", "InstanceMetas", lambda _, found: found[:1]),
    "signature.nonce": lambda flipped, ask: flipped.server.send(replace(ask, nonce="")),
    "signature.body": lambda flipped, ask: ProbeAnswer(400, {"Code": OTHER}) if ask.content else None,
    "signature.headers": lambda flipped, ask: flipped.server.send(replace(ask, unsigned={})),
    "signature.older": lambda flipped, ask: (
        ProbeAnswer(400, {"Code": OTHER}) if "authorization" in (ask.headers or {}) else None
    ),
    "signature.rpc": coded("GetCallerIdentity"),
    "gateway.action": coded("Zzz"),
    "gateway.version": lambda flipped, ask: (
        flipped.server.send(replace(ask, service=PAI_STUDIO)) if ask.service.version == "2000-01-01" else None
    ),
    "gateway.body": lambda flipped, ask: ProbeAnswer(400, {"Code": OTHER}) if "Padding" in (ask.body or {}) else None,
    "roles.policy": lambda flipped, ask: ProbeAnswer(400, {"Code": OTHER}) if "Policy" in ask.query else None,
    "roles.external_id": lambda flipped, ask: ProbeAnswer(400, {"Code": OTHER}) if "ExternalId" in ask.query else None,
}


def _object(
    when: Callable[[ObjectCall], bool], change: Callable[[ObjectCall, ObjectAnswer], ObjectAnswer]
) -> ObjectFlip:
    return lambda flipped, ask: change(ask, flipped.server.send_object(ask)) if when(ask) else None


def _other_code(_: ObjectCall, answer: ObjectAnswer) -> ObjectAnswer:
    return ObjectAnswer(answer.status, answer.headers, b"<Error><Code>Other</Code></Error>")


def _moves_the_time(flipped: Flipped, ask: ObjectCall) -> ObjectAnswer | None:
    answer = flipped.server.send_object(ask)
    if "acl" in ask.query and ask.method == "PUT":
        flipped.seen["acl"] = True
    if ask.method == "HEAD" and "acl" in flipped.seen:
        return replace(answer, headers={**answer.headers, "last-modified": "later"})
    return answer


def _shows_an_md5(flipped: Flipped, ask: ObjectCall) -> ObjectAnswer | None:
    if "append" in ask.query:
        flipped.seen["bytes"] = flipped.seen.get("bytes", b"") + ask.content
        flipped.seen["key"] = ask.key
    if ask.method != "HEAD" or ask.key != flipped.seen.get("key"):
        return None
    etag = hashlib.md5(flipped.seen.get("bytes", b""), usedforsecurity=False).hexdigest().upper()
    answer = flipped.server.send_object(ask)
    return replace(answer, headers={**answer.headers, "etag": f'"{etag}"'})


def _other_etag(ask: ObjectCall, answer: ObjectAnswer) -> ObjectAnswer:
    is_of_parts = "-" in answer.headers.get("etag", "")
    return replace(answer, headers={**answer.headers, "etag": '"0123"'}) if is_of_parts else answer


OBJECT_FLIPS: Mapping[str, ObjectFlip] = {
    "copies.range": lambda _, ask: ObjectAnswer(416, {}, b"") if "x-oss-copy-source-range" in ask.headers else None,
    "copies.acl": _object(
        lambda ask: ask.method == "GET" and "acl" in ask.query,
        lambda _, answer: replace(answer, content=answer.content.replace(b"default", b"public-read")),
    ),
    "objects.acl.time": _moves_the_time,
    "objects.append": _shows_an_md5,
    "objects.parts": _object(lambda ask: ask.method == "HEAD", _other_etag),
    "objects.metadata": _object(lambda ask: "x-oss-meta-a" in ask.headers, _other_code),
    "objects.tags": _object(lambda ask: "x-oss-tagging" in ask.headers, _other_code),
    "objects.digest": _object(lambda ask: "content-md5" in ask.headers, _other_code),
    "buckets.class": lambda _, ask: ObjectAnswer(200, {}, b"") if b"StorageClass" in ask.content else None,
}
