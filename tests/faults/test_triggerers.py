"""What happens to my job when triggerers die, stall or change."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from devtools.waits import wait_for
from tests.faults.conftest import TRIGGERERS
from tests.faults.stage import PATIENCE, Life, Stage

pytestmark = pytest.mark.cluster

LONG = "echo begun; sleep 600"
GRACE = 15.0
"""Seconds in which a wrong stop would have come: a triggerer that wakes calls ``on_kill`` within one."""

HEALTH_SECONDS = 7.0
"""After so long a silence of a triggerer, another one takes over: the threshold of the cluster's settings and a bit."""


@pytest.fixture
def both(stage: Stage) -> Iterator[Callable[[], None]]:
    """Makes both triggerers run, and does so at the end."""

    def run() -> None:
        cluster = stage.airflow
        for name in TRIGGERERS:
            if name in cluster.children and not cluster.children[name].alive:
                cluster.kill(name)
            if name not in cluster.children:
                cluster.start_component(name)
                cluster.wait_ready(name)

    yield run
    run()


def held(gate: Path) -> str:
    """What a job does until the gate is there."""
    return f"echo begun; until [ -e {gate} ]; do sleep 0.5; done"


def watcher(stage: Stage, life: Life) -> str:
    """Which triggerer runs a life's trigger; on a slow machine they may just be passing it on."""
    names = {stage.airflow.job_id(name): name for name in TRIGGERERS}
    owner = wait_for(lambda: life.now.triggerer_id, names.__contains__, f"one of {names}", timeout=PATIENCE)
    return names[owner or 0]


def wait_taken_over(stage: Stage, life: Life, before: int | None) -> None:
    wait_for(
        lambda: life.now.triggerer_id,
        lambda seen: seen not in (None, before),
        "another triggerer to take over",
        timeout=PATIENCE,
    )


def test_a_triggerer_is_restarted(stage: Stage, tmp_path: Path, both: Callable[[], None]) -> None:
    life = stage.start("deferred", held(tmp_path / "go")).watched()
    stage.airflow.stop_component(watcher(stage, life))
    both()
    time.sleep(GRACE)
    assert life.statuses == ["Running"]
    (tmp_path / "go").touch()
    life.assert_succeeded_with("Succeed")


def test_a_triggerer_is_killed_and_another_takes_over(stage: Stage, tmp_path: Path, both: Callable[[], None]) -> None:
    life = stage.start("deferred", held(tmp_path / "go")).watched()
    before = life.now.triggerer_id
    stage.airflow.kill(watcher(stage, life))
    wait_taken_over(stage, life, before)
    time.sleep(GRACE)
    assert life.statuses == ["Running"]
    (tmp_path / "go").touch()
    life.assert_succeeded_with("Succeed")


def test_a_triggerer_stalls_and_wakes_after_another_has_taken_over(
    stage: Stage, tmp_path: Path, both: Callable[[], None]
) -> None:
    command = held(tmp_path / "go")
    lives = [stage.start("deferred", command), *stage.start("mapped", command).mapped(2)]
    for life in lives:
        life.watched()
    stalled = watcher(stage, lives[0])
    moved = [life for life in lives if life.now.triggerer_id == stage.airflow.job_id(stalled)]
    stage.airflow.children[stalled].send(signal.SIGSTOP)
    try:
        for life in moved:
            wait_taken_over(stage, life, stage.airflow.job_id(stalled))
    finally:
        stage.airflow.children[stalled].send(signal.SIGCONT)
    time.sleep(GRACE)
    assert [life.statuses for life in lives] == [["Running"]] * 3
    (tmp_path / "go").touch()
    for life in lives:
        life.assert_succeeded_with("Succeed")


def test_the_task_is_marked_failed_while_its_triggerer_is_dead_and_another_lives(
    stage: Stage, both: Callable[[], None]
) -> None:
    life = stage.start("deferred", LONG, connection="pai_dead_triggerer").watched()
    stage.airflow.kill(watcher(stage, life))
    life.mark("failed")
    assert life.wait_end() == "failed"
    both()
    time.sleep(GRACE)
    assert life.statuses == ["Running"], "nobody of ours was told"
    assert [orphan["job_id"] for orphan in stage.swept("pai_dead_triggerer")] == [life.jobs[0].job_id]
    life.wait_statuses("Terminated")


class WithoutTriggerers(NamedTuple):
    """Lives during which no triggerer ran for a while."""

    kept: Life
    marked: Life
    cleared: Life
    gate: Path


@pytest.fixture(scope="module")
def dark(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> WithoutTriggerers:
    """Both triggerers are killed; one task is marked and one cleared; later both are started again."""
    gate = tmp_path_factory.mktemp("dark") / "go"
    lives = WithoutTriggerers(
        stage.start("deferred", held(gate)),
        stage.start("deferred", LONG, connection="pai_no_triggerer"),
        stage.start("deferred", LONG),
        gate,
    )
    for life in lives[:3]:
        life.watched()
    for name in TRIGGERERS:
        stage.airflow.kill(name)
    lives.marked.mark("failed")
    lives.cleared.clear()
    time.sleep(HEALTH_SECONDS)
    for name in TRIGGERERS:
        stage.airflow.start_component(name)
        stage.airflow.wait_ready(name)
    return lives


def test_all_triggerers_are_killed_and_started_again(dark: WithoutTriggerers) -> None:
    time.sleep(GRACE)
    assert dark.kept.statuses == ["Running"]
    dark.gate.touch()
    dark.kept.assert_succeeded_with("Succeed")


def test_the_task_is_cleared_while_no_triggerer_runs(dark: WithoutTriggerers) -> None:
    dark.cleared.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_marked_failed_while_no_triggerer_runs(stage: Stage, dark: WithoutTriggerers) -> None:
    assert dark.marked.wait_end() == "failed"
    # Seen on 3.3.2, each at times: the next triggerer takes the trigger up, only to end it, and tells it; or it
    # ends it before it has run, and nobody is told.
    time.sleep(GRACE)
    assert {orphan["job_id"] for orphan in stage.swept("pai_no_triggerer")} <= {dark.marked.jobs[0].job_id}
    dark.marked.wait_statuses("Terminated")
