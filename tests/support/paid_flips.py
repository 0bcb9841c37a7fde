"""What a second server does otherwise with jobs: one inferred behaviour each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_pai.api.endpoints import PAI_STUDIO
from airflow_provider_pai.local.verify.requests import ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall
from tests.support.flipped_endpoint import (
    Flip,
    Flipped,
    ObjectFlip,
    asked,
    coded,
    created,
    each_row,
    member,
    rows,
)


def _deletes_outputs(flipped: Flipped, ask: ProbeCall) -> ProbeAnswer | None:
    if ask.action == "DeleteTrainingJob":
        shown = flipped.server.send(ProbeCall(PAI_STUDIO, "GetTrainingJob", ask.path))
        for channel in shown.body.get("OutputChannels") or ():
            bucket, _, folder = str(channel["OutputUri"]).removeprefix("oss://").partition("/")
            flipped.server.send_object(ObjectCall("DELETE", bucket, f"{folder}kept"))
    return None


def _replaces_labels(flipped: Flipped, ask: ProbeCall) -> ProbeAnswer | None:
    if ask.action == "UpdateTrainingJobLabels":
        flipped.seen["labels"] = ask.body["Labels"]
    if ask.action == "GetTrainingJob" and "labels" in flipped.seen:
        answer = flipped.server.send(ask)
        return replace(answer, body={**answer.body, "Labels": flipped.seen["labels"]})
    return None


def _keeps_the_time(flipped: Flipped, ask: ProbeCall) -> ProbeAnswer | None:
    if ask.action != "GetTrainingJob":
        return None
    answer = flipped.server.send(ask)
    if "time" not in flipped.seen and answer.body.get("Status") == "Failed":
        flipped.seen["time"] = answer.body["GmtModifiedTime"]
    return replace(answer, body={**answer.body, "GmtModifiedTime": flipped.seen.get("time")})


def _deletes_what_runs(flipped: Flipped, ask: ProbeCall) -> ProbeAnswer | None:
    if ask.action != "DeleteTrainingJob":
        return None
    answer = flipped.server.send(ask)
    return ProbeAnswer(200, {}) if answer.status == 400 else answer


def _algorithm(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Flip:
    return created(lambda body: {**body, "AlgorithmSpec": change(body["AlgorithmSpec"])})


def _channels(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Flip:
    return created(lambda body: {**body, name: [change(each) for each in body.get(name, ())]})


def _shell(algorithm: dict[str, Any]) -> dict[str, Any]:
    command = algorithm["Command"]
    return algorithm if command[0] == "sh" else {**algorithm, "Command": ["sh", "-c", " ".join(command)]}


def _elsewhere(channel: dict[str, Any]) -> dict[str, Any]:
    return {"OutputUri": "oss://pai-local/elsewhere/", **channel}


def _no_place(channels: Any) -> Any:
    return [{**each, "OutputUri": "oss://x/elsewhere/"} for each in channels or ()]


FLIPS: Mapping[str, Flip] = {
    "command.words": _algorithm(_shell),
    "environment.platform": created(lambda body: {**body, "Environments": {}}),
    "environment.quotes": _channels("HyperParameters", lambda each: {**each, "Value": each["Value"].replace('"', "")}),
    "labels.merged": _replaces_labels,
    "labels.modified": _keeps_the_time,
    "labels.longest": asked(
        "UpdateTrainingJobLabels",
        lambda ask: replace(
            ask, body={"Labels": [{**each, "Value": each["Value"][:128]} for each in ask.body["Labels"]]}
        ),
    ),
    "instances.failed": member(
        "GetTrainingJob", Instances=lambda found: [{**each, "Status": "Error"} for each in found or ()]
    ),
    "metrics.nan": rows(
        "ListTrainingJobMetrics", "Metrics", lambda _, found: [row for row in found if row["Name"] != "broken"]
    ),
    "hyperparameters.default": _algorithm(
        lambda algorithm: {**algorithm, "HyperParameters": [{"Name": "lr", "Type": "Float"}]}
    ),
    "datasets.version": _channels("InputChannels", lambda channel: {"VersionName": "v2", **channel}),
    "experiments.outputs": _channels("OutputChannels", _elsewhere),
    "experiments.tensorboard": member("GetTrainingJob", OutputChannels=_no_place),
    "jobs.delete.active": _deletes_what_runs,
    "reasons.limit": member("GetTrainingJob", ReasonCode=lambda code: code and "Timeout"),
    "reasons.command": member("GetTrainingJob", ReasonCode=lambda code: code and "ExitCode"),
    "jobs.list.lag": each_row("ListTrainingJobs", "TrainingJobs", Status=lambda _: "Running"),
    "jobs.name.longest": created(lambda body: {**body, "TrainingJobName": body["TrainingJobName"][:200]}),
    "jobs.stop.code": coded("StopTrainingJob"),
    "jobs.delete.outputs": _deletes_outputs,
}


def _content(key: str, change: Callable[[bytes], bytes]) -> ObjectFlip:
    """Let an object be another one than was sent."""

    def flip(flipped: Flipped, ask: ObjectCall) -> ObjectAnswer | None:
        if (ask.method, ask.key) == ("PUT", key):
            return flipped.server.send_object(replace(ask, content=change(ask.content)))
        return None

    return flip


def _first_member(content: bytes) -> bytes:
    return content[: content.index(b"\x1f\x8b\x08", 1)]


OBJECT_FLIPS: Mapping[str, ObjectFlip] = {
    "code.parts": _content("parts.tar.gz", _first_member),
    "code.requirements": _content("code/requirements.txt", lambda _: b""),
}
