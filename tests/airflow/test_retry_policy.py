"""What Airflow 3.3 and newer make of a failed attempt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_pai.errors import APIError, JobError, TransportError
from airflow_provider_pai.model.training.diagnosis import diagnose
from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.outcome import job_error
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.operators.retry_policy import HAS_RESCHEDULE, HAS_RETRY_POLICIES, PAIRetryPolicy
from tests.support.attempt import training

# `make test` runs on Airflow 3.3, `make test-airflow2` on 2.11: each of the two runs what the other skips.
with_policies = pytest.mark.skipif(not HAS_RETRY_POLICIES, reason="retry policies came with Airflow 3.3")
without_policies = pytest.mark.skipif(HAS_RETRY_POLICIES, reason="this Airflow has retry policies")
# The same of Airflow 3.4, which can wait without a retry.
with_reschedule = pytest.mark.skipif(not HAS_RESCHEDULE, reason="waiting without a retry came with Airflow 3.4")
without_reschedule = pytest.mark.skipif(HAS_RESCHEDULE, reason="this Airflow can wait without a retry")


def failed_with(code: str) -> JobError:
    return job_error(diagnose(FailureDetails(JobSnapshot("train1", "Failed", reason_code=code))), "console")


def decided(error: BaseException, context: Any = None, **arguments: Any) -> tuple[str, timedelta | None]:
    decision = PAIRetryPolicy(**arguments).evaluate(error, 1, 3, context)
    return decision.action.value, decision.retry_delay


@with_policies
@pytest.mark.parametrize("code", ["UserCommandFailed", "AccessDenied", "ImageNotFound", "StoppedByUser"])
def test_what_would_end_the_same_way_fails_at_once(code: str) -> None:
    assert decided(failed_with(code)) == ("fail", None)


@with_policies
@pytest.mark.parametrize("code", ["ResourceAllocateFailed", "QuotaExceeded"])
def test_what_found_no_capacity_waits_longer(code: str) -> None:
    assert decided(failed_with(code)) == ("retry", timedelta(minutes=15))
    assert decided(failed_with(code), capacity_delay=timedelta(hours=1)) == ("retry", timedelta(hours=1))
    assert decided(APIError("CreateTrainingJob", 400, code, "no"))[0] == "retry"


@with_policies
def test_no_capacity_never_makes_the_wait_shorter_than_the_task_says() -> None:
    patient = {"task": training(retry_delay=timedelta(hours=2))}
    assert decided(failed_with("QuotaExceeded"), patient) == ("retry", timedelta(hours=2))
    hasty = {"task": training(retry_delay=timedelta(seconds=1))}
    assert decided(failed_with("QuotaExceeded"), hasty) == ("retry", timedelta(minutes=15))


@with_policies
@pytest.mark.parametrize("code", ["PodPreempted", "InternalError", "SomethingNobodyKnows"])
def test_what_may_end_better_is_retried_as_the_task_says(code: str) -> None:
    assert decided(failed_with(code)) == ("default", None)


@with_policies
@pytest.mark.parametrize("error", [ValueError("not ours"), TransportError("no answer", sent=True), KeyboardInterrupt()])
def test_errors_of_other_origin_are_left_to_airflow(error: BaseException) -> None:
    assert decided(error) == ("default", None)


@with_policies
def test_a_decision_says_why() -> None:
    def reason(error: BaseException) -> str:
        return PAIRetryPolicy().evaluate(error, 1, 3).reason or ""

    assert "The command failed" in reason(failed_with("UserCommandFailed"))
    assert "no quota or no machine" in reason(failed_with("QuotaExceeded"))
    assert "CreateTrainingJob was refused: InvalidParameter" in reason(
        APIError("CreateTrainingJob", 400, "InvalidParameter", "EcsSpec is wrong")
    )


@with_policies
def test_a_task_takes_the_policy_and_the_policy_survives_serialisation() -> None:
    operator = training(retry_policy=PAIRetryPolicy(timedelta(minutes=3)), retries=2)
    assert operator.has_retry_policy
    back = PAIRetryPolicy.deserialize(operator.retry_policy.serialize())
    assert back.capacity_delay == timedelta(minutes=3)


@without_policies
def test_an_airflow_without_retry_policies_says_what_to_do_instead() -> None:
    with pytest.raises(AirflowOptionalProviderFeatureException, match="fail_fast=True"):
        PAIRetryPolicy()


@with_reschedule
def test_a_wait_for_capacity_uses_up_no_retry_until_it_is_over() -> None:
    policy = PAIRetryPolicy(capacity_wait=timedelta(hours=6))
    decision = policy.evaluate(failed_with("QuotaExceeded"), 1, 3)
    assert (decision.action.value, decision.retry_delay) == ("reschedule", timedelta(minutes=15))
    assert decision.reschedule_timeout == timedelta(hours=6)
    assert "no quota or no machine" in (decision.reason or "")
    assert policy.evaluate(failed_with("UserCommandFailed"), 1, 3).action.value == "fail"
    assert policy.evaluate(failed_with("PodPreempted"), 1, 3).action.value == "default"
    assert PAIRetryPolicy.deserialize(policy.serialize()).capacity_wait == timedelta(hours=6)
    with pytest.raises(ValueError, match="capacity_wait"):
        PAIRetryPolicy(capacity_wait=timedelta())


@with_policies
@without_reschedule
def test_an_airflow_that_cannot_wait_without_a_retry_says_so() -> None:
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"capacity_wait needs Airflow 3\.4"):
        PAIRetryPolicy(capacity_wait=timedelta(hours=6))
