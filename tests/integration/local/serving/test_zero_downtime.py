"""Requests go on being answered, whatever is done to the service meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tests.support.serving import Build, ServingHouse, wait_until

MORE = 15
"""Answers between one change and the next, of each client."""


class Load:
    """Clients that send requests until they are told to stop, some on one connection, some on a new one each.

    Attributes:
        answers: how often each text was answered.
        failures: whatever else happened.
    """

    def __init__(self, house: ServingHouse, name: str, paths: tuple[str, ...]) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._house, self._name = house, name
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
                        timeout=30,
                    )
                except requests.RequestException as error:
                    self.failures.append(repr(error))
                else:
                    if answer.status_code == 200 and answer.text.endswith("x" * 5000):
                        self.answers[answer.text.split()[0]] += 1
                    else:
                        self.failures.append(f"{answer.status_code} {answer.text[:200]}")
                self._counts[number] += 1

    def go_on(self, answers: int = MORE) -> None:
        """Wait until every client has had some more answers."""
        before = dict(self._counts)
        numbers = range(len(self._threads))
        wait_until(lambda: all(self._counts[number] >= before.get(number, 0) + answers for number in numbers))

    @contextmanager
    def pending(self) -> Iterator[Load]:
        for thread in self._threads:
            thread.start()
        try:
            self.go_on()
            yield self
            self.go_on()
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()


def answering(house: ServingHouse, text: str, **more: Any) -> dict[str, Any]:
    return house.config(env=[{"name": "ANSWER", "value": text}], **more)


def test_no_request_fails_during_updates_failures_roll_backs_and_scaling(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one", instances=2))
    house.until("svc", "Running")
    load = Load(house, "svc", ("", "/deep/path"))
    with load.pending():
        house.update("svc", answering(house, "two", instances=2))
        assert house.until("svc", "Running").seen.version == 2
        load.go_on()

        house.update("svc", house.config("raise SystemExit('it does not start')"))
        failed = house.until("svc", "Failed")
        assert (failed.seen.reason, failed.seen.version, failed.seen.running) == ("CrashLoopBackOff", 2, 2)
        load.go_on()

        house.want("svc", version=1, again=True)
        assert house.until("svc", "Running").seen.version == 1
        load.go_on()

        house.update("svc", answering(house, "one", instances=3))
        assert house.until("svc", "Running").seen.running == 3
        load.go_on()
        house.update("svc", answering(house, "one", instances=1))
        assert house.until("svc", "Running").seen.running == 1
        load.go_on()

        house.want("svc", again=True)
        house.until("svc", "Running")
        load.go_on()
    assert load.failures == []
    assert set(load.answers) == {"one", "two"}
    assert sum(load.answers.values()) > 4 * 8 * MORE


def test_requests_under_way_on_the_old_version_are_finished_by_it(house: ServingHouse) -> None:
    house.create("svc", answering(house, "old"))
    house.until("svc", "Running")
    texts: list[str] = []
    slow = threading.Thread(target=lambda: texts.append(house.ask("svc", "/slow/3").text))
    slow.start()
    house.says("svc", "it is slow")
    house.update("svc", answering(house, "new"))
    house.until("svc", "Running")
    assert house.ask("svc").text == "new GET /"
    assert texts == []
    slow.join()
    assert texts == ["old GET /slow/3"]
    assert [each.version for each in house.keeper.instances("svc")] == [2]


def test_a_request_that_takes_too_long_is_broken_off(build: Build) -> None:
    house = build(drain=0.2)
    house.create("svc", answering(house, "old"))
    house.until("svc", "Running")
    codes: list[int] = []
    slow = threading.Thread(target=lambda: codes.append(house.ask("svc", "/slow/30").status_code))
    slow.start()
    house.says("svc", "it is slow")
    house.want("svc", running=False)
    slow.join()
    assert codes == [503]
    house.until("svc", "Stopped")
