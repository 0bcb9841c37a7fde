from __future__ import annotations

import threading

import pytest

from airflow_provider_pai.client.oss.progress import QUIET, UploadProgress


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0

    def __call__(self, text: str, *values: object) -> None:
        self.lines.append(text % values)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def log() -> Log:
    return Log()


def test_each_tenth_is_logged_once(log: Log) -> None:
    progress = UploadProgress("the data", 1000 * QUIET, log, now=log.clock)
    for _ in range(1000):
        progress.add(QUIET)
    assert len(log.lines) == 10
    assert log.lines[0] == "Uploaded 10 % of the data (3,355,443,200 of 33,554,432,000 bytes)"
    assert log.lines[-1].startswith("Uploaded 100 % ")


def test_steps_of_more_than_a_tenth_are_logged_as_they_come(log: Log) -> None:
    progress = UploadProgress("the data", 4 * QUIET, log, now=log.clock)
    for _ in range(4):
        progress.add(QUIET)
    assert [line.split()[1] for line in log.lines] == ["25", "50", "75", "100"]


def test_a_slow_upload_is_heard_of_every_half_minute(log: Log) -> None:
    progress = UploadProgress("the data", 1000 * QUIET, log, now=log.clock)
    for log.now in range(0, 100, 10):
        progress.add(1)
    assert [line.split()[1] for line in log.lines] == ["0", "0", "0"]


@pytest.mark.parametrize("total", [0, 1, QUIET])
def test_a_small_upload_is_over_without_a_word(log: Log, total: int) -> None:
    UploadProgress("the data", total, log, now=log.clock).add(total)
    assert log.lines == []


def test_no_byte_is_lost_when_threads_count_at_once(log: Log) -> None:
    progress = UploadProgress("the data", 8 * QUIET, log, now=log.clock)
    threads = [threading.Thread(target=lambda: [progress.add(QUIET // 1024) for _ in range(1024)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line.split()[1] for line in log.lines] == ["10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]
