"""A local PAI without its HTTP server: jobs that really run."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.running.bound_storage import BoundObjects, BoundStorage
from airflow_provider_pai.local.running.runner import Runner
from airflow_provider_pai.local.running.runner_context import RunnerContext
from airflow_provider_pai.local.running.runtime import Runtime
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import CodeLocation, TrainingJobSpec
from tests.support.contradictions import RememberingJobStore
from tests.support.waits import LONGER, PassingTime, wait_until

ENDED = ("Succeed", "Failed", "Terminated", "InitializeFailed")


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class LocalRuntimeHarness:
    """A local PAI without its HTTP server."""

    def __init__(
        self,
        home: Path,
        runtime: Runtime,
        slots: int = 2,
        grace: float = 0.5,
        places: Mapping[str, BoundStorage] | None = None,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.objects = ObjectStore(home / "oss")
        self.objects.create_bucket("bkt")
        self.time = PassingTime()
        self.store = RememberingJobStore(home, self.time.now)
        objects = BoundObjects(self.objects, places or {})
        self.workshop = RunnerContext(
            self.store,
            objects,
            runtime,
            "cn-hangzhou",
            self.time.now,
            grace_seconds=grace,
            shown=objects.shown,
            monotonic=self.time.monotonic,
        )
        self.runner = Runner(self.workshop, slots)
        self.runner.start()

    def close(self) -> None:
        self.time.rush()
        self.runner.close()
        self.store.close()
        self.objects.close()
        self.workshop.runtime.close()
        assert self.store.contradictions == []

    def put(self, key: str, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        self.objects.put("bkt", key, io.BytesIO(content))

    def get(self, key: str) -> str:
        return self.objects.read("bkt", key).decode()

    def submit(self, command: str, *, code: str | None = None, image: str = "registry/image:1", **members: Any) -> str:
        spec = TrainingJobSpec(
            command=textwrap.dedent(command),
            instance_type="ecs.c6.large",
            image_uri=image,
            job_name="a job",
            code=CodeLocation("bkt", code, "oss") if code else None,
            **members,
        )
        job_id = str(self.store.create(create_body(spec, "1"))["TrainingJobId"])
        self.runner.submit(job_id)
        return job_id

    def run(self, command: str, **members: Any) -> Mapping[str, Any]:
        return self.ended(self.submit(command, **members))

    def ended(self, job_id: str) -> Mapping[str, Any]:
        wait_until(lambda: self.store.existing(job_id)["Status"] in ENDED, lambda: "\n".join(self.lines(job_id)))
        return self.store.existing(job_id)

    def ended_in_time(self, job_id: str) -> Mapping[str, Any]:
        """Let time pass until a job has ended: its limits begin a moment after what a test can see."""
        wait_until(lambda: self.time.let_pass(LONGER) or self.store.existing(job_id)["Status"] in ENDED)
        return self.ended(job_id)

    def lines(self, job_id: str) -> list[str]:
        return self.store.files(job_id).log.tail(10_000)

    def log(self, job: Mapping[str, Any]) -> list[str]:
        return self.lines(job["TrainingJobId"])

    def printed(self, job: Mapping[str, Any]) -> list[str]:
        """What the command itself printed."""
        lines = self.log(job)
        return lines[lines.index("-" * 65) + 1 :]

    def says(self, job_id: str, line: str) -> None:
        """Wait until the job has printed a line, and runs: a command can print before its start is noted."""
        wait_until(lambda: line in self.lines(job_id), lambda: "\n".join(self.lines(job_id)))
        wait_until(lambda: self.store.existing(job_id)["Status"] != "Submitted")
