"""What happens to the whole of Airflow while tasks live: triggerers and schedulers die, stall and come back."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from devtools.cluster import AirflowCluster
from tests.faults.cluster import TRIGGERER_THRESHOLD

LONGEST_CALM = 12.0
"""Seconds between two disturbances, at most."""
STALL = TRIGGERER_THRESHOLD + 4
"""Seconds of a stall: longer than the health threshold, so that another one takes over."""


class FaultSchedule:
    """A context manager: inside of it, components are disturbed at random moments, one at a time.

    Args:
        airflow: the cluster.
        seed: repeats the choices; their moments depend on the machine.
        components: which may be disturbed.

    Attributes:
        seen: how often each disturbance has come.
    """

    def __init__(self, airflow: AirflowCluster, seed: str, components: tuple[str, ...]) -> None:
        self.seen: Counter[str] = Counter()
        self._airflow = airflow
        self._rng = random.Random(f"schedule {seed}")
        self._components = components
        self._over = threading.Event()
        self._faults: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._inject, name="schedule")
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def was_calm(self, begin: float, end: float) -> bool:
        """Whether nothing was disturbed between two moments of ``time.monotonic``."""
        return not any(start <= end and begin <= stop for start, stop in list(self._faults))

    def _inject(self) -> None:
        try:
            while not self._over.wait(self._rng.uniform(2, LONGEST_CALM)):
                self._disturb(self._rng.choice(self._components))
        except BaseException as failure:  # noqa: BLE001 - raised where the block is left
            self._failure = failure

    def _disturb(self, component: str) -> None:
        begin = time.monotonic()
        # Open until it is over: who asks meanwhile hears of it.
        self._faults.append((begin, float("inf")))
        kinds = (self._kill, self._restart, self._stall) if component.startswith("triggerer") else (self._kill,)
        disturbance = self._rng.choice(kinds)
        disturbance(component)
        self.seen[f"{component.partition('-')[0]} {disturbance.__name__.strip('_')}"] += 1
        self._faults[-1] = (begin, time.monotonic())

    def _kill(self, component: str) -> None:
        self._airflow.kill(component)
        self._start(component)

    def _restart(self, component: str) -> None:
        self._airflow.stop_component(component)
        self._start(component)

    def _stall(self, component: str) -> None:
        child = self._airflow.children[component]
        child.send(signal.SIGSTOP)
        time.sleep(STALL)
        child.send(signal.SIGCONT)
        time.sleep(1)
        if not child.alive:
            self._kill(component)

    def _start(self, component: str) -> None:
        self._airflow.start_component(component)
        self._airflow.wait_ready(component)
