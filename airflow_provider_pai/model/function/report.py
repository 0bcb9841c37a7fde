"""What a job reports back: marked lines in its log, and a file in its output channel ``report``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_pai.in_job.pai_report import FILE, MARK, MAX_RESULT_BYTES

REPORT_FILE = FILE
_PART = re.compile(r"(\d{1,6})/(\d{1,6}) ")
_MAX_TEXT = 200
_LARGEST_EXIT_CODE = 255
_PROGRESS = "Progress: "


@dataclass(frozen=True)
class ReportedError:
    """The exception that ended a function.

    Attributes:
        kind: name of its class.
        message: its text.
        traceback: its traceback as Python prints it.
    """

    kind: str
    message: str
    traceback: str


@dataclass(frozen=True)
class Report:
    """What a job has reported so far.

    Attributes:
        has_result: whether it reported a result, which may be None.
        result: JSON value.
        progress: from 0 to 1; None when it reported none.
        text: what it was doing.
        metrics: last value by name; None for one that was not finite.
        error: the exception that ended it; None for none.
        exit_code: exit code that it was about to end with, as a function tells that ends its process; None for none.
    """

    has_result: bool = False
    result: Any = None
    progress: float | None = None
    text: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    error: ReportedError | None = None
    exit_code: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was reported."""
        return self == Report()

    def updated(self, entry: Mapping[str, Any]) -> Report:
        """Return the report after one more entry; members that make no sense are left out."""
        found = self
        if "result" in entry and len(json.dumps(entry["result"]).encode()) <= 6 * MAX_RESULT_BYTES:
            found = replace(found, has_result=True, result=entry["result"])
        if _is_finite(entry.get("progress")):
            found = replace(found, progress=min(1.0, max(0.0, entry["progress"])), text=_short(entry.get("text")))
        if isinstance(name := entry.get("metric"), str):
            found = replace(found, metrics={**found.metrics, name: _value(entry.get("value"))})
        if isinstance(metrics := entry.get("metrics"), dict):
            found = replace(found, metrics={**found.metrics, **{name: _value(each) for name, each in metrics.items()}})
        code = entry.get("exit_code")
        if isinstance(code, int) and not isinstance(code, bool) and 1 <= code <= _LARGEST_EXIT_CODE:
            found = replace(found, exit_code=code)
        if isinstance(error := entry.get("error"), dict):
            texts = (str(error.get(name, "")) for name in ("type", "message", "traceback"))
            found = replace(found, error=ReportedError(*texts))
        return found


def parse_report_file(content: bytes, job_id: str = "") -> Report:
    """Parse the file of the output channel.

    Args:
        content: what it holds.
        job_id: the job that it must be of: several may have the same folder. Default: any.

    Raises:
        ValueError: it holds no JSON object, or the report of another job.
    """
    try:
        entry = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{REPORT_FILE} holds no JSON ({error})") from error
    if not isinstance(entry, dict):
        raise ValueError(f"{REPORT_FILE} holds no JSON object")  # noqa: TRY004 - it is about what was read
    if job_id and entry.get("job", job_id) != job_id:
        raise ValueError(f"{REPORT_FILE} is of another job")
    return Report().updated(entry)


class EntryReader:
    """Reads what marked lines of a log report, also when the lines of one report come one after the other."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def entries(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield the reports of further lines; those that are cut or damaged are left out."""
        for line in lines:
            _, mark, text = line.partition(MARK)
            if mark and (whole := self._whole(text)) and (entry := _entry(whole)) is not None:
                yield entry

    def _whole(self, text: str) -> str:
        """Return the report that ends with a line; empty while parts of it are missing."""
        part = _PART.match(text)
        if not part:
            return text
        number, count = int(part[1]), int(part[2])
        self._parts = [*(self._parts if number > 1 else []), text[part.end() :]]
        if number != count or len(self._parts) != count:
            return ""
        whole, self._parts = "".join(self._parts), []
        return whole


def parse_report_lines(lines: Iterable[str]) -> Report:
    """Return what marked lines of a log report; lines that are cut or damaged are left out."""
    report = Report()
    for entry in EntryReader().entries(lines):
        report = report.updated(entry)
    return report


def readable_lines(lines: Iterable[str]) -> list[str]:
    """Return log lines as a person reads them: progress in words, other marked lines left out.

    Of progress that comes without a line in between, the last is shown.
    """
    shown: list[str] = []
    last_is_progress = False
    for line in lines:
        before, mark, text = line.partition(MARK)
        if not mark:
            shown.append(line)
            last_is_progress = False
            continue
        entry = _entry(text) or {}
        if _is_finite(entry.get("progress")):
            said = _short(entry.get("text"))
            progress = f"{before}{_PROGRESS}{entry['progress']:.0%}" + (f" ({said})" if said else "")
            shown[len(shown) - last_is_progress :] = [progress]
            last_is_progress = True
        elif before.strip() and not before.rstrip().endswith("]"):
            shown.append(before)
            last_is_progress = False
    return shown


def is_progress(line: str) -> bool:
    """Whether a line that a person reads tells progress, and nothing else."""
    return line.startswith(_PROGRESS)


def _entry(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _value(value: object) -> float | None:
    return float(value) if _is_finite(value) else None  # type: ignore[arg-type]


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _short(value: object) -> str:
    return value.replace("\n", " ")[:_MAX_TEXT] if isinstance(value, str) else ""
