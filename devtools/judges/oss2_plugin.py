"""Pytest plugin of the vendor's OSS suite: sends its requests to local OSS, and notes what each test was refused.

It is loaded into the environment of the suite, which has no Airflow and none of this package.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3.util.connection

_PORTS: dict[str, int] = json.loads(os.environ["LOCAL_OSS_PORTS"])
"""Port of local OSS by the host of the region that it plays."""
_RESULTS = Path(os.environ["SUITE_RESULTS"])
_DISTANCE = 0.005
"""Seconds within which no region's OSS can be connected to; local OSS at times can."""
_UNSUPPORTED = re.compile(rb"Local OSS does not implement ([^<]*)\.<")

_refused: list[str] = []
_connect = socket.create_connection
_choose = random.choice
_send = requests.Session.send


def _redirected(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
    """Connect to local OSS when a region's OSS is asked for over HTTP; nothing else can be reached."""
    host, port = address
    for region_host, local_port in _PORTS.items():
        if port == 80 and (host == region_host or host.endswith(f".{region_host}")):
            timeout = kwargs.get("timeout", args[0] if args else None)
            if isinstance(timeout, int | float) and timeout < _DISTANCE:
                raise TimeoutError("timed out")
            return _connect(("127.0.0.1", local_port), timeout)
    if host in ("localhost", "127.0.0.1"):
        return _connect(address, *args[:1], **{name: kwargs[name] for name in kwargs if name == "timeout"})
    raise ConnectionRefusedError(f"only OSS over HTTP can be reached here, not {host}:{port}")


def _noted(session: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
    """Send a request, and note what local OSS does not implement of it."""
    response = _send(session, request, **kwargs)
    if response.status_code >= 400:
        body = response.content or base64.b64decode(response.headers.get("x-oss-err", ""))
        _refused.extend(found.decode() for found in _UNSUPPORTED.findall(body))
    return response


def _without_kms(options: Any) -> Any:
    """Choose as the suite does, but of two kinds of encryption the one that needs no account's key."""
    kept = [each for each in options if type(getattr(each, "crypto_provider", None)).__name__ != "AliKMSProvider"]
    return _choose(kept if len(kept) < len(options) else options)


def pytest_configure() -> None:
    """Redirect connections, watch answers, and choose what can be had here."""
    random.choice = _without_kms  # type: ignore[assignment]
    socket.create_connection = _redirected  # type: ignore[assignment]
    urllib3.util.connection.create_connection = _redirected
    requests.Session.send = _noted  # type: ignore[assignment,method-assign]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Forget what the test before was refused; what a test leaves to chance is the same in each run."""
    _refused.clear()
    random.seed(item.nodeid)
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Write one line for each phase of a test."""
    outcome = yield
    report = outcome.get_result()
    line = {
        "test": item.nodeid,
        "outcome": report.outcome,
        "seconds": round(report.duration, 2),
        "refused": list(_refused),
        "error": str(call.excinfo.value)[:300] if call.excinfo else "",
    }
    with (_RESULTS / f"{os.getpid()}.jsonl").open("a") as out:
        out.write(json.dumps(line) + "\n")
