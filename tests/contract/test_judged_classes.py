"""What makes a run of the judges red: anything that is in another class than the file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.judges import clients, oss2_suite
from devtools.judges.cases import cases
from devtools.judges.classes import (
    ELSEWHERE,
    LACKS,
    PASSES,
    REFUSED,
    WRONG,
    Class,
    read_classes,
    unexpected,
    write_classes,
)

EXPECTED: dict[str, Class] = {"a": (PASSES, ""), "b": (REFUSED, "the parameter x of PutBucket"), "c": (LACKS, "")}


def test_the_same_classes_are_as_expected() -> None:
    assert unexpected(EXPECTED, dict(EXPECTED)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"a": (REFUSED, "the parameter y of PutBucket")},
        {"a": (WRONG, "500")},
        {"b": (PASSES, "")},
        {"b": (REFUSED, "the parameter y of PutBucket")},
        {"c": (ELSEWHERE, "TLS")},
        {"d": (PASSES, "")},
    ],
)
def test_each_change_of_class_or_remark_is_unexpected(changed: dict[str, Class]) -> None:
    (problem,) = unexpected(EXPECTED, {**EXPECTED, **changed})
    assert problem.startswith(next(iter(changed)))


def test_what_was_not_run_is_unexpected() -> None:
    assert unexpected(EXPECTED, {"a": EXPECTED["a"], "b": EXPECTED["b"]}) == ["c: was not run"]


def test_what_is_expected_to_be_wrong_is_unexpected_all_the_more() -> None:
    assert unexpected({"a": (WRONG, "500")}, {"a": (WRONG, "500")})


def test_classes_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_classes(tmp_path / "classes.tsv", "what it is", EXPECTED)
    assert read_classes(tmp_path / "classes.tsv") == EXPECTED
    assert read_classes(tmp_path / "absent.tsv") == {}


@pytest.mark.parametrize("file", [clients.EXPECTED, oss2_suite.EXPECTED])
def test_nothing_is_expected_to_be_wrong(file: Path) -> None:
    kinds = {kind for kind, _ in read_classes(file).values()}
    assert kinds <= {PASSES, REFUSED, ELSEWHERE, LACKS}
    assert all(why for kind, why in read_classes(file).values() if kind in (REFUSED, ELSEWHERE))


def test_each_client_goes_through_the_sixty_cases() -> None:
    expected = [each.split(" | ") for each in read_classes(clients.EXPECTED)]
    assert len(cases()) == 60
    by_client = {name: {case for client, case in expected if client == name} for name, _ in expected}
    assert len(by_client) == 6
    assert all(found == set(cases()) for found in by_client.values())
