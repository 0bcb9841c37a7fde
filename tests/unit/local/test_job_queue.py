"""Which job begins next."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.local.jobs.quota_usage import Amount, QuotaUsage, requested_amount, usage
from airflow_provider_pai.local.running.queue import Queue

ECS = {"ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 2}}


def share(cpu: float = 1, count: int = 1, **members: Any) -> dict[str, Any]:
    spec = {"CPU": f"{cpu:g}", "Memory": "2", "GPU": "1"}
    return {"ComputeResource": {"ResourceId": "q", "InstanceCount": count, "InstanceSpec": spec}, **members}


@pytest.fixture
def queue() -> Queue:
    return Queue(Amount(cpu=4, gpu=100, memory_gib=100))


def taken(queue: Queue) -> list[str]:
    return list(iter(queue.take, None))


def test_all_instances_of_a_job_count() -> None:
    assert requested_amount(share(1.5, count=3)) == Amount(cpu=4.5, gpu=3, memory_gib=6)
    assert requested_amount(ECS) is None


def test_each_kind_of_resource_has_its_limit() -> None:
    total = Amount(4, 2, 8)
    assert Amount(2, 1, 4).fits(Amount(2, 1, 4), total)
    for too_much in (Amount(cpu=3), Amount(gpu=2), Amount(memory_gib=5)):
        assert not too_much.fits(Amount(2, 1, 4), total)


def test_only_jobs_that_have_not_ended_use_the_quota() -> None:
    statuses = ("Creating", "Created", "Initializing", "Running", "Succeed", "Terminated", "InitializeFailed")
    jobs = [share(2, Status=status) for status in statuses]
    assert usage([*jobs, {**ECS, "Status": "Running"}]) == QuotaUsage(Amount(4, 2, 4), Amount(8, 4, 8))


def test_jobs_with_an_instance_type_begin_in_the_order_they_came(queue: Queue) -> None:
    for name in "abc":
        queue.put(name, ECS)
    assert taken(queue) == ["a", "b", "c"]


def test_a_job_begins_when_its_share_is_free(queue: Queue) -> None:
    queue.put("a", share(3))
    queue.put("b", share(2))
    assert taken(queue) == ["a"]
    queue.give_back("a")
    assert taken(queue) == ["b"]


def test_jobs_of_the_quota_begin_by_priority_and_then_in_their_order(queue: Queue) -> None:
    for name, priority in (("a", 1), ("b", 9), ("c", 5), ("d", 9)):
        queue.put(name, share(1, Priority=priority))
    queue.put("e", share(1))
    assert taken(queue) == ["b", "d", "c", "a"]
    queue.give_back("b")
    assert taken(queue) == ["e"]


def test_a_large_job_is_not_overtaken_by_smaller_ones_behind_it(queue: Queue) -> None:
    queue.put("running", share(2))
    assert taken(queue) == ["running"]
    queue.put("large", share(4))
    queue.put("small", share(1))
    queue.put("other", ECS)
    assert taken(queue) == ["other"]
    queue.give_back("running")
    assert taken(queue) == ["large"]
    queue.give_back("large")
    assert taken(queue) == ["small"]


def test_a_job_that_leaves_the_queue_does_not_hold_up_the_next(queue: Queue) -> None:
    queue.put("running", share(2))
    queue.put("large", share(4))
    queue.put("small", share(1))
    assert taken(queue) == ["running"]
    queue.remove("large")
    queue.remove("unknown")
    assert taken(queue) == ["small"]
    queue.clear()
    assert taken(queue) == []
