"""Folding of the launch preamble."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_pai.model.training.log_folding import (
    COMMAND_BEGINS,
    END_GROUP,
    GROUP,
    LAUNCH_BEGINS,
    PreambleFolder,
)
from airflow_provider_pai.model.training.log_level import ERROR, INFO

DASHES = 65 * "-"
OPEN = f"{GROUP}Launch of the job"


def folded(*batches: Sequence[str], errors: Sequence[str] = ()) -> list[str]:
    folder = PreambleFolder()
    return [
        text
        for lines in batches
        for _, text in folder.entries((ERROR if line in errors else INFO, line) for line in lines)
    ]


def test_the_preamble_is_a_group_and_the_command_is_none() -> None:
    lines = [LAUNCH_BEGINS, "HOME=/root", COMMAND_BEGINS, DASHES]
    assert folded([*lines, "step 1"]) == [OPEN, *lines, END_GROUP, "step 1"]


def test_a_group_is_closed_with_its_batch_so_that_nothing_else_is_hidden_with_it() -> None:
    assert folded([LAUNCH_BEGINS], ["Collecting torch"], [COMMAND_BEGINS], [DASHES, "step 1"], ["step 2"]) == [
        *(OPEN, LAUNCH_BEGINS, END_GROUP),
        *(OPEN, "Collecting torch", END_GROUP),
        *(OPEN, COMMAND_BEGINS, END_GROUP),
        *(OPEN, DASHES, END_GROUP, "step 1"),
        "step 2",
    ]


def test_an_error_of_the_launch_is_seen() -> None:
    wrong = "ERROR: No matching distribution found for torhc"
    assert folded([LAUNCH_BEGINS, "Collecting torhc", wrong, "more"], errors=[wrong]) == [
        *(OPEN, LAUNCH_BEGINS, "Collecting torhc", END_GROUP),
        *(wrong, "more"),
    ]


def test_each_instance_has_a_group_of_its_own() -> None:
    lines = [
        *(f"[master-0] {LAUNCH_BEGINS}", "[master-0] HOME=/root"),
        *(f"[worker-0] {LAUNCH_BEGINS}",),
        *(f"[master-0] {COMMAND_BEGINS}", f"[master-0] {DASHES}", "[master-0] step 1", "[worker-0] HOME=/root"),
    ]
    master, worker = (f"{GROUP}[{name}] Launch of the job" for name in ("master-0", "worker-0"))
    assert folded(lines) == [
        *(master, *lines[:2], END_GROUP, worker, lines[2], END_GROUP),
        *(master, *lines[3:5], END_GROUP, lines[5], worker, lines[6], END_GROUP),
    ]


def test_a_log_without_a_preamble_is_left_as_it_is() -> None:
    lines = ["step 1", f"he said: {LAUNCH_BEGINS}", DASHES, COMMAND_BEGINS]
    assert folded(lines) == lines
