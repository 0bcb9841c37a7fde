"""Models, a server for them, and what a client of the service sees."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.images.image import ImageQuery
from airflow_provider_pai.model.serving.status import ServiceSnapshot
from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.triggers.services import PAIServiceTrigger
from tests.support.waits import PATIENCE

SERVE = """
import http.server, json, os, pathlib, sys, time

model = json.loads(pathlib.Path(os.environ["MODEL_MOUNT_PATH"], "model.json").read_text())
if model.get("crash"):
    print("the model can't be loaded", flush=True)
    sys.exit(3)


def predict(row):
    return sum(weight * value for weight, value in zip(model["weights"], row)) + model["bias"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"]
        model["patience"] -= 1
        status = model["status"] if model["patience"] >= 0 else 500
        self.reply(status, {"model": model["name"], "predictions": [predict(row) for row in rows]})

    def do_GET(self):
        self.reply(200, {"model": model["name"]})

    def reply(self, status, answer):
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


print("it serves", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", 8000))), Handler).serve_forever()
"""
WRITES = (
    *("CreateService", "UpdateService", "UpdateServiceVersion", "ReleaseService", "StartService", "StopService"),
    "DeleteService",
)
ROWS = [[1.0, 2.0], [0.5, -3.0], [0.0, 0.0]]
SMOKE = {"json": {"rows": ROWS}, "expect_status": 200, "timeout": 60}


@dataclass(frozen=True)
class Model:
    """A linear model; computed here, and by the service from its file.

    Attributes:
        name: its name, told with each answer.
        weights: one for each value of a row.
        bias: added to each prediction.
        crash: whether the server ends at its start.
        status: status of answers.
        patience: after how many requests answers get the status 500.
    """

    name: str
    weights: tuple[float, float] = (2.0, -1.0)
    bias: float = 0.5
    crash: bool = False
    status: int = 200
    patience: int = 1_000_000

    def predictions(self, rows: Sequence[Sequence[float]] = ROWS) -> list[float]:
        return [sum(w * v for w, v in zip(self.weights, row, strict=True)) + self.bias for row in rows]

    def stored(self) -> str:
        """Store it in OSS; return its folder."""
        uri = f"oss://pai-local/models/{uuid4().hex}/"
        text = json.dumps({**self.__dict__, "weights": list(self.weights)})
        PAIOSSHook().write(f"{uri}model.json", text.encode())
        return uri


OLD, NEW = Model("old"), Model("new", weights=(1.0, 3.0), bias=-2.0)


def source(folder: Path) -> str:
    """Write the server's source code; return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / "serve.py").write_text(SERVE)
    return str(folder)


def image_uri() -> str:
    """An image that local PAI knows."""
    return PAIImageHook().find(ImageQuery("PyTorch")).uri


def deploying(name: str, model_uri: str, source_dir: str, **arguments: Any) -> PAIDeployServiceOperator:
    """An operator with the least it needs."""
    least: dict[str, Any] = {
        "task_id": "deploy",
        "service_name": name,
        "model_uri": model_uri,
        "source_dir": source_dir,
        "image_uri": image_uri(),
        "command": "python serve.py",
        "instance_type": "ecs.c6.large",
        "poll_interval": 0.1,
        "smoke_test": SMOKE,
    }
    operator = PAIDeployServiceOperator(**{**least, **arguments})
    operator.hook = quick_hook()
    return operator


def quick_hook() -> PAIServiceHook:
    """A hook whose pauses are short."""
    return PAIServiceHook(sleep=lambda seconds: time.sleep(min(seconds, 0.25)))


def ask(name: str, rows: Sequence[Sequence[float]] = ROWS) -> dict[str, Any]:
    """Send a request as a client does."""
    found = PAIServiceHook().endpoints(name)
    answer = requests.post(
        found.internet, json={"rows": list(rows)}, headers={"Authorization": found.token}, timeout=PATIENCE
    )
    answer.raise_for_status()
    read: dict[str, Any] = answer.json()
    return read


def writes(pai: LocalPAI) -> dict[str, int]:
    """How many requests have changed something."""
    return {action: count for action, count in pai.faults.counts().items() if action in WRITES}


def gone(name: str) -> None:
    """Wait until there is no service of this name."""
    _, verdict = PAIServiceHook().wait(name, WaitCondition(status="Deleted"), interval=0.1, limit=PATIENCE)
    assert verdict is WaitResult.REACHED
    assert services(name) == []


def services(contains: str) -> list[ServiceSnapshot]:
    """All services whose names contain a text."""
    return PAIServiceHook().services(name_contains=contains)


def run_trigger(deferred: TaskDeferred) -> dict[str, Any]:
    """What the triggerer does: make the trigger again from its row, run it, hand on its event as JSON."""
    _, arguments = deferred.trigger.serialize()
    trigger = PAIServiceTrigger(**json.loads(json.dumps(arguments)))

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    [event] = asyncio.run(events())
    read: dict[str, Any] = json.loads(json.dumps(event))
    return read


@dataclass
class Seen:
    """What a client's requests have met."""

    models: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def constant_client(name: str, threads: int = 2) -> Iterator[Seen]:
    """Send requests without a pause until the end of the block."""
    found = PAIServiceHook().endpoints(name)
    seen, over = Seen(), threading.Event()

    def call() -> None:
        while not over.is_set():
            try:
                answer = requests.post(
                    found.internet, json={"rows": ROWS}, headers={"Authorization": found.token}, timeout=PATIENCE
                )
                if answer.ok:
                    seen.models.append(answer.json()["model"])
                else:
                    seen.failures.append(f"{answer.status_code} {answer.text}")
            except requests.RequestException as error:
                seen.failures.append(repr(error))
            time.sleep(0.01)

    running = [threading.Thread(target=call) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in running:
            thread.join()
