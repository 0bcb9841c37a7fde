"""Levels of log lines, by the formats that loggers write."""

from __future__ import annotations

import pytest

from airflow_provider_pai.model.training.log_level import DEBUG, ERROR, INFO, WARNING, LevelReader, line_level

ERRORS = [
    "ERROR:root:no such column",
    "CRITICAL:trainer:out of disk",
    "2026-11-30 10:00:00,123 - trainer - ERROR - no such column",
    "[2026-11-30 10:00:00,123] {train.py:1} ERROR - no such column",
    "2026-11-30 10:00:00.123 | ERROR    | mod:f:12 - no such column",
    "2026-11-30 10:00:00 [error    ] no such column",
    "2026-11-30T10:00:00.123Z\terror\tmain.go:3\tno such column",
    "2026/11/30 10:00:00 ERROR no such column",
    "10:00:00 ERROR no such column",
    "2026-11-30 10:00:00,1 ERROR [main] org.Task: no such column",
    "E1130 10:00:00.123456 140 train.cc:1] no such column",
    "F1130 10:00:00.123456 140 train.cc:1] check failed",
    "2026-11-30 10:00:00.123456: E tensorflow/core.cc:1] no such column",
    'ts=1 level=error msg="no such column"',
    '{"level": "ERROR", "message": "no such column"}',
    '{"ts": 1, "levelname":"critical"}',
    '{"severity": "error"}',
    "ERROR: Could not find a version that satisfies the requirement",
    "[ERROR] no such column",
    "error: no such column",
    "fatal: not a git repository",
    "\x1b[31mERROR\x1b[0m no such column",
    "ValueError: no such column",
    "torch.cuda.OutOfMemoryError: CUDA out of memory",
    "KeyboardInterrupt",
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in f',
    "[rank0]: Traceback (most recent call last):",
    "[rank1]: ValueError: no such column",
    "[worker-0] E1130 10:00:00.1 1 train.cc:1] no such column",
    "[worker-0] ERROR: no such column",
    "Killed",
    "Segmentation fault (core dumped)",
]
WARNINGS = [
    "WARNING:root:few rows",
    "train.py:3: UserWarning: few rows",
    "/a b/train.py:12: FutureWarning: few rows",
    "W1130 10:00:00 1 train.cc:1] few rows",
    "WARNING: pip is old",
    "[WARN] few rows",
    "2026-11-30 10:00:00,123 WARNING trainer: few rows",
    'time="2026" level=warning msg=x',
    '{"severity":"WARNING"}',
    "warning: few rows",
]
DEBUGS = [
    "DEBUG:trainer:row 1",
    "2026-11-30 10:00:00,123 - trainer - DEBUG - row 1",
    '{"level":"debug"}',
    "D1130 10:00:00 1 train.cc:1] row 1",
    "level=debug row 1",
    "[DEBUG] row 1",
]
PLAIN = [
    "",
    "step 3 error=0.12",
    "error: 0.12",
    "Error: 3%",
    "loss 0.1",
    "exit code 3",
    "no errors",
    "Warnings: 0",
    "ERRORS 3",
    "INFO: ERROR",
    "the mean ERROR is 3",
    " 45%|████▌     | 9/20 [00:01<00:01,  8.00it/s, error=0.1, loss=2]",
    "Downloading data: 100%|██| ERROR: 1",
    "2026-11-30 10:00:00,123 - trainer - INFO - validation ERROR rate 0.1",
    "I1130 10:00:00 1 train.cc:1] ERROR",
    '{"message": "level error"}',
    '{"message": "{\\"level\\": \\"error\\"}"}',
    "LOG_LEVEL=error",
    "LEVEL=ERROR",
    "[worker-0] the ERROR is 3",
]
ALL = [
    (line, level)
    for lines, level in ((ERRORS, ERROR), (WARNINGS, WARNING), (DEBUGS, DEBUG), (PLAIN, INFO))
    for line in lines
]
TRACEBACK = """
Traceback (most recent call last):
  File "train.py", line 3, in f
    raise ValueError
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "train.py", line 5, in <module>
    read()

  File "train.py", line 9, in read
socket.timeout: timed out
epoch: 2""".splitlines()[1:]


@pytest.mark.parametrize(("line", "level"), ALL)
def test_a_line_has_the_level_that_its_logger_has_written(line: str, level: int) -> None:
    assert line_level(line) == level


def test_lines_have_the_same_levels_together_and_alone() -> None:
    # What continues a traceback is not among them, so each line stands for itself.
    lines = [(line, level) for line, level in ALL if "Traceback" not in line]
    assert list(LevelReader().levels([line for line, _ in lines])) == [level for _, level in lines]
    for line, level in ALL:
        assert list(LevelReader().levels([line])) == [level]


@pytest.mark.parametrize("size", [1, 3, len(TRACEBACK)])
def test_a_traceback_is_one_block_of_errors_however_it_is_cut(size: int) -> None:
    reader, found = LevelReader(), list[int]()
    for begin in range(0, len(TRACEBACK), size):
        found += reader.levels(TRACEBACK[begin : begin + size])
    levels = dict(zip(TRACEBACK, found, strict=True))
    del levels[""], levels["epoch: 2"]
    assert set(levels.values()) == {ERROR}
    assert found[-1] == INFO


def test_tracebacks_of_two_instances_are_kept_apart() -> None:
    lines = [
        "[master-0] Traceback (most recent call last):",
        "[worker-0] step 3",
        "[worker-0]   indented",
        '[master-0]   File "train.py", line 3, in f',
        "[master-0]     raise Odd",
        "[worker-0] step: 4",
        "[master-0] my.Odd: text",
        "[master-0] step: 4",
    ]
    assert list(LevelReader().levels(lines)) == [ERROR, INFO, INFO, ERROR, ERROR, INFO, ERROR, INFO]


def test_a_line_that_changes_its_length_in_small_letters_or_has_a_break_moves_no_level() -> None:
    lines = ["İİİİ", "a\nb", "ERROR:root:x", "\r", "b"]
    assert list(LevelReader().levels(lines)) == [INFO, INFO, ERROR, INFO, INFO]
