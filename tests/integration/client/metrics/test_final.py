from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.client.metrics.final import LOG_PAGES, SERIES_PAGES, metric_series, whole_metrics
from airflow_provider_pai.client.metrics.safe_regex import last_texts
from airflow_provider_pai.errors import APIError, TransportError
from airflow_provider_pai.model.training.metric_series import Series
from airflow_provider_pai.model.training.metric_text import LONGEST_SEARCHED
from tests.support.log_server import JOB, LogServer

NO_ANSWER = TransportError("no answer", sent=True)
ACCURACY = {"accuracy": r"accuracy=(\S+)"}


def points(name: str, *values: float) -> list[dict[str, Any]]:
    return [
        {"Name": name, "Timestamp": f"2026-11-24T{number // 60:02}:{number % 60:02}:00Z", "Value": value}
        for number, value in enumerate(values)
    ]


class Ended:
    """A job that has succeeded, and what is reported of its metrics."""

    def __init__(self, server: LogServer, regexes: dict[str, str], **latest: float) -> None:
        definitions = [{"Name": name, "Regex": regex} for name, regex in regexes.items()]
        server.status = "Succeed"
        server.members |= {
            "AlgorithmSpec": {"MetricDefinitions": definitions},
            "LatestMetrics": [{"Name": name, "Value": value} for name, value in latest.items()],
        }
        self.server = server
        self.notified: list[str] = []
        self.warnings: list[str] = []

    def metrics(self) -> dict[str, float]:
        return whole_metrics(
            self.server,
            self.server.got(),
            self.notified.append,
            lambda text, *values: self.warnings.append(text % values),
        )


def test_metrics_of_pai_are_reported_without_reading_the_log() -> None:
    server = LogServer(3, points=points("accuracy", 0.5, 0.75))
    ended = Ended(server, ACCURACY, accuracy=0.75)
    assert ended.metrics() == {"accuracy": 0.75}
    assert ended.notified == ["Metric accuracy: first 0.5, last 0.75, min 0.5, max 0.75, count 2: 0.5 0.75"]
    assert server.actions == ["ListTrainingJobMetrics"]


def test_a_job_without_metrics_costs_no_request() -> None:
    server = LogServer(3)
    assert Ended(server, {}).metrics() == {}
    assert server.actions == []


def test_a_value_that_only_the_series_has_is_taken_from_there() -> None:
    assert Ended(LogServer(points=points("accuracy", 0.5, 0.75)), ACCURACY).metrics() == {"accuracy": 0.75}


def test_values_that_pai_does_not_have_are_read_from_the_log() -> None:
    server = LogServer(300)
    server.lines[100] = "accuracy=0.5"
    server.lines[120] = "loss 2.5 accuracy=0.25 accuracy=0.75"
    server.lines[250] = "loss 1.5"
    ended = Ended(server, {**ACCURACY, "loss": "loss ([0-9.]+)", "score": "(nothing)"}, score=1.0)
    assert ended.metrics() == {"score": 1.0, "accuracy": 0.75, "loss": 1.5}
    assert ended.notified == [
        "Metric loss: 1.5, from the log, because PAI has no value",
        "Metric accuracy: 0.75, from the log, because PAI has no value",
    ]
    assert ended.warnings == []


def test_the_newest_pages_of_a_log_are_read_first_and_no_more_than_needed() -> None:
    server = LogServer(1000)
    server.lines[900] = "accuracy=0.75"
    assert Ended(server, ACCURACY).metrics() == {"accuracy": 0.75}
    assert [request["PageNumber"] for request in server.requests] == ["1", "10"]


def test_a_metric_that_no_line_has_costs_a_bounded_number_of_requests() -> None:
    server = LogServer((LOG_PAGES + 50) * 100)
    ended = Ended(server, ACCURACY)
    assert ended.metrics() == {}
    assert len(server.requests) == LOG_PAGES + 1
    assert ended.warnings == ["Metrics without a value: accuracy"]


