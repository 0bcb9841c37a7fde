"""Which model a service answers with, whatever labels and versions say of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pai.api.services import ServiceVersion
from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.lifecycle.serving.served_model import served_model
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.request import labelled
from airflow_provider_pai.model.serving.status import ServiceSnapshot, snapshot

TIMES = ("2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z", "2026-11-24T14:00:00Z", "2026-11-24T15:00:00Z")


def config(model: str, noted: int) -> dict[str, Any]:
    body = {"name": "iris", "processor": "xgboost", "model_path": f"https://models/{model}/"}
    return labelled(body, version=noted, previous=noted - 1, owner="me")


def no_oss() -> Any:
    raise AssertionError("no model here is in OSS")


class Service:
    """As much of the calls as is asked: one service, and its versions."""

    def __init__(self, current: int, wanted: dict[str, Any], versions: list[ServiceVersion], status: str) -> None:
        self._versions = versions
        self._seen = snapshot(
            {
                "ServiceName": "iris",
                "Status": status,
                "CurrentVersion": current,
                "LatestVersion": len(versions),
                "ServiceConfig": json.dumps(wanted),
            }
        )

    def find(self, _: str) -> ServiceSnapshot:
        return self._seen

    def versions(self, _: str) -> list[ServiceVersion]:
        return self._versions


def served(current: int, configs: list[dict[str, Any]], status: str = "Running", times: tuple[str, ...] = TIMES) -> str:
    """The model of a service whose newest version is wanted; EAS does not say in which order it lists versions."""
    versions = [
        ServiceVersion(int(each["labels"]["airflow.version"]), each, time)
        for each, time in zip(configs, times, strict=False)
    ]
    found = [
        served_model(Service(current, configs[-1], listed, status), no_oss, "iris", "metrics.json")  # type: ignore[arg-type]
        for listed in (versions, versions[::-1])
    ]
    assert found[0]
    assert found[0] == found[1]
    return str(found[0]["model_uri"])


def edited(made: dict[str, Any], model: str) -> dict[str, Any]:
    return {**made, "model_path": f"https://models/{model}/"}


def test_a_service_edited_outside_has_the_model_of_the_edit() -> None:
    first = config("a", 1)
    assert served(2, [first, edited(first, "theirs")]) == "https://models/theirs/"


def test_of_two_versions_that_were_asked_for_at_once_the_later_one_answers() -> None:
    assert served(3, [config("a", 1), config("b", 2), config("c", 2)]) == "https://models/c/"


@pytest.mark.parametrize(("current", "model"), [(2, "b"), (3, "c")])
def test_the_version_that_answers_is_known_by_its_place_when_labels_are_the_same(current: int, model: str) -> None:
    configs = [config("a", 1), config("b", 2), config("c", 2), config("d", 4)]
    assert served(current, configs, "Failed") == f"https://models/{model}/"


def test_an_ambiguous_version_is_an_error() -> None:
    configs = [config("a", 1), config("b", 2), config("c", 2), config("d", 4)]
    with pytest.raises(ServiceError, match="Cannot determine the model of version 3"):
        served(3, configs, "Failed", (TIMES[0], TIMES[1], TIMES[1], TIMES[2]))


class Described:
    """The calls to an EAS that describes one service, or one of a group, in this way."""

    def __init__(self, group: str = "", **members: Any) -> None:
        config = {"name": "iris", "model_path": "https://models/a/"}
        whole = {"Status": "Running", "CurrentVersion": 1, "LatestVersion": 1, "ServiceConfig": json.dumps(config)}
        body = {"ServiceName": "iris", "ServiceGroup": group, **whole, **members}
        self._group = group
        self._seen = snapshot({name: value for name, value in body.items() if value is not None})

    def find(self, _: str) -> ServiceSnapshot | None:
        return None if self._group else self._seen

    def pair(self, group: str) -> BlueGreenPair:
        return BlueGreenPair(group, self._seen, None)

    def versions(self, _: str) -> list[ServiceVersion]:
        raise AssertionError("versions are not asked for")

    def served(self) -> dict[str, Any] | None:
        return served_model(self, no_oss, "iris", "metrics.json")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "missing",
    [
        {"CurrentVersion": None},
        {"CurrentVersion": None, "Status": "Updating"},
        {"CurrentVersion": None, "Status": "Failed", "RunningInstance": 1},
        {"ServiceConfig": None, "Labels": []},
        {"group": "irises", "TrafficState": None, "Weight": 100},
        {"group": "irises", "TrafficState": "grouping"},
    ],
)
def test_a_member_that_eas_omits_is_an_error_and_not_a_missing_champion(missing: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match=r"Cannot determine the model of service iris: EAS does not tell"):
        Described(**missing).served()


@pytest.mark.parametrize(
    "nothing",
    [
        {"CurrentVersion": 0, "Status": "Creating"},
        {"CurrentVersion": None, "Status": "Waiting"},
        {"CurrentVersion": 0, "Status": "Failed"},
        {"group": "irises", "TrafficState": "standalone"},
        {"group": "irises", "TrafficState": "grouping", "Weight": 0},
    ],
)
def test_a_service_that_never_answered_or_has_no_traffic_has_no_champion(nothing: dict[str, Any]) -> None:
    assert Described(**nothing).served() is None


def test_a_service_with_all_members_has_its_model() -> None:
    served = Described(group="irises", TrafficState="grouping", Weight=100).served()
    assert served is not None
    assert served["model_uri"] == "https://models/a/"
