"""Metrics in log lines: what is found, and that no regular expression can hold up the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.local.jobs.metrics import LONGEST_MATCHED, MetricReader, progress_definitions
from airflow_provider_pai.local.jobs.recorder import JobRecorder
from airflow_provider_pai.model.training.spec import MetricDefinition

LOSS = MetricDefinition("loss", r"loss=([^ ]*)")
ENDLESS = MetricDefinition("endless", r"((?:a+)+)b")


@contextmanager
def reader(*definitions: MetricDefinition, say: Callable[[str], None] = print) -> Iterator[MetricReader]:
    made = MetricReader(definitions, say, seconds=0.3)
    try:
        yield made
    finally:
        made.close()


def test_values_come_by_definition_and_then_as_they_stand_in_the_line() -> None:
    accuracy = MetricDefinition("accuracy", r"acc(?:=([0-9.]+))?")
    with reader(LOSS, accuracy) as metrics:
        found = list(metrics.values("é acc=0.5 loss=1e-3 acc loss=nan loss=2 loss=much"))
        assert found == [(LOSS, 0.001), (LOSS, 2.0), (accuracy, 0.5)]
        assert list(metrics.values("nothing")) == []


def test_a_line_is_searched_up_to_its_4096th_character() -> None:
    assert LONGEST_MATCHED == 4096
    with reader(LOSS) as metrics:
        assert list(metrics.values("loss=1".rjust(4096))) == [(LOSS, 1.0)]
        assert list(metrics.values("x" * 4096 + "loss=1")) == []


def test_a_regex_that_takes_too_long_is_dropped_with_one_line_and_the_others_go_on() -> None:
    said: list[str] = []
    last = MetricDefinition("last", "(7)")
    with reader(LOSS, ENDLESS, last, say=said.append) as metrics:
        for _ in range(3):
            assert list(metrics.values("loss=3 7 " + "a" * 60)) == [(LOSS, 3.0), (last, 7.0)]
    assert said == ["Metric endless is not read any more: its regex takes too long"]


def test_other_threads_go_on_while_a_regex_is_matched() -> None:
    with reader(ENDLESS) as metrics:
        matching = threading.Thread(target=lambda: list(metrics.values("a" * 60)))
        matching.start()
        longest, last = 0.0, time.monotonic()
        while matching.is_alive():
            time.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert longest < 0.25, "the match held up this thread"


def test_closing_ends_a_match_that_is_under_way_and_says_nothing() -> None:
    said: list[str] = []
    metrics = MetricReader([ENDLESS], said.append, seconds=60)
    matching = threading.Thread(target=lambda: list(metrics.values("a" * 60)))
    matching.start()
    time.sleep(0.3)
    metrics.close()
    matching.join(5)
    assert not matching.is_alive()
    assert said == []
    assert list(metrics.values("a")) == []


def test_metrics_of_a_line_are_kept_when_the_line_is(tmp_path: Path) -> None:
    files = JobFiles(tmp_path)
    recorder = JobRecorder(files, ["job-master-0"], [LOSS], lambda: datetime(2026, 1, 2, tzinfo=UTC))
    for number in range(3):
        recorder.write_output("job-master-0", f"loss={number}")
    assert [point["Value"] for point in files.metrics.all()] == [0.0, 1.0, 2.0]
    recorder.close_metrics()
    files.close()


def test_progress_is_read_from_the_lines_and_is_no_metric(tmp_path: Path) -> None:
    definitions = progress_definitions({"ProgressDefinitions": {"OverallProgress": {"Regex": r"(\d+)%"}}})
    files = JobFiles(tmp_path)
    # A metric may have the same name and regex.
    twin = MetricDefinition("OverallProgress", r"(\d+)%")
    recorder = JobRecorder(files, ["job-master-0"], [*definitions, twin], lambda: datetime(2026, 1, 2, tzinfo=UTC))
    for percent in (10, 20):
        recorder.write_output("job-master-0", f"{percent}% done")
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
