"""Temporary credentials, asked for and used by the vendor's unmodified libraries."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import oss2
import pytest
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_paistudio20220112 import models as pai_models
from alibabacloud_paistudio20220112.client import Client as TrainingClient
from alibabacloud_tea_openapi.client import Client as OpenApiClient
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import OpenApiRequest, Params
from alibabacloud_tea_util.models import RuntimeOptions

from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.contract.conftest import sdk_config
from tests.support.waits import PATIENCE

ROLE = "acs:ram::1234567890123456:role/trainer"


def ask(pai: LocalPAI, action: str, query: dict[str, str] | None = None, **config: str) -> dict[str, object]:
    """Send an RPC request as every product of the vendor's SDK does."""
    params = Params(
        action=action,
        version="2015-04-01",
        protocol="HTTPS",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    client = OpenApiClient(sdk_config(pai.ready, **config))
    body: dict[str, object] = client.call_api(params, OpenApiRequest(query=query or {}), RuntimeOptions())["body"]
    return body


def assumed(pai: LocalPAI, name: str = "tests") -> dict[str, str]:
    """Return temporary credentials as an SDK's configuration takes them."""
    given = ask(pai, "AssumeRole", {"RoleArn": ROLE, "RoleSessionName": name})["Credentials"]
    assert isinstance(given, dict)
    return {
        "access_key_id": given["AccessKeyId"],
        "access_key_secret": given["AccessKeySecret"],
        "security_token": given["SecurityToken"],
    }


@pytest.fixture
def moved(local_pai: LocalPAI) -> Iterator[LocalPAI]:
    """Local PAI whose clock is put right again afterwards."""
    yield local_pai
    local_pai.clock.move_to(timedelta())


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["ACS3", "RPC"])
def test_the_official_client_asks_who_it_is(local_pai: LocalPAI, scheme: dict[str, str]) -> None:
    assert ask(local_pai, "GetCallerIdentity", **scheme)["IdentityType"] == "RAMUser"
    identity = ask(local_pai, "GetCallerIdentity", **scheme, **assumed(local_pai))
    assert identity["Arn"] == "acs:sts::1234567890123456:assumed-role/trainer/tests"


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["ACS3", "RPC"])
def test_the_official_client_assumes_a_role(local_pai: LocalPAI, scheme: dict[str, str]) -> None:
    query = {"RoleArn": ROLE, "RoleSessionName": "tests", "DurationSeconds": "900"}
    assert "Credentials" in ask(local_pai, "AssumeRole", query, **scheme)
    with pytest.raises(ClientException) as refused:
        ask(local_pai, "AssumeRole", {**query, "RoleArn": "trainer"}, **scheme)
    assert refused.value.code == "InvalidParameter.RoleArn"


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["ACS3", "before ACS3"])
def test_the_official_clients_work_with_temporary_credentials(moved: LocalPAI, scheme: dict[str, str]) -> None:
    keys = assumed(moved)
    client = TrainingClient(sdk_config(moved.ready, **scheme, **keys))
    asked = pai_models.ListTrainingJobsRequest(workspace_id=moved.ready.workspace_id)
    assert client.list_training_jobs(asked).body.training_jobs is not None
    other = TrainingClient(
        sdk_config(moved.ready, **scheme, **{**keys, "security_token": assumed(moved)["security_token"]})
    )
    with pytest.raises(ClientException) as refused:
        other.list_training_jobs(asked)
    assert refused.value.code == "InvalidSecurityToken.MismatchWithAccessKey"


@pytest.mark.parametrize("version", [oss2.AUTH_VERSION_1, oss2.AUTH_VERSION_4])
def test_oss_takes_temporary_credentials_until_they_end(moved: LocalPAI, version: str) -> None:
    ready, keys = moved.ready, assumed(moved)
    auth = oss2.StsAuth(*keys.values(), auth_version=version)
    bucket = oss2.Bucket(auth, ready.oss, ready.bucket, region=ready.region_id)
    bucket.put_object("sts/a b.txt", b"content")
    assert bucket.get_object("sts/a b.txt").read() == b"content"
    url = bucket.sign_url("GET", "sts/a b.txt", 60, slash_safe=True)
    assert oss2.Session().session.get(url, timeout=PATIENCE).content == b"content"
    moved.clock.move_to(timedelta(hours=1, seconds=1))
    late = oss2.Bucket(auth, ready.oss, ready.bucket, region=ready.region_id)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        late.get_object("sts/a b.txt")
    # The client's own clock is an hour behind now; a token's end is reported before that.
    assert (refused.value.status, refused.value.code) == (403, "SecurityTokenExpired")


def test_oss_refuses_a_temporary_key_without_its_token(local_pai: LocalPAI) -> None:
    ready, keys = local_pai.ready, assumed(local_pai)
    bucket = oss2.Bucket(oss2.Auth(keys["access_key_id"], keys["access_key_secret"]), ready.oss, ready.bucket)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("sts/a b.txt")
    assert refused.value.code == "InvalidAccessKeyId"


def credentials_of_role(pai: LocalPAI, **more: str) -> CredentialClient:
    """The vendor's credentials library says https, unless its STS endpoint says otherwise."""
    return CredentialClient(
        CredentialConfig(
            type="ram_role_arn",
            access_key_id=pai.ready.access_key_id,
            access_key_secret=pai.ready.access_key_secret,
            role_session_name="airflow",
            sts_endpoint=pai.ready.api,
            **{"role_arn": ROLE, **more},
        )
    )


def test_the_credentials_library_assumes_a_role(local_pai: LocalPAI) -> None:
    local_pai.faults.reset_counts()
    client = credentials_of_role(local_pai)
    keys = client.get_credential()
    assert client.get_credential().access_key_id == keys.access_key_id
    assert local_pai.faults.counts() == {"AssumeRole": 1}
    identity = ask(
        local_pai,
        "GetCallerIdentity",
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
    )
    assert identity["Arn"] == "acs:sts::1234567890123456:assumed-role/trainer/airflow"


def test_the_credentials_library_reads_a_refusal(local_pai: LocalPAI) -> None:
    with pytest.raises(CredentialException, match=r"InvalidParameter\.RoleArn"):
        credentials_of_role(local_pai, role_arn="trainer").get_credential()


def test_a_fault_of_sts_can_be_asked_for(local_pai: LocalPAI) -> None:
    local_pai.faults.add(Fault("AssumeRole", FaultKind.ERROR))
    with pytest.raises(CredentialException, match="http_code: 503"):
        credentials_of_role(local_pai).get_credential()
    assert credentials_of_role(local_pai).get_credential().security_token


def test_temporary_credentials_outlive_a_restart_and_end_with_a_reset(tmp_path: Path) -> None:
    with LocalPAI(tmp_path, slots=1, sandbox=Mode.PLAIN) as first:
        keys = assumed(first)
    with LocalPAI(tmp_path, slots=1, sandbox=Mode.PLAIN) as second:
        assert ask(second, "GetCallerIdentity", **keys)["IdentityType"] == "AssumedRoleUser"
        second.reset()
        with pytest.raises(ClientException) as refused:
            ask(second, "GetCallerIdentity", **keys)
    assert refused.value.code == "InvalidAccessKeyId.NotFound"
    modes = {stat.S_IMODE(kept.stat().st_mode) for kept in tmp_path.glob("records.sqlite3*")}
    assert modes == {0o600}
