"""Resource quotas through the vendor's own client, and the jobs that take a share of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import alibabacloud_paistudio20220112.models as models
import pytest
from alibabacloud_paistudio20220112.client import Client as TrainingClient
from alibabacloud_tea_openapi.exceptions import ClientException

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.polling.quota_queues import QUEUE_INTERVAL, QuotaQueues
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.local.jobs.quota_usage import Amount, Quota
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.queue_place import place_text
from tests.contract.conftest import sdk_config
from tests.support.jobs import Jobs

QUOTA = Quota("quotaoftests0001", "quota of tests", Amount(cpu=4, gpu=1, memory_gib=16), "A10")


@pytest.fixture(scope="module")
def pai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI whose quota is small, and which has slots enough."""
    with LocalPAI(tmp_path_factory.mktemp("quotas"), quota=QUOTA, slots=8, sandbox=Mode.PLAIN) as server:
        yield server


@pytest.fixture(scope="module")
def client(pai: LocalPAI) -> TrainingClient:
    return TrainingClient(sdk_config(pai.ready))


@pytest.fixture
def jobs(pai: LocalPAI, client: TrainingClient) -> Iterator[Jobs]:
    yield Jobs(pai, client)
    pai.reset()


def share(cpu: str = "1", memory: str = "1", count: int = 1, **more: str) -> dict[str, Any]:
    spec = {"CPU": cpu, "Memory": memory, **more}
    return {"ResourceId": QUOTA.quota_id, "InstanceCount": count, "InstanceSpec": spec}


def details(client: TrainingClient) -> models.QuotaDetails:
    return client.get_quota(QUOTA.quota_id, models.GetQuotaRequest(verbose=True)).body.quota_details


def test_the_quota_is_listed_with_what_it_has(client: TrainingClient, pai: LocalPAI) -> None:
    def found(**asked: Any) -> list[str]:
        return [quota.quota_id for quota in client.list_quotas(models.ListQuotasRequest(**asked)).body.quotas]

    assert found() == found(quota_ids=f"other,{QUOTA.quota_id}") == found(quota_name="OF TESTS") == [QUOTA.quota_id]
    assert found(workspace_ids=pai.ready.workspace_id, statuses="Enabled", resource_type="ECS") == [QUOTA.quota_id]
    assert found(gputype="A10", workspace_name="local_pai") == [QUOTA.quota_id]
    assert found(labels="a=b") == found(gputype="V100") == []
    assert found(quota_name="other") == found(workspace_ids="9") == found(resource_type="Lingjun") == []
    total = details(client).allocatable_quota
    assert (total.cpu, total.gpu, total.memory, total.gputype) == ("4", "1", "16Gi", "A10")


def test_another_quota_does_not_exist(client: TrainingClient) -> None:
    with pytest.raises(ClientException) as error:
        client.get_quota("quotaother", models.GetQuotaRequest())
    assert (error.value.status_code, error.value.code) == (404, "QuotaNotFound")


def test_a_job_with_a_share_of_the_quota_trains(jobs: Jobs) -> None:
    compute = share("2", "4", count=2, GPU="0", SharedMemory="1")
    job = jobs.run('echo "$RANK of $WORLD_SIZE"', ComputeResource=compute, ResourceType="General", Priority=9)
    assert job.status == "Succeed"
    shown = job.compute_resource
    assert (shown.resource_id, shown.resource_name, shown.instance_count) == (QUOTA.quota_id, QUOTA.name, 2)
    assert (shown.instance_spec.cpu, shown.instance_spec.memory, shown.instance_spec.shared_memory) == ("2", "4", "1")
    assert (job.priority, len(job.instances)) == (9, 2)


def test_jobs_beyond_the_free_part_wait_until_it_is_free(jobs: Jobs, client: TrainingClient) -> None:
    first = jobs.create("sleep 60", ComputeResource=share("3"))
    jobs.until(first, "Running")
    second = jobs.create("true", ComputeResource=share("2"))
    # An instance type has nothing to do with the quota.
    assert jobs.run("true").status == "Succeed"
    assert jobs.get(second).status == "Created"
    found = details(client)
    assert (found.allocated_quota.cpu, found.self_submitted_quota.cpu) == ("3", "5")
    client.stop_training_job(first)
    assert jobs.until(second).status == "Succeed"
    assert details(client).self_submitted_quota.cpu == "0"


def test_the_highest_priority_begins_first_and_equal_ones_in_their_order(jobs: Jobs, client: TrainingClient) -> None:
    running = jobs.create("sleep 60", ComputeResource=share("4"))
    jobs.until(running, "Running")
    waiting = [
        jobs.create("date +%s%N; sleep 0.1", ComputeResource=share("4"), **({"Priority": priority} if priority else {}))
        for priority in (None, 5, 9, 5)
    ]
    client.stop_training_job(running)
    for job_id in waiting:
        assert jobs.until(job_id).status == "Succeed"
    begun = []
    for job_id in waiting:
        logs = client.list_training_job_logs(job_id, models.ListTrainingJobLogsRequest(page_size=100)).body.logs
        begun.append(int(logs[-1]))
    assert sorted(begun) == [begun[2], begun[1], begun[3], begun[0]]


