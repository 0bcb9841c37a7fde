"""What one job leaves on the disk beside its record: logs, events, metrics and its working folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.jobs.lines import LineFile
from airflow_provider_pai.local.jobs.timed_lines import TimedLines


@dataclass(frozen=True)
class WorkFolder:
    """Where a job lives while it runs.

    Attributes:
        path: the folder; all others lie in it.
    """

    path: Path

    @property
    def ml(self) -> Path:
        """What the job sees as its root folder, ``/ml`` where the system allows it."""
        return self.path / "ml"

    @property
    def home(self) -> Path:
        """The home folder of its processes."""
        return self.path / "home"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of its processes, where they have no private ``/tmp``."""
        return self.path / "tmp"

    @property
    def python(self) -> Path:
        """Its own Python environment."""
        return self.path / "python"

    def create(self) -> None:
        """Make the folders."""
        for folder in (self.ml, self.home, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)


class Points:
    """Named numbers that were read at some time, in a file; any thread may call it.

    A point without a value says that there was none at its time: what was read then was no number.

    Args:
        path: the file; made by the first point.
    """

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path)
        self._lock = threading.Lock()
        self._latest: dict[str, dict[str, Any]] = {}
        self._read = 0

    def add(self, time: str, name: str, value: float | None) -> None:
        """Keep a point; None for one without a value."""
        point = {"Name": name, "Timestamp": time}
        self._file.append(json.dumps(point if value is None else {**point, "Value": value}))

    def all(self) -> list[dict[str, Any]]:
        """Return all points of all names, oldest first."""
        return list(_objects(self._file, 0))

    def latest(self) -> list[dict[str, Any]]:
        """Return the last point of each name."""
        with self._lock:
            for point in _objects(self._file, self._read):
                self._read += 1
                self._latest[point["Name"]] = point
            return list(self._latest.values())


class JobFiles:
    """Files of one job.

    Args:
        folder: the job's folder.

    Attributes:
        log: all lines of all instances, in the order they came.
        metrics: points of its metrics.
        progress: points of its progress.
        work: where it runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._instances: dict[str, TimedLines] = {}
        self._events = LineFile(folder / "events.jsonl")
        self.metrics = Points(folder / "metrics.jsonl")
        self.progress = Points(folder / "progress.jsonl")
        self.log = TimedLines(folder / "log.txt")
        self.work = WorkFolder(folder / "work")

    def instance_log(self, name: str) -> TimedLines:
        """Return the log of one instance of several."""
        with self._lock:
            path = self._folder / "instances" / f"{name}.log"
            return self._instances.setdefault(name, TimedLines(path))

    def close(self) -> None:
        """Close the logs of a job that writes no more."""
        with self._lock:
            for log in (self.log, *self._instances.values()):
                log.close()

    def add_event(self, time: str, text: str, instance: str = "") -> None:
        """Keep an event of the job, or of one of its instances."""
        self._events.append(json.dumps({"Time": time, "Text": text, "Instance": instance}))

    def events(self, instance: str = "") -> Iterator[tuple[str, str]]:
        """Yield time and text of the job's events, oldest first; of one instance only when it is named."""
        for event in _objects(self._events, 0):
            if not instance or event["Instance"] == instance:
                yield event["Time"], event["Text"]


def _objects(file: LineFile, start: int) -> Iterator[dict[str, Any]]:
    lines, _ = file.page(start, len(file))
    yield from map(json.loads, lines)
