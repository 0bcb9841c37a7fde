"""What is done when a model is late: Airflow has a worker call it, which has to find it in a module of its own."""

import logging
from typing import Any

logger = logging.getLogger(__name__)


def report_late_model(model: str, context: dict[str, Any]) -> str:
    """Log which model is the newest and how the late run's jobs are; a message to people would be sent here."""
    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
    from airflow_provider_pai.hooks.training import PAITrainingHook

    run = context["dag_run"]
    jobs = PAITrainingHook().jobs({"airflow.dag_id": run["dag_id"], "airflow.run_id": run["dag_run_id"]})
    newest = PAIModelRegistryHook().newest(model)
    late = ", ".join(f"job {job.job_id} is {job.status}" for job in jobs) or "it has no job yet"
    kept = f"version {newest.name} of {newest.created}" if newest else "none"
    said = f"Run {run['dag_run_id']} has no new model of {model} in time: {late}. The newest one is {kept}."
    logger.warning(said)
    return said