def test_a_job_that_asks_for_more_than_there_is_ends_with_the_quota_as_reason(
    jobs: Jobs, client: TrainingClient
) -> None:
    job_id = jobs.create("true", ComputeResource=share("3", "8", count=2))
    job = jobs.until(job_id)
    assert (job.status, job.reason_code) == ("InitializeFailed", "ResourceAllocateFailed")
    assert job.reason_message == (
        f"The training job asks for 6 CPU, 0 GPU, 16 GiB of memory, but the resource quota {QUOTA.quota_id} "
        "has 4 CPU, 1 GPU, 16 GiB of memory in total"
    )
    error = client.get_training_job_error_info(job_id).body.error_info
    assert (error.code, error.message) == (job.reason_code, job.reason_message)
    events = client.list_training_job_events(job_id, models.ListTrainingJobEventsRequest()).body.events
    assert job.reason_message in events[-1]
    # It holds up no other.
    assert jobs.run("true", ComputeResource=share("4", "16", GPU="1", GPUType="A10")).status == "Succeed"


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"ComputeResource": share() | {"ResourceId": "quotaother"}}, "InvalidParameter", "no resource quota quotaoth"),
        ({"ComputeResource": share() | {"EcsSpec": "ecs.c6.large"}}, "InvalidParameter", "contradict each other"),
        ({"ComputeResource": share() | {"EcsCount": 1}}, "InvalidParameter", "contradict each other"),
        ({"ComputeResource": share() | {"UseSpotInstance": True}}, "InvalidParameter", "contradict each other"),
        ({"ComputeResource": {"InstanceSpec": {"CPU": "1"}}}, "MissingParameter", "ComputeResource.ResourceId"),
        ({"ComputeResource": {"ResourceId": "x"}}, "MissingParameter", "ComputeResource.InstanceSpec"),
        ({"ComputeResource": share("")}, "MissingParameter", "InstanceSpec.CPU"),
        ({"ComputeResource": share("1", "")}, "MissingParameter", "InstanceSpec.Memory"),
        ({"ComputeResource": share("0")}, "InvalidParameter", "InstanceSpec.CPU is invalid"),
        ({"ComputeResource": share("1", "8Gi")}, "InvalidParameter", "InstanceSpec.Memory is invalid"),
        ({"ComputeResource": share(GPU="0.5")}, "InvalidParameter", "InstanceSpec.GPU is invalid"),
        ({"ComputeResource": share(GPU="1", GPUType="V100")}, "InvalidParameter", "GPUs of type A10, not V100"),
        ({"ComputeResource": share("1", "1", SharedMemory="2")}, "InvalidParameter", "SharedMemory is invalid"),
        ({"ComputeResource": share(count=65)}, "InvalidParameter", "InstanceCount is invalid"),
        ({"ComputeResource": share(), "Priority": 0}, "InvalidParameter", "Priority is invalid"),
        ({"ComputeResource": share(), "Priority": 10}, "InvalidParameter", "Priority is invalid"),
    ],
)
def test_a_share_that_can_not_be_is_refused(jobs: Jobs, members: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(ClientException) as error:
        jobs.create("true", **members)
    assert (error.value.status_code, error.value.code) == (400, code)
    assert said in error.value.message


def workloads(client: TrainingClient, **asked: Any) -> list[models.QueueInfo]:
    return list(client.list_quota_workloads(QUOTA.quota_id, models.ListQuotaWorkloadsRequest(**asked)).body.workloads)


def test_what_waits_in_a_quota_is_listed_with_place_and_reason(jobs: Jobs, client: TrainingClient) -> None:
    running = jobs.create("sleep 60", ComputeResource=share("3"))
    jobs.until(running, "Running")
    low, high = (jobs.create("true", ComputeResource=share("2"), Priority=priority) for priority in (1, 9))
    queue = workloads(client, status="Enqueued")
    assert [(each.workload_id, each.position, each.priority) for each in queue] == [(high, 1, 9), (low, 2, 1)]
    used = "3 CPU, 0 GPU, 1 GiB of memory of 4 CPU, 1 GPU, 16 GiB of memory are used"
    assert queue[0].reason == f"It asks for 2 CPU, 0 GPU, 1 GiB of memory; {used}"
    assert queue[1].reason == f"It waits behind {high}"
    assert [each.workload_id for each in workloads(client, status="Dequeued")] == [running]
    assert [each.workload_id for each in workloads(client, before_workload_id=low)] == [high]
    assert workloads(client, workload_ids=f"{low},other")[0].workload_status == "Created"
    later = models.TimeRangeFilter(start_time="2999-01-01T00:00:00Z")
    assert workloads(client, gmt_enqueued_time_range=later) == []
    assert len(workloads(client, workload_created_time_range=models.TimeRangeFilter(end_time="2999-01-01"))) == 3
    client.stop_training_job(running)
    jobs.until(high)
    jobs.until(low)
    assert workloads(client) == []
    assert {each.workload_id for each in workloads(client, with_historical_data=True)} >= {running, low, high}


def test_the_queue_of_another_quota_does_not_exist(client: TrainingClient) -> None:
    with pytest.raises(ClientException) as error:
        client.list_quota_workloads("quotaother", models.ListQuotaWorkloadsRequest())
    assert (error.value.status_code, error.value.code) == (404, "QuotaNotFound")


def test_our_client_says_at_which_place_a_job_waits(pai: LocalPAI, jobs: Jobs) -> None:
    running = jobs.create("sleep 60", ComputeResource=share("4"))
    jobs.until(running, "Running")
    first, second = (jobs.create("true", ComputeResource=share("1")) for _ in range(2))
    ready, now = pai.ready, 0.0
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    client = PAIClient(ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api))
    queues = QuotaQueues(client, lambda: now)
    job = client.send(get_training_job(second))
    assert queues.of(job) is None
    now = QUEUE_INTERVAL
    queue = queues.of(job)
    assert queue is not None
    text = f"Job {second} waits in quota {QUOTA.quota_id} at place 2 of 2: It waits behind {first}"
    assert place_text(job, queue) == text
    assert queues.of(client.send(get_training_job(running))) is None
    client.close()
