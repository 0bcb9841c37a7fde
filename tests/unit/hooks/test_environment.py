from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.hooks.environment import environment, kept_value


class Store:
    """A value that can be overwritten, as Airflow's execution API has it, or inserted once, as its database has."""

    def __init__(self, value: str | None = None, *, once: bool = False) -> None:
        self.value = value
        self.writes = 0
        self._once = once

    def read(self) -> str | None:
        return self.value

    def write(self, value: str) -> bool:
        self.writes += 1
        if not self._once or self.value is None:
            self.value = value
        return not self._once


def nothing(_: float) -> None:
    """Wait no time."""


def test_an_id_is_made_once_and_kept() -> None:
    store = Store()
    made = kept_value(store, "https://airflow.example", sleep=nothing)
    assert made["id"].startswith("airflow-")
    assert kept_value(store, "https://moved.example", sleep=nothing) == made
    assert store.writes == 1


def test_two_airflows_have_two_ids() -> None:
    assert kept_value(Store(), "", sleep=nothing)["id"] != kept_value(Store(), "", sleep=nothing)["id"]


def test_an_id_that_a_person_has_given_counts() -> None:
    assert kept_value(Store("production"), "", sleep=nothing) == {"id": "production", "base_url": ""}
    assert kept_value(Store('{"id": "production"}'), "", sleep=nothing)["id"] == "production"


@pytest.mark.parametrize("once", [False, True])
@given(order=st.permutations(range(4)))
def test_workers_that_find_no_id_at_the_same_time_end_with_the_same_one(once: bool, order: list[int]) -> None:
    """Each worker reads before any has written; then they write in any order, and each waits for the others."""
    store = Store(once=once)
    found: list[str] = []

    class Late(Store):
        """Sees nothing at its first look."""

        def __init__(self) -> None:
            super().__init__()
            self._looks = 0

        def read(self) -> str | None:
            self._looks += 1
            return None if self._looks == 1 else store.read()

        def write(self, value: str) -> bool:
            return store.write(value)

    def worker(others: Iterator[int]) -> None:
        def others_write(_: float) -> None:
            if next(others, None) is not None:
                worker(others)

        found.append(kept_value(Late(), "", sleep=others_write)["id"])

    workers = iter(order)
    for _ in workers:
        worker(workers)
    assert set(found) == {json.loads(store.value or "{}")["id"]}


def test_a_configured_name_is_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__DEPLOYMENT_NAME", "production")
    named = environment()
    assert (named.name, named.doubt) == ("production", "")


def at(monkeypatch: pytest.MonkeyPatch, base_url: str, name: str = "") -> None:
    """Let this Airflow have an address and a configured name."""
    monkeypatch.setenv("AIRFLOW__PAI__DEPLOYMENT_NAME", name)
    for section in ("API", "WEBSERVER"):
        monkeypatch.setenv(f"AIRFLOW__{section}__BASE_URL", base_url)


def test_a_change_of_the_base_url_changes_no_name_and_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store('{"id": "airflow-1", "base_url": "http://old.example"}')
    for url in ("http://old.example", "https://new.example", ""):
        at(monkeypatch, url)
        assert environment(store=store).name == "airflow-1"
    at(monkeypatch, "http://old.example")
    assert environment(store=store).former == ("http://old.example",), "what jobs of the version before are under"


def test_a_database_that_may_be_a_copy_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store('{"id": "airflow-1", "base_url": "http://production.example"}')
    at(monkeypatch, "http://production.example")
    assert environment(store=store).doubt == ""
    at(monkeypatch, "http://staging.example")
    assert "http://production.example" in environment(store=store).doubt
    at(monkeypatch, "http://staging.example", name="staging")
    assert environment(store=store).doubt == "", "a name that is configured is certain"


def test_an_airflow_that_is_given_a_name_remembers_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store('{"id": "airflow-1", "base_url": ""}')
    at(monkeypatch, "", name="production")
    assert environment(with_former=True, store=store).former == ("airflow-1", "airflow")
    assert environment(store=store).former == ("airflow",)


@pytest.mark.parametrize(
    ("kept", "url", "certain"),
    [
        ("https://airflow.example", "https://airflow.example", True),
        ("https://production.example", "https://staging.example", False),
        # A copy of the database can't be told from the original one.
        ("", "", False),
    ],
)
def test_the_id_of_before_is_certain_where_no_copy_can_have_it(
    monkeypatch: pytest.MonkeyPatch, kept: str, url: str, certain: bool
) -> None:
    at(monkeypatch, url, name="staging")
    named = environment(with_former=True, store=Store(json.dumps({"id": "airflow-1", "base_url": kept})))
    assert named.former_id == "airflow-1"
    assert (named.former_id_doubt == "") is certain


@pytest.mark.parametrize(("took", "warned"), [(0.1, False), (30.0, True)])
def test_a_write_that_comes_too_late_says_what_it_may_have_replaced(
    caplog: pytest.LogCaptureFixture, took: float, warned: bool
) -> None:
    times = iter((100.0, 100.0 + took))
    kept_value(Store(), "", sleep=nothing, clock=lambda: next(times))
    assert ("look for doubles" in caplog.text) is warned
