"""What every script here begins and ends with: alipai's session with a local PAI, and what the script found.

alipai is unmodified. It builds the host of each service from the region and always speaks https, so the session is
given the clients it would make, with endpoint and protocol changed, before it makes them itself.
"""

import json
import sys
from pathlib import Path
from typing import Any

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_tea_openapi.models import Config
from pai.api.client_factory import ClientFactory
from pai.common.utils import http_user_agent
from pai.session import Session, setup_default_session


def given() -> dict[str, Any]:
    """Read what the test gave: ``ready`` (where local PAI answers), ``result`` (file to write), and more."""
    return json.load(sys.stdin)


def connected(ready: dict[str, str]) -> Session:
    """Return alipai's default session; a bucket is not given, so it is the one of the workspace's default storage."""
    session = setup_default_session(
        access_key_id=ready["access_key_id"],
        access_key_secret=ready["access_key_secret"],
        security_token=ready.get("security_token"),
        region_id=ready["region_id"],
        workspace_id=ready["workspace_id"],
        oss_endpoint=ready["oss"],
    )
    for name, client in ClientFactory.ClientByServiceName.items():
        session.acs_client_container[name] = client(
            Config(
                credential=CredentialClient(session.credential_config),
                region_id=ready["region_id"],
                endpoint=ready["api"][len("http://") :],
                protocol="http",
                signature_algorithm="v2",
                user_agent=http_user_agent(),
            )
        )
    return session


def give(asked: dict[str, Any], **found: Any) -> None:
    """Write down what the script found, for the test to judge."""
    Path(asked["result"]).write_text(json.dumps(found), encoding="utf-8")
