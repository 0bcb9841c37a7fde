"""Training jobs that tests create and wait for through the vendor's own client."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import alibabacloud_paistudio20220112.models as models

from airflow_provider_pai.model.training.status import TERMINAL_STATUSES
from tests.support.waits import PATIENCE

if TYPE_CHECKING:
    from alibabacloud_paistudio20220112.client import Client as TrainingClient

    from airflow_provider_pai.local.server import LocalPAI

IMAGE = "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04"
"""An image of local PAI's catalog."""


class Jobs:
    """Creates jobs, and waits for them."""

    def __init__(self, pai: LocalPAI, client: TrainingClient) -> None:
        self._workspace_id = pai.ready.workspace_id
        self._client = client

    def create(self, command: str, *, algorithm: Mapping[str, Any] | None = None, **members: Any) -> str:
        """Create a job and return its id; members replace those of a body that has only what it must have."""
        body = {
            "WorkspaceId": self._workspace_id,
            "TrainingJobName": "contract",
            "AlgorithmSpec": {
                "Command": ["sh", "-c", command],
                "Image": IMAGE,
                "JobType": "PyTorchJob",
                **(algorithm or {}),
            },
            "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
            **members,
        }
        request = models.CreateTrainingJobRequest().from_map(body)
        return str(self._client.create_training_job(request).body.training_job_id)

    def get(self, job_id: str) -> models.GetTrainingJobResponseBody:
        return self._client.get_training_job(job_id).body

    def until(self, job_id: str, *statuses: str) -> models.GetTrainingJobResponseBody:
        """Wait until a job has one of these statuses, or has ended."""
        deadline = time.monotonic() + PATIENCE
        while True:
            job = self.get(job_id)
            if job.status in TERMINAL_STATUSES or job.status in statuses:
                return job
            assert time.monotonic() < deadline, f"{job_id} is still {job.status}"
            time.sleep(0.05)

    def run(self, command: str, **members: Any) -> models.GetTrainingJobResponseBody:
        """Create a job and wait for its end."""
        return self.until(self.create(command, **members))
