"""The vendor's own client of EAS: instances, groups, traffic, machines, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alibabacloud_eas20210701.models as models
import pytest
from alibabacloud_eas20210701.client import Client
from alibabacloud_tea_openapi.exceptions import ServerException, ThrottlingException

from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.contract.conftest import sdk_config, share
from tests.support.eas_client import IMAGE, REGION, create, describe, refused, update
from tests.support.settled_services import TIME, SettledServices

LOST = "Connection aborted|RemoteDisconnected|reset by peer"


def test_instances_and_their_containers_are_listed(eas: Client) -> None:
    create(eas, "score", metadata={"instance": 3})
    listed = eas.list_service_instances(REGION, "score", models.ListServiceInstancesRequest()).body
    assert (listed.total_count, listed.page_number, listed.page_size) == (3, 1, 100)
    first = listed.instances[0]
    assert (first.status, first.ready_processes, first.total_processes) == ("Running", 1, 1)
    assert (first.restart_count, first.instance_type, first.instance_port) == (0, "ecs.c6.large", 8000)
    assert (first.is_spot, first.resource_type, first.start_time) == (False, "PublicResource", TIME)
    asked = models.ListServiceInstancesRequest(instance_name=first.instance_name, instance_status="Running")
    assert eas.list_service_instances(REGION, "score", asked).body.total_count == 1
    none = models.ListServiceInstancesRequest(is_spot=True)
    assert eas.list_service_instances(REGION, "score", none).body.instances == []
    found = eas.list_service_containers(REGION, "score", first.instance_name).body
    assert found.service_name == "score"
    container = found.containers[0]
    assert (container.image, container.port, container.ready, container.restart_count) == (IMAGE, 8000, True, 0)
    assert (container.name, container.current_status) == ("worker0", "Running")


def test_events_are_read_newest_first_and_by_what_they_are(
    eas: Client, pai: LocalPAI, settled: SettledServices
) -> None:
    create(eas, "score")
    settled.fail("score", "CrashLoopBackOff")

    def events(**asked: str) -> models.DescribeServiceEventResponseBody:
        return eas.describe_service_event(REGION, "score", models.DescribeServiceEventRequest(**asked)).body

    everything = events(start_time="2026-01-01T00:00:00Z")
    assert [(event.type, event.reason) for event in everything.events] == [
        ("Warning", "CrashLoopBackOff"),
        ("Normal", "Settled"),
    ]
    assert (everything.page_num, everything.total_page_num, everything.total_count) == (1, 1, 2)
    assert (everything.events[0].time, everything.events[0].message) == (TIME, "by hand")
    since = "2026-01-01T00:00:00Z"
    assert [event.type for event in events(start_time=since, event_type="Normal").events] == ["Normal"]
    assert events(start_time=since, instance_name="score-0").total_count == 1
    paged = events(start_time=since, page_num="2", page_size="1")
    assert [event.reason for event in paged.events] == ["Settled"]
    assert (paged.page_num, paged.total_page_num) == (2, 2)
    assert events(start_time=since, end_time="2026-01-02T00:00:00Z").events == []
    assert refused(lambda: events(event_type="Bad")) == (400, "InvalidParameter")
    assert refused(lambda: events(page_num="zero")) == (400, "InvalidParameter")


def test_output_is_read_page_by_page(eas: Client, settled: SettledServices) -> None:
    create(eas, "score")
    settled.said["score"] = [f"score-0 line {number}" for number in range(7)] + ["score-1 other"]

    def logs(**asked: Any) -> models.DescribeServiceLogResponseBody:
        return eas.describe_service_log(REGION, "score", models.DescribeServiceLogRequest(**asked)).body

    assert (logs().total_count, logs().page_num, logs().total_page_num) == (8, 1, 1)
    assert logs(page_num=2, page_size=3).logs == [f"score-0 line {number}" for number in (3, 4, 5)]
    assert logs(page_num=2, page_size=3).total_page_num == 3
    assert logs(keyword="other").logs == ["score-1 other"]
    assert logs(instance_name="score-0").total_count == 7
    assert logs(container_name="worker0", ip="127.0.0.1").total_count == 8
    assert logs(container_name="other").logs == logs(ip="10.0.0.1").logs == []
    assert refused(lambda: logs(instance_name="none")) == (404, "InvalidInstance.NotFound")
    for unsupported in ({"previous": True}, {"start_time": TIME}, {"end_time": TIME}):
        assert refused(lambda unsupported=unsupported: logs(**unsupported)) == (400, "InvalidParameter")


def test_a_service_and_its_group_have_endpoints_and_tokens_of_their_own(eas: Client, pai: LocalPAI) -> None:
    create(eas, "blue", metadata={"group": "colours"})
    create(eas, "green", metadata={"group": "colours"})
    service = describe(eas, "blue")
    assert (service.service_group, service.traffic_state, service.weight) == ("colours", "standalone", 100)
    own = eas.describe_service_endpoints(REGION, "blue").body
    assert own.access_token == service.access_token
    assert own.endpoints[0].internet_endpoints == [service.internet_endpoint]
    assert own.endpoints[0].port == int(pai.ready.api.rpartition(":")[2])
    group = eas.describe_group(REGION, "colours").body
    assert (group.name, group.cluster_id) == ("colours", REGION)
    assert group.internet_endpoint == f"{pai.ready.api}/api/predict/colours"
    assert group.access_token not in (None, service.access_token)
    ways = eas.describe_group_endpoints(REGION, "colours").body
    assert (ways.access_token, ways.endpoints[0].intranet_endpoints) == (group.access_token, [group.intranet_endpoint])
    listed = eas.list_groups(models.ListGroupsRequest(filter="colou")).body
    assert ([each.name for each in listed.groups], listed.total_count) == (["colours"], 1)
    assert eas.list_groups(models.ListGroupsRequest(workspace_id="9")).body.groups == []
    for name in ("blue", "green"):
        eas.delete_service(REGION, name)
    assert eas.list_groups(models.ListGroupsRequest()).body.groups == []


def test_how_a_group_shares_its_traffic_is_changed(eas: Client) -> None:
    create(eas, "blue", metadata={"group": "colours"})
    assert eas.describe_group(REGION, "colours").body.traffic_mode == "auto"
    share(eas, "colours", "customized")
    assert eas.describe_group(REGION, "colours").body.traffic_mode == "customized"
    assert [each.traffic_mode for each in eas.list_groups(models.ListGroupsRequest()).body.groups] == ["customized"]
    assert refused(lambda: share(eas, "colours", "evenly")) == (400, "InvalidParameter")
    assert refused(lambda: share(eas, "absent", "auto")) == (404, "InvalidGroup.NotFound")


def test_a_group_and_a_service_can_not_share_a_name(eas: Client) -> None:
    create(eas, "blue", metadata={"group": "colours"})
    taken = (409, "InvalidServiceName.Duplicate")
    assert refused(lambda: create(eas, "colours")) == taken
    assert refused(lambda: create(eas, "other", metadata={"group": "blue"})) == taken
    assert refused(lambda: create(eas, "same", metadata={"group": "same"})) == taken
    assert refused(lambda: update(eas, "blue", {"metadata": {"group": "other"}})) == (400, "InvalidParameter")


def test_weights_and_traffic_are_changed_in_a_group(eas: Client) -> None:
    create(eas, "blue", metadata={"group": "colours"})
    create(eas, "alone")

    def release(name: str, weight: int | None = None, state: str | None = None) -> models.Service:
        eas.release_service(REGION, name, models.ReleaseServiceRequest(weight=weight, traffic_state=state))
        return describe(eas, name)

    changed = release("blue", 30, "grouping")
    assert (changed.weight, changed.traffic_state, changed.status) == (30, "grouping", "Running")
    assert [release("blue", weight).weight for weight in (0, -1, 1000)] == [0, -1, 1000]
    assert release("blue", state="standalone").weight == 1000
    for wrong in ((1001, None), (-2, None), (None, "all")):
        assert refused(lambda wrong=wrong: release("blue", *wrong)) == (400, "InvalidParameter")
    assert refused(lambda: release("blue")) == (400, "MissingParameter")
    assert refused(lambda: release("alone", state="grouping")) == (400, "InvalidParameter")


def test_machines_are_described(eas: Client) -> None:
    everything = eas.describe_machine_spec(models.DescribeMachineSpecRequest()).body
    assert len(everything.instance_metas) > 20
    assert {4, 8} <= set(next(kind for kind in everything.types if kind.cpu == 2).memory)
    asked = models.DescribeMachineSpecRequest(instance_types=["ecs.gn6i-c4g1.xlarge", "ecs.c6.large"])
    plain, gpu = eas.describe_machine_spec(asked).body.instance_metas
    assert (plain.instance_type, plain.cpu, plain.memory, plain.gpu, plain.gpuamount) == (
        "ecs.c6.large",
        2,
        4.0,
        None,
        0,
    )
    assert (gpu.gpu, gpu.gpuamount, gpu.gpumemory, gpu.vendor) == ("T4", 1, 16.0, "ECS")
    assert (gpu.is_available, gpu.stock_status) == (True, "WithStock")


def test_faults_meet_the_operations_of_eas(eas: Client, pai: LocalPAI) -> None:
    pai.faults.add(Fault("CreateService", FaultKind.THROTTLE, retry_after_ms=100))
    with pytest.raises(ThrottlingException):
        create(eas, "score")
    pai.faults.add(Fault("DescribeService", FaultKind.ERROR))
    with pytest.raises(ServerException) as error:
        describe(eas, "score")
    assert (error.value.status_code, error.value.code) == (503, "ServiceUnavailable")
    pai.faults.add(Fault("CreateService", FaultKind.DROP_BEFORE))
    with pytest.raises(Exception, match=LOST):
        create(eas, "score")
    assert eas.list_services(models.ListServicesRequest()).body.total_count == 0
    pai.faults.add(Fault("CreateService", FaultKind.DROP_AFTER))
    with pytest.raises(Exception, match=LOST):
        create(eas, "score")
    assert describe(eas, "score").status == "Running"
    assert pai.faults.counts()["CreateService"] == 3


def test_services_are_there_after_a_restart(tmp_path: Path) -> None:
    with LocalPAI(tmp_path, sandbox=Mode.PLAIN, service_runtime=SettledServices) as first:
        eas = Client(sdk_config(first.ready))
        create(eas, "blue", metadata={"group": "colours"})
        before, group = describe(eas, "blue"), eas.describe_group(REGION, "colours").body
    with LocalPAI(tmp_path, sandbox=Mode.PLAIN, service_runtime=SettledServices) as second:
        eas = Client(sdk_config(second.ready))
        after = describe(eas, "blue")
        assert (after.service_uid, after.access_token) == (before.service_uid, before.access_token)
        assert eas.describe_group(REGION, "colours").body.access_token == group.access_token
