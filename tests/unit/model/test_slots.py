from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_pai.model.service_status import ServiceSnapshot
from airflow_provider_pai.model.slots import Release, Slots, retreat, shift

WANTED = "wanted"


def slot(color: str, share: int, digest: str = "other") -> ServiceSnapshot:
    return ServiceSnapshot(
        *(f"iris_{color}", "Running"),
        traffic_state="grouping" if share else "standalone",
        weight=share or 100,
        labels={"airflow.config": digest},
    )


def blue(share: int, digest: str = "other") -> ServiceSnapshot:
    return slot("blue", share, digest)


def green(share: int, digest: str = "other") -> ServiceSnapshot:
    return slot("green", share, digest)


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
    ],
)
def test_the_model_goes_where_it_is_already_or_where_the_least_traffic_goes(
    slots: tuple[ServiceSnapshot | None, ServiceSnapshot | None], target: str
) -> None:
    assert Slots("iris", *slots).target(WANTED) == target


def test_the_serving_slot_is_the_one_with_most_traffic() -> None:
    assert Slots("iris", blue(10), green(90)).serving == green(90)
    assert Slots("iris", blue(100), None).serving == blue(100)
    assert Slots("iris", blue(0), green(0)).serving is None


def moved(service: ServiceSnapshot | None, release: Release) -> ServiceSnapshot | None:
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
        releases = shift(target, other, steps)
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
    assert shift(blue(0), None, (10, 100)) == (Release("iris_blue", 100),)
    assert shift(blue(100), None, (10, 100)) == ()


def test_a_retreat_gives_before_it_takes() -> None:
    assert retreat(green(60), blue(40)) == (Release("iris_blue", 100), Release("iris_green", 0))
    assert retreat(green(0), blue(100)) == ()
    assert retreat(green(100), None) == (Release("iris_green", 0),)
