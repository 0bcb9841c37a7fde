"""Why a service does not come up, and the next step, from what servers, Kubernetes and EAS say."""

from __future__ import annotations

import pytest

from airflow_provider_pai.model.serving.failure import DEFAULT_ADVICE, ServiceFailureDetails, diagnose, readiness
from airflow_provider_pai.model.serving.status import ServiceSnapshot

CRASH = "t BackOff: Back-off restarting failed container"
HTTP = "t Unhealthy: Readiness probe failed: HTTP probe failed with statuscode:"
UNREADY = "t Unhealthy: Readiness probe failed: instance a runs, but"
READY = "INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)"
LOOPBACK = "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)"
MODEL = "/eas/workspace/model/model.pkl"
PROBE = "t Unhealthy: Readiness probe failed: dial tcp 10.0.0.5:8000: connect: connection refused"


def failing(exception: str) -> list[str]:
    return ["Traceback (most recent call last):", '  File "/code/app.py", line 3, in <module>', "    x()", exception]


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
        ([CRASH], ["Traceback:", "ModuleNotFoundError: No module named 'x'"], "no module x", "requirements"),
        ([CRASH], failing("KeyError: 'x'"), "KeyError: 'x' (app.py, line 3)", "Fix the program"),
        ([CRASH], ["ImportError: x is optional", *failing("KeyError: 'a'")], "KeyError: 'a'", "Fix the program"),
        ([CRASH], [LOOPBACK, *failing("KeyError: 'a'")], "KeyError: 'a'", "Fix the program"),
        ([CRASH], failing(f"FileNotFoundError: [Errno 2] No such file: '{MODEL}'"), f"no file {MODEL}", "model_uri"),
        ([CRASH], failing("torch.OutOfMemoryError: CUDA out of memory."), "GPU's memory", "GPU memory"),
        ([CRASH], ["ERROR:    [Errno 98] ('0.0.0.0', 8000): address already in use"], "port is in use", "another port"),
        (
            [CRASH],
            ['ERROR:    Error loading ASGI app. Could not import module "main".'],
            "no module main",
            "source_dir",
        ),
        ([f"{CRASH} ended with exit code 0"], ["done"], "ends without an error", "foreground"),
        ([f"{CRASH} ended with exit code 1"], [], "exit code 1", "Fix the program"),
        ([f"{CRASH} ended with exit code 127"], ["sh: 1: gunicorn: not found"], "gunicorn is not in", "spelling"),
        ([f"{CRASH} ended with exit code 137"], [], "needs more memory", "memory"),
        ([f"{CRASH} ended with exit code 139"], [], "segmentation fault", "library"),
        ([CRASH], [], "prints no error", "Fix the program"),
        ([f"{HTTP} 500"], [READY], "gets HTTP 500", "Fix what the server answers"),
        ([f"{HTTP} 404"], [READY], "gets HTTP 404", "health_check"),
        ([PROBE], ["Prometheus metrics at http://0.0.0.0:9090 are up"], "no answer at port 8000", "startup_timeout"),
        ([PROBE], ["WARNING: CUDA out of memory, retry succeeded"], "no answer at port 8000", "startup_timeout"),
        (['t Failed: Failed to pull image "a": unauthorized', "t ErrImagePull"], [], "refuses EAS", "dockerAuth"),
        (['t Failed: Failed to pull image "a": manifest unknown'], [], "no such image", "tag"),
        (['t Failed: pulling image "a": lookup r: no such host'], [], "can't be reached", "registry"),
        (["t FailedCreate: OperationDenied.NoStock"], [], "no machine", "instance_type"),
        (["t FailedCreate: exceeded quota: gpu"], [], "the quota", "more quota"),
        (["t FailedCreate: the account is in arrears"], [], "in arrears", "bills"),
        (["t FailedScheduling: Insufficient cpu", "t Pulled: a", CRASH], failing("KeyError: 'a'"), "KeyError", "Fix"),
        (["t FailedMount: timed out", PROBE], [], "no answer at port 8000", "0.0.0.0"),
        (
            [f"{UNREADY} its server listens, but its health check at /h of port 8000 does not succeed"],
            [],
            "health",
            "path",
        ),
        (
            ["t PrepareFailed: pip: WARNING: a is ignored | ERROR: No matching distribution found for y"],
            [],
            "of y",
            "version",
        ),
        (["t PrepareFailed: ERROR: No matching distribution found for x==9"], [], "no version of x==9", "version"),
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


@pytest.mark.parametrize("line", ["ModuleNotFoundError: No module named 'x'", "PermissionError: [Errno 13]: '/a'"])
def test_no_advice_names_an_argument_that_only_jobs_have(line: str) -> None:
    advice = diagnose(ServiceFailureDetails((CRASH,), tuple(failing(line))), 8000).advice
    assert not any(word in advice for word in ("$PAI_", "inputs", "instance_spec", "hyperparameters"))