def test_of_several_instances_the_first_one_with_a_value_counts() -> None:
    server = LogServer(2, instances=3)
    server.logs[f"{JOB}-worker-0"].append("accuracy=0.5")
    server.logs[f"{JOB}-worker-1"].append("accuracy=0.25")
    assert Ended(server, ACCURACY).metrics() == {"accuracy": 0.5}


def test_a_log_that_cannot_be_read_fails_nothing() -> None:
    ended = Ended(LogServer(300, errors=[None, None, NO_ANSWER]), ACCURACY)
    assert ended.metrics() == {}
    assert ended.warnings == [
        f"Metrics of job {JOB} can't be read from its log (no answer)",
        "Metrics without a value: accuracy",
    ]


def test_series_that_cannot_be_read_leave_the_log() -> None:
    server = LogServer()
    server.lines = ["accuracy=0.5"]
    ended = Ended(server, ACCURACY)

    class Refusing:
        def send(self, call: Any, *, attempts: int | None = None) -> Any:
            if call.action == "ListTrainingJobMetrics":
                raise APIError(call.action, 403, "Forbidden", "no")
            return server.send(call, attempts=attempts)

    metrics = whole_metrics(
        Refusing(), server.got(), ended.notified.append, lambda text, *_: ended.warnings.append(text)
    )
    assert metrics == {"accuracy": 0.5}
    assert len(ended.warnings) == 1


def test_the_log_of_a_job_that_failed_is_not_searched() -> None:
    server = LogServer(300)
    ended = Ended(server, ACCURACY)
    server.status = "Failed"
    assert ended.metrics() == {}
    assert server.requests == []


@pytest.mark.parametrize("cap", [1000, 30])
def test_all_pages_of_the_series_are_read(cap: int) -> None:
    server = LogServer(cap=cap, points=points("loss", *map(float, range(250))))
    assert metric_series(server, JOB) == [Series("loss", tuple(map(float, range(250))))]


def test_endless_series_cost_a_bounded_number_of_requests() -> None:
    server = LogServer(cap=1, points=points("loss", *map(float, range(SERIES_PAGES + 20))))
    (series,) = metric_series(server, JOB)
    assert len(series.values) == len(server.actions) == SERIES_PAGES


def test_a_regex_that_never_ends_is_given_up_and_the_others_count() -> None:
    given_up: list[str] = []
    regexes = {"first": "a=(.*)", "slow": "(x+x+)+y", "last": "b=(.*)"}
    found = last_texts(regexes, ["a=1", "b=2", "x" * 40], given_up.append, seconds=0.2)
    assert found == {"first": ("1", "1"), "last": ("2", "2")}
    assert given_up == ["slow"]


@pytest.mark.parametrize("regex", ["(", "(z)=(1)", "nothing of this"])
def test_a_regex_that_finds_nothing_has_no_text(regex: str) -> None:
    assert last_texts({"x": regex}, ["a=1 b=nan", "b=inf", "b=\ud800"], pytest.fail) == {}


def test_of_a_very_long_line_the_end_counts() -> None:
    lines = ["a=1" + "x" * LONGEST_SEARCHED, "a=2" + "x" * LONGEST_SEARCHED + "a=3", "y" * LONGEST_SEARCHED]
    assert last_texts({"a": "a=(.)"}, lines, pytest.fail) == {"a": ("3", "3")}


def test_an_older_value_does_not_stand_for_one_at_the_begin_of_a_long_line() -> None:
    lines = ["loss=0.5", "{'loss=0.1', 'predictions': [" + "0.123456, " * 2_000 + "]}"]
    assert last_texts({"loss": "loss=([0-9.]+)"}, lines, pytest.fail) == {"loss": ("0.1", "0.1")}


def test_of_a_long_line_that_takes_too_long_the_end_is_read() -> None:
    given_up: list[str] = []
    regexes = {"a": "a=(.)", "squared": r"(?:x|y)*b=(\d)", "slow": "(x+x+)+y"}
    lines = ["b=1", "x" * 60_000 + " b=2 a=3"]
    assert last_texts(regexes, lines, given_up.append, seconds=0.5) == {"a": ("3", "3"), "squared": ("2", "2")}
    assert given_up == ["slow"]


