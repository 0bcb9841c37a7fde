"""What the end of a job means for its task: the result, or the error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import APIError, AuthError, JobError, PAIError, SpecError

if TYPE_CHECKING:
    from airflow_provider_pai.model.training.diagnosis import Diagnosis
    from airflow_provider_pai.model.training.failure_reasons import Retry

_INFO_LINES = 10
NO_RETRY = (SpecError, AuthError)
"""Errors that another attempt would meet again."""


def retry_of(error: BaseException) -> Retry:
    """Return what another attempt of the task makes of an error: ``AS_USUAL`` for all it knows nothing of."""
    # Loaded where it is first used: reading a DAG file needs no table of reasons.
    from airflow_provider_pai.model.training.diagnosis import retry_of_refusal
    from airflow_provider_pai.model.training.failure_reasons import Retry

    if isinstance(error, JobError):
        diagnosis: Diagnosis | None = error.diagnosis
        return diagnosis.retry if diagnosis else Retry.AS_USUAL
    if isinstance(error, NO_RETRY):
        return Retry.NEVER
    if isinstance(error, APIError):
        return retry_of_refusal(error.operation, error.status, error.code)
    return Retry.AS_USUAL


@contextmanager
def airflow_errors(*, fail_fast: bool = False) -> Iterator[None]:
    """Fail the task without retry where a retry can't help: wrong arguments, wrong credentials, Ctrl-C.

    Args:
        fail_fast: do so, too, for jobs that would end the same way again.
    """
    from airflow_provider_pai.hooks.process_end import interruptible

    try:
        with interruptible():
            yield
    except NO_RETRY as error:
        raise AirflowFailException(str(error)) from error
    except PAIError as error:
        from airflow_provider_pai.model.training.failure_reasons import Retry

        if fail_fast and retry_of(error) is Retry.NEVER:
            raise AirflowFailException(str(error)) from error
        raise
