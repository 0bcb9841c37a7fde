"""Report results, progress and metrics of a PAI training job to the Airflow task that waits for it.

Put ``pai_report.py`` beside the script and call it::

    import pai_report

    pai_report.progress(0.4, "epoch 4/10")
    pai_report.metric("loss", 0.1, step=3)
    pai_report.result({"accuracy": 0.93})

Outside a PAI job nothing is reported. Values are checked nevertheless, so that a mistake shows on the laptop. In a job
of several instances the first one reports and the others are silent. Runs on Python 3.6 and newer, standard library
only.
"""

import atexit
import json
import math
import os
import sys
import threading
from typing import Any, Dict

MARK = "##pai-report "
"""What the rest of a log line is, from here on: one JSON object."""
FILE = "report.json"
"""File in the folder of the output channel ``report``."""
MAX_RESULT_BYTES = 64 * 1024
"""Longest result as JSON in UTF-8; it travels through Airflow's XCom."""
_MAX_DEPTH = 100
_LINE_CHARACTERS = 2048
"""A longer report is cut into several lines: services cut long ones."""

_lock = threading.Lock()
_state: Dict[str, Any] = {}


def result(value: Any) -> None:
    """Report what the job found; the last call counts.

    Args:
        value: JSON value (None, booleans, finite numbers, texts, lists, dicts with texts as keys), at most 64 KiB.

    Raises:
        ValueError: it is no JSON value, or too long.
    """
    text = strict_json("result", value)
    size = len(text.encode("utf-8"))
    if size > MAX_RESULT_BYTES:
        raise ValueError(
            "result has {} bytes as JSON, {} at most; write it into an output channel and report its address".format(
                size, MAX_RESULT_BYTES
            )
        )
    _report({"result": value})


def progress(fraction: float, text: str = "") -> None:
    """Report how far the job is.

    Args:
        fraction: from 0 to 1.
        text: what it is doing. Default: none.

    Raises:
        ValueError: the fraction is no number from 0 to 1.
    """
    if not _is_finite(fraction) or not 0 <= fraction <= 1:
        raise ValueError("progress must be a number from 0 to 1, not {!r}".format(fraction))
    _report({"progress": float(fraction), "text": str(text)})


def metric(name: str, value: float, step: Any = None) -> None:
    """Report a value of a metric; the last one counts in the task's result.

    A value that is not finite is reported as none: a diverged model must not pass with an older, better value.

    Args:
        name: the metric's name.
        value: a number.
        step: number of the step or epoch. Default: none.

    Raises:
        ValueError: the name is empty, the value no number, or the step no whole number.
    """
    if not isinstance(name, str) or not name:
        raise ValueError("metric needs a name, not {!r}".format(name))
    number = _number(value)
    if number is None:
        raise ValueError("metric {!r} must be a number, not {!r}".format(name, value))
    if step is not None and (isinstance(step, bool) or not isinstance(step, int)):
        raise ValueError("step of metric {!r} must be a whole number, not {!r}".format(name, step))
    _report({"metric": name, "value": number if math.isfinite(number) else None, "step": step})


def failure(kind: str, message: str, traceback: str) -> None:
    """Report the exception that ends the job.

    Args:
        kind: name of its class.
        message: its text.
        traceback: the traceback; of a very long one the end is kept.
    """
    _report({"error": {"type": kind, "message": message[-4096:], "traceback": traceback[-16384:]}})


def exit_code(code: int) -> None:
    """Report the exit code that the process is about to end with; for what calls functions, not for scripts.

    Args:
        code: from 1 to 255.
    """
    _report({"exit_code": code})


def _number(value: Any) -> Any:
    """Return a float; numpy's numbers and tensors of one element count, too. None for what is no number."""
    if isinstance(value, (bool, str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_finite(value: Any) -> bool:
    number = _number(value)
    return number is not None and math.isfinite(number)


def strict_json(name: str, value: Any) -> str:
    """Return a value as JSON from which the same value is read.

    Args:
        name: what error messages call it.
        value: the value; tuples become lists.

    Raises:
        ValueError: JSON does not have such a value.
    """
    _check(name, value, 0)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _check(name: str, value: Any, depth: int) -> None:
    """Refuse what JSON would change in silence, such as keys that are no texts."""
    if depth > _MAX_DEPTH:
        raise ValueError("{} is nested more than {} levels deep".format(name, _MAX_DEPTH))
    if isinstance(value, dict):
        for key, item in value.items():
            _check_key(name, key)
            _check("{}[{!r}]".format(name, key), item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check("{}[{}]".format(name, index), item, depth + 1)
    elif isinstance(value, str):
        _check_text(name, value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("{} is {!r}, which JSON does not have".format(name, value))
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise ValueError(
            "{} is of the type {}, which JSON does not have; convert it".format(name, type(value).__name__)
        )


def _check_key(name: str, key: Any) -> None:
    if not isinstance(key, str):
        raise ValueError("{} has the key {!r}; keys must be texts".format(name, key))
    _check_text(name, key)


def _check_text(name: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("{} holds characters that are no Unicode text".format(name)) from None


def _report(entry: Dict[str, Any]) -> None:
    if not os.environ.get("PAI_TRAINING_JOB_ID") or os.environ.get("RANK", "0") != "0":
        return
    with _lock:
        if not _state:
            # A job that reports no result still leaves its metrics in the file.
            atexit.register(_write)
        _print(json.dumps(entry, ensure_ascii=True, allow_nan=False))
        if "metric" in entry:
            _state.setdefault("metrics", {})[entry["metric"]] = entry["value"]
        else:
            _state.update(entry)
        if "result" in entry or "error" in entry or "exit_code" in entry:
            _write()


def _print(text: str) -> None:
    """Print marked lines, each whole and on its own, whatever stands unfinished on the line."""
    parts = [text[start : start + _LINE_CHARACTERS] for start in range(0, len(text), _LINE_CHARACTERS)]
    if len(parts) == 1:
        lines = [MARK + text]
    else:
        lines = [MARK + "{}/{} {}".format(number, len(parts), part) for number, part in enumerate(parts, 1)]
    sys.stdout.flush()
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def _write() -> None:
    """Write the report into the output channel of that name, where there is one; the log has it anyway."""
    folder = os.environ.get("PAI_OUTPUT_REPORT")
    if not folder:
        return
    partial = os.path.join(folder, FILE + ".partial")
    try:
        with open(partial, "w", encoding="utf-8") as stream:
            json.dump(_state, stream, ensure_ascii=False, allow_nan=False)
        os.replace(partial, os.path.join(folder, FILE))
    except OSError as error:
        sys.stderr.write("The report can't be written to {}: {}\n".format(folder, error))
