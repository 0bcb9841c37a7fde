"""What a job was asked to be, short enough for a label, so that a later try can tell which arguments have changed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields

from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES, RESERVED_PREFIX
from airflow_provider_pai.model.training.spec import TrainingJobSpec

FINGERPRINT_LABEL = "airflow.arguments"
_FILLED_IN = ("code", "job_name")
"""Fields of a spec that no author gives."""
_NAMES = tuple(sorted(field.name for field in fields(TrainingJobSpec) if field.name not in _FILLED_IN))
_HEAD = 4


def fingerprint(spec: TrainingJobSpec, key: str, source: str) -> str:
    """Return a label's value that another one can be compared with, argument by argument.

    It begins with what tells its layout, since a newer version has more arguments; each argument has the same number
    of characters.

    Args:
        spec: the job as its author describes it, before anything is filled in.
        key: the task instance; without it, equal values of two tasks would show as equal.
        source: what tells the content of its source code.
    """
    values = {**asdict(spec), "source_dir": source, "labels": _own(spec.labels)}
    return _short(json.dumps(_NAMES), _HEAD) + "".join(
        _short(json.dumps([key, name, values[name]], sort_keys=True, default=str), _width()) for name in _NAMES
    )


def changed_arguments(kept: str, wanted: str) -> tuple[str, ...] | None:
    """Return the names of the arguments that differ; None when the two can't be compared.

    Args:
        kept: the label of a job.
        wanted: the fingerprint of what a task wants now.
    """
    if len(kept) != len(wanted) or kept[:_HEAD] != wanted[:_HEAD]:
        return None
    width = _width()
    starts = {name: _HEAD + number * width for number, name in enumerate(_NAMES)}
    return tuple(name for name, at in starts.items() if kept[at : at + width] != wanted[at : at + width])


def _own(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if not name.startswith(RESERVED_PREFIX)}


def _short(text: str, width: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).decode()[:width]


def _width() -> int:
    """Characters for each argument: as many as the label has room for, at most four."""
    return min(4, (LABEL_BYTES - _HEAD) // len(_NAMES))
