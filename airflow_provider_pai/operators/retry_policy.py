"""Lets Airflow 3.3 and newer retry only what can get better."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_pai.errors import APIError, JobError
from airflow_provider_pai.model.training.failure_reasons import Retry
from airflow_provider_pai.operators.outcome import retry_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

try:
    # Not through common.compat: older versions of it know nothing of retry policies, on any Airflow.
    from airflow.sdk import RetryAction, RetryDecision, RetryPolicy
except ImportError:
    HAS_RETRY_POLICIES = False
    RetryPolicy = object  # type: ignore[assignment,misc]
    HAS_RESCHEDULE = False
else:
    HAS_RETRY_POLICIES = True
    # Came with Airflow 3.4.
    HAS_RESCHEDULE = hasattr(RetryAction, "RESCHEDULE")


class PAIRetryPolicy(RetryPolicy):
    """Decides by the diagnosis of a job how its task is retried; give it to the task as ``retry_policy``.

    - What would end the same way fails at once: the command failed, there is no such image, a permission is missing,
      a person stopped the job, its time was over without checkpoints to resume from, PAI refuses the arguments.
    - What waits for quota or machines is retried after ``capacity_delay``.
    - All else is retried as the task says, with its own delay.

    The task's ``retries`` stay the limit, but for what ``capacity_wait`` adds. Errors of other origin are left to
    Airflow, so that the policy can be one of several in a ``ChainRetryPolicy``.

    Args:
        capacity_delay: wait before a job that found no capacity is tried again; the task's ``retry_delay``, when that
            is longer. Default 15 minutes.
        capacity_wait: how long such a job may wait for capacity without using up a retry, for Airflow 3.4 and newer.
            Default: each wait uses up a retry.

    Raises:
        AirflowOptionalProviderFeatureException: this Airflow is older than 3.3. ``fail_fast=True`` of the operator
            fails the same tasks at once on every version. Or ``capacity_wait`` is given and it is older than 3.4.
        ValueError: ``capacity_wait`` is not above zero.
    """

    def __init__(
        self, capacity_delay: timedelta = timedelta(minutes=15), capacity_wait: timedelta | None = None
    ) -> None:
        if not HAS_RETRY_POLICIES:
            raise AirflowOptionalProviderFeatureException(
                "PAIRetryPolicy needs Airflow 3.3 or newer; on this version give the operator fail_fast=True instead"
            )
        if capacity_wait is not None and not HAS_RESCHEDULE:
            raise AirflowOptionalProviderFeatureException(
                "capacity_wait needs Airflow 3.4 or newer; on this version leave it out and give the task more retries"
            )
        if capacity_wait is not None and capacity_wait <= timedelta():
            raise ValueError(f"capacity_wait must be above zero, not {capacity_wait}")
        self.capacity_delay = capacity_delay
        self.capacity_wait = capacity_wait

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's interface
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,
    ) -> RetryDecision:
        """Return what Airflow makes of a failed attempt; called in the task's own process."""
        retry = retry_of(exception)
        if retry is Retry.NEVER:
            return RetryDecision.fail(reason=f"another attempt would end the same way: {_why(exception)}")
        if retry is Retry.LATER and self.capacity_wait is not None:
            waiting: Any = {"reschedule_timeout": self.capacity_wait, "reason": _why(exception)}
            return RetryDecision(RetryAction["RESCHEDULE"], self._delay(context), **waiting)
        if retry is Retry.LATER:
            return RetryDecision.retry(delay=self._delay(context), reason=_why(exception))
        return RetryDecision(RetryAction.DEFAULT)

    def serialize(self) -> dict[str, Any]:
        """Return plain JSON values."""
        wait = None if self.capacity_wait is None else self.capacity_wait.total_seconds()
        return {"capacity_delay": self.capacity_delay.total_seconds(), "capacity_wait": wait}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PAIRetryPolicy:
        """Read what :meth:`serialize` wrote."""
        wait = data.get("capacity_wait")
        return cls(timedelta(seconds=data["capacity_delay"]), None if wait is None else timedelta(seconds=wait))

    def _delay(self, context: Context | None) -> timedelta:
        task = context.get("task") if context else None
        return max(self.capacity_delay, getattr(task, "retry_delay", self.capacity_delay))


def _why(error: BaseException) -> str:
    """Return an error in one line."""
    if isinstance(error, JobError) and error.diagnosis:
        return str(error.diagnosis.cause)
    return f"{error.operation} was refused: {error.code}" if isinstance(error, APIError) else type(error).__name__
