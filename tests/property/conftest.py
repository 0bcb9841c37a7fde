"""A PAI that refuses everything, for arguments that must not reach it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.stub import Asked, StubServer


def refusing(_: Asked) -> tuple[int, Any]:
    return 403, {"Code": "Forbidden.RAM", "Message": "no right", "RequestId": "ID"}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    """A PAI that refuses everything, and the connection to it."""
    with StubServer(refusing) as server:
        extra = {"region_id": "cn-hangzhou", "workspace_id": "1", "bucket": "bucket", "endpoint": server.url}
        connection = {
            "conn_type": "pai",
            "login": "KEY",
            "password": "S",
            "extra": {**extra, "oss_endpoint": server.url},
        }
        monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", json.dumps(connection))
        yield server
