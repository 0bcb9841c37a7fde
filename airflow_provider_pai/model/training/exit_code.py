"""The exit code of a job's command: where the service says it, and which ones skip a task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.failure_reasons import EXIT_CODE
from airflow_provider_pai.model.training.status import JobStatus
from airflow_provider_pai.model.values import shown

_LARGEST = 255


def known_exit_code(details: FailureDetails, reported: int | None = None) -> int | None:
    """Return the exit code that a job's command ended with; None unless it is certain.

    It is when the service's own words name one and no other; its events count when nothing else names one. Of a job
    that was stopped the code is a consequence, and what the job itself printed is no evidence.

    Args:
        details: the job, and what the service says of its end.
        reported: what a function has reported that ended its process; there the service need not say it.
    """
    if details.job.status != JobStatus.FAILED or not details.has_run:
        return None
    if reported is not None:
        return reported
    codes = exit_codes_in(details.messages()) or exit_codes_in(details.events)
    return codes.pop() if len(codes) == 1 else None


def exit_codes_in(texts: Iterable[str]) -> set[int]:
    """Return the exit codes that texts of the service name."""
    return {code for text in texts if (code := exit_code_in(text)) is not None}


def exit_code_in(text: str) -> int | None:
    """Return the first exit code that a text names; None for none."""
    found = EXIT_CODE.search(text)
    return int(found[1] or found[2]) if found else None


def exit_codes(value: int | Sequence[int]) -> tuple[int, ...]:
    """Return the exit codes that an argument names: one, or several."""
    return (value,) if isinstance(value, int) else tuple(value)


def exit_code_problems(value: object) -> list[Problem]:
    """Return what is wrong with the argument ``skip_on_exit_code``."""
    codes = [value] if isinstance(value, int) else value
    if codes is None:
        return []
    right = isinstance(codes, list | tuple | set | frozenset) and all(map(_is_exit_code, codes))
    text = f"must be an exit code from 1 to {_LARGEST}, or a list of them, not {shown(value)}"
    return [] if right and codes else [Problem("skip_on_exit_code", text)]


def _is_exit_code(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST
