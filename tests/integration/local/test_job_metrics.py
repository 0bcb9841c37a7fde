"""Metrics in log lines: what is found, and that no regular expression can hold up the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.local.jobs.metrics import MetricReader, progress_definitions
from airflow_provider_pai.local.jobs.recorder import JobRecorder
from airflow_provider_pai.model.training.spec import MetricDefinition
from tests.support.waits import LONGER, PATIENCE, wait_until

LOSS = MetricDefinition("loss", r"loss=([^ ]*)")
ENDLESS = MetricDefinition("endless", r"((?:a+)+)b")
INSTANCE = "job-master-0"


@contextmanager
def reader(
    *definitions: MetricDefinition, give_up: Callable[[MetricDefinition], None] = print
) -> Iterator[MetricReader]:
    made = MetricReader(definitions, give_up, seconds=0.3)
    try:
        yield made
    finally:
        made.close()


def test_texts_come_by_definition_and_then_as_they_stand_in_the_line() -> None:
    accuracy = MetricDefinition("accuracy", r"acc(?:=([0-9.]+))?")
    with reader(LOSS, accuracy) as metrics:
        found = list(metrics.find("é acc=0.5 loss=1e-3 acc loss=nan loss=2"))
        assert found == [(LOSS, "1e-3"), (LOSS, "nan"), (LOSS, "2"), (accuracy, "0.5"), (accuracy, "")]
        assert list(metrics.find("nothing")) == []


def test_all_of_a_line_is_searched_and_each_state_of_a_bar_is() -> None:
    with reader(LOSS) as metrics:
        assert list(metrics.find("loss=1 " + "x" * 60_000 + " loss=2")) == [(LOSS, "1"), (LOSS, "2")]
        assert list(metrics.find("loss=3\rloss=4\r")) == [(LOSS, "3"), (LOSS, "4")]


def test_a_regex_that_takes_too_long_is_given_up_once_and_the_others_are_still_matched() -> None:
    given_up: list[MetricDefinition] = []
    last = MetricDefinition("last", "(7)")
    with reader(LOSS, ENDLESS, last, give_up=given_up.append) as metrics:
        for _ in range(3):
            assert list(metrics.find("loss=3 7 " + "a" * 60)) == [(LOSS, "3"), (last, "7")]
    assert given_up == [ENDLESS]


def test_a_regex_that_takes_too_long_for_a_long_line_is_asked_for_the_ends_of_such_lines() -> None:
    squared = MetricDefinition("squared", r"(?:x|y)*b=(\d)")
    with reader(squared, LOSS, give_up=pytest.fail) as metrics:
        for _ in range(2):
            assert list(metrics.find("loss=1 " + "x" * 60_000 + " b=2")) == [(squared, "2"), (LOSS, "1")]


def test_other_threads_run_while_a_regex_is_matched() -> None:
    metrics = MetricReader([ENDLESS], print, seconds=LONGER)
    matching = threading.Thread(target=lambda: list(metrics.find("a" * 60)))
    matching.start()
    for _ in range(100):
        time.sleep(0.001)
    assert matching.is_alive(), "the match held up this thread until its end"
    metrics.close()
    matching.join(PATIENCE)
    assert not matching.is_alive()


def test_closing_ends_a_match_that_is_under_way_and_says_nothing() -> None:
    given_up: list[MetricDefinition] = []
    metrics = MetricReader([ENDLESS], given_up.append, seconds=LONGER)
    matching = threading.Thread(target=lambda: list(metrics.find("a" * 60)))
    matching.start()
    wait_until(lambda: metrics._child)
    metrics.close()
    matching.join(PATIENCE)
    assert not matching.is_alive()
    assert given_up == []
    assert list(metrics.find("a")) == []


@contextmanager
def recorder_of(
    folder: Path, *definitions: MetricDefinition, clock: Callable[[], float] = lambda: 0.0
) -> Iterator[JobRecorder]:
    files = JobFiles(folder)
    made = JobRecorder(files, [INSTANCE], definitions, lambda: datetime(2026, 1, 2, tzinfo=UTC), clock)
    try:
        yield made
    finally:
        made.close_metrics()
        files.close()


def test_metrics_of_a_line_are_kept_when_the_line_is(tmp_path: Path) -> None:
    with recorder_of(tmp_path, LOSS) as recorder:
        for number in range(3):
            recorder.write_output(INSTANCE, f"loss={number}")
        assert [point["Value"] for point in JobFiles(tmp_path).metrics.all()] == [0.0, 1.0, 2.0]
        recorder.finish_output()
        assert JobFiles(tmp_path).log.tail(1) == ["loss=2"]


@pytest.mark.parametrize("last", ["nan", "-inf", "inf", "1,234.5", "93%", "1e999"])
def test_a_metric_has_no_value_when_its_last_text_is_no_number_and_the_log_says_why(tmp_path: Path, last: str) -> None:
    with recorder_of(tmp_path, LOSS) as recorder:
        for text in ("0.5", last):
            recorder.write_output(INSTANCE, f"loss={text}")
        recorder.finish_output()
        (latest,) = JobFiles(tmp_path).metrics.latest()
        assert latest == {"Name": "loss", "Timestamp": "2026-01-02T00:00:00Z"}
        said = JobFiles(tmp_path).log.tail(1)[0]
        assert said.startswith(f"Metric loss has no value: what was printed last, {last!r}, is no finite number")


def test_a_metric_that_recovers_has_a_value(tmp_path: Path) -> None:
    with recorder_of(tmp_path, LOSS) as recorder:
        for text in ("0.5", "nan", "0.25"):
            recorder.write_output(INSTANCE, f"loss={text}")
        recorder.finish_output()
        assert [point.get("Value") for point in JobFiles(tmp_path).metrics.all()] == [0.5, None, 0.25]
        assert JobFiles(tmp_path).log.tail(1) == ["loss=0.25"]


def test_a_metric_that_is_not_read_any_more_has_no_value(tmp_path: Path) -> None:
    slow = MetricDefinition("slow", r"slow=((?:\d+)+)$")
    with recorder_of(tmp_path, slow) as recorder:
        recorder.write_output(INSTANCE, "slow=1")
        recorder.write_output(INSTANCE, "slow=" + "1" * 60 + "x")
        assert "Value" not in JobFiles(tmp_path).metrics.latest()[0]
        said = JobFiles(tmp_path).log.tail(1)
        assert said == ["Metric slow is not read any more and has no value: its regex takes too long"]


def test_a_progress_bars_metrics_are_all_read_and_its_states_written_every_few_seconds(tmp_path: Path) -> None:
    times = iter(number / 100 for number in range(10_000))
    with recorder_of(tmp_path, LOSS, clock=lambda: next(times)) as recorder:
        for step in range(1000):
            recorder.write_output(INSTANCE, f"{step}/1000 loss={1 / (step + 1):.4f}\r")
        recorder.write_output(INSTANCE, "1000/1000 loss=0.0003")
        recorder.write_output(INSTANCE, "trained")
        recorder.finish_output()
        log = JobFiles(tmp_path).log.tail(100)
        assert len(log) < 12
        assert log[0] == "0/1000 loss=1.0000"
        assert log[-2:] == ["1000/1000 loss=0.0003", "trained"]
        assert len(JobFiles(tmp_path).metrics.all()) == 1001
        assert JobFiles(tmp_path).metrics.latest()[0]["Value"] == 0.0003


def test_a_bar_that_nothing_follows_leaves_its_last_state(tmp_path: Path) -> None:
    with recorder_of(tmp_path) as recorder:
        for step in range(5):
            recorder.write_output(INSTANCE, f"{step}\r")
        recorder.finish_output()
        assert JobFiles(tmp_path).log.tail(10) == ["0", "4"]


def test_progress_is_read_from_the_lines_and_is_no_metric(tmp_path: Path) -> None:
    definitions = progress_definitions({"ProgressDefinitions": {"OverallProgress": {"Regex": r"(\d+)%"}}})
    files = JobFiles(tmp_path)
    # A metric may have the same name and regex.
    twin = MetricDefinition("OverallProgress", r"(\d+)%")
    recorder = JobRecorder(files, [INSTANCE], [*definitions, twin], lambda: datetime(2026, 1, 2, tzinfo=UTC))
    for percent in (10, 20):
        recorder.write_output(INSTANCE, f"{percent}% done")
    (progress,) = files.progress.latest()
    assert progress == {"Name": "OverallProgress", "Timestamp": "2026-01-02T00:00:00Z", "Value": 20.0}
    assert [point["Value"] for point in files.metrics.all()] == [10.0, 20.0]
    recorder.close_metrics()
    files.close()


def test_lines_that_cannot_be_written_are_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.write_text("a file where the job's folder should be: every write raises OSError")
    files = JobFiles(folder)
    recorder = JobRecorder(files, ["one", "two"], [LOSS], lambda: datetime.now(UTC))
    recorder.say("a line")
    recorder.add_event("an event", "one")
    recorder.write_output("one", "loss=1")
    recorder.close_metrics()
    folder.unlink()
    recorder.write_line("one", "there is space again")
    assert files.log.tail(9) == ["there is space again"]
    files.close()
