"""Where figures were measured: without it they say nothing."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Machine:
    """Facts of the machine and of the environment that ours runs in.

    Attributes:
        cores: processors this process may use.
        memory_gib: main memory, in GiB.
        system: operating system and processor's architecture.
        python: version of Python.
        airflow: version of Airflow.
    """

    cores: int
    memory_gib: float
    system: str
    python: str
    airflow: str

    @classmethod
    def this(cls) -> Self:
        """Return the facts of this machine."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _MIB / 1024
        return cls(
            cores=len(os.sched_getaffinity(0)),
            memory_gib=round(memory, 1),
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            airflow=version("apache-airflow"),
        )

    def __str__(self) -> str:
        return (
            f"{self.cores} cores, {self.memory_gib:g} GiB, {self.system}, Python {self.python}, Airflow {self.airflow}"
        )

    def to_json(self) -> dict[str, str | int | float]:
        """Return plain JSON values."""
        return asdict(self)


class OtherWork:
    """Measures how busy the machine is with other work than this process and those that it has started and ended."""

    def __init__(self) -> None:
        self._begun, self._others = time.monotonic(), _busy_seconds() - _own_seconds()

    @property
    def cores(self) -> float:
        """The processors that other work has kept busy since, on average."""
        others = _busy_seconds() - _own_seconds() - self._others
        return max(0.0, others / max(0.01, time.monotonic() - self._begun))


def _busy_seconds() -> float:
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
