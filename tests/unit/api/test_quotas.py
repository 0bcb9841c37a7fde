from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import decode_answer
from airflow_provider_pai.api.quotas import list_quota_workloads
from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.training.queue_place import QueuedWorkload


def read(page: int = 1, **members: Any) -> Page[QueuedWorkload]:
    call = list_quota_workloads("quota1", page=page)
    return decode_answer(call, 200, {}, json.dumps({**members, "RequestId": "ID"}).encode())


def test_what_waits_in_a_quota_is_asked_for() -> None:
    call = list_quota_workloads("a/b", page=2)
    assert (call.action, call.method, call.path) == ("ListQuotaWorkloads", "GET", "/api/v1/quotas/a%2Fb/workloads")
    assert call.query == {"Status": "Enqueued", "PageNumber": "2", "PageSize": "100"}


def test_a_workload_is_read_without_its_missing_members() -> None:
    whole = {"WorkloadId": "w", "WorkloadName": "n", "Position": 3, "Code": "c", "Reason": "r", "Priority": 9}
    bare = {"WorkloadId": "v", "Position": "later"}
    expected = (QueuedWorkload("w", "n", 3, "c", "r"), QueuedWorkload("v"))
    assert read(Workloads=[whole, bare], TotalCount=7) == Page(expected, 7)


@pytest.mark.parametrize(
    "members",
    [{}, {"Workloads": []}, {"TotalCount": 1}, {"TotalCount": 1, "Workloads": []}, {"TotalCount": 1, "Workloads": [1]},
     {"TotalCount": 1, "Workloads": [{}]}],
)  # fmt: skip
def test_a_missing_member_is_no_empty_queue(members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        read(**members)
