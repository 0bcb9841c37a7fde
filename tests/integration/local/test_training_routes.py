"""The operations on training jobs as they look on the wire."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from alibabacloud_paistudio20220112 import models  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_pai.local.http.response import ErrorResponse, error_response
from airflow_provider_pai.local.jobs.checks import CreateJobValidator
from airflow_provider_pai.local.jobs.routes import routes
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.running.bound_storage import BoundObjects
from airflow_provider_pai.local.running.environments import Environments, Interpreter
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.runner import Runner
from airflow_provider_pai.local.running.runner_context import RunnerContext
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.response import snapshot
from airflow_provider_pai.model.training.spec import MetricDefinition, TrainingJobSpec
from tests.support.waits import wait_until

J = "/api/v1/trainingjobs"


def now() -> datetime:
    return datetime.now(UTC)


class Server:
    """The routes behind HTTP, answering as local PAI's server does."""

    def __init__(self, home: Path, cache: Path) -> None:
        self.objects = ObjectStore(home / "oss")
        self.objects.create_bucket("bkt")
        self.store = JobStore(home, now)
        environments = Environments(cache, Interpreter.at(), os.environ)
        runtime = ProcessRuntime(Sandbox(home, environments.folders, Mode.PLAIN), environments)
        shop = RunnerContext(self.store, BoundObjects(self.objects, {}), runtime, "cn-hangzhou", now, grace_seconds=0.3)
        self.runner = Runner(shop, slots=1)
        self.runner.start()
        checks = CreateJobValidator("ecs.c6.large".__eq__, "bkt".__eq__, "1".__eq__, lambda image: True)
        made = routes(self.store, self.runner, checks, now, api_url="http://127.0.0.1:1", user_id="42")
        self._app = Starlette(routes=made, exception_handlers={ErrorResponse: self._refuse})

    @staticmethod
    def _refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, ErrorResponse)
        return error_response(error, request.url.netloc)

    def ask(self, method: str, path: str = "", content: bytes | None = None, **query: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://local") as client:
                return await client.request(method, f"{J}{path}", params=query, content=content)

        return asyncio.run(send())

    def get(self, path: str = "", **query: str) -> dict[str, Any]:
        answer = self.ask("GET", path, None, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, method: str, path: str = "", content: bytes | None = None, **query: str) -> tuple[int, str]:
        answer = self.ask(method, path, content, **query)
        return answer.status_code, answer.json()["Code"]

    def create(self, command: str, **members: Any) -> str:
        spec = TrainingJobSpec(command, "ecs.c6.large", image_uri="a/b:1", job_name="a job", **members)
        answer = self.ask("POST", content=json.dumps(create_body(spec, "1")).encode())
        assert answer.status_code == 200, answer.text
        return f"/{answer.json()['TrainingJobId']}"

    def ended(self, job: str) -> dict[str, Any]:
        wait_until(lambda: snapshot(self.get(job)).is_terminal)
        return self.get(job)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    server = Server(home, home / "cache")
    yield server
    server.runner.close()
    server.store.close()
    server.objects.close()


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    job = server.create(
        "echo acc=0.5; echo acc=0.75 loss=1; echo 'last line'",
        outputs={"model": "oss://bkt/m/"},
        max_run_time=60,
        labels={"a": "1"},
        metric_definitions=(MetricDefinition("acc", r"acc=([\d.]+)"), MetricDefinition("loss", r"loss=([\d.]+)")),
    )
    server.ended(job)
    return job


def test_get_has_the_members_and_types_that_official_clients_read(server: Server, finished: str) -> None:
    answer = server.get(finished)
    read = models.GetTrainingJobResponseBody().from_map(answer).to_map()
    # The client gives an algorithm empty lists of its own.
    assert read.pop("AlgorithmSpec")["Command"] == answer["AlgorithmSpec"]["Command"]
    assert read == {name: value for name, value in answer.items() if name != "AlgorithmSpec"}
    assert answer["Scheduler"] == {"MaxRunningTimeInSeconds": "60"}
    assert answer["OutputModel"] == {"OutputChannelName": "model", "Uri": "oss://bkt/m/"}
    assert answer["LatestMetrics"] == [
        {"Name": "acc", "Timestamp": answer["LatestMetrics"][0]["Timestamp"], "Value": 0.75},
        {"Name": "loss", "Timestamp": answer["LatestMetrics"][1]["Timestamp"], "Value": 1.0},
    ]
    assert answer["UserId"] == "42"
    assert answer["TrainingJobUrl"] == f"http://127.0.0.1:1/pages/jobs{finished}"
    assert isinstance(answer["Duration"], int)
    assert "Local" not in answer


def test_a_list_item_has_less_and_other_types(server: Server, finished: str) -> None:
    answer = server.get(TrainingJobId=finished[1:])
    assert answer["TotalCount"] == 1
    (item,) = answer["TrainingJobs"]
    assert models.ListTrainingJobsResponseBody().from_map(answer).to_map() == answer
    assert item["Scheduler"] == {"MaxRunningTimeInSeconds": 60}
    hidden = {"Instances", "TrainingJobUrl", "Duration", "LatestMetrics", "AlgorithmSpec", "OutputModel", "Local"}
    assert not hidden & set(item)
    assert {"Status", "StatusTransitions", "ReasonCode", "OutputChannels", "Labels"} <= set(item)


def test_logs_are_pages_of_lines(server: Server, finished: str) -> None:
    everything = server.get(f"{finished}/logs", PageSize="100")
    total = len(everything["Logs"])
    assert everything["TotalCount"] == str(total)
    assert everything["Logs"][-1] == "last line"
    assert server.get(f"{finished}/logs", PageSize=str(total - 1), PageNumber="2")["Logs"] == ["last line"]
    assert server.get(f"{finished}/logs", PageNumber="99")["Logs"] == []
    named = server.get(f"{finished}/logs", InstanceId=f"{finished[1:]}-master-0")
    assert named["Logs"] == everything["Logs"]
    assert server.refused("GET", f"{finished}/logs", InstanceId="other") == (404, "TRAINING_JOB_INSTANCE_NOT_FOUND")
    for size in ("0", "1001"):
        assert server.refused("GET", f"{finished}/logs", PageSize=size) == (400, "InvalidParameter")


def test_events_of_job_and_instance(server: Server, finished: str) -> None:
    events = server.get(f"{finished}/events")
    assert events["TotalCount"] == str(len(events["Events"]))
    assert any(f"{finished[1:]} Succeed" in text for text in events["Events"])
    own = server.get(f"{finished}/instances/{finished[1:]}-master-0/events")["Events"]
    assert [text.partition(" ")[2].rpartition("-master-0 ")[2] for text in own] == ["started", "ended with exit code 0"]
    assert server.get(f"{finished}/events", StartTime="2999-01-01T00:00:00Z")["Events"] == []
    assert server.refused("GET", f"{finished}/instances/none/events")[1] == "TRAINING_JOB_INSTANCE_NOT_FOUND"


def test_metrics_can_be_filtered_and_reversed(server: Server, finished: str) -> None:
    values = [(point["Name"], point["Value"]) for point in server.get(f"{finished}/metrics")["Metrics"]]
    assert values == [("acc", 0.5), ("acc", 0.75), ("loss", 1.0)]
    turned = server.get(f"{finished}/metrics", Name="acc", Order="DESC", PageSize="1")
    assert ([point["Value"] for point in turned["Metrics"]], turned["TotalCount"]) == ([0.75], 2)
    latest = server.get(f"{finished}/latestmetrics", Names="loss,none")["Metrics"]
    assert [(point["Name"], point["Value"]) for point in latest] == [("loss", 1.0)]


def test_no_instance_is_measured(server: Server, finished: str) -> None:
    answer = server.get(f"{finished}/instancemetrics", MetricType="CpuCoreUsage")
    assert answer["InstanceMetrics"] == [{"InstanceId": f"{finished[1:]}-master-0", "Metrics": []}]
    assert server.refused("GET", f"{finished}/instancemetrics") == (400, "MissingParameter")


def test_models_and_errors(server: Server, finished: str) -> None:
    (model,) = server.get(f"{finished}/outputmodels")["OutputModels"]
    assert (model["OutputChannelName"], model["Uri"]) == ("model", "oss://bkt/m/")
    assert server.get(f"{finished}/errorinfo")["ErrorInfo"] == {}
    failed = server.create("echo why; exit 9", outputs={"model": "oss://bkt/m2/"})
    server.ended(failed)
    error = server.get(f"{failed}/errorinfo")["ErrorInfo"]
    assert error["Code"] == "UserCommandFailed"
    assert "exit code 9" in error["Message"]
    assert error["AdditionalInfo"].endswith("why")
    assert server.get(f"{failed}/outputmodels")["OutputModels"] == []


def test_labels_are_set_replaced_and_deleted(server: Server, finished: str) -> None:
    new = json.dumps({"Labels": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "x"}]}).encode()
    assert server.ask("POST", f"{finished}/labels", new).status_code == 200
    assert server.get(finished)["Labels"] == [{"Key": "a", "Value": "x"}, {"Key": "b", "Value": "2"}]
    assert server.get(Labels='{"a":"x"}')["TotalCount"] == 1
    assert server.ask("DELETE", f"{finished}/labels", Keys="a,none").status_code == 200
    assert server.get(finished)["Labels"] == [{"Key": "b", "Value": "2"}]
    assert server.refused("DELETE", f"{finished}/labels") == (400, "MissingParameter")
    assert server.refused("POST", f"{finished}/labels", b"{}") == (400, "MissingParameter")
    assert server.refused("POST", f"{finished}/labels", b'{"Labels":[{"Key":1}]}') == (400, "InvalidParameter")