def test_of_a_progress_bar_the_last_state_counts() -> None:
    bar = "\r".join(f"{step:5}/3000 loss={1 / (step + 1):.4f} \x1b[32mok\x1b[0m" for step in range(3000))
    assert last_texts({"loss": r"loss=(\S+)"}, ["loss=0.9763", bar], pytest.fail) == {"loss": ("0.0003", "0.0003")}


NO_NUMBERS = ["nan", "-inf", "1,234.5", "93%", "unknown", "", "1e999"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_last_text_that_is_no_number_leaves_a_metric_without_a_value(text: str) -> None:
    server = LogServer(250)
    server.lines[10], server.lines[220] = "accuracy=0.75", f"accuracy=<{text}>"
    ended = Ended(server, {"accuracy": "accuracy=<?([^>]*)"})
    assert ended.metrics() == {}
    assert ended.warnings[0].startswith("Metric accuracy has no value: ")
    assert ended.warnings[-1] == "Metrics without a value: accuracy"


def test_a_colour_inside_a_value_is_no_part_of_it() -> None:
    server = LogServer(3)
    server.lines[1] = "accuracy=\x1b[1;32m0.75\x1b[0m"
    assert Ended(server, ACCURACY).metrics() == {"accuracy": 0.75}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "NaN", "1,234.5", None])
def test_a_diverged_metric_has_no_value_wherever_it_is_looked_for(value: Any) -> None:
    """PAI's last values, its series and the log all show an older, finite one, too."""
    series = points("accuracy", 0.5, 0.75)
    for latest, listed in [
        ({"accuracy": value}, []),
        ({"accuracy": value}, series),
        ({}, points("accuracy", 0.5, value)),
    ]:
        server = LogServer(3, points=listed)
        server.lines[1] = "accuracy=0.75"
        ended = Ended(server, ACCURACY, **latest)
        assert ended.metrics() == {}
        assert ended.warnings[-1] == "Metrics without a value: accuracy"


def test_what_the_log_says_last_counts_more_than_an_older_point() -> None:
    server = LogServer(3, points=points("accuracy", 0.5, 0.75))
    server.lines[1] = "accuracy=nan"
    assert Ended(server, ACCURACY).metrics() == {}


def test_an_unreadable_log_leaves_a_metric_of_the_log_without_a_value() -> None:
    server = LogServer(3, points=points("accuracy", 0.5, 0.75), errors=[NO_ANSWER])
    assert Ended(server, ACCURACY).metrics() == {}


def saying(*lines: str) -> LogServer:
    server = LogServer()
    server.logs[f"{JOB}-master-0"] += lines
    return server


CUT = [
    ("loss=9.8e-05", "9.8", "9.8e-05"),
    ("loss=1E+20 lr=0.1", "1", "1E+20"),
    ("loss=1,234.5", "1", "1,234.5"),
    ("loss=12,345,678 of all", "12", "12,345,678"),
]


@pytest.mark.parametrize("is_known", [True, False], ids=["PAI has a value", "only the log has one"])
@pytest.mark.parametrize(("line", "text", "whole"), CUT, ids=[whole for *_, whole in CUT])
def test_a_number_of_which_a_regex_reads_the_beginning_leaves_a_metric_without_a_value(
    line: str, text: str, whole: str, is_known: bool
) -> None:
    server = saying("loss=0.5", line)
    latest = {"loss": float(text)} if is_known else {}
    ended = Ended(server, {"loss": "loss=([0-9.]+)"}, **latest)
    assert ended.metrics() == {}
    assert f"its regex reads {text!r} of {whole!r}" in ended.warnings[0]


@pytest.mark.parametrize(
    "line", ["loss=0.5", "loss=0.5, lr=0.1", "loss=0.5,100", "loss=0.5e", "loss=5,1000", "loss=5,10", "loss=5 e-3"]
)
def test_what_only_stands_beside_a_number_is_no_part_of_it(line: str) -> None:
    ended = Ended(saying(line), {"loss": "loss=([0-9.]+)"})
    assert ended.metrics() == {"loss": float(line.split(",")[0].split("=")[1].split("e")[0])}
