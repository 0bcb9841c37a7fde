"""Which version of a registered model is deployed, or is the champion: approved ones only."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_pai.errors import NotFoundError, SpecError
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.registry.version import (
    APPROVED,
    NEWEST_APPROVED,
    VERSION_NAME,
    ModelVersion,
    RegisteredModel,
    newest,
)

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
    if version == NEWEST_APPROVED:
        found = newest(registry.versions(model, APPROVED))
        if found is None:
            there_are = _some(registry.versions(model))
            text = f"{model_name!r} has no approved version (there are: {there_are}); approve one first"
            raise SpecError([Problem("model", text)])
        return found
    named = _named(registry, model, version)
    if named is None:
        there_are = _some(registry.versions(model))
        text = f"{version!r} is not a version of model {model_name!r}; there are: {there_are}"
        raise SpecError([Problem("version", text)])
    if not named.is_approved:
        text = f"{version!r} of model {model_name!r} is {named.approval_status}; only an approved version may serve"
        raise SpecError([Problem("version", text)])
    return named


def _named(registry: ModelRegistry, model: RegisteredModel, version: str) -> ModelVersion | None:
    """Return the version of a name; None when there is none."""
    if not VERSION_NAME.fullmatch(str(version)):
        return None
    try:
        return registry.version(model, version)
    except NotFoundError:
        return None


def _some(versions: Sequence[ModelVersion]) -> str:
    """Return names of versions for a message: the newest, and how many more there are."""
    names = [each.name for each in versions[:_NAMED]]
    more = [f"and {len(versions) - _NAMED} more"] if len(versions) > _NAMED else []
    return ", ".join(names + more) or "none"
