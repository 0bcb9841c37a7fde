"""The places where Alibaba Cloud's tools look for credentials. The library reads its variables when it is imported, so
each case has an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.stub import Answer, Asked, StubServer, key_document, nowhere

ROLE = "acs:ram::123456789012:role/airflow"
PROVIDER = "acs:ram::123456789012:oidc-provider/ack-rrsa-c1"
ASK = """
import json, sys
from airflow_provider_pai.client.credentials.sources import DefaultChain
from airflow_provider_pai.client.credentials.factory import request_credentials
from airflow_provider_pai.errors import PAIError
import threading
try:
    lease = request_credentials(DefaultChain(sys.argv[1]))
    keys = lease.keys
    outcome = [keys.access_key_id, keys.access_key_secret, keys.security_token, lease.expires]
except PAIError as error:
    outcome = [type(error).__name__, str(error)]
print(json.dumps([outcome, threading.active_count()]))
"""
ORDER = """
import json
from alibabacloud_credentials.provider import DefaultCredentialsProvider
chain = DefaultCredentialsProvider()._DefaultCredentialsProvider__providers_chain
print(json.dumps([type(provider).__name__ for provider in chain]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def run(program: str, home: Path, *arguments: str, **variables: str) -> Any:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")}
    environment = {**kept, "HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr == "", "the library is silent"
    return json.loads(done.stdout)


def ask(home: Path, sts_url: str = "http://127.0.0.1:1", *, ecs: str = "true", **variables: str) -> list[Any]:
    outcome, threads = run(ASK, home, sts_url, ALIBABA_CLOUD_ECS_METADATA_DISABLED=ecs, **variables)
    assert threads == 1, "nothing runs in the background"
    return list(outcome)


def test_variables_come_first(home: Path) -> None:
    variables = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "hunter2"}
    assert ask(home, **variables) == ["LTAI", "hunter2", None, None]
    assert ask(home, ALIBABA_CLOUD_SECURITY_TOKEN="token", **variables) == ["LTAI", "hunter2", "token", None]


def test_then_comes_the_role_of_a_pod(home: Path) -> None:
    def sts(asked: Asked) -> Answer:
        return 200, {"Credentials": key_document(asked.query["OIDCToken"])}

    (home / "token").write_text("oidc-token")
    variables = {
        "ALIBABA_CLOUD_ROLE_ARN": ROLE,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": PROVIDER,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(home / "token"),
    }
    with StubServer(sts) as server:
        assert ask(home, server.url, **variables)[:3] == ["STS.id", "hunter2", "oidc-token"]


def test_then_comes_the_profile_of_the_cli(home: Path) -> None:
    profile = {"name": "mine", "mode": "AK", "access_key_id": "LTAI-cli", "access_key_secret": "hunter2"}
    (home / ".aliyun").mkdir()
    (home / ".aliyun" / "config.json").write_text(json.dumps({"current": "mine", "profiles": [profile]}))
    assert ask(home) == ["LTAI-cli", "hunter2", None, None]


def test_then_comes_the_profile_of_the_sdks(home: Path) -> None:
    (home / ".alibabacloud").mkdir()
    text = "[default]\ntype = access_key\naccess_key_id = LTAI-ini\naccess_key_secret = hunter2\n"
    (home / ".alibabacloud" / "credentials.ini").write_text(text)
    assert ask(home) == ["LTAI-ini", "hunter2", None, None]


def test_a_service_of_ones_own_comes_last(home: Path) -> None:
    with StubServer(lambda _: (200, key_document())) as server:
        outcome = ask(home, ALIBABA_CLOUD_CREDENTIALS_URI=server.url)
    assert outcome == ["STS.id", "hunter2", "token-1", 4_070_908_800]


def test_where_nothing_is_every_place_is_named(home: Path) -> None:
    kind, text = ask(home)
    assert kind == "CredentialsError"
    assert "there are none in 3 places: environment variables ALIBABA_CLOUD_ACCESS_KEY_ID" in text
    assert "profile of the aliyun CLI" in text
    assert "Check credential_type of the Airflow connection" in text


def test_a_place_that_may_answer_later_is_worth_another_try(home: Path) -> None:
    kind, text = ask(home, ALIBABA_CLOUD_CREDENTIALS_URI=f"{nowhere()}/?token=hunter2")
    assert kind == "TransportError"
    assert "hunter2" not in text


def test_the_order_is_the_librarys(home: Path) -> None:
    """When the library learns of another place, this says so."""
    everything = {
        "ALIBABA_CLOUD_ROLE_ARN": ROLE,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": PROVIDER,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/token",
        "ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:1",
    }
    assert run(ORDER, home, **everything) == [
        "EnvironmentVariableCredentialsProvider",
        "OIDCRoleArnCredentialsProvider",
        "CLIProfileCredentialsProvider",
        "ProfileCredentialsProvider",
        "EcsRamRoleCredentialsProvider",
        "URLCredentialsProvider",
    ]
