"""The label that says of a job or a model version that a watcher has announced it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

_PREFIX = "airflow.announced."


def announcement_label(environment: str, watcher: Iterable[object]) -> str:
    """Return the label that says that something was announced to one watcher.

    Args:
        environment: name of the Airflow environment.
        watcher: what tells watchers of one environment apart.
    """
    text = json.dumps([environment, *map(str, watcher)])
    return _PREFIX + hashlib.sha256(text.encode()).hexdigest()[:12]
