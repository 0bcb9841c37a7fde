"""Exactly one paid job per attempt and never an orphan, in randomised lives of a task.

``CHAOS_TRIALS`` says how many (``make chaos TRIALS=1000``), ``CHAOS_SEED`` repeats a run, and a seed such as ``7:123``
repeats one trial.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.chaos.trial import Circumstance, Event, Trial
from tests.chaos.verdict import violations

_TRIALS = int(os.environ.get("CHAOS_TRIALS", "60"))
_SEED = os.environ.get("CHAOS_SEED", "0")
_AT_A_TIME = 6
_ENOUGH = 500
"""In so many lives each fault comes."""


@pytest.fixture
def fast_pai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalPAI]:
    """A local PAI whose jobs start at once; what keeps them apart does not matter here."""
    with LocalPAI(tmp_path / "home", slots=2 * _AT_A_TIME, sandbox=Mode.PLAIN) as pai:
        monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", pai.ready.airflow_conn_uri)
        yield pai


def _seeds() -> list[str]:
    return [_SEED] if ":" in _SEED else [f"{_SEED}:{n}" for n in range(_TRIALS)]


def _lived(seed: str) -> tuple[Trial, list[str]]:
    trial = Trial(seed)
    trial.run()
    return trial, list(violations(trial, PAITrainingHook()))


def _lives(seeds: list[str]) -> list[tuple[Trial, list[str]]]:
    if not AIRFLOW_V_3_0_PLUS:
        # Airflow 2.11 lets an operator be executed in the thread only that has loaded it first.
        return [_lived(seed) for seed in seeds]
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        return list(threads.map(_lived, seeds))


@pytest.mark.usefixtures("fast_pai")
def test_no_life_of_a_task_pays_twice_or_leaves_a_job_behind(capsys: pytest.CaptureFixture[str]) -> None:
    lives = _lives(_seeds())
    ends = Counter("success" if trial.value else "killed" if trial.orphaned else "failed" for trial, _ in lives)
    broken = [(trial, found) for trial, found in lives if found]
    seen = sum((trial.seen for trial, _ in lives), Counter[StrEnum]())
    with capsys.disabled():
        print(f"\n{len(lives)} trials of seed {_SEED}: {dict(ends)}, {len(broken)} broken")
        for what, count in seen.most_common():
            print(f"{count:6} {what}")
    assert not broken, "\n".join(
        f"trial {trial.seed}: {'; '.join(found)}\n  " + "\n  ".join(trial.history) for trial, found in broken[:5]
    )
    if len(lives) >= _ENOUGH:
        assert not {*Event, *Circumstance} - {Event.NOTHING} - seen.keys(), "each fault must have come"
