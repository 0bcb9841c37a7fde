"""What Airflow's side adds to a job: the environment's labels, the DAG's bundle, the trace that is under way."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_pai import configuration

if TYPE_CHECKING:
    from airflow_provider_pai.model.training.additions import JobAdditions

log = logging.getLogger(__name__)

TRACEPARENT = "TRACEPARENT"
"""Environment variable of the W3C trace context: a job's own spans become children of the task's."""


def job_additions(ti: Any) -> JobAdditions:
    """Return what a task's job gets beside what its author asks for.

    Args:
        ti: the running task instance.

    Raises:
        SpecError: ``[pai] labels`` can't be read.
    """
    from airflow_provider_pai.model.training.additions import JobAdditions, bundle_labels

    labels = {**configuration.labels(), **bundle_labels(*bundle_of(ti))}
    trace = current_traceparent()
    return JobAdditions(labels, {TRACEPARENT: trace} if trace else {})


def bundle_of(ti: Any) -> tuple[str | None, str | None]:
    """Return name and version of the DAG bundle that a task's code came from; None on Airflow 2, which has none.

    Args:
        ti: the running task instance.
    """
    bundle = getattr(ti, "bundle_instance", None)
    try:
        name, version = getattr(bundle, "name", None), getattr(bundle, "version", None)
    except Exception as error:  # noqa: BLE001 - a bundle of any kind, which may ask a repository
        log.warning("The version of the DAG's bundle can't be read (%s)", type(error).__name__)
        return None, None
    return name and str(name), version and str(version)


def current_traceparent() -> str | None:
    """Return the trace context of the span that is current; None when nothing is traced."""
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return None
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
