"""A model as an asset: one name for all the models that a training task makes, one after the other.

Each job writes its model into a folder of its own, and other DAGs can't wait for a folder that does not exist yet. So
the asset is what stays the same, and the asset event of a model says in its extra where this one lies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import kind, shown

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset

_LONGEST = 1500
"""Characters of an asset's URI or name that the database of Airflow 3 holds."""
_WITH_USER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")
_DIGEST = re.compile(r"/([0-9a-f]{64})/[^/]+")
"""End of the address of packed source code, which is named after its content."""


def read_model_asset(given: object) -> Asset | Problem:
    """Return the asset that an author means, or what is wrong with it.

    Airflow must know the asset when it reads the DAG file, and nothing that is wrong may break that: the file's other
    DAGs would be gone, too. So a problem is returned, and raised when the task runs.

    Args:
        given: an asset, or its URI or name as text. From text a ``Model`` is made where Airflow has that class.
    """
    from airflow.providers.common.compat.sdk import Asset

    if isinstance(given, Asset):
        return given
    if not isinstance(given, str) or not given:
        return Problem("model_asset", f"must be an Asset, or its URI or name as text, not {kind(given)}")
    try:
        _check_text(given)
        return _model_class()(given)
    except (TypeError, ValueError) as error:
        return Problem("model_asset", f"{shown(given)} is no URI or name of an asset: {error}")


def _check_text(text: str) -> None:
    """Raise for what only some Airflows refuse: 2.11 takes it, and its upgrade would not.

    Raises:
        ValueError: it is no asset; the message says why.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} characters")
    if text.startswith("oss://"):
        OssUri.parse(text)
    if _WITH_USER.match(text):
        raise ValueError("it has a user or a password in it; leave them out")


def asset_extra(trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extra of a model's asset event.

    Args:
        trained: result of the training task.

    Returns:
        ``model_uri``, ``job_id``, ``metrics`` (those that have a value), ``image_uri``, ``code_uri``, ``code_digest``
        (SHA-256 of the packed source code; None for code that was in OSS already) and ``console_url``.
    """
    names = ("model_uri", "job_id", "image_uri", "code_uri", "console_url")
    metrics = {name: value for name, value in trained["metrics"].items() if math.isfinite(value)}
    digest = _DIGEST.search(trained["code_uri"] or "")
    return {
        **{name: trained[name] for name in names},
        "metrics": metrics,
        "code_digest": digest[1] if digest else None,
    }


def _model_class() -> type[Asset]:
    try:
        from airflow.sdk.definitions.asset import Model
    except ImportError:
        from airflow.providers.common.compat.sdk import Asset

        return Asset
    return Model
