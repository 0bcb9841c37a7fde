"""The vendor's own clients, unmodified: only endpoint, protocol and keys are set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
import pytest
from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient
from alibabacloud_eas20210701.client import Client as EasClient
from alibabacloud_pai_dlc20201203.client import Client as DlcClient
from alibabacloud_paistudio20220112.client import Client as TrainingClient
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from alibabacloud_tea_util.models import RuntimeOptions

from tests.support.jobs import Jobs

if TYPE_CHECKING:
    from airflow_provider_pai.local.server import LocalPAI
    from airflow_provider_pai.local.server_info import ServerInfo


def sdk_config(ready: ServerInfo, **changed: str) -> Config:
    """Return the configuration of an official client for a local PAI."""
    keys = {"access_key_id": ready.access_key_id, "access_key_secret": ready.access_key_secret, **changed}
    return Config(endpoint=ready.api.removeprefix("http://"), protocol="http", region_id=ready.region_id, **keys)


def share(eas: EasClient, group: str, mode: str) -> None:
    """Say how a service group shares its traffic: UpdateGroup, which the client has no method for."""
    path = f"/api/v2/groups/{eas._region_id}/{group}"
    operation = Params(
        action="UpdateGroup",
        version="2021-07-01",
        protocol="HTTPS",
        pathname=path,
        method="PUT",
        auth_type="AK",
        style="ROA",
        req_body_type="json",
        body_type="json",
    )
    eas.call_api(operation, OpenApiRequest(headers={}, body={"TrafficMode": mode}), RuntimeOptions())


@pytest.fixture(scope="session")
def training(local_pai: LocalPAI) -> TrainingClient:
    return TrainingClient(sdk_config(local_pai.ready))


@pytest.fixture(scope="session")
def workspaces(local_pai: LocalPAI) -> WorkspaceClient:
    return WorkspaceClient(sdk_config(local_pai.ready))


@pytest.fixture(scope="session")
def dlc(local_pai: LocalPAI) -> DlcClient:
    return DlcClient(sdk_config(local_pai.ready))


@pytest.fixture(scope="session")
def bucket(local_pai: LocalPAI) -> oss2.Bucket:
    ready = local_pai.ready
    auth = oss2.Auth(ready.access_key_id, ready.access_key_secret)
    return oss2.Bucket(auth, ready.oss, ready.bucket)


@pytest.fixture(scope="session")
def jobs(local_pai: LocalPAI, training: TrainingClient) -> Jobs:
    return Jobs(local_pai, training)
