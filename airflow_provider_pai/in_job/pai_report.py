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
from enum import Enum
from typing import Any, Dict, Set

MARK = "##pai-report "
"""What the rest of a log line is, from here on: one JSON object."""
FILE = "report.json"
"""File in the folder of the output channel ``report``."""
MAX_RESULT_BYTES = 64 * 1024
"""Longest result as JSON in UTF-8; it travels through Airflow's XCom."""
_MAX_DEPTH = 100
_KEYS_OF_AIRFLOW = ("__classname__", "__id__", "__type", "__var")
_LINE_CHARACTERS = 2048
"""A longer report is cut into several lines: services cut long ones."""


def _own_output() -> Any:
    """Return a number for the job's log that stays when the program closes or replaces its output."""
    try:
        return os.dup(1)
    except OSError:
        return None


# What holds when the program begins: it may change its environment, its output and its folder.
_JOB = os.environ.get("PAI_TRAINING_JOB_ID", "")
_REPORTS = bool(_JOB) and os.environ.get("RANK", "0") == "0"
_FOLDER = os.path.abspath(os.environ["PAI_OUTPUT_REPORT"]) if os.environ.get("PAI_OUTPUT_REPORT") else ""
_OUTPUT = _own_output() if _REPORTS else None

_lock = threading.Lock()
_unwritten: Dict[str, Any] = {}
"""What this process has reported and not yet written into the file."""
_process = {"id": 0}
"""The process that writes at its end what is unwritten then; one that was forked off is another one."""
_complaints: Set[str] = set()


def result(value: Any) -> None:
    """Report what the job found; the last call counts.

    Args:
        value: JSON value (None, booleans, finite numbers, texts, lists, dicts with texts as keys), at most 64 KiB.
            numpy's numbers and tensors without dimensions are numbers. Whole numbers have 64 bits.

    Raises:
        ValueError: it is no JSON value, too long, or nothing that Airflow can keep.
    """
    text = strict_json("result", value)
    size = len(text.encode("utf-8"))
    if size > MAX_RESULT_BYTES:
        raise ValueError(
            "result has {} bytes as JSON, {} at most; write it into an output channel and report its address".format(
                size, MAX_RESULT_BYTES
            )
        )
    plain = json.loads(text)
    _check_storable("result", plain)
    _report({"result": plain})


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


def strict_json(name: str, value: Any, exact: bool = False) -> str:
    """Return a value as JSON from which the same value is read.

    Args:
        name: what error messages call it.
        value: the value; tuples become lists, numpy's numbers and tensors without dimensions numbers.
        exact: refuse what would lose its type, too: members of enumerations, named tuples.

    Raises:
        ValueError: JSON does not have such a value.
    """
    _check(name, value, 0, exact)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_number)


def _check(name: str, value: Any, depth: int, exact: bool) -> None:
    """Refuse what JSON would change in silence, such as keys that are no texts."""
    if depth > _MAX_DEPTH:
        raise ValueError("{} is nested more than {} levels deep".format(name.partition("[")[0], _MAX_DEPTH))
    if exact and (isinstance(value, Enum) or (isinstance(value, tuple) and hasattr(value, "_fields"))):
        raise _unknown(name, value)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_key(name, key)
            _check("{}[{!r}]".format(name, key), item, depth + 1, exact)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check("{}[{}]".format(name, index), item, depth + 1, exact)
    elif isinstance(value, str):
        _check_text(name, value)
    elif value is not None and not isinstance(value, (bool, int, float)) and _as_number(value) is None:
        raise _unknown(name, value)
    else:
        number = value if isinstance(value, float) else _as_number(value)
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError("{} is {!r}, which JSON does not have".format(name, number))


def _as_number(value: Any) -> Any:
    """Return the number or truth value in a scalar of numpy or a tensor without dimensions; None for all else."""
    if getattr(value, "ndim", None) != 0 or not callable(getattr(value, "item", None)):
        return None
    number = value.item()
    return number if isinstance(number, (bool, int, float)) else None


_ADVICE = (
    ("pass its .value", "Enum"),
    ("pass its .isoformat()", "datetime date time datetime64"),
    ("pass its .total_seconds()", "timedelta"),
    ("pass its text by str(...)", "PurePath Decimal Fraction UUID"),
    ("pass a text, for example of base64", "bytes bytearray memoryview"),
    ("pass a list", "set frozenset range generator dict_keys dict_values"),
    ("pass its .tolist(), or the address of a file", "ndarray Tensor Series Index"),
    ("write it into a file and pass the file's address", "DataFrame"),
    ("pass its .model_dump(mode='json')", "BaseModel"),
)
"""What to do about a value of a class, or of one that inherits from it."""


