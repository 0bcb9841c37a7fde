"""What is known of the work of each kind of task, from its arguments and from what it has found out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.lineage.facts import DatasetName, LineageFacts, dataset_name, dataset_names
from airflow_provider_pai.model.names import MODEL_CHANNEL
from airflow_provider_pai.model.training.additions import BUNDLE_NAME_LABEL, BUNDLE_VERSION_LABEL
from airflow_provider_pai.model.training.diagnosis import Diagnosis
from airflow_provider_pai.model.training.status import JobSnapshot


def training_facts(
    operator: Any, job: JobSnapshot | None, console_url: str | None, diagnosis: Diagnosis | None
) -> LineageFacts:
    """Return what is known of a training task.

    Args:
        operator: the operator, with rendered arguments.
        job: its job; None while there is none.
        console_url: the job's page.
        diagnosis: why it ended badly; None when it did not.
    """
    source, parameters = operator.source_dir, operator.hyperparameters
    if not isinstance(source, str) or not source.startswith("oss://"):
        source = ""
    given = job.outputs if job and job.outputs else operator.outputs
    outputs = dict(given) if isinstance(given, Mapping) else {}
    model = dataset_name(outputs.pop(MODEL_CHANNEL, None), "MODEL")
    details: dict[str, Any] = {
        "instanceType": operator.instance_type,
        "instanceCount": operator.instance_count,
        "resourceId": operator.resource_id,
        "imageUri": operator.image_uri,
        "consoleUrl": console_url,
    }
    if job:
        details |= {
            "jobId": job.job_id,
            "jobName": job.name,
            "status": str(job.status),
            "imageUri": job.image_uri or operator.image_uri,
            "metrics": dict(job.metrics),
            "durationSeconds": job.duration_s,
            "bundleName": job.labels.get(BUNDLE_NAME_LABEL),
            "bundleVersion": job.labels.get(BUNDLE_VERSION_LABEL),
        }
    return LineageFacts(
        inputs=dataset_names(operator.inputs),
        outputs=((model,) if model else ()) + dataset_names(outputs),
        external_id=job.job_id if job else "",
        code_uri=(job.code_uri if job else "") or source,
        details=details,
        parameters=parameters if isinstance(parameters, Mapping) else {},
        failure=_failure(diagnosis),
    )


def registration_facts(operator: Any, known: Mapping[str, Any]) -> LineageFacts:
    """Return what is known of a task that registers a model.

    Args:
        operator: the operator, with rendered arguments.
        known: its result, with ``region_id`` and ``workspace_id``; empty while there is none.
    """
    model = dataset_name(known.get("model_uri") or operator.model_uri, "MODEL")
    names = ("model_name", "version_name", "model_id", "approval_status", "console_url")
    version = ""
    outputs: tuple[DatasetName, ...] = ()
    if known:
        version = f"models/{known['model_name']}/{known['version_name']}"
        outputs = (DatasetName(f"pai://{known['region_id']}/{known['workspace_id']}", version, "MODEL"),)
    return LineageFacts(
        inputs=(model,) if model else (),
        outputs=outputs,
        external_id=version,
        facet="pai_modelVersion",
        details={_camel(name): known.get(name) or getattr(operator, name, None) for name in names},
    )


def deployment_facts(operator: Any, known: Mapping[str, Any]) -> LineageFacts:
    """Return what is known of a task that deploys a model.

    Args:
        operator: the operator, with rendered arguments.
        known: its result, with ``region_id``; empty while there is none.
    """
    model = dataset_name(known.get("model_uri") or operator.model_uri, "MODEL")
    names = ("service_name", "version", "endpoint", "group", "console_url", "changed")
    service = ""
    outputs: tuple[DatasetName, ...] = ()
    if known:
        service = f"services/{known['service_name']}"
        outputs = (DatasetName(f"pai://{known['region_id']}", service, "SERVICE"),)
    details = {_camel(name): known.get(name) for name in names}
    return LineageFacts(
        inputs=(model,) if model else (),
        outputs=outputs,
        external_id=service,
        facet="pai_service",
        details={"serviceName": operator.service_name, "imageUri": operator.image_uri, **details},
    )


def _failure(diagnosis: Diagnosis | None) -> dict[str, str]:
    if diagnosis is None:
        return {}
    return {"kind": str(diagnosis.kind), "cause": diagnosis.cause, "advice": diagnosis.advice}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
