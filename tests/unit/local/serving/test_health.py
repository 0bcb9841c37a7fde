"""Why an instance that runs can't have requests, in words."""

from __future__ import annotations

from typing import Any, cast

import pytest

from airflow_provider_pai.local.serving.health import HealthCheck, explain_unready


class Listening:
    """A connector to an instance that listens on some addresses."""

    def __init__(self, *found: tuple[str, int]) -> None:
        self._found = [*found]

    def listening(self) -> list[tuple[str, int]]:
        return self._found


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "nothing listens on port 8000 of the instance"),
        ([("127.0.0.1", 8000)], "its server listens on 127.0.0.1:8000 only"),
        ([("::1", 8000)], "its server listens on ::1:8000 only"),
        ([("0.0.0.0", 5000)], "its server listens on port 5000, but the port of the service is 8000"),
        ([("127.0.0.1", 5000), ("::", 6000)], "its server listens on port 5000, 6000, but the port of the service"),
        ([("0.0.0.0", 8000)], "its server listens, but its health check of port 8000 does not succeed"),
        ([("::", 8000), ("127.0.0.1", 8000)], "its server listens, but its health check of port 8000"),
    ],
)
def test_the_address_of_the_server_is_what_is_named(found: list[tuple[str, int]], said: str) -> None:
    assert said in explain_unready(cast(Any, Listening(*found)), HealthCheck.of_port(8000))


def test_a_health_check_over_http_is_named_by_its_path() -> None:
    check = HealthCheck(8000, "/health")
    assert "at /health of port 8000" in explain_unready(cast(Any, Listening(("0.0.0.0", 8000))), check)
