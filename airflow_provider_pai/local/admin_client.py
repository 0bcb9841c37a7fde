"""How a command reaches the server that serves from a folder: through its admin routes, with the folder's token."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 120


class CommandError(Exception):
    """A command can't be carried out; the text is the line to show."""


def server_address(home: Path) -> dict[str, Any]:
    """Return where the server of a folder answers; empty when none runs.

    Raises:
        CommandError: one is starting or stopping.
    """
    from airflow_provider_pai.local.home import is_in_use, read_address

    address = read_address(home)
    if not address and is_in_use(home):
        raise _busy_error(home, "it has no address")
    return address


def call_admin(
    home: Path, api: str, method: str, control: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Ask the running server through its admin routes, and return its answer; no proxy has anything to do with it.

    Args:
        home: the server's folder.
        api: where it answers.
        method: the HTTP method.
        control: path and query below ``/_local/``.
        body: what is sent; None for nothing.

    Raises:
        CommandError: it refuses, or is starting or stopping.
    """
    from airflow_provider_pai.local.home import read_admin_token

    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=_SECONDS)
    content = None if body is None else json.dumps(body)
    try:
        headers = {"Authorization": f"Bearer {read_admin_token(home)}"}
        connection.request(method, f"/_local/{control}", content, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _busy_error(home, f"it did not answer as it should: {type(error).__name__}") from error
    finally:
        connection.close()
    if response.status in (400, 404) and isinstance(answer, dict) and answer.get("Message"):
        raise CommandError(str(answer["Message"]))
    if response.status != http.client.OK or not isinstance(answer, dict):
        raise _busy_error(home, f"it answered with HTTP status {response.status}")
    return answer


def _busy_error(home: Path, why: str) -> CommandError:
    return CommandError(f"the local PAI in {home} is starting or stopping; try again ({why})")
