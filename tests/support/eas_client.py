"""What tests ask of the vendor's own client for EAS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import alibabacloud_eas20210701.models as models
import pytest
from alibabacloud_eas20210701.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

REGION = "cn-hangzhou"
IMAGE = "eas-registry-vpc.cn-hangzhou.cr.aliyuncs.com/pai-eas/python-inference:py39-ubuntu2004"


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


def update(eas: Client, name: str, body: dict[str, Any] | str, kind: str | None = None) -> None:
    eas.update_service(REGION, name, models.UpdateServiceRequest(body=body, update_type=kind))


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    """Return status and code of the SDK's error."""
    with pytest.raises(ClientException) as error:
        call()
    return error.value.status_code, error.value.code


def describe(eas: Client, name: str) -> models.Service:
    return eas.describe_service(REGION, name).body
