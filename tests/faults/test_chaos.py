"""Exactly one paid job per attempt and never an orphan, in randomised task_runs on a real Airflow.

``FAULT_TRIALS`` says how many (``make chaos-cluster TRIALS=50``), ``FAULT_SEED`` repeats a run's choices, and a seed
such as ``7:12`` those of one trial.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.cluster import ClusterHarness
from tests.faults.conftest import AT_A_TIME, TRIGGERERS
from tests.faults.schedule import FaultSchedule
from tests.faults.trial import Trial

pytestmark = pytest.mark.cluster

_TRIALS = int(os.environ.get("FAULT_TRIALS", "6"))
_SEED = os.environ.get("FAULT_SEED", "0")


def _seeds() -> list[str]:
    return [_SEED] if ":" in _SEED else [f"{_SEED}:{n}" for n in range(_TRIALS)]


@pytest.fixture
def trials(harness: ClusterHarness, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[Trial]:
    """Lives that have ended, with their jobs."""
    with (
        ThreadPoolExecutor(AT_A_TIME) as threads,
        FaultSchedule(harness.airflow, _SEED, ("scheduler", *TRIGGERERS)) as schedule,
    ):
        trials = [Trial(seed, harness, schedule, tmp_path / seed.replace(":", "-")) for seed in _seeds()]
        for living in [threads.submit(trial.run) for trial in trials]:
            living.result()
    with capsys.disabled():
        print(f"\ndisturbances: {dict(schedule.seen)}")
    return trials


def test_no_life_of_a_task_pays_twice_or_leaves_a_job_behind(
    harness: ClusterHarness, trials: list[Trial], capsys: pytest.CaptureFixture[str]
) -> None:
    left = {job_id: trial for trial in trials for job_id in trial.left_behind()}
    swept = {orphan["job_id"] for orphan in harness.swept("pai_chaos")} if left else set()
    broken = [(trial, found) for trial in trials if (found := list(trial.violations()))]
    broken += [(trial, [f"{job_id} was left to the janitor"]) for job_id, trial in left.items() if not trial.alone]
    with capsys.disabled():
        print(
            f"\n{len(trials)} trials of seed {_SEED}: {dict(Counter(trial.end for trial in trials))}, "
            f"{sum(len(trial.task_run.jobs) for trial in trials)} jobs, {len(broken)} broken; stopped by the janitor: "
            f"{dict(Counter(trial.alone for trial in left.values()))}"
        )
    assert swept == set(left)
    assert not broken, "\n".join(
        f"trial {trial.seed}: {'; '.join(found)}\n  " + "\n  ".join(trial.history) for trial, found in broken[:5]
    )
