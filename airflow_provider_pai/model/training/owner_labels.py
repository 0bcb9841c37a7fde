"""How the names of a task get into labels of its job, and back: a label holds 128 bytes, and not every character."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

RESERVED_PREFIX = "airflow."
"""Labels that begin so are this package's."""
LABEL_BYTES = 128
"""Longest label value; AIWorkSpace documents 128 bytes for its labels, for jobs no limit is public [inferred]."""
NAMES_LABEL = "airflow.names"
"""DAG, run and task in full, where the readable labels had to change them; continued in ``airflow.names.2``."""
_READABLE = ("airflow.dag_id", "airflow.run_id", "airflow.task_id")


def label_problem(name: str, value: str) -> str:
    """Return why a label that an author or a configuration gives can't be put on a job; empty when it can."""
    if name.startswith(RESERVED_PREFIX):
        return f"{name!r} is reserved for what identifies the task of a job; use another name"
    if not name or max(len(text.encode("utf-8", "replace")) for text in (name, value)) > LABEL_BYTES:
        return f"{name!r} must have a name, and name and value at most {LABEL_BYTES} bytes each"
    return ""


def readable(text: str) -> str:
    """Cut to the longest value a label may have; ``=`` and ``,`` are PAI's own separators in filters."""
    cleaned = text.replace("=", "-").replace(",", "-")
    return cleaned.encode()[:LABEL_BYTES].decode("utf-8", "ignore")


def exact_names(names: Sequence[str]) -> dict[str, str]:
    """Return labels that hold DAG, run and task in full; none where the readable labels do."""
    if all(readable(name) == name for name in names):
        return {}
    text = base64.urlsafe_b64encode(json.dumps(list(names), ensure_ascii=False).encode()).decode().rstrip("=")
    parts = [text[start : start + LABEL_BYTES] for start in range(0, len(text), LABEL_BYTES)]
    return {_label(number): part for number, part in enumerate(parts, 1)}


def read_names(labels: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return DAG, run and task as a job's labels hold them; None when they can't be read."""
    if NAMES_LABEL not in labels:
        dag_id, run_id, task_id = (labels.get(name, "") for name in _READABLE)
        return dag_id, run_id, task_id
    text, number = "", 1
    while part := labels.get(_label(number)):
        text, number = text + part, number + 1
    try:
        dag_id, run_id, task_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError):
        return None
    return str(dag_id), str(run_id), str(task_id)


def _label(number: int) -> str:
    return NAMES_LABEL if number == 1 else f"{NAMES_LABEL}.{number}"
