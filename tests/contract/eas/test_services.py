"""Services through the vendor's own client for EAS: the operations, their answers, and what they refuse."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import alibabacloud_eas20210701.models as models
import pytest
from alibabacloud_eas20210701.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from airflow_provider_pai.local.server import LocalPAI
from tests.support.eas_client import IMAGE, REGION, config, create, describe, refused, update
from tests.support.settled_services import SettledServices


def test_a_service_is_created_and_described(eas: Client, pai: LocalPAI) -> None:
    created = create(eas, "first", labels={"team": "ml"}, metadata={"instance": 2})
    assert (created.service_name, created.region, created.status) == ("first", REGION, "Creating")
    service = describe(eas, "first")
    assert (service.status, service.reason, service.current_version, service.latest_version) == (
        "Running",
        "RUNNING",
        1,
        1,
    )
    assert (service.running_instance, service.total_instance, service.pending_instance) == (2, 2, 0)
    assert (service.cpu, service.memory, service.gpu, service.image) == (2, 4096, 0, IMAGE)
    assert service.internet_endpoint == f"{pai.ready.api}/api/predict/first"
    assert json.loads(service.service_config) == config("first", labels={"team": "ml"}, metadata={"instance": 2})
    assert [(label.label_key, label.label_value) for label in service.labels] == [("team", "ml")]
    assert service.access_token


def test_a_name_is_taken_until_the_service_is_gone(eas: Client, settled: SettledServices) -> None:
    create(eas, "taken")
    settled.by_hand = True
    assert refused(lambda: create(eas, "taken")) == (409, "InvalidServiceName.Duplicate")
    eas.delete_service(REGION, "taken")
    assert describe(eas, "taken").status == "Deleting"
    eas.delete_service(REGION, "taken")
    assert refused(lambda: create(eas, "taken")) == (409, "InvalidServiceName.Duplicate")
    assert refused(lambda: eas.start_service(REGION, "taken")) == (409, "InvalidServiceStatus")
    settled.settle("taken")
    assert refused(lambda: describe(eas, "taken")) == (404, "InvalidService.NotFound")
    create(eas, "taken")


def test_of_several_creates_of_one_name_one_succeeds(eas: Client) -> None:
    def attempt(_: int) -> int:
        try:
            create(eas, "wanted")
        except ClientException as error:
            return int(error.status_code)
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [200] + 7 * [409]


def test_what_does_not_exist_is_not_found(eas: Client) -> None:
    create(eas, "here")
    assert refused(lambda: eas.describe_service("cn-shanghai", "here")) == (404, "InvalidService.NotFound")
    for call in (eas.start_service, eas.stop_service, eas.restart_service, eas.delete_service):
        assert refused(lambda call=call: call(REGION, "absent")) == (404, "InvalidService.NotFound")
    assert refused(lambda: update(eas, "absent", {})) == (404, "InvalidService.NotFound")
    assert refused(lambda: eas.describe_group(REGION, "absent")) == (404, "InvalidGroup.NotFound")
    assert refused(lambda: eas.list_service_containers(REGION, "here", "none")) == (404, "InvalidInstance.NotFound")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"processor": "xgboost"}, "InvalidParameter"),
        ({"name": "Bad"}, "InvalidParameter"),
        ({"storage": [{"mount_path": "/a", "oss": {"path": "oss://nobucket/a/"}}]}, "InvalidParameter"),
        ({"cloud": {"computing": {"instance_type": "ecs.none"}}}, "InvalidParameter"),
        ({"containers": []}, "MissingParameter"),
    ],
)
def test_a_service_that_can_not_be_is_refused(eas: Client, members: dict[str, Any], code: str) -> None:
    assert refused(lambda: create(eas, **{"name": "bad", **members})) == (400, code)
    assert eas.list_services(models.ListServicesRequest()).body.total_count == 0


def test_parameters_of_a_create_are_honoured_or_refused(eas: Client, pai: LocalPAI) -> None:
    asked = models.CreateServiceRequest(
        body=config("labelled", labels={"b": "2"}), labels={"a": "1", "b": "1"}, workspace_id=pai.ready.workspace_id
    )
    eas.create_service(asked)
    assert {label.label_key: label.label_value for label in describe(eas, "labelled").labels} == {"a": "1", "b": "2"}
    for members in ({"workspace_id": "9"}, {"develop": "true"}, {"labels": {"": "x"}}):
        request = models.CreateServiceRequest(body=config("other"), **members)
        assert refused(lambda request=request: eas.create_service(request)) == (400, "InvalidParameter")


def test_a_configuration_may_be_sent_as_a_text(eas: Client) -> None:
    eas.create_service(models.CreateServiceRequest(body=json.dumps(config("score"))))
    update(eas, "score", json.dumps({"metadata": {"instance": 2}}))
    assert describe(eas, "score").total_instance == 2


def test_an_update_is_merged_or_replaces(eas: Client) -> None:
    create(eas, "score", labels={"team": "ml"}, metadata={"instance": 2})
    update(eas, "score", {"metadata": {"shm_size": 1}, "labels": {"stage": "test"}})
    merged = describe(eas, "score")
    assert (merged.current_version, merged.latest_version, merged.total_instance) == (2, 2, 2)
    assert json.loads(merged.service_config) == config(
        "score", labels={"team": "ml", "stage": "test"}, metadata={"instance": 2, "shm_size": 1}
    )
    update(eas, "score", config("score"), "replace")
    assert json.loads(describe(eas, "score").service_config) == config("score")
    assert refused(lambda: update(eas, "score", {"metadata": {"instance": 0}})) == (400, "InvalidParameter")
    assert refused(lambda: update(eas, "score", {}, "replace")) == (400, "MissingParameter")
    assert refused(lambda: update(eas, "score", {}, "other")) == (400, "InvalidParameter")
    assert describe(eas, "score").latest_version == 3


def test_a_failed_update_leaves_the_version_that_answers(eas: Client, settled: SettledServices) -> None:
    create(eas, "score")
    settled.by_hand = True
    update(eas, "score", {"metadata": {"instance": 2}})
    assert describe(eas, "score").status == "Updating"
    settled.fail("score", "CrashLoopBackOff")
    failed = describe(eas, "score")
    assert (failed.status, failed.reason, failed.message) == ("Failed", "CrashLoopBackOff", "by hand")
    assert (failed.current_version, failed.latest_version, failed.running_instance) == (1, 2, 1)
    assert json.loads(failed.service_config)["metadata"]["instance"] == 2
    settled.by_hand = False
    eas.update_service_version(REGION, "score", models.UpdateServiceVersionRequest(version=1))
    back = describe(eas, "score")
    assert (back.status, back.current_version, back.latest_version) == ("Running", 1, 2)


def test_versions_are_listed_and_can_be_rolled_back_to(eas: Client) -> None:
    create(eas, "score")
    update(eas, "score", {"metadata": {"instance": 2}})
    listed = eas.list_service_versions(REGION, "score", models.ListServiceVersionsRequest()).body
    assert (listed.total_count, listed.page_number, listed.page_size) == (2, 1, 100)
    assert [json.loads(each.service_config)["metadata"]["instance"] for each in listed.versions] == [2, 1]
    assert (listed.versions[0].image_id, listed.versions[0].image_available) == (2, "true")
    assert listed.versions[0].build_time.endswith("Z")

    def roll_back(version: int | None) -> None:
        eas.update_service_version(REGION, "score", models.UpdateServiceVersionRequest(version=version))

    for number in (0, 2, 3):
        assert refused(lambda number=number: roll_back(number)) == (400, "InvalidParameter")
    assert refused(lambda: roll_back(None)) == (400, "MissingParameter")
    roll_back(1)
    page = eas.list_service_versions(REGION, "score", models.ListServiceVersionsRequest(page_number=2, page_size=1))
    assert [each.image_id for each in page.body.versions] == [1]


def test_a_service_is_stopped_started_and_restarted(eas: Client, settled: SettledServices) -> None:
    create(eas, "score")
    eas.stop_service(REGION, "score")
    stopped = describe(eas, "score")
    assert (stopped.status, stopped.running_instance, stopped.total_instance) == ("Stopped", 0, 1)
    assert refused(lambda: eas.restart_service(REGION, "score")) == (409, "InvalidServiceStatus")
    eas.start_service(REGION, "score")
    assert describe(eas, "score").status == "Running"
    settled.by_hand = True
    assert "score" in eas.restart_service(REGION, "score").body.message
    assert describe(eas, "score").status == "Updating"
    eas.stop_service(REGION, "score")
    assert describe(eas, "score").status == "Stopping"


def test_labels_are_updated_and_deleted(eas: Client) -> None:
    create(eas, "score", labels={"team": "ml"})
    eas.update_service_label(REGION, "score", models.UpdateServiceLabelRequest(labels={"stage": "2", "team": "x"}))

    def labels() -> dict[str, str]:
        return {label.label_key: label.label_value for label in describe(eas, "score").labels}

    assert labels() == {"team": "x", "stage": "2"}
    eas.delete_service_label(REGION, "score", models.DeleteServiceLabelRequest(keys=["team", "none"]))
    assert labels() == {"stage": "2"}
    wrong = models.UpdateServiceLabelRequest(labels={"k": 200 * "v"})
    assert refused(lambda: eas.update_service_label(REGION, "score", wrong)) == (400, "InvalidParameter")
    nothing = models.DeleteServiceLabelRequest()
    assert refused(lambda: eas.delete_service_label(REGION, "score", nothing)) == (400, "MissingParameter")


def test_services_are_listed_by_what_they_are(eas: Client, pai: LocalPAI) -> None:
    create(eas, "one", labels={"team": "ml", "stage": "a"})
    create(eas, "two", metadata={"group": "both"}, labels={"team": "ml"})
    create(eas, "three", metadata={"group": "both", "traffic_state": "grouping"})
    eas.stop_service(REGION, "one")

    def names(**asked: Any) -> list[str]:
        return [each.service_name for each in eas.list_services(models.ListServicesRequest(**asked)).body.services]

    assert names() == ["three", "two", "one"]
    assert names(order="asc") == ["one", "two", "three"]
    assert names(sort="ServiceName", order="asc") == ["one", "three", "two"]
    assert names(filter="t") == ["three", "two"]
    assert names(service_name="two") == ["two"]
    assert names(service_status="Stopped") == ["one"]
    assert names(group_name="both") == ["three", "two"]
    assert names(label={"team": "ml", "stage": "a"}) == ["one"]
    assert names(label={"team": "ml"}) == ["two", "one"]
    assert names(workspace_id=pai.ready.workspace_id, service_type="Standard") == ["three", "two", "one"]
    assert names(workspace_id="9") == names(service_type="Async") == names(quota_id="q") == names(gateway="g") == []
    assert names(page_number=2, page_size=2) == ["one"]
    for wrong in ({"service_status": "Sad"}, {"sort": "Beauty"}, {"order": "up"}, {"page_size": 1001}):
        assert refused(lambda wrong=wrong: names(**wrong)) == (400, "InvalidParameter")
    listed = eas.list_services(models.ListServicesRequest(service_name="one")).body
    assert (listed.page_number, listed.page_size, listed.total_count) == (1, 100, 1)
    assert listed.services[0].access_token is None
