from __future__ import annotations

from typing import Any

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.client.logs.checkpoint import SAVE_INTERVAL, Checkpoint
from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.model.training.log_cursor import LogCursor
from tests.support.log_server import LogServer

SHOWN = LogCursor(2, {"": 150})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(server: LogServer, clock: Clock | None = None, try_number: int | None = 1) -> Checkpoint:
    checkpoint = Checkpoint(try_number, clock=clock or Clock())
    checkpoint.open(server.got())
    return checkpoint


def test_the_place_is_found_again_by_the_same_try_only() -> None:
    server = LogServer()
    checkpoint = opened(server)
    checkpoint.move(server.got(), SHOWN)
    checkpoint.save(server)
    assert opened(server).cursor == SHOWN
    assert opened(server, try_number=2).cursor == LogCursor()


def test_a_given_cursor_counts_more_than_the_saved_one() -> None:
    server = LogServer()
    server.labels = SHOWN.labels(1)
    brought = LogCursor(2, {"": 160})
    assert Checkpoint(1, brought).open(server.got()) == brought


def test_a_job_that_was_not_seen_has_no_place() -> None:
    assert Checkpoint(1).cursor is None


def test_the_place_falls_due_now_and_then_and_only_when_it_has_changed() -> None:
    server, clock = LogServer(), Clock()
    checkpoint = opened(server, clock)
    clock.now = SAVE_INTERVAL
    assert not checkpoint.claim_save()
    checkpoint.move(server.got(), SHOWN)
    assert checkpoint.claim_save()
    checkpoint.save(server)
    assert not checkpoint.claim_save()
    checkpoint.move(server.got(), LogCursor(2, {"": 151}))
    assert not checkpoint.claim_save()
    clock.now += SAVE_INTERVAL
    assert checkpoint.claim_save()


def test_a_place_that_waits_to_be_kept_does_not_fall_due_again() -> None:
    server, clock = LogServer(), Clock()
    checkpoint = opened(server, clock)
    checkpoint.move(server.got(), SHOWN)
    clock.now = SAVE_INTERVAL
    assert checkpoint.claim_save()
    clock.now += SAVE_INTERVAL
    assert not checkpoint.claim_save()
    newest = LogCursor(2, {"": 200})
    checkpoint.move(server.got(), newest)
    checkpoint.save(server)
    assert opened(server).cursor == newest


def test_a_place_that_is_kept_already_costs_no_request() -> None:
    server = LogServer()
    checkpoint = opened(server)
    for _ in range(3):
        checkpoint.move(server.got(), SHOWN)
        checkpoint.save(server)
    assert server.actions == ["UpdateTrainingJobLabels"]


def test_without_a_try_nothing_is_kept_and_nothing_found() -> None:
    server, clock = LogServer(), Clock()
    server.labels = SHOWN.labels(1)
    checkpoint = opened(server, clock, None)
    checkpoint.move(server.got(), SHOWN)
    clock.now = SAVE_INTERVAL
    assert not checkpoint.claim_save()
    checkpoint.save(server)
    assert server.actions == []
    assert opened(server, try_number=None).cursor == LogCursor()


def test_labels_that_others_change_are_not_sent_and_all_others_are() -> None:
    server = LogServer()
    server.labels = {
        "airflow.key": "k",
        "airflow.try": "1",
        "airflow.generation": "0",
        "mine": "x",
        "airflow.log.2": "y",
    }
    checkpoint = opened(server)
    checkpoint.move(server.got(), SHOWN)
    server.labels = {}
    checkpoint.save(server)
    assert server.labels == {"airflow.key": "k", "airflow.generation": "0", "mine": "x", "airflow.log": "1.2/:150"}


def test_a_place_that_could_not_be_kept_is_tried_again_later() -> None:
    class Down:
        def send(self, call: Call[T], *, attempts: int | None = None) -> Any:
            raise TransportError("no answer", sent=True)

    server, clock = LogServer(), Clock()
    checkpoint = opened(server, clock)
    checkpoint.move(server.got(), SHOWN)
    clock.now = SAVE_INTERVAL
    checkpoint.save(Down())
    assert not checkpoint.claim_save()
    clock.now += SAVE_INTERVAL
    assert checkpoint.claim_save()
