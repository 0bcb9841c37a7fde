from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_pai.hooks.airflow_state import GONE, UNKNOWN, state_from_api


class Execution:
    """As much of Airflow's execution API as is asked."""

    def __init__(self, states: Mapping[str, Any], runs: int) -> None:
        self._states = states
        self._runs = runs

    def get_task_states(self, **_: Any) -> Mapping[str, Any]:
        return self._states

    def get_dr_count(self, **_: Any) -> int:
        return self._runs


@pytest.mark.parametrize(
    ("states", "runs", "expected"),
    [
        ({"run": {"train": "deferred"}}, 1, "deferred"),
        ({"run": {"train": None}}, 1, None),
        ({}, 0, GONE),
        # A janitor that took these for "gone" would stop jobs that their tasks wait for.
        ({}, 1, UNKNOWN),
        ({"run": {}}, 1, UNKNOWN),
        ({"other": {"train": "failed"}}, 1, UNKNOWN),
    ],
)
def test_an_unknown_state_means_a_deleted_run_only_when_there_is_no_run(
    states: Mapping[str, Any], runs: int, expected: str | None
) -> None:
    assert state_from_api(Execution(states, runs), "dag", "run", "train", -1) == expected


def test_a_mapped_task_is_called_by_its_index() -> None:
    states = {"run": {"train_2": "running", "train": "failed"}}
    assert state_from_api(Execution(states, 1), "dag", "run", "train", 2) == "running"
