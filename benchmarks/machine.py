"""Where figures were measured: without it they say nothing."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
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