def test_a_waiting_job_has_no_log_can_be_stopped_and_only_then_deleted(server: Server) -> None:
    first, waiting = server.create("sleep 600"), server.create("true")
    assert server.get(waiting)["Status"] == "Created"
    assert server.refused("GET", f"{waiting}/logs") == (404, "TRAINING_JOB_INSTANCE_NOT_FOUND")
    assert server.refused("DELETE", waiting) == (400, "BadRequest")
    assert server.ask("PUT", f"{waiting}/stop").status_code == 200
    assert server.get(waiting)["Status"] == "Terminated"
    assert server.refused("PUT", f"{waiting}/stop") == (400, "BadRequest")
    assert server.ask("DELETE", waiting).status_code == 200
    assert server.refused("GET", waiting) == (404, "TRAINING_JOB_NOT_FOUND")
    server.ask("PUT", f"{first}/stop")
    assert server.ended(first)["Status"] == "Terminated"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'{"TrainingJobName":NaN}', b'{"TrainingJobName":"\\ud800"}', b"[" * 100_000, b"[]", b"null"],
)
def test_what_is_no_json_object_is_refused(server: Server, content: bytes) -> None:
    assert server.refused("POST", content=content) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", "/stop"),
        ("GET", "/logs"),
        ("GET", "/events"),
        ("GET", "/instances/x/events"),
        ("GET", "/metrics"),
        ("GET", "/latestmetrics"),
        ("GET", "/instancemetrics"),
        ("GET", "/errorinfo"),
        ("GET", "/outputmodels"),
        ("POST", "/labels"),
        ("DELETE", "/labels"),
    ],
)
def test_an_unknown_job_is_refused_everywhere(server: Server, method: str, suffix: str) -> None:
    assert server.refused(method, f"/train00000000000{suffix}") == (404, "TRAINING_JOB_NOT_FOUND")
