"""Services through the vendor's own client for EAS: the operations, their answers, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import alibabacloud_eas20210701.models as models
import pytest
from alibabacloud_eas20210701.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.contract.conftest import sdk_config
from tests.support.fleet import SettledFleet

REGION = "cn-hangzhou"
IMAGE = "eas-registry-vpc.cn-hangzhou.cr.aliyuncs.com/pai-eas/python-inference:py39-ubuntu2004"


class House:
    """A local PAI whose services become what is wanted at once, or by hand."""

    def __init__(self) -> None:
        self.fleets: list[SettledFleet] = []

    def fleet(self, store: ServiceStore) -> SettledFleet:
        self.fleets.append(SettledFleet(store))
        return self.fleets[-1]


@pytest.fixture(scope="module")
def house() -> House:
    return House()


@pytest.fixture(scope="module")
def pai(tmp_path_factory: pytest.TempPathFactory, house: House) -> Iterator[LocalPAI]:
    with LocalPAI(tmp_path_factory.mktemp("eas"), sandbox=Mode.PLAIN, fleet=house.fleet) as server:
        yield server


@pytest.fixture(scope="module")
def eas(pai: LocalPAI) -> Client:
    return Client(sdk_config(pai.ready))


@pytest.fixture
def fleet(house: House, pai: LocalPAI) -> Iterator[SettledFleet]:
    yield house.fleets[-1]
    house.fleets[-1].by_hand = False


def config(name: str, **members: Any) -> dict[str, Any]:
    return {
        "name": name,
        "metadata": {"instance": 1, **members.pop("metadata", {})},
        "cloud": {"computing": {"instance_type": "ecs.c6.large"}},
        "containers": [{"image": IMAGE, "port": 8000, "script": "python app.py"}],
        **members,
    }


def create(eas: Client, name: str, **members: Any) -> models.CreateServiceResponseBody:
    return eas.create_service(models.CreateServiceRequest(body=config(name, **members))).body


def describe(eas: Client, name: str) -> models.Service:
    return eas.describe_service(REGION, name).body


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


def test_a_name_is_taken_until_the_service_is_gone(eas: Client, fleet: SettledFleet) -> None:
    create(eas, "taken")
    fleet.by_hand = True
    with pytest.raises(ClientException) as refused:
        create(eas, "taken")
    assert (refused.value.status_code, refused.value.code) == (409, "InvalidServiceName.Duplicate")
    eas.delete_service(REGION, "taken")
    assert describe(eas, "taken").status == "Deleting"
    with pytest.raises(ClientException):
        create(eas, "taken")
    fleet.settle("taken")
    with pytest.raises(ClientException) as gone:
        describe(eas, "taken")
    assert (gone.value.status_code, gone.value.code) == (404, "InvalidService.NotFound")
    create(eas, "taken")