def _unknown(name: str, value: Any) -> ValueError:
    """Return the error about a value that is of a type which JSON does not have."""
    kind = type(value)
    classes = {each.__name__ for each in kind.__mro__}
    advice = next((text for text, names in _ADVICE if classes & set(names.split())), "convert it")
    if hasattr(value, "__dataclass_fields__"):
        advice = "pass dataclasses.asdict(...) of it"
    elif isinstance(value, tuple):
        advice = "pass its ._asdict()"
    shown = kind.__name__ if kind.__module__ == "builtins" else "{}.{}".format(kind.__module__, kind.__name__)
    return ValueError("{} is of the type {}, which JSON does not have; {}".format(name, shown, advice))


def _check_storable(name: str, value: Any) -> None:
    """Refuse what Airflow's XCom, where a result goes, loses together with the task."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _KEYS_OF_AIRFLOW:
                raise ValueError("{} has the key {!r}, which Airflow keeps for itself; rename it".format(name, key))
            _check_storable(name, key)
            _check_storable("{}[{!r}]".format(name, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_storable("{}[{}]".format(name, index), item)
    elif isinstance(value, str) and "\0" in value:
        raise ValueError("{} holds the character NUL, which databases refuse; leave it out".format(name))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("{} is a whole number of more than 64 bits; report it as a text".format(name))


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
    if not _REPORTS:
        return
    with _lock:
        if _process["id"] != os.getpid():
            _process["id"] = os.getpid()
            _unwritten.clear()
            # A job that reports no result still leaves its metrics in the file.
            atexit.register(_write)
        _print(json.dumps(entry, ensure_ascii=True, allow_nan=False))
        if "metric" in entry:
            _unwritten.setdefault("metrics", {})[entry["metric"]] = entry["value"]
        else:
            _unwritten.update(entry)
        if "result" in entry or "error" in entry or "exit_code" in entry:
            _write()


def _print(text: str) -> None:
    """Print marked lines, each whole and on its own, whatever stands unfinished on the line."""
    parts = [text[start : start + _LINE_CHARACTERS] for start in range(0, len(text), _LINE_CHARACTERS)]
    if len(parts) == 1:
        lines = [MARK + text]
    else:
        lines = [MARK + "{}/{} {}".format(number, len(parts), part) for number, part in enumerate(parts, 1)]
    _flush(sys.stdout)
    content = "".join(line + "\n" for line in lines).encode("ascii")
    try:
        while content and _OUTPUT is not None:
            content = content[os.write(_OUTPUT, content) :]
    except OSError as error:
        _complain("can't be printed", error)


def _flush(stream: Any) -> None:
    """Flush an output of the program's, which may be closed, or no output at all."""
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError) as error:
        _complain("may be out of order", error)


def _write() -> None:
    """Add what is new to the file in the output channel, where there is one; the log has it anyway."""
    if not _FOLDER or not _unwritten or _process["id"] != os.getpid():
        return
    file = os.path.join(_FOLDER, FILE)
    partial = "{}.{}.partial".format(file, os.getpid())
    # A command may be several programs, one after the other, and a program several processes.
    known = _written(file)
    metrics = dict(known.get("metrics", {}), **_unwritten.get("metrics", {}))
    state = dict(known, **_unwritten)
    state.update({"job": _JOB, "metrics": metrics} if metrics else {"job": _JOB})
    try:
        with open(partial, "w", encoding="utf-8") as stream:
            json.dump(state, stream, allow_nan=False)
        os.replace(partial, file)
        _unwritten.clear()
    except OSError as error:
        _complain("can't be written to {}".format(_FOLDER), error)


def _written(file: str) -> Dict[str, Any]:
    """Return what this job has written before."""
    try:
        with open(file, encoding="utf-8") as stream:
            known = json.load(stream)
    except (OSError, ValueError):
        # There is none, or it is none of ours.
        return {}
    return known if isinstance(known, dict) and known.get("job") == _JOB else {}


def _complain(what: str, error: Exception) -> None:
    """Say once in the log that something is amiss; it ends no training."""
    if what in _complaints:
        return
    _complaints.add(what)
    try:
        os.write(2, "The report {}: {}\n".format(what, error).encode("utf-8", "replace"))
    except OSError:
        # There is no log.
        return
