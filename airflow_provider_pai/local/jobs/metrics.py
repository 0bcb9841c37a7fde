"""Metrics, and a job's progress, that are read from its log lines."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_pai.model.training.metric_text import SHORTEST_SEARCHED, searched_texts
from airflow_provider_pai.model.training.spec import MetricDefinition

_MATCH_SECONDS = 2.0
_MATCHER = """\
import json, re, signal, sys
signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
for request in sys.stdin:
    regex, text = json.loads(request)
    signal.setitimer(signal.ITIMER_VIRTUAL, float(sys.argv[1]))
    found = re.findall(regex, text)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    print(json.dumps(found), flush=True)
"""
"""Nothing can interrupt Python's ``re``, and it stops all threads of its process. So it has a process of its own, which
the system itself ends when one line takes too much of the processor's time, even when the server is gone by then."""


class ProgressDefinition(MetricDefinition):
    """How a job's progress is read from its log: like a metric, but it is none."""


def progress_definitions(algorithm: Mapping[str, Any]) -> list[ProgressDefinition]:
    """Return what is read as a job's progress.

    Args:
        algorithm: the job's AlgorithmSpec.
    """
    definitions = algorithm.get("ProgressDefinitions", {})
    return [ProgressDefinition(name, definition["Regex"]) for name, definition in definitions.items()]


class MetricReader:
    """Finds values in log lines. Threads of several instances may ask at a time.

    Regular expressions are matched in a child process, which the first line starts and :meth:`close` ends. One that
    takes too long for a long line is asked for the ends of such lines from then on; one that takes too long for these
    is not asked for again.

    Args:
        definitions: the metrics; each regular expression has one group, the value.
        give_up: gets each metric that is not read any more.
        seconds: of processor time that one regular expression may take for one line.
    """

    def __init__(
        self,
        definitions: Iterable[MetricDefinition],
        give_up: Callable[[MetricDefinition], None],
        seconds: float = _MATCH_SECONDS,
    ) -> None:
        self._definitions = list(definitions)
        self._slow: set[MetricDefinition] = set()
        self._give_up = give_up
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()

    def find(self, line: str) -> Iterator[tuple[MetricDefinition, str]]:
        """Yield each metric in a line with the text of its value, which need not be a number.

        Raises:
            OSError: there can't be a child process now.
        """
        for searched in searched_texts(line):
            for definition in list(self._definitions):
                for text in self._find(definition, searched):
                    yield definition, text

    def close(self) -> None:
        """End the child process; no values are found any more."""
        self._closed.set()
        if child := self._child:
            # Before the lock, which a thread that waits for an answer has.
            child.kill()
        with self._lock:
            self._end_child()

    def _find(self, definition: MetricDefinition, text: str) -> list[str]:
        with self._lock:
            if self._closed.is_set() or definition not in self._definitions:
                return []
            whole = text[-SHORTEST_SEARCHED:] if definition in self._slow else text
            for searched in dict.fromkeys((whole, text[-SHORTEST_SEARCHED:])):
                answer = self._answer(json.dumps([definition.regex, searched]).encode() + b"\n")
                if answer:
                    return list(json.loads(answer))
                self._end_child()
                if self._closed.is_set():
                    return []
                self._slow.add(definition)
            self._definitions.remove(definition)
        self._give_up(definition)
        return []

    def _answer(self, request: bytes) -> bytes:
        """Return the answer of the child process; empty when it ended."""
        child = self._child = self._child or self._start_child()
        if child.stdin is None or child.stdout is None:
            return b""
        try:
            child.stdin.write(request)
            return child.stdout.readline()
        except BrokenPipeError:
            return b""

    def _start_child(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _MATCHER, str(self._seconds)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # The terminal's Ctrl-C is for the server.
            start_new_session=True,
        )

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
