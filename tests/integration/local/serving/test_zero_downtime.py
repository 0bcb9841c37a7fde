"""Requests keep being answered, whatever is done to the service meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import requests

from tests.support.serving import Build, LocalServingHarness
from tests.support.waits import LONGER, PATIENCE, wait_until

MORE = 15
"""Answers between one change and the next, of each client."""


class Load:
    """Clients that send requests until they are stopped, some on one connection, some on a new one each.

    Attributes:
        answers: how often each text was answered.
        failures: whatever else happened.
    """

    def __init__(self, harness: LocalServingHarness, name: str, paths: tuple[str, ...]) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._house, self._name = harness, name
        self._stopped = threading.Event()
        self._counts = Counter[int]()
        self._threads = [
            threading.Thread(target=self._send, args=(number, path, keep))
            for number, (path, keep) in enumerate((path, keep) for path in paths for keep in (True, False))
        ]

    def _send(self, number: int, path: str, keep: bool) -> None:
        with requests.Session() as session:
            if not keep:
                session.headers["Connection"] = "close"
            while not self._stopped.is_set():
                try:
                    answer = session.post(
                        self._house.url(self._name, path),
                        data="x" * 5000,
                        headers={"Authorization": f"token-{self._name}"},
                        timeout=PATIENCE,
                    )
                except requests.RequestException as error:
                    self.failures.append(repr(error))
                else:
                    if answer.status_code == 200 and answer.text.endswith("x" * 5000):
                        self.answers[answer.text.split()[0]] += 1
                    else:
                        self.failures.append(f"{answer.status_code} {answer.text[:200]}")
                self._counts[number] += 1

    def await_answers(self, answers: int = MORE) -> None:
        """Wait until every client has had some more answers."""
        before = dict(self._counts)
        numbers = range(len(self._threads))
        wait_until(lambda: all(self._counts[number] >= before.get(number, 0) + answers for number in numbers))

    @contextmanager
    def pending(self) -> Iterator[Load]:
        for thread in self._threads:
            thread.start()
        try:
            self.await_answers()
            yield self
            self.await_answers()
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()


def answering(harness: LocalServingHarness, text: str, **more: Any) -> dict[str, Any]:
    return harness.config(env=[{"name": "ANSWER", "value": text}], **more)


def test_no_request_fails_during_updates_failures_roll_backs_and_scaling(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one", instances=2))
    harness.until("svc", "Running")
    load = Load(harness, "svc", ("", "/deep/path"))
    with load.pending():
        harness.update("svc", answering(harness, "two", instances=2))
        assert harness.until("svc", "Running").seen.version == 2
        load.await_answers()

        harness.update("svc", harness.config("raise SystemExit('it does not start')"))
        failed = harness.until("svc", "Failed")
        assert (failed.seen.reason, failed.seen.version, failed.seen.running) == ("CrashLoopBackOff", 2, 2)
        load.await_answers()

        harness.want("svc", version=1, again=True)
        assert harness.until("svc", "Running").seen.version == 1
        load.await_answers()

        harness.update("svc", answering(harness, "one", instances=3))
        assert harness.until("svc", "Running").seen.running == 3
        load.await_answers()
        harness.update("svc", answering(harness, "one", instances=1))
        assert harness.until("svc", "Running").seen.running == 1
        load.await_answers()

        harness.want("svc", again=True)
        harness.until("svc", "Running")
        load.await_answers()
    assert load.failures == []
    assert set(load.answers) == {"one", "two"}
    assert sum(load.answers.values()) > 4 * 8 * MORE


def test_requests_under_way_on_the_old_version_are_finished_by_it(build: Build) -> None:
    harness = build(drain=LONGER)
    harness.create("svc", answering(harness, "old"))
    harness.until("svc", "Running")
    texts: list[str] = []
    release = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"it "
        release.wait(LONGER)
        yield b"ends"

    def send() -> None:
        with closing(HTTPConnection("127.0.0.1", harness.listener.port, timeout=LONGER)) as connection:
            headers = {"Authorization": "token-svc", "Content-Length": "7"}
            connection.request("POST", "/api/predict/svc/held", body(), headers)
            texts.append(connection.getresponse().read().decode())

    held = threading.Thread(target=send)
    held.start()
    try:
        harness.says("svc", "it is held")
        harness.update("svc", answering(harness, "new"))
        harness.until("svc", "Running")
        assert harness.ask("svc").text == "new GET /"
        assert texts == []
    finally:
        release.set()
        held.join()
    assert texts == ["old POST /held it ends"]
    assert [each.version for each in harness.keeper.instances("svc")] == [2]


def test_a_request_that_takes_too_long_is_broken_off(build: Build) -> None:
    harness = build(drain=0.2)
    harness.create("svc", answering(harness, "old"))
    harness.until("svc", "Running")
    codes: list[int] = []
    slow = threading.Thread(target=lambda: codes.append(harness.ask("svc", "/slow/600").status_code))
    slow.start()
    harness.says("svc", "it is slow")
    harness.want("svc", running=False)
    slow.join()
    assert codes == [503]
    harness.until("svc", "Stopped")
