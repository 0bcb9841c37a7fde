"""Where a model comes from: job, code, image, data, parameters, and the task that asked for it.

The record lies beside the model as ``lineage.json``, so it is there when Airflow's database is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.masking import masked

LINEAGE_FILE = "lineage.json"
MAX_OBJECTS = 1000
"""Objects of an input to keep ETag and size of; of more, the first ones by name."""
_DIGEST = re.compile(r"/([0-9a-f]{64})/[^/]+")
"""End of the address of packed source code, which is named after its content."""
_FORMAT = 1


@dataclass(frozen=True)
class InputLineage:
    """What a job has read through one channel.

    Attributes:
        uri: its address; empty for a dataset.
        dataset_id: the dataset; empty for none.
        dataset_version: its version; empty where the job named none.
        objects: ``key``, ``etag`` and ``size`` of each object, as they were when the model was registered.
        complete: whether ``objects`` is all there was; False for what can't be listed.
    """

    uri: str = ""
    dataset_id: str = ""
    dataset_version: str = ""
    objects: tuple[Mapping[str, Any], ...] = ()
    complete: bool = False


@dataclass(frozen=True)
class Lineage:
    """The way from a model back to its data.

    Attributes:
        model_uri: where the model lies.
        model_name: its name in the registry; empty where it is not registered.
        version_name: its version there.
        approval_status: whether it may serve; as of now, not of the registration.
        approved_by: who decided; empty where that was not kept.
        approved_at: when, ISO 8601 in UTC.
        service_name: the service that serves it; empty where it was not asked for.
        job_id: the training job; empty when the model was registered without one.
        job_name: its name.
        job_created: when it was submitted, as PAI writes it.
        image_uri: the image it ran in.
        code_uri: its source code.
        code_digest: SHA-256 of the packed source code; empty for code that was in OSS already.
        command: what it ran.
        instance_type: the machine.
        hyperparameters: by name.
        inputs: by channel.
        metrics: by name.
        airflow: the task that asked for the job: ``dag_id``, ``run_id``, ``task_id``, ``map_index`` and so on.
    """

    model_uri: str = ""
    model_name: str = ""
    version_name: str = ""
    approval_status: str = ""
    approved_by: str = ""
    approved_at: str = ""
    service_name: str = ""
    job_id: str = ""
    job_name: str = ""
    job_created: str = ""
    image_uri: str = ""
    code_uri: str = ""
    code_digest: str = ""
    command: str = ""
    instance_type: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, InputLineage] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    airflow: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        inputs = {name: {**asdict(each), "objects": list(each.objects)} for name, each in self.inputs.items()}
        return {**asdict(self), "inputs": inputs}


def parse_job_lineage(body: Mapping[str, Any]) -> Lineage:
    """Return what GetTrainingJob tells of a job's origin; values that look secret are masked.

    Raises:
        ProtocolError: the answer is of another form.
    """
    try:
        return _job_lineage(body)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ProtocolError(f"GetTrainingJob: the answer can't be read ({error!r})") from error


def _job_lineage(body: Mapping[str, Any]) -> Lineage:
    algorithm = body.get("AlgorithmSpec") or {}
    code = algorithm.get("CodeDir") or {}
    place = code.get("LocationValue") or {}
    code_uri = f"oss://{place['Bucket']}/{place['Key']}" if place.get("Bucket") else ""
    digest = _DIGEST.search(code_uri)
    compute = body.get("ComputeResource") or {}
    labels = _by_name(body.get("Labels"), "Key")
    return Lineage(
        job_id=str(body["TrainingJobId"]),
        job_name=str(body.get("TrainingJobName") or ""),
        job_created=str(body.get("GmtCreateTime") or ""),
        image_uri=str(algorithm.get("Image") or ""),
        code_uri=code_uri,
        code_digest=digest[1] if digest else "",
        command=_command(algorithm.get("Command") or []),
        instance_type=str(compute.get("EcsSpec") or ""),
        hyperparameters=masked(_by_name(body.get("HyperParameters"), "Name")),
        inputs={str(each["Name"]): _input(each) for each in body.get("InputChannels") or ()},
        airflow={name.removeprefix("airflow."): value for name, value in labels.items() if name in _AIRFLOW_LABELS},
    )


_AIRFLOW_LABELS = frozenset(
    f"airflow.{name}"
    for name in (
        *("deployment", "dag_id", "run_id", "task_id", "map_index", "try", "generation"),
        *("bundle", "bundle_version", "region_id", "region_index"),
    )
)


def _command(words: list[str]) -> str:
    """Return what the author gave, without the shell that it is handed to."""
    return words[2] if words[:2] == ["sh", "-c"] and len(words) == 3 else " ".join(words)


def _input(channel: Mapping[str, Any]) -> InputLineage:
    return InputLineage(
        uri=str(channel.get("InputUri") or ""),
        dataset_id=str(channel.get("DatasetId") or ""),
        dataset_version=str(channel.get("VersionName") or ""),
    )


def _by_name(items: Iterable[Mapping[str, Any]] | None, key: str) -> dict[str, str]:
    return {str(each[key]): str(each.get("Value") or "") for each in items or ()}


def write_lineage(lineage: Lineage) -> bytes:
    """Return the content of the file beside the model."""
    return json.dumps({"format": _FORMAT, **lineage.to_json()}, indent=2, ensure_ascii=False, sort_keys=True).encode()


def read_lineage(content: bytes) -> Lineage:
    """Read the file beside a model; members of a newer version are left out.

    Raises:
        ValueError: it holds something else.
    """
    try:
        read = json.loads(content)
        known = {each.name for each in fields(Lineage)}
        members = {name: value for name, value in read.items() if name in known}
        inputs = {
            name: InputLineage(**{**each, "objects": tuple(each.get("objects", ()))})
            for name, each in members.pop("inputs", {}).items()
        }
        return Lineage(**members, inputs=inputs)
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"{LINEAGE_FILE} holds no lineage ({error})") from error
