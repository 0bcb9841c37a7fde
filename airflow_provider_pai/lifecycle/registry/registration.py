"""Registering a model: exactly one version per job, whatever happens to the process that registers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.api.registry import label_list
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import APIError, PAIError, ProtocolError, SpecError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.registry.registration import KEY_LABEL, own_versions
from airflow_provider_pai.model.registry.version import PENDING, ModelVersion, RegisteredModel, next_version_name

LAG_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between looks for a version that may be there [inferred: lists may lag behind writes]."""
_NAMES_TRIED = 10


@dataclass(frozen=True)
class Registration:
    """What is to be registered.

    Attributes:
        model_name: the model.
        key: tells the version of one job from all others.
        source_id: the job as PAI names it; empty without one.
        body: members of the version, under PAI's names.
        labels: labels of the version.
        version_name: the name the author wants; empty for the next one.
        description: description of the model, for when it is created.
    """

    model_name: str
    key: str
    source_id: str
    body: Mapping[str, Any]
    labels: Mapping[str, str]
    version_name: str = ""
    description: str = ""


@dataclass(frozen=True)
class Registered:
    """A version of a model, and whether it was there before.

    Attributes:
        model: the model.
        version: the version.
        existed: whether an earlier try, or a live copy of this one, has registered it.
    """

    model: RegisteredModel
    version: ModelVersion
    existed: bool


def register_or_adopt(
    registry: ModelRegistry, wanted: Registration, *, log: Log, sleep: Callable[[float], None]
) -> Registered:
    """Make sure that exactly one version of this job exists.

    Args:
        registry: the registry.
        wanted: what is to be registered.
        log: where it is said what was found.
        sleep: waits, in seconds.

    Raises:
        SpecError: the wanted version name is another job's.
        PAIError: the registry can't be asked, or refuses.
    """
    model = _find_or_create_model(registry, wanted, sleep)
    versions = registry.versions(model)
    if own := own_versions(wanted.key, wanted.source_id, versions):
        return Registered(model, own[0], existed=True)
    for _ in range(_NAMES_TRIED):
        created = None
        name = wanted.version_name or next_version_name(each.name for each in versions)
        try:
            created = registry.create_version(model, _body(wanted, name))
        except PAIError as error:
            if not _may_have_happened(error) and not _may_be_taken(error):
                raise
            log.warning("No usable answer to CreateModelVersion (%s); looking whether the version exists", error)
            versions, own = _look_again(registry, model, wanted, sleep, patient=_may_have_happened(error))
            if not own and name not in {each.name for each in versions}:
                raise
        else:
            versions, own = _look_again(registry, model, wanted, sleep, patient=True)
        if own:
            return _settle(registry, model, wanted, own, created, log)
        if wanted.version_name:
            text = f"{name!r} of model {wanted.model_name!r} is another job's; leave it out, or give a free name"
            raise SpecError([Problem("version_name", text)])
    raise PAIError(f"model {wanted.model_name!r} gets versions faster than this one can be registered; try again")


def _find_or_create_model(
    registry: ModelRegistry, wanted: Registration, sleep: Callable[[float], None]
) -> RegisteredModel:
    if model := registry.find(wanted.model_name):
        return model
    error: PAIError | None = None
    try:
        registry.create(wanted.model_name, wanted.description)
    except PAIError as failure:
        # Another task may have created it in this moment.
        if not _may_have_happened(failure) and not _may_be_taken(failure):
            raise
        error = failure
    for pause in (0.0, *LAG_PAUSES):
        sleep(pause)
        if model := registry.find(wanted.model_name):
            return model
    raise error or ProtocolError(f"CreateModel: the list of models does not show {wanted.model_name!r}")


def _body(wanted: Registration, name: str) -> dict[str, Any]:
    labels = label_list({**wanted.labels, KEY_LABEL: wanted.key})
    return {**wanted.body, "VersionName": name, "Labels": labels}


def _look_again(
    registry: ModelRegistry,
    model: RegisteredModel,
    wanted: Registration,
    sleep: Callable[[float], None],
    *,
    patient: bool,
) -> tuple[list[ModelVersion], list[ModelVersion]]:
    """Return all versions, and those of this job; with patience while there is none of these."""
    versions: list[ModelVersion] = []
    for pause in _pauses(patient):
        sleep(pause)
        versions = registry.versions(model)
        if own := own_versions(wanted.key, wanted.source_id, versions):
            return versions, own
    return versions, []


def _pauses(patient: bool) -> Iterator[float]:
    yield 0.0
    if patient:
        yield from LAG_PAUSES


def _settle(
    registry: ModelRegistry,
    model: RegisteredModel,
    wanted: Registration,
    own: list[ModelVersion],
    created: str | None,
    log: Log,
) -> Registered:
    """Keep the oldest of several versions of one job: live copies of one task all choose the same.

    Each copy deletes what it has created itself, and nothing that a person has decided on meanwhile.
    """
    kept = own[0]
    duplicate = next((each for each in own[1:] if each.name == created), None)
    if duplicate and duplicate.approval_status == wanted.body.get("ApprovalStatus", PENDING):
        log.warning("Deleting version %s of model %s, a duplicate of version %s", created, model.name, kept.name)
        registry.delete_version(model, duplicate.name)
    return Registered(model, kept, existed=kept.name != created)


def _may_have_happened(error: PAIError) -> bool:
    """Whether a create that failed so may have made a version nevertheless."""
    return getattr(error, "sent", True) and (is_passing(error) or isinstance(error, ProtocolError))


def _may_be_taken(error: PAIError) -> bool:
    """Whether the name may have been taken a moment ago [inferred: the code of that refusal is not public]."""
    return isinstance(error, APIError) and error.status in (400, 409)
