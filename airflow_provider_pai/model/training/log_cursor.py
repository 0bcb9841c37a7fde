"""How much of a job a task's log shows: what another process needs to continue there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES

LOG_LABEL = "airflow.log"
"""The cursor's label; when one can't hold it, it continues in ``airflow.log.2`` and so on."""
_SAFE = re.compile(r"[\w.-]*")
_HEAD = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class LogCursor:
    """What a task's log shows of its job.

    Attributes:
        statuses: number of the job's statuses that were told.
        lines: number of log lines shown of each instance; the name is empty for a job with one instance.
    """

    statuses: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)

    def labels(self, try_number: int) -> dict[str, str]:
        """Return labels that hold the cursor, for example ``3.4/:1250`` or ``3.4/master-0:1250/worker-0:1249``.

        Args:
            try_number: the task's try that shows the log. Another try begins at the beginning.
        """
        head = f"{try_number}.{self.statuses}"
        values = [head]
        for name, count in self.lines.items():
            entry = f"/{name}:{count}"
            if not _SAFE.fullmatch(name) or len(head) + len(entry) > LABEL_BYTES:
                continue
            if len(values[-1]) + len(entry) > LABEL_BYTES:
                values.append(head)
            values[-1] += entry
        return {_label(number): value for number, value in enumerate(values, 1)}

    @classmethod
    def from_labels(cls, labels: Mapping[str, str], try_number: int) -> LogCursor:
        """Read what :meth:`labels` wrote for the same try; at the beginning when there is nothing of it."""
        statuses, lines = 0, dict[str, int]()
        for value in _values(labels):
            head, *entries = value.split("/")
            match = _HEAD.fullmatch(head)
            if match is None or int(match[1]) != try_number:
                break
            statuses = max(statuses, int(match[2]))
            for entry in entries:
                name, _, count = entry.rpartition(":")
                if count.isdecimal():
                    lines.setdefault(name, int(count))
        return cls(statuses, lines)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for a trigger's event."""
        return {"told": self.statuses, "lines": dict(self.lines)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> LogCursor | None:
        """Read what :meth:`to_json` wrote; None when there is nothing."""
        return cls(value["told"], dict(value["lines"])) if value else None


def is_log_label(name: str) -> bool:
    """Whether a label holds a cursor, or a part of one."""
    return name == LOG_LABEL or name.startswith(f"{LOG_LABEL}.")


def _label(number: int) -> str:
    return LOG_LABEL if number == 1 else f"{LOG_LABEL}.{number}"


def _values(labels: Mapping[str, str]) -> Iterator[str]:
    number = 1
    while value := labels.get(_label(number)):
        yield value
        number += 1
