"""Which version of a registered model is deployed, or is the champion: approved ones only."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.registry.version import APPROVED, NEWEST_APPROVED, ModelVersion, newest

_NAMED = 10
"""Versions that a message names."""


def approved_version(registry: ModelRegistry, model_name: str, version: str = NEWEST_APPROVED) -> ModelVersion:
    """Return a version that may serve.

    Args:
        registry: the registry.
        model_name: the model.
        version: its name, or ``approved`` for the newest approved one.

    Raises:
        SpecError: there is no such model or version, or it is not approved.
    """
    model = registry.find(model_name)
    if model is None:
        raise SpecError([Problem("model", f"{model_name!r} is not in the model registry; register a version first")])
    versions = registry.versions(model)
    if version == NEWEST_APPROVED:
        found = newest(versions, APPROVED)
        if found is None:
            text = f"{model_name!r} has no approved version (there are: {_some(versions)}); approve one first"
            raise SpecError([Problem("model", text)])
        return found
    named = next((each for each in versions if each.name == version), None)
    if named is None:
        text = f"{version!r} is not a version of model {model_name!r}; there are: {_some(versions)}"
        raise SpecError([Problem("version", text)])
    if not named.is_approved:
        text = f"{version!r} of model {model_name!r} is {named.approval_status}; only an approved version may serve"
        raise SpecError([Problem("version", text)])
    return named


def _some(versions: Sequence[ModelVersion]) -> str:
    """Return names of versions for a message: the newest, and how many more there are."""
    names = [each.name for each in versions[:_NAMED]]
    more = [f"and {len(versions) - _NAMED} more"] if len(versions) > _NAMED else []
    return ", ".join(names + more) or "none"
