"""Runs very many deferred tasks in a process of their own, and observes it from outside."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.peers import Environment, Errand, now, run, started
from benchmarks.report import OURS
from benchmarks.spread import Spread
from benchmarks.usage import Usage, usage

_POLL = 0.2
_MARGIN = 1.0


@dataclass(frozen=True)
class ManyTriggers:
    """So many deferred tasks.

    Attributes:
        count: how many.
        interval: seconds between two looks.
        first: seconds until the first job may end.
        last: seconds until all have ended.
        who: the package of the trigger, a name of :data:`benchmarks.deferred.MAKERS`.
        logs: whether the jobs' logs are read, too; only ours does that.
    """

    count: int
    interval: float
    first: float
    last: float
    who: str = OURS
    logs: bool = False


@dataclass(frozen=True)
class Observed:
    """What was seen of a triggers.

    Attributes:
        calls_per_second: requests in the last interval before the first end.
        largest_cycle: the most requests from one first page of a list to the next.
        connections: connections opened.
        cpu_to_steady: seconds of processor time that the beginning took beyond what the last interval did.
        cpu_per_second: seconds of processor time in a second of the last interval.
        memory: MiB by which the process had grown just before the first end.
        lag: of the event loop, in seconds.
        delays: seconds from a job's end to its event, of each event.
        failures: some of what ended without an event.
    """

    calls_per_second: float
    largest_cycle: int
    connections: int
    cpu_to_steady: float
    cpu_per_second: float
    memory: float
    lag: Spread
    delays: list[float]
    failures: list[str]


@dataclass(frozen=True)
class _Moment:
    at: float
    usage: Usage
    state: dict[str, Any]

    @property
    def calls(self) -> int:
        return sum(self.state["calls"].values())


@contextmanager
def cloud() -> Iterator[str]:
    """Run the server that is waited for, and yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started(Environment.OURS, "benchmarks.job_cloud") as errand:
        errand.ask({"port": port})
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                _ask(url, "state")
            except OSError:
                if errand.process.poll() is not None:
                    errand.answer()
                time.sleep(_POLL)
            else:
                break
        yield url


def observed(triggers: ManyTriggers, environment: Environment, url: str) -> Observed:
    """Run a triggers and return what was seen.

    Raises:
        RuntimeError: its process ended badly.
    """
    question = {"url": url, **asdict(triggers)}
    with started(environment, "benchmarks.deferred", variables=_variables(url)) as errand:
        errand.ask(question)
        begun = _begun(errand, url, triggers.count)
        steady = _moment(errand, url, begun + triggers.first - triggers.interval - _MARGIN)
        ending = _moment(errand, url, begun + triggers.first - _MARGIN)
        answer = errand.answer()
    if steady.state["seen"] < triggers.count:
        answer["failures"].append(f"only {steady.state['seen']} jobs were asked for in {steady.at - begun:.0f} s")
    ends, state = _ask(url, "ends"), _ask(url, "state")
    seconds, before = ending.at - steady.at, Usage(**answer["before"])
    rate = (ending.usage.cpu_s - steady.usage.cpu_s) / seconds
    return Observed(
        calls_per_second=(ending.calls - steady.calls) / seconds,
        largest_cycle=max(state["cycles"]),
        connections=state["connections"],
        cpu_to_steady=steady.usage.cpu_s - before.cpu_s - rate * (steady.at - begun),
        cpu_per_second=rate,
        memory=ending.usage.rss_mib - before.rss_mib,
        lag=Spread(**answer["lag"]),
        delays=[at - ends[name] for name, at in answer["events"].items()],
        failures=answer["failures"],
    )


def idle_memory(count: int, environment: Environment, url: str) -> float:
    """Return the MiB that as many triggers take that do nothing."""
    answer = run(environment, "benchmarks.deferred", {"url": url, **asdict(ManyTriggers(count, 1, 0, 0, "idle"))})
    return float(answer["after"]["rss_mib"] - answer["before"]["rss_mib"])


def _begun(errand: Errand, url: str, count: int) -> float:
    """Wait until the tasks are deferred, and return when that was."""
    while (state := _ask(url, "state"))["count"] != count:
        if errand.process.poll() is not None:
            errand.answer()
        time.sleep(_POLL)
    return float(state["begun"])


def _moment(errand: Errand, url: str, at: float) -> _Moment:
    time.sleep(max(0.0, at - now()))
    return _Moment(now(), usage(errand.process.pid), _ask(url, "state"))


def _ask(url: str, what: str) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/_bench/{what}", timeout=60) as response:
        found: dict[str, Any] = json.load(response)
        return found


def _variables(url: str) -> dict[str, str]:
    """Return the connections that the triggers need, and keys as each of them wants them."""
    keys = {"login": "id", "password": "benchmark"}
    host, _, port = url.removeprefix("http://").partition(":")
    place = {"region_id": "cn-hangzhou", "workspace_id": "1", "endpoint": url}
    databricks = {"host": host, "port": int(port), "schema": "http", "password": "benchmark"}
    connections = {
        "PAI_DEFAULT": {"conn_type": "pai", **keys, "extra": place},
        "AWS_DEFAULT": {"conn_type": "aws", **keys, "extra": {"region_name": "eu-west-1", "endpoint_url": url}},
        "DATABRICKS_DEFAULT": {"conn_type": "databricks", **databricks},
    }
    return {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()}
