"""Services that run, and what their instances see."""

from __future__ import annotations

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.serving import Build


@pytest.mark.parametrize("mode", list(Mode))
def test_a_service_answers_through_the_door(build: Build, mode: Mode) -> None:
    house = build(mode)
    house.create("svc", house.config(env=[{"name": "ANSWER", "value": "hello"}]))
    service = house.until("svc", "Running")
    assert (service.seen.version, service.seen.running, service.seen.pending) == (1, 1, 0)
    answer = house.ask("svc", "/v1/x%20y?q=1&q=2", "POST", data="body")
    assert (answer.status_code, answer.text) == (200, "hello POST /v1/x%20y?q=1&q=2 body")
    assert house.keeper.lines("svc")[-1] == "it serves"
