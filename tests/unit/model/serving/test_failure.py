"""Why a service does not come up, and the next step, from what servers, Kubernetes and EAS say."""

from __future__ import annotations

import pytest

from airflow_provider_pai.model.serving.failure import DEFAULT_ADVICE, ServiceFailureDetails, diagnose, readiness
from airflow_provider_pai.model.serving.status import ServiceSnapshot

CRASH = "t BackOff: Back-off restarting failed container"
PROBE = "t Unhealthy: Readiness probe failed: dial tcp 10.0.0.5:8000: connect: connection refused"


@pytest.mark.parametrize(
    "line",
    [
        "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "[2026-11-30 05:00:00 +0000] [7] [INFO] Listening at: http://127.0.0.1:8000 (7)",
        " * Running on http://127.0.0.1:8000",
        "Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...",
        "INFO:waitress:Serving on http://localhost:8000",
        "Running on local URL:  http://127.0.0.1:8000",
        "Server is listening on [::1]:8000",
    ],
)
def test_the_advice_for_a_server_on_loopback_is_to_listen_on_all_addresses(line: str) -> None:
    found = diagnose(ServiceFailureDetails(output=("loading", line)), 8000)
    assert "where EAS does not reach it" in found.cause
    assert "listen on 0.0.0.0, port 8000" in found.advice


@pytest.mark.parametrize(
    "line",
    [
        "INFO:     Uvicorn running on http://0.0.0.0:5000 (Press CTRL+C to quit)",
        " * Running on http://127.0.0.1:5000",
        "Serving HTTP on 0.0.0.0 port 5000 (http://0.0.0.0:5000/) ...",
        "INFO 11-30 05:00:00 api_server.py:1] Starting vLLM API server 0 on http://0.0.0.0:5000",
    ],
)
def test_the_diagnosis_of_a_server_on_another_port_names_both_ports(line: str) -> None:
    found = diagnose(ServiceFailureDetails(output=(line,)), 8000)
    assert found.cause == "its server listens on port 5000, but the port of the service is 8000"
    assert "port=5000" in found.advice


@pytest.mark.parametrize(
    "line",
    [
        "INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
        "loaded 127.0.0.1:5000 from the configuration",
        "connected to redis at 10.0.0.7:6379",
        "epoch 3: 12:30:5000",
    ],
)
def test_other_lines_are_no_address_of_the_server(line: str) -> None:
    assert diagnose(ServiceFailureDetails(output=(line,)), 8000).cause == ""


@pytest.mark.parametrize(
    ("warnings", "output", "cause", "advice"),
    [
        (["t Failed: Back-off pulling image: ImagePullBackOff"], [], "its image can't be pulled", "image_uri"),
        (["t FailedMount: oss://b/m/ can't be mounted"], [], "can't be mounted", "model_uri"),
        (["t OOMKilling: OOMKilled"], ["Killed"], "needs more memory", "memory"),
        (["t FailedScheduling: Insufficient nvidia.com/gpu"], [], "there is no machine", "instance_type"),
        (["t PrepareFailed: no such package"], [], "requirements", "requirements"),
        ([CRASH], ["Traceback:", "ModuleNotFoundError: No module named 'x'"], "No module named 'x'", "requirements"),
        ([CRASH], ["ValueError: bad model", "[instance ended with exit code 1]"], "ValueError", "Fix the program"),
        ([PROBE], [], "connection refused", "0.0.0.0"),
        ([], [], "", DEFAULT_ADVICE),
    ],
)
def test_each_says_the_real_thing_and_the_next_step(
    warnings: list[str], output: list[str], cause: str, advice: str
) -> None:
    found = diagnose(ServiceFailureDetails(tuple(warnings), tuple(output)), 8000)
    assert cause in found.cause
    assert advice in found.advice


def test_eas_own_diagnosis_is_shown_when_there_is_no_other() -> None:
    found = diagnose(ServiceFailureDetails(diagnosis="the gateway is full\ncause: x"), 0)
    assert found.cause == "EAS says: the gateway is full"


def test_how_a_service_is_says_how_many_instances_are_ready() -> None:
    seen = ServiceSnapshot("iris", "Waiting", current_version=1, total_instances=2, message="being made")
    assert readiness(seen) == "is Waiting, 0 of 2 instances ready (being made)"
    assert readiness(None) == "can't be read"
