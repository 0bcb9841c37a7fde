"""A local PAI whose services become what is wanted at once, or by hand, and the vendor's client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alibabacloud_eas20210701.client import Client

from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.contract.conftest import sdk_config
from tests.support.settled_services import SettledServices


class SettledRuntime:
    """Makes the services of a server, and again of one that was reset."""

    def __init__(self) -> None:
        self.services: list[SettledServices] = []

    def make(self, store: ServiceStore) -> SettledServices:
        self.services.append(SettledServices(store))
        return self.services[-1]


@pytest.fixture(scope="module")
def runtime() -> SettledRuntime:
    return SettledRuntime()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, runtime: SettledRuntime) -> Iterator[LocalPAI]:
    with LocalPAI(tmp_path_factory.mktemp("eas"), sandbox=Mode.PLAIN, service_runtime=runtime.make) as server:
        yield server


@pytest.fixture
def pai(server: LocalPAI, runtime: SettledRuntime) -> Iterator[LocalPAI]:
    """The server, without services and faults."""
    yield server
    runtime.services[-1].by_hand = False
    server.reset()


@pytest.fixture
def eas(pai: LocalPAI) -> Client:
    return Client(sdk_config(pai.ready))


@pytest.fixture
def settled(runtime: SettledRuntime, pai: LocalPAI) -> SettledServices:
    """How the services become what is wanted."""
    return runtime.services[-1]
