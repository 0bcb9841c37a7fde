"""Metrics kept beside a model: one JSON object in its folder, numbers by name."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.errors import NotFoundError, SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri


def read_metrics_file(oss: ObjectStorage, uri: OssUri) -> dict[str, Any] | None:
    """Read a model's metrics.

    Args:
        oss: reads it.
        uri: the file.

    Returns:
        The members of the object in the file; None when there is no such file.

    Raises:
        SpecError: it holds something else than a JSON object.
    """
    try:
        content = oss.read(uri)
    except NotFoundError:
        return None
    try:
        read = json.loads(content)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise SpecError(
            [Problem("metrics_file", f": {uri} holds no JSON object with metrics by name; name another file")]
        )
    return read


def keep_metrics(
    oss: ObjectStorage, uri: OssUri, metrics: Mapping[str, float], without_value: Collection[str] = ()
) -> None:
    """Write a model's metrics; what else its file tells already is left there.

    Args:
        oss: writes it.
        uri: the file.
        metrics: finite numbers by name.
        without_value: metrics that have no value: what the file tells of them is an older one, and goes.

    Raises:
        SpecError: there is a file that holds something else than a JSON object.
    """
    before = read_metrics_file(oss, uri)
    kept = {name: value for name, value in (before or {}).items() if name not in without_value}
    after = {**kept, **metrics}
    if after != before:
        oss.write(uri, json.dumps(after, indent=2, sort_keys=True).encode())
