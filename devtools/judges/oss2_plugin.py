"""Pytest plugin of the vendor's OSS suite: sends its requests to local OSS, and notes what each test was refused.

It is loaded into the environment of the suite, which has no Airflow and none of this package.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
import urllib3.util.connection

_REGION_HOST = f"oss-{os.environ['OSS_TEST_REGION']}.aliyuncs.com"
_TARGET = ("127.0.0.1", int(os.environ["LOCAL_OSS_PORT"]))
_RESULTS = Path(os.environ["SUITE_RESULTS"])
_UNSUPPORTED = "Local OSS does not implement "

_refused: list[str] = []
_connect = socket.create_connection


def _redirected(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
    """Connect to local OSS when the region's OSS is asked for over HTTP; nothing else can be reached."""
    host, port = address
    if port == 80 and (host == _REGION_HOST or host.endswith(f".{_REGION_HOST}")):
        return _connect(_TARGET, *args[:1], **{name: kwargs[name] for name in kwargs if name == "timeout"})
    if host in ("localhost", "127.0.0.1"):
        return _connect(address, *args, **kwargs)
    raise ConnectionRefusedError(f"only {_REGION_HOST} over HTTP can be reached here, not {host}:{port}")


def pytest_configure() -> None:
    """Redirect connections and watch refusals."""
    socket.create_connection = _redirected  # type: ignore[assignment]
    urllib3.util.connection.create_connection = _redirected
    make = oss2.exceptions.make_exception

    def noted(response: Any) -> Exception:
        error: Exception = make(response)
        details = getattr(error, "details", {})
        message = str(details.get("Message", "")) if isinstance(details, dict) else ""
        if message.startswith(_UNSUPPORTED):
            _refused.append(message.removeprefix(_UNSUPPORTED).rstrip("."))
        return error

    oss2.exceptions.make_exception = noted
    oss2.api.exceptions.make_exception = noted


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Forget what the test before was refused."""
    _refused.clear()
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Write one line for each phase of a test."""
    outcome = yield
    report = outcome.get_result()
    line = {
        "test": item.nodeid,
        "when": report.when,
        "outcome": report.outcome,
        "seconds": round(report.duration, 2),
        "refused": list(dict.fromkeys(_refused)),
        "error": str(call.excinfo.value)[:400] if call.excinfo else "",
    }
    with (_RESULTS / f"{os.getpid()}.jsonl").open("a") as out:
        out.write(json.dumps(line) + "\n")
