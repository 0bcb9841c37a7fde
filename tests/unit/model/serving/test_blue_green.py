from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_pai.model.serving.blue_green import (
    AbortPlan,
    BlueGreenPair,
    WeightChange,
    next_weights,
    plan_abort,
    retreat,
)
from airflow_provider_pai.model.serving.reconcile import DELETED, FOREIGN, UNCHANGED, RollbackAction
from airflow_provider_pai.model.serving.status import ServiceSnapshot

WANTED, ME = "wanted", "me"


def slot(color: str, share: int, digest: str = "other", status: str = "Running", **labels: str) -> ServiceSnapshot:
    return ServiceSnapshot(
        *(f"iris_{color}", status),
        traffic_state="grouping" if share else "standalone",
        weight=share or 100,
        labels={"airflow.config": digest, **{f"airflow.{name}": value for name, value in labels.items()}},
        current_version=1,
        latest_version=1,
    )


def blue(share: int, digest: str = "other", status: str = "Running", **labels: str) -> ServiceSnapshot:
    return slot("blue", share, digest, status, **labels)


def green(share: int, digest: str = "other", status: str = "Running", **labels: str) -> ServiceSnapshot:
    return slot("green", share, digest, status, **labels)


def test_a_service_of_unknown_traffic_is_not_one_without_traffic() -> None:
    unknown = replace(green(0, WANTED, owner=ME), traffic_state="")
    pair = BlueGreenPair("iris", blue(100), unknown)
    assert pair.unclear is unknown
    assert pair.idle_member("iris_blue") == ""
    plan = plan_abort(pair, "iris_green", WANTED, ME)
    assert plan.weights == (WeightChange("iris_blue", 100), WeightChange("iris_green", 0))
    down = BlueGreenPair("iris", blue(100, status="Failed"), unknown)
    assert plan_abort(down, "iris_green", WANTED, ME).action is RollbackAction.LEAVE


@pytest.mark.parametrize(
    ("slots", "target"),
    [
        ((None, None), "iris_blue"),
        ((blue(100), None), "iris_green"),
        ((None, green(100)), "iris_blue"),
        ((blue(0), None), "iris_blue"),
        ((blue(100), green(0)), "iris_green"),
        ((blue(0), green(100)), "iris_blue"),
        ((blue(90), green(10)), "iris_green"),
        ((blue(10), green(90)), "iris_blue"),
        ((blue(100, WANTED), green(0)), "iris_blue"),
        ((blue(100), green(0, WANTED)), "iris_green"),
        ((blue(90), green(10, WANTED)), "iris_green"),
        ((blue(0, WANTED), green(100, WANTED)), "iris_green"),
        ((blue(0), green(0)), "iris_blue"),
        ((blue(90, status="Failed"), green(10)), "iris_blue"),
        ((blue(0), green(100, status="Stopped")), "iris_green"),
        ((blue(0), green(0, status="Stopped")), "iris_green"),
        ((blue(0, status="Stopped"), green(100, status="Failed")), "iris_blue"),
        ((blue(90, status="Failed"), green(10, status="Failed")), "iris_green"),
        ((blue(100, status="Failed"), None), "iris_green"),
    ],
)
def test_the_model_goes_where_it_is_already_or_where_the_least_traffic_goes(
    slots: tuple[ServiceSnapshot | None, ServiceSnapshot | None], target: str
) -> None:
    assert BlueGreenPair("iris", *slots).target(WANTED) == target


def test_the_serving_slot_is_the_one_with_most_traffic() -> None:
    assert BlueGreenPair("iris", blue(10), green(90)).serving == green(90)
    assert BlueGreenPair("iris", blue(100), None).serving == blue(100)
    assert BlueGreenPair("iris", blue(0), green(0)).serving is None


def moved(service: ServiceSnapshot | None, release: WeightChange) -> ServiceSnapshot | None:
    if service is None or service.name != release.name:
        return service
    return replace(service, weight=release.weight, traffic_state="grouping")


@pytest.mark.parametrize("steps", [(100,), (10, 50, 100), (1, 99, 100)])
@pytest.mark.parametrize("start", [(100, 0), (90, 10), (100, 10), (50, 50), (20, 100), (0, 0), (0, 100), (7, 3)])
def test_traffic_moves_to_the_end_and_never_goes_nowhere(steps: tuple[int, ...], start: tuple[int, int]) -> None:
    """Whatever it is interrupted at: each state is one to begin from."""
    other: ServiceSnapshot | None = blue(start[0])
    target: ServiceSnapshot | None = green(start[1])
    before = sum(start)
    for _ in range(len(steps) + 2):
        assert target
        releases = next_weights(target, other, steps)
        if not releases:
            break
        for release in releases:
            target, other = moved(target, release), moved(other, release)
            assert target
            assert other
            assert target.share + other.share > 0 or not before
    assert target
    assert other
    assert (target.share, other.share) == (100, 0)


def test_the_only_service_gets_all_traffic() -> None:
    assert next_weights(blue(0), None, (10, 100)) == (WeightChange("iris_blue", 100),)
    assert next_weights(blue(100), None, (10, 100)) == ()


