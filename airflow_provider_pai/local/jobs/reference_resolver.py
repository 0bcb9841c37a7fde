"""What a job can name beside files: datasets, an experiment, a resource quota; and what it gets from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pai.local.jobs.channel_uris import URI_MEMBERS, Body, DatasetUri, dataset_uris, with_uris
from airflow_provider_pai.local.jobs.file_systems import FileSystems
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
        file_systems: what stands in for NAS and CPFS.
    """

    dataset_uri: DatasetUri = _no_dataset
    experiment: Callable[[str], Mapping[str, Any] | None] = _no_experiment
    quota: Quota = field(default_factory=Quota)
    file_systems: FileSystems = field(default_factory=lambda: FileSystems({}))

    def channel_uris(self, body: Body) -> dict[str, dict[str, str]]:
        """Return where the channels lie that name a dataset or a file system.

        Args:
            body: the checked body of CreateTrainingJob.

        Raises:
            LookupError: there is no such dataset or version; the text says which.
        """
        named, mounted = dataset_uris(body, self.dataset_uri), self.file_systems.places(URI_MEMBERS, body)
        return {where: {**named[where], **mounted[where]} for where in URI_MEMBERS}

    def default_uris(self, body: Body, job_id: str) -> dict[str, dict[str, str]]:
        """Return where outputs go that name no place: below that of the job's experiment.

        The SDK says that an experiment's place is the default one of its jobs; the folders in it are [inferred].

        Args:
            body: a body of CreateTrainingJob.
            job_id: the job's id.
        """
        experiment = self.experiment(body.get("ExperimentConfig", {}).get("ExperimentId") or "")
        if experiment is None:
            return {}
        folder = OssUri.parse(experiment["ArtifactUri"]).child(job_id, "")
        named = [
            item["Name"]
            for item in body.get("OutputChannels", ())
            if item.get("Name") and not item.get("OutputUri") and not item.get("DatasetId")
        ]
        return {"OutputChannels": {name: str(folder.child(name, "")) for name in named}}

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
        return with_uris(
            with_uris(job, self.default_uris(job, job_id)), {"OutputChannels": {TENSORBOARD_CHANNEL: logs}}
        )
