"""A lineage in a few lines for people: what a page, a command and a demonstration show of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.model.registry.lineage import InputLineage, Lineage


def lineage_facts(lineage: Lineage) -> dict[str, str]:
    """Return what is known of a model's origin, by name, from what serves down to the data; in the order to read it."""
    task = lineage.airflow
    facts = {
        "Service": lineage.service_name,
        "Version": _words(lineage.model_name, lineage.version_name, lineage.approval_status),
        "Decided": _decided(lineage),
        "Model": lineage.model_uri,
        "Job": _words(lineage.job_id, lineage.job_name, lineage.job_created),
        "Task": ".".join(filter(None, (task.get("dag_id"), task.get("task_id")))) or task.get("registered_by", ""),
        "DAG run": task.get("run_id") or task.get("registered_run_id", ""),
        "Bundle": _words(task.get("bundle", ""), task.get("bundle_version", "")),
        "Code": _words(lineage.code_uri, f"SHA-256 {lineage.code_digest[:12]}" if lineage.code_digest else ""),
        "Command": lineage.command,
        "Image": lineage.image_uri,
        "Machine": lineage.instance_type,
        "Hyperparameters": _pairs(lineage.hyperparameters),
        "Metrics": _pairs(lineage.metrics),
        **{f"Input {name}": _input(each) for name, each in lineage.inputs.items()},
    }
    return {name: value for name, value in facts.items() if value}


def lineage_lines(lineage: Lineage) -> list[str]:
    """Return the facts as lines of text, names and values in columns."""
    facts = lineage_facts(lineage)
    width = max(map(len, facts), default=0)
    return [f"{name:<{width}}  {value}" for name, value in facts.items()]


def _decided(lineage: Lineage) -> str:
    by = f"by {lineage.approved_by}" if lineage.approved_by else ""
    return _words(by, f"at {lineage.approved_at}" if lineage.approved_at else "")


def _input(channel: InputLineage) -> str:
    dataset = _words(channel.dataset_id, channel.dataset_version)
    count, size = len(channel.objects), sum(int(each.get("size") or 0) for each in channel.objects)
    many = "" if channel.complete else " or more"
    listed = f"{count}{many} object{'' if count == 1 else 's'}, {size} bytes"
    tags = [str(each.get("etag") or "") for each in channel.objects]
    first = f"ETag {tags[0]}" if len(tags) == 1 and channel.complete else ""
    return _words(channel.uri or dataset, f"({listed}{', ' if first else ''}{first})" if channel.objects else "")


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in values.items())


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)