def test_a_retreat_gives_before_it_takes() -> None:
    assert retreat(green(60), blue(40)) == (WeightChange("iris_blue", 100), WeightChange("iris_green", 0))
    assert retreat(green(0), blue(100)) == ()
    assert retreat(green(100), None) == (WeightChange("iris_green", 0),)


@pytest.mark.parametrize(
    ("slots", "in_use"),
    [
        ((blue(90), green(10, owner="another")), True),
        ((blue(90), green(10, owner=ME)), False),
        ((blue(90), green(10)), False),
        ((blue(100), green(0, owner="another")), False),
        ((blue(0), green(100, owner="another")), False),
        ((None, green(10, owner="another")), False),
        ((blue(90), green(10, status="Failed", owner="another")), False),
        ((blue(90), green(10, status="Updating", owner="another")), True),
    ],
)
def test_a_slot_with_a_part_of_the_traffic_is_its_owners(
    slots: tuple[ServiceSnapshot | None, ServiceSnapshot | None], in_use: bool
) -> None:
    assert BlueGreenPair("iris", *slots).is_in_use("iris_green", ME) is in_use


@pytest.mark.parametrize(
    ("other", "mine", "stopped"),
    [
        (blue(0), green(100), "iris_blue"),
        (blue(0, status="Failed"), green(100), "iris_blue"),
        (blue(30), green(100), ""),
        (blue(0), green(0), ""),
        (blue(0), green(100, status="Failed"), ""),
        (blue(0, status="Stopped"), green(100), ""),
        (None, green(100), ""),
    ],
)
def test_only_a_service_without_traffic_is_put_to_rest(
    other: ServiceSnapshot | None, mine: ServiceSnapshot, stopped: str
) -> None:
    assert BlueGreenPair("iris", other, mine).idle_member("iris_green") == stopped


def mine(share: int, status: str = "Running", previous: str = "0") -> ServiceSnapshot:
    return green(share, WANTED, status, owner=ME, version="1", previous=previous)


BACK = (WeightChange("iris_blue", 100), WeightChange("iris_green", 0))
KEPT = "Not rolled back: service iris_green keeps its traffic, because"
STOPPED = "Rolled back: service iris_green is stopped."
AS_BEFORE = "Rolled back: service iris_blue has all the traffic, as before."


@pytest.mark.parametrize(
    ("other", "target", "done", "then"),
    [
        (blue(100), None, {}, AbortPlan(FOREIGN)),
        (blue(100), green(0), {}, AbortPlan(FOREIGN)),
        (blue(0), green(100, WANTED), {}, AbortPlan(UNCHANGED)),
        (blue(100), mine(0), {}, AbortPlan(AS_BEFORE, (), RollbackAction.STOP)),
        (blue(100), mine(0, previous="3"), {}, AbortPlan(AS_BEFORE, (), RollbackAction.STOP)),
        (blue(100), mine(0, "Stopped"), {}, AbortPlan(AS_BEFORE)),
        (blue(90), mine(10), {}, AbortPlan(AS_BEFORE, BACK, RollbackAction.STOP)),
        (blue(90), green(10, WANTED), {}, AbortPlan(AS_BEFORE, BACK)),
        (blue(0), green(100, WANTED), {"shifted": True}, AbortPlan(AS_BEFORE, BACK)),
        (blue(100), mine(0), {"shifted": True}, AbortPlan(AS_BEFORE, BACK, RollbackAction.STOP)),
        (blue(0), mine(100), {}, AbortPlan(AS_BEFORE, BACK, RollbackAction.STOP)),
        (blue(100), green(0, WANTED), {"started": True}, AbortPlan(AS_BEFORE, (), RollbackAction.STOP)),
        (blue(0, status="Stopped"), mine(100), {}, AbortPlan(f"{KEPT} service iris_blue is Stopped.")),
        (blue(90, status="Failed"), mine(10), {}, AbortPlan(f"{KEPT} service iris_blue is Failed.")),
        (None, mine(100), {}, AbortPlan(f"{KEPT} there is no other service.")),
        (None, mine(0), {}, AbortPlan(DELETED, (), RollbackAction.DELETE)),
        (
            None,
            mine(0),
            {"started": True},
            AbortPlan("Rolled back: service iris_green is stopped.", (), RollbackAction.STOP),
        ),
        (
            blue(100, status="Failed"),
            mine(0),
            {},
            AbortPlan("Rolled back: service iris_blue is Failed, as before.", (), RollbackAction.STOP),
        ),
    ],
)
def test_traffic_returns_to_a_running_service_or_stays(
    other: ServiceSnapshot | None, target: ServiceSnapshot | None, done: dict[str, bool], then: AbortPlan
) -> None:
    assert plan_abort(BlueGreenPair("iris", other, target), "iris_green", WANTED, ME, **done) == then


def test_what_has_no_traffic_leaves_the_group() -> None:
    assert WeightChange("iris_blue", 0).traffic_state == "standalone"
    assert WeightChange("iris_blue", 1).traffic_state == "grouping"
