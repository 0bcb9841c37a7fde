"""How local PAI answers: the JSON of PAI's services and the shape of their errors."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

CONTENT_TYPE = "application/json;charset=utf-8"


class ErrorResponse(Exception):
    """A request is refused the way the service refuses it.

    Attributes:
        status: HTTP status.
        code: the service's error code.
        message: what it says.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON object; members that are None are left out, as PAI leaves them out."""
    request_id = str(uuid.uuid4()).upper()
    present = {name: value for name, value in body.items() if value is not None}
    content = json.dumps({"RequestId": request_id, **present}, ensure_ascii=False).encode()
    return Response(content, status, {**(headers or {}), "x-acs-request-id": request_id}, CONTENT_TYPE)


def error_response(error: ErrorResponse, host: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an error in the gateway's shape."""
    body = {"Code": error.code, "Message": error.message, "HostId": host}
    return json_response(body, error.status, headers)
