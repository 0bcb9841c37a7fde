"""Which version of a model is a job's, so that each job has exactly one.

PAI's create call has no client token. A version carries its job's id and a key as a label, and is created under a name
that was free a moment ago: of two creates with one name, the service refuses the second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from airflow_provider_pai.model.registry.version import ModelVersion, RegisteredModel
from airflow_provider_pai.model.training.owner_labels import readable

KEY_LABEL = "airflow.key"
JOB_LABEL = "airflow.job_id"
APPROVED_BY_LABEL = "airflow.approved_by"
APPROVED_AT_LABEL = "airflow.approved_at"
REASON_LABEL = "airflow.decision_reason"


def decision_labels(by: str = "", at: str = "", reason: str = "") -> dict[str, str]:
    """Return the labels that say who decided on a version, when and why; those that are empty are left out."""
    labels = {APPROVED_BY_LABEL: by, APPROVED_AT_LABEL: at, REASON_LABEL: reason}
    return {name: readable(" ".join(value.split())) for name, value in labels.items() if value.strip()}


def registration_key(model_name: str, job_id: str, model_uri: str) -> str:
    """Return a short text that no other job's version of a model has.

    Args:
        model_name: the model.
        job_id: the job; empty when the author gives an address only, which then takes its place.
        model_uri: where the model lies.
    """
    parts = [model_name, job_id or model_uri]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def own_versions(key: str, source_id: str, versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """Return a job's versions, the oldest first; more than one when two copies of a task registered it at once.

    A version that a person or the SDK registered from the same job counts as well: it is the same model.
    """
    own = [
        each
        for each in versions
        if each.labels.get(KEY_LABEL, key if source_id and each.source_id == source_id else None) == key
    ]
    return sorted(own, key=lambda each: (KEY_LABEL not in each.labels, each.created, each.name))


def named(name: str, models: Iterable[RegisteredModel]) -> RegisteredModel | None:
    """Return the model of exactly this name; the oldest where the workspace has several [inferred: it can't]."""
    same = [model for model in models if model.name == name]
    return min(same, key=lambda model: (model.created, model.model_id), default=None)
