from __future__ import annotations

import json

import pytest

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.environment import VARIABLE, environment, kept_value


class Store:
    """Texts that can be overwritten, as Airflow's Variables can."""

    def __init__(self, value: str | None = None) -> None:
        self.texts = {} if value is None else {VARIABLE: value}

    def read(self, key: str) -> str | None:
        return self.texts.get(key)

    def write(self, key: str, value: str) -> None:
        self.texts[key] = value


def nothing(_: float) -> None:
    """Wait no time."""


def test_an_id_is_made_once_and_kept() -> None:
    store = Store()
    made = kept_value(store, "https://airflow.example", sleep=nothing)
    assert made["id"].startswith("airflow-")
    assert kept_value(store, "https://moved.example", sleep=nothing) == made


def test_two_airflows_have_two_ids() -> None:
    assert kept_value(Store(), "", sleep=nothing)["id"] != kept_value(Store(), "", sleep=nothing)["id"]


def test_an_id_that_a_person_has_given_counts() -> None:
    assert kept_value(Store("production"), "", sleep=nothing) == {"id": "production", "base_url": ""}
    assert kept_value(Store('{"id": "production"}'), "", sleep=nothing)["id"] == "production"


def test_an_id_that_was_lost_comes_back() -> None:
    store = Store()
    made = kept_value(store, "", sleep=nothing)
    del store.texts[VARIABLE]
    assert kept_value(store, "", sleep=nothing) == made


@pytest.mark.parametrize("text", ["{}", "null", '{"id": ""}', "  "])
def test_a_variable_without_an_id_is_named(text: str) -> None:
    with pytest.raises(SpecError, match="'pai_environment' holds no id"):
        kept_value(Store(text), "", sleep=nothing)


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
