"""What a job can name beside files: datasets, an experiment, a resource quota; and what it gets from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pai.local.jobs.channel_uris import Body, DatasetUri, with_uris
from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.model.names import TENSORBOARD_CHANNEL
from airflow_provider_pai.model.uri import OssUri


def _no_dataset(dataset_id: str, _: str) -> str:
    raise LookupError(f"there is no dataset {dataset_id}")


def _no_experiment(_: str) -> Mapping[str, Any] | None:
    return None


@dataclass(frozen=True)
class ReferenceResolver:
    """Where the services look things up for a job.

    Attributes:
        dataset_uri: tells where a dataset lies.
        experiment: returns an experiment as AIWorkSpace shows it; None when there is none of the id.
        quota: the resource quota there is.
    """

    dataset_uri: DatasetUri = _no_dataset
    experiment: Callable[[str], Mapping[str, Any] | None] = _no_experiment
    quota: Quota = field(default_factory=Quota)

    def complete(self, body: Body, job_id: str) -> dict[str, Any]:
        """Return a job with what the services add: names of what it names, and its place in its experiment.

        TensorBoard logs go below the experiment's place, whatever the job itself says: [inferred] from the SDK's
        description of ``ExperimentConfig``; no public run shows a job of an experiment.

        Args:
            body: the checked body of CreateTrainingJob.
            job_id: the job's id.
        """
        job = dict(body)
        if job["ComputeResource"].get("ResourceId"):
            job["ComputeResource"] = {**job["ComputeResource"], "ResourceName": self.quota.name}
        experiment_id = job.get("ExperimentConfig", {}).get("ExperimentId")
        experiment = self.experiment(experiment_id) if experiment_id else None
        if experiment is None:
            return job
        job["ExperimentConfig"] = {"ExperimentId": experiment_id, "ExperimentName": experiment["Name"]}
        logs = str(OssUri.parse(experiment["TensorboardLogUri"]).child(job_id, ""))
        return with_uris(job, {"OutputChannels": {TENSORBOARD_CHANNEL: logs}})
