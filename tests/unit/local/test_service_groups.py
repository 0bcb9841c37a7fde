"""Service groups exist as long as a service names them."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_pai.local.eas import changes
from airflow_provider_pai.local.eas.groups import Groups
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.records import Records


def service(name: str, group: str, created: str = "2026-11-24T12:00:00Z") -> ServiceRecord:
    config = {"name": name, "metadata": {"group": group}, "containers": [{"image": "a:1"}]}
    return changes.created(config, f"eas-m-{name}", "uid", "token", created, {})


def test_a_group_comes_with_its_first_service_and_goes_with_its_last(tmp_path: Path) -> None:
    store = ServiceStore(tmp_path)
    groups = Groups(store)
    assert groups.all() == []
    assert groups.token("scores") is None
    store.add(service("blue", "scores"))
    token = groups.token("scores")
    assert token
    store.add(service("green", "scores", "2026-11-24T13:00:00Z"))
    store.forget("blue")
    assert groups.token("scores") == token
    store.forget("green")
    assert groups.get("scores") is None
    store.add(service("blue", "scores"))
    assert groups.token("scores") != token


def test_a_group_keeps_its_token_over_a_restart(tmp_path: Path) -> None:
    table = Records(tmp_path).table("groups")
    store = ServiceStore(tmp_path / "services")
    groups = Groups(store, table)
    store.add(service("blue", "scores"))
    found = groups.get("scores")
    assert found
    assert Groups(ServiceStore(tmp_path / "services"), table).get("scores") == found
    assert groups.share("scores", "customized", "2026-11-25T12:00:00Z")
    assert not groups.share("absent", "customized", "2026-11-25T12:00:00Z")
    assert Groups(ServiceStore(tmp_path / "services"), table).by_weight("scores")
    assert found.token not in repr(found)


def test_services_without_a_group_make_none(tmp_path: Path) -> None:
    store = ServiceStore(tmp_path)
    store.add(service("alone", ""))
    assert Groups(store).all() == []
