"""The name of a job: ``{base_job_name}_{submitted-datetime}``, within what PAI takes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from airflow_provider_pai.model.problem import Problem

MAX_NAME = 256
"""Longest name of a job, in characters [inferred: as of DLC's jobs]."""
_MOMENT = "_%Y%m%d_%H%M%S"
_LONGEST_BASE = MAX_NAME - len("_20260101_000000")
_DIGEST = 8
_CUT = 100
"""Characters that are left of a name that must be cut; pages show no more of it anyway."""


def job_name(base: str, submitted: datetime) -> str:
    """Return the name of a job.

    Args:
        base: its first part.
        submitted: the moment of its submission, in UTC; tells the jobs of a task's tries apart.
    """
    return f"{base}{submitted.strftime(_MOMENT)}"


def cut_name(text: str) -> str:
    """Return a base that is derived from an id of any length; two long ids stay two names."""
    if len(text) <= _LONGEST_BASE:
        return text
    return f"{text[:_CUT]}_{hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]}"


def name_problems(base: str) -> Iterator[Problem]:
    """Yield what is wrong with a base that an author gives."""
    if len(base) > _LONGEST_BASE or not base.isprintable():
        text = f"must be at most {_LONGEST_BASE} printable characters, for the time of the submission is added"
        yield Problem("base_job_name", text)
