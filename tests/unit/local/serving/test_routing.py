"""Weights, and turns."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.eas.record import ServiceRecord, Version, Wanted
from airflow_provider_pai.local.running.view import covers
from airflow_provider_pai.local.serving.connector import PortConnector
from airflow_provider_pai.local.serving.log_tail import InstanceLogTail
from airflow_provider_pai.local.serving.routing import chosen, shares
from airflow_provider_pai.local.serving.upstreams import Upstream, Upstreams

WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.integers(-1, 1000))


@given(WEIGHTS, st.floats(0, 1, exclude_max=True))
def test_only_what_has_a_weight_is_chosen_and_something_is(weights: dict[str, int], point: float) -> None:
    found = chosen(weights, point)
    positive = {name for name, weight in weights.items() if weight > 0}
    assert found in positive if positive else found is None


@given(WEIGHTS)
def test_choices_are_in_proportion(weights: dict[str, int]) -> None:
    total = sum(weight for weight in weights.values() if weight > 0)
    counts = Counter(chosen(weights, (number + 0.5) / total) for number in range(total))
    assert counts == Counter({name: weight for name, weight in weights.items() if weight > 0})


def service(name: str, **wanted: object) -> ServiceRecord:
    versions = (Version(1, {"name": name}, ""),)
    return ServiceRecord(name, "", "", "", "", "", versions, wanted=Wanted(**{"traffic": "grouping", **wanted}))  # type: ignore[arg-type]


def test_a_groups_traffic_goes_to_those_that_take_part_and_answer() -> None:
    services = [
        service("a", weight=3),
        service("b", weight=0),
        service("c", weight=-1),
        service("d", traffic="standalone"),
        service("e", weight=7),
    ]
    ready = {"a": 1, "b": 2, "c": 1, "d": 1}
    assert shares(services, lambda name: ready.get(name, 0), by_weight=True) == {"a": 3}


def test_a_group_that_shares_by_itself_looks_at_instances_not_at_weights() -> None:
    services = [
        service("a", weight=3),
        service("b", weight=0),
        service("c", weight=-1),
        service("d", traffic="standalone"),
        service("e", weight=7),
    ]
    ready = {"a": 1, "b": 2, "c": 1, "d": 1}
    assert shares(services, lambda name: ready.get(name, 0), by_weight=False) == {"a": 1, "b": 2}


def upstream(name: str) -> Upstream:
    return Upstream(name, PortConnector(8000, 8000))


def test_instances_take_turns_and_busy_ones_are_spared() -> None:
    upstreams, one, two = Upstreams(), upstream("one"), upstream("two")
    upstreams.publish("svc", [one, two])
    for expected in (one, two, one, two):
        taken = upstreams.take("svc")
        assert taken is expected
        upstreams.give_back(taken)
    assert upstreams.take("svc") is one
    assert [upstreams.take("svc"), upstreams.take("svc", [one])] == [two, two]
    assert upstreams.take("svc", [one, two]) is None
    assert (one.busy, two.busy) == (1, 2)


def test_instances_take_turns_also_where_they_are_offered_again_before_each_request() -> None:
    upstreams, instances = Upstreams(), [upstream("a"), upstream("b")]
    taken = []
    for _ in range(4):
        upstreams.publish("svc", instances)
        found = upstreams.take("svc")
        assert found is not None
        upstreams.give_back(found)
        taken.append(found.name)
    assert taken == ["a", "b", "a", "b"]


def test_what_is_no_longer_offered_is_not_taken_and_becomes_idle() -> None:
    upstreams, one = Upstreams(), upstream("one")
    upstreams.publish("svc", [one])
    assert upstreams.take("svc") is one
    upstreams.publish("svc", [])
    assert not upstreams.answers("svc")
    assert upstreams.take("svc") is None
    assert not upstreams.is_idle(one)
    upstreams.give_back(one)
    assert upstreams.is_idle(one)


def test_the_last_lines_of_the_latest_instances_are_kept() -> None:
    lines = InstanceLogTail()
    for number in range(25):
        for line in range(1001):
            lines.add(f"i{number}", f"{number}/{line}")
    assert lines.of("i0") == []
    assert len(lines.of("i24")) == 1000
    assert lines.of("i24")[0] == "24/1"
    assert len(lines.of()) == 20_000
    lines.add("i10", "the last")
    assert lines.of()[-1] == "the last"


@pytest.mark.parametrize(
    ("target", "covered"), [("has/new", "has"), ("has/deep/new", "has/deep"), ("has/deep", ""), ("no/such/place", ".")]
)
def test_only_the_folder_in_which_a_place_is_missing_is_covered(tmp_path: Path, target: str, covered: str) -> None:
    (tmp_path / "has" / "deep").mkdir(parents=True)
    (tmp_path / "has" / "file").touch()
    found = covers([str(tmp_path / target)], ())
    assert [cover.folder for cover in found] == ([tmp_path / covered] if covered else [])
    if covered == "has":
        assert found[0].kept == (tmp_path / "has" / "deep", tmp_path / "has" / "file")
    assert covers([f"/no/such/folder/{target}"], ()) == []
