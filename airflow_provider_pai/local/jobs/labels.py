"""Labels of training jobs: which ones can be, and how a request changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airflow_provider_pai.local.http.schema import Schema
from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES

FORM: dict[str, Schema] = {"Labels": [{"Key": str, "Value": str}]}
"""The body of UpdateTrainingJobLabels."""

Label = Mapping[str, str]


def label_problems(labels: Sequence[Label]) -> Iterator[str]:
    """Yield what is wrong with labels of the right form."""
    for label in labels:
        key, value = label.get("Key", ""), label.get("Value", "")
        if not key or max(len(key.encode()), len(value.encode())) > LABEL_BYTES:
            yield f"Labels is invalid: {key!r} must have a Key, and Key and Value at most {LABEL_BYTES} bytes each"


def merge_labels(labels: Sequence[Label], added: Sequence[Label]) -> list[Label]:
    """Return labels with others added; one of the same key is replaced."""
    values = {label["Key"]: label.get("Value", "") for label in (*labels, *added)}
    return [{"Key": key, "Value": value} for key, value in values.items()]


def remove_labels(labels: Sequence[Label], keys: set[str]) -> list[Label]:
    """Return labels without those of some keys."""
    return [label for label in labels if label["Key"] not in keys]
