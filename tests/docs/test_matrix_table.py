"""The table of what was measured, which ``make test-matrix`` writes into a page."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from devtools.matrix import (
    AIRFLOWS,
    PAGE,
    PYTHONS,
    QUICK,
    QUICK_DAY,
    REPOSITORY,
    UNDECLARED,
    environments,
    head_commit,
    main,
    read_options,
)
from devtools.matrix_table import BEGIN, END, Row, read_rows, with_rows
from tests.support.waits import PATIENCE

OLD = Row("2.11.0", "3.11", "lowest", "holds", "2026-11-01")
PAGE_OF_ONE = with_rows(f"Before.\n\n{BEGIN}\n{END}\n\nAfter.\n", [OLD])


def test_a_row_is_read_as_it_was_written() -> None:
    assert read_rows(PAGE_OF_ONE) == [OLD]


def test_the_rest_of_the_page_is_kept() -> None:
    page = with_rows(PAGE_OF_ONE, [OLD])
    assert page == PAGE_OF_ONE
    assert page.startswith("Before.\n\n")
    assert page.endswith("\n\nAfter.\n")


def test_a_row_replaces_that_of_the_same_environment() -> None:
    newer = Row("2.11.0", "3.11", "lowest (2025-09-15)", "FAILED: no", "2026-11-30")
    assert read_rows(with_rows(PAGE_OF_ONE, [newer])) == [newer]


def test_rows_are_in_the_order_of_versions() -> None:
    later = [Row("3.10.1", "3.11", "lowest", "holds", "day"), Row("3.2.2", "3.9", "lowest", "holds", "day")]
    assert [row.airflow for row in read_rows(with_rows(PAGE_OF_ONE, later))] == ["2.11.0", "3.2.2", "3.10.1"]


def test_a_page_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the two lines"):
        with_rows("nothing", [OLD])


def test_a_row_names_the_commit_that_was_measured() -> None:
    (environment,) = environments(read_options(["--airflow", "3.3.2", "--python", "3.12", "--dependencies", "newest"]))
    row = environment.row("3.3.2", "holds", head_commit())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d, ([0-9a-f]{8,}(, changed)?|no commit)", row.day)
    assert read_rows(with_rows(PAGE_OF_ONE, [row]))[-1] == row


def test_what_the_guide_says_was_measured_holds() -> None:
    rows = read_rows(PAGE.read_text())
    assert {row.outcome for row in rows} == {"holds"}
    assert {row.python for row in rows} <= set(PYTHONS)
    assert all(row.airflow.startswith(AIRFLOWS) for row in rows)


def test_an_environment_that_is_not_in_the_matrix_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--airflow", "2.10.0"])
    assert "invalid choice" in capsys.readouterr().err


def test_each_airflow_is_tried_with_each_python_that_it_declares() -> None:
    found = {(each.airflow, each.python) for each in environments(read_options([]))}
    assert found == {(airflow, python) for airflow in AIRFLOWS for python in PYTHONS} - set(UNDECLARED)


def test_the_quick_ones_do_not_change_from_day_to_day() -> None:
    found = list(environments(read_options(["--quick"])))
    assert {(each.airflow, each.python, each.dependencies) for each in found} == set(QUICK)
    assert {each.today for each in found} == {QUICK_DAY}
    for each in found:
        days = {option.rpartition("=")[2] for option in each.options if option.startswith("--exclude-newer-package")}
        assert days <= {QUICK_DAY}
        assert "--exclude-newer" in each.options


def test_what_has_a_row_is_left_out_where_only_the_rest_is_missing() -> None:
    rows = read_rows(PAGE.read_text())
    missing = list(environments(read_options(["--missing"])))
    assert not any(each.is_of(row) for each in missing for row in rows)
    assert len(missing) + len(rows) == len(list(environments(read_options([]))))


@pytest.mark.parametrize("asked", [["--python", "3.12"], ["--quick"]])
def test_an_interpreter_that_is_asked_for_and_lacks_is_an_error_that_names_it(asked: list[str]) -> None:
    nothing = {"PATH": "/nowhere", "PYENV_ROOT": "/nowhere"}
    command = [sys.executable, "-m", "devtools.matrix", *asked]
    done = subprocess.run(command, cwd=REPOSITORY, env=nothing, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "This machine has no Python 3.1" in done.stdout
