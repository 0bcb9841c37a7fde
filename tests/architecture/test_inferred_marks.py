"""Every ``[inferred]`` of the package has a probe, or a reason for having none."""

from __future__ import annotations

from airflow_provider_pai.local.verify.member_names import MEMBER_NAMES
from airflow_provider_pai.local.verify.paid_probes import PAID
from airflow_provider_pai.local.verify.probes import PROBES
from devtools.answer_names import names
from devtools.inferred_marks import DECISIONS, MARKS, Why, marks_in_source


def test_every_mark_has_a_probe_or_a_reason_for_having_none() -> None:
    assert {name: len(marks) for name, marks in MARKS.items()} == marks_in_source()


def test_every_probe_tries_a_mark_or_a_decision() -> None:
    named = {key for marks in MARKS.values() for mark in marks if not isinstance(mark, Why) for key in mark}
    assert named | set(DECISIONS) == {probe.key for probe in PROBES} | PAID.keys()


def test_no_two_probes_have_the_same_key() -> None:
    keys = [probe.key for probe in PROBES] + [*PAID]
    assert len(set(keys)) == len(keys)


def test_the_names_that_reports_show_are_those_of_the_vendors_models() -> None:
    assert sorted(names()) == sorted(MEMBER_NAMES)
