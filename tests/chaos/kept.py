"""What a server has acknowledged, and what is asked of it after it was killed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import oss2

from airflow_provider_pai.api import registry, services, training
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import NotFoundError

_KEYS = 8
_VERSION = "1.0.0"
_ABSENT = b""
"""The content of an object that is not there; objects of these tests are never empty."""
_NOT_THERE = "not there"


@dataclass
class Value:
    """A thing that changes: what it was acknowledged to be, and what it may be when the answer did not come.

    Attributes:
        acknowledged: the last value that a server said it has.
        asked: the value asked for since, while there is no answer.
    """

    acknowledged: Any
    asked: Any = None

    def change(self, value: Any, send: Callable[[], object]) -> None:
        """Ask for a value; only an answer makes it the acknowledged one."""
        self.asked = value
        send()
        self.acknowledged, self.asked = value, None

    def settle(self, found: Any, name: str) -> list[str]:
        """Return what is lost, and continue from what is there."""
        allowed = [self.acknowledged] if self.asked is None else [self.acknowledged, self.asked]
        lost = (
            [] if found in allowed else [f"{name} is {found!r:.60}, and was acknowledged as {self.acknowledged!r:.60}"]
        )
        self.acknowledged, self.asked = found, None
        return lost


@dataclass
class Writer:
    """One client under load: it has keys, jobs and models of its own, so that nothing else changes them.

    Attributes:
        name: what its things are called.
        rng: chooses what it does.
        objects: content by key.
        appended: what an appendable object has, by key.
        jobs: labels by job.
        versions: approval of the only version of a model, by model.
        services: labels by service.
        count: operations that were acknowledged.
    """

    name: str
    rng: random.Random
    objects: dict[str, Value] = field(default_factory=dict)
    appended: dict[str, Value] = field(default_factory=dict)
    jobs: dict[str, Value] = field(default_factory=dict)
    versions: dict[str, Value] = field(default_factory=dict)
    services: dict[str, Value] = field(default_factory=dict)
    count: int = 0

    def work(self, client: PAIClient, bucket: oss2.Bucket) -> None:
        """Do something until the server is gone.

        Raises:
            Exception: the error of the client whose server is gone.
        """
        while True:
            work = (
                self._put,
                self._put,
                self._delete,
                self._append,
                self._upload,
                self._job,
                self._model,
                self._service,
            )
            self.rng.choice(work)(client, bucket)
            self.count += 1

    def lost(self, client: PAIClient, bucket: oss2.Bucket) -> list[str]:
        """Return what was acknowledged and is not there."""
        found: list[str] = []
        for key, value in (*self.objects.items(), *self.appended.items()):
            found += value.settle(_read(bucket, key), key)
        for job_id, labels in self.jobs.items():
            found += labels.settle(_answer(client, training.get_training_job(job_id), _labels), job_id)
        for model_id, status in self.versions.items():
            found += status.settle(_answer(client, registry.get_model_version(model_id, _VERSION), _approval), model_id)
        for name, labels in self.services.items():
            call = services.describe_service(client.config.region_id, name)
            found += labels.settle(_answer(client, call, _labels), name)
        return found

    def _key(self, kind: str) -> str:
        return f"{self.name}/{kind}-{self.rng.randrange(_KEYS)}"

    def _put(self, _client: PAIClient, bucket: oss2.Bucket) -> None:
        key, content = self._key("put"), self.rng.randbytes(self.rng.choice((1, 100, 70_000)))
        self.objects.setdefault(key, Value(_ABSENT)).change(content, lambda: bucket.put_object(key, content))

    def _delete(self, _client: PAIClient, bucket: oss2.Bucket) -> None:
        key = self._key("put")
        self.objects.setdefault(key, Value(_ABSENT)).change(_ABSENT, lambda: bucket.delete_object(key))

    def _append(self, _client: PAIClient, bucket: oss2.Bucket) -> None:
        value, more = self.appended.setdefault(key := self._key("append"), Value(_ABSENT)), self.rng.randbytes(50)
        before = value.acknowledged
        value.change(before + more, lambda: bucket.append_object(key, len(before), more))

    def _upload(self, _client: PAIClient, bucket: oss2.Bucket) -> None:
        key, content = self._key("parts"), self.rng.randbytes(120_000)

        def send() -> None:
            upload = bucket.init_multipart_upload(key).upload_id
            parts = [
                oss2.models.PartInfo(number, bucket.upload_part(key, upload, number, piece).etag)
                for number, piece in ((1, content[:110_000]), (2, content[110_000:]))
            ]
            bucket.complete_multipart_upload(key, upload, parts)

        self.objects.setdefault(key, Value(_ABSENT)).change(content, send)

    def _job(self, client: PAIClient, _bucket: oss2.Bucket) -> None:
        if self.jobs and self.rng.random() < 0.5:
            job_id, labels = self.rng.choice([*self.jobs]), {"seen": str(self.rng.random())}
            call = training.update_training_job_labels(job_id, labels)
            self.jobs[job_id].change(labels, lambda: client.send(call))
            return
        made = client.send(training.create_training_job(_job_body(client.config)))
        self.jobs[made] = Value({})

    def _model(self, client: PAIClient, _bucket: oss2.Bucket) -> None:
        if self.versions and self.rng.random() < 0.7:
            model_id, status = self.rng.choice([*self.versions.items()])
            if status.acknowledged == "Pending":
                call = registry.update_model_version(model_id, _VERSION, {"ApprovalStatus": "Approved"})
                status.change("Approved", lambda: client.send(call))
            return
        name = f"{self.name}-{self.rng.getrandbits(64):x}"
        model_id = client.send(registry.create_model({"ModelName": name, "WorkspaceId": client.config.workspace_id}))
        version = {"VersionName": _VERSION, "Uri": "oss://bucket/model/", "ApprovalStatus": "Pending"}
        client.send(registry.create_model_version(model_id, version))
        self.versions[model_id] = Value("Pending")

    def _service(self, client: PAIClient, _bucket: oss2.Bucket) -> None:
        name = f"{self.name}_service".replace("-", "_")
        if name not in self.services:
            self.services[name] = Value(_NOT_THERE)
        value = self.services[name]
        if value.acknowledged == _NOT_THERE:
            call = services.create_service(_service_config(name), client.config.workspace_id)
            value.change({}, lambda: client.send(call))
            return
        labels = {"seen": str(self.rng.random())}
        value.change(labels, lambda: client.send(services.update_service_label(client.config.region_id, name, labels)))


def _service_config(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "instance": 1},
        "cloud": {"computing": {"instances": [{"type": "ecs.c6.large"}]}},
        "containers": [{"image": "an/image:1", "port": 8000, "script": "sleep 600"}],
    }


def _job_body(config: ClientConfig) -> dict[str, Any]:
    return {
        "WorkspaceId": config.workspace_id,
        "TrainingJobName": "job",
        "AlgorithmSpec": {"Command": ["sh", "-c", "true"], "Image": "pytorch:1", "JobType": "PyTorchJob"},
        "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
    }


def _read(bucket: oss2.Bucket, key: str) -> bytes:
    try:
        return bytes(bucket.get_object(key).read())
    except oss2.exceptions.NoSuchKey:
        return _ABSENT


def _answer(client: PAIClient, call: Call[Any], read: Callable[[Any], Any]) -> Any:
    try:
        return read(client.send(call))
    except NotFoundError:
        return _NOT_THERE


def _labels(labelled: Any) -> dict[str, str]:
    return dict(labelled.labels)


def _approval(version: Any) -> str:
    return str(version.approval_status)
