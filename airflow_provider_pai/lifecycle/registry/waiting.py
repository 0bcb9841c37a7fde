"""Waiting for the approval of a version: here, or in the triggerer with all others who wait."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from airflow_provider_pai.client.polling.interval import Backoff
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.registry.condition import VersionCondition
from airflow_provider_pai.model.registry.version import ModelVersion


def wait_for_version(
    registry: ModelRegistry,
    model_name: str,
    condition: VersionCondition,
    *,
    interval: float,
    outage: OutagePolicy,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> ModelVersion | None:
    """Return the version that is waited for; None when the time is over.

    Args:
        registry: the registry.
        model_name: the model.
        condition: what is waited for.
        interval: seconds between two looks.
        outage: decides how long errors are borne.
        seconds_left: tells the seconds until the wait is given up.
        sleep: waits, in seconds.

    Raises:
        PAIError: asking on makes no sense.
    """
    backoff = Backoff()
    while True:
        try:
            model = registry.find(model_name)
            look: Sequence[ModelVersion] | PAIError = registry.versions(model) if model else ()
        except PAIError as error:
            look = error
            backoff.record_error(error)
        else:
            backoff.reset()
        if found := judge_look(look, model_name, condition, outage):
            return found
        left = seconds_left()
        if left <= 0:
            return None
        sleep(min(backoff.pause(interval), left))


async def first_version(
    looks: AsyncGenerator[Sequence[ModelVersion] | PAIError, None],
    model_name: str,
    condition: VersionCondition,
    outage: OutagePolicy,
) -> ModelVersion:
    """Return the version that is waited for, from the looks of a shared watcher.

    Args:
        looks: the versions at each look, or the error of one.
        model_name: the model.
        condition: what is waited for.
        outage: decides how long errors are borne.

    Raises:
        PAIError: asking on makes no sense.
    """
    async for look in looks:
        if found := judge_look(look, model_name, condition, outage):
            return found
    raise PAIError(f"model {model_name!r} is no longer polled")


def judge_look(
    look: Sequence[ModelVersion] | PAIError, model_name: str, condition: VersionCondition, outage: OutagePolicy
) -> ModelVersion | None:
    """Return the version that ends a wait; None to wait on.

    Raises:
        PAIError: asking on makes no sense: the version is gone, or the registry could not be asked for too long.
    """
    if isinstance(look, PAIError):
        outage.record_error(look)
        return None
    if condition.is_missing(look):
        text = f"model {model_name!r} has no version {condition.version_name}; it may have been deleted"
        outage.record_error(NotFoundError("ListModelVersions", 200, "ModelVersionNotFound", text))
        return None
    outage.record_answer()
    return condition.met_by(look)
