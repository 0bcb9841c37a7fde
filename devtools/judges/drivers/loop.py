"""What all drivers of Python share: a line of JSON asks for an operation, a line answers.

``{"do": "put", "key": ...}`` is answered with ``{"ok": value}``, ``{"error": code}`` or ``{"lacks": true}`` when the
client has no such operation. Bytes travel as base64.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What a client gets to know, which is no more than it needs in the cloud.

    Attributes:
        endpoint: base URL of OSS.
        region: the region's id.
        bucket: name of the bucket.
        key_id: id of the access key.
        secret: its secret.
        flavour: which of a driver's clients.
    """

    endpoint: str
    region: str
    bucket: str
    key_id: str
    secret: str
    flavour: str = ""


class Lacks(Exception):
    """The client has no such operation."""


def read_settings() -> Settings:
    """Return what the command line says."""
    return Settings(**json.loads(sys.argv[1]))


def text(content: bytes) -> str:
    """Return bytes as they travel."""
    return base64.b64encode(content).decode()


def content(asked: Mapping[str, Any], name: str = "body") -> bytes:
    """Return the bytes of a request."""
    return base64.b64decode(asked[name])


def answer_requests(client: object, code_of: Callable[[Exception], str]) -> None:
    """Carry out what is asked for until there is no more.

    Args:
        client: has a method for each operation, named like it with ``do_`` before.
        code_of: OSS's code of an error of the client.
    """
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_answer(client, asked, code_of)), flush=True)


def _answer(client: object, asked: dict[str, Any], code_of: Callable[[Exception], str]) -> dict[str, Any]:
    operation = getattr(client, f"do_{asked['do']}", None)
    if operation is None:
        return {"lacks": True}
    try:
        return {"ok": operation(asked)}
    except Lacks:
        return {"lacks": True}
    except Exception as error:  # a client's errors are of many kinds, and each is an answer
        return {"error": code_of(error)[:300]}
