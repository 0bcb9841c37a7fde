"""How requests change a service's record, and what is shown of it before its keeper has noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_pai.local.eas import changes
from airflow_provider_pai.local.eas.record import Seen, ServiceRecord
from airflow_provider_pai.local.eas.views import status
from airflow_provider_pai.local.http.response import ErrorResponse

NOW, LATER = "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"
RUNNING = Seen("Running", "RUNNING", "", version=1, settled=1, running=1)


def config(**members: Any) -> dict[str, Any]:
    return {"name": "score", "metadata": {"instance": 1}, "containers": [{"image": "a:1"}], **members}


def made(seen: Seen = RUNNING, asked: dict[str, str] | None = None, **members: Any) -> ServiceRecord:
    service = changes.created(config(**members), "eas-m-1", "uid", "token", NOW, asked or {})
    return replace(service, seen=seen)


def test_a_created_service_is_to_run_its_first_version() -> None:
    service = made(asked={"a": "1", "b": "2"}, labels={"b": "3"})
    assert [(version.number, version.built) for version in service.versions] == [(1, NOW)]
    assert (service.wanted.version, service.wanted.generation, service.wanted.running) == (1, 1, True)
    assert (service.wanted.weight, service.wanted.traffic, service.group) == (100, "standalone", "")
    assert service.labels == {"a": "1", "b": "3"}


def test_a_configuration_may_fix_token_group_and_traffic() -> None:
    service = made(token="mine", metadata={"group": "scores", "traffic_state": "grouping"})
    assert (service.token, service.group, service.wanted.traffic) == ("mine", "scores", "grouping")


def test_no_repr_shows_a_token_or_a_configuration() -> None:
    service = made(token="secret-1", containers=[{"env": [{"name": "KEY", "value": "secret-2"}]}])
    assert "secret" not in repr(service)
    assert "score" in repr(service)


def test_merging_goes_into_objects_and_replaces_everything_else() -> None:
    old = {"a": {"b": 1, "c": {"d": 1, "e": 2}}, "list": [1, 2], "text": "x", "kept": True}
    part = {"a": {"c": {"d": 9}}, "list": [3], "text": {"now": "object"}, "more": 1}
    assert changes.merged(old, part) == {
        "a": {"b": 1, "c": {"d": 9, "e": 2}},
        "list": [3],
        "text": {"now": "object"},
        "kept": True,
        "more": 1,
    }
    assert old["list"] == [1, 2]


def test_an_update_makes_the_next_version_and_raises_the_generation() -> None:
    service = changes.updated(made(), config(token="other"), LATER)
    assert [version.number for version in service.versions] == [1, 2]
    assert (service.wanted.version, service.wanted.generation, service.updated) == (2, 2, LATER)
    assert service.token == "other"
    assert service.created == NOW


def test_going_back_makes_no_version_and_the_next_update_the_next_number() -> None:
    updated = changes.updated(made(), config(), LATER)
    back = changes.rolled_back(updated, 1, LATER)
    assert (back.wanted.version, back.wanted.generation, back.versions) == (1, 3, updated.versions)
    assert changes.updated(back, config(), LATER).wanted.version == 3


@pytest.mark.parametrize("number", [0, -1, 2, 3])
def test_there_is_no_going_to_a_version_that_is_not_or_is_there_already(number: int) -> None:
    service = changes.updated(made(), config(), LATER)
    with pytest.raises(ErrorResponse, match="Version is invalid"):
        changes.rolled_back(service, number, LATER)


@pytest.mark.parametrize(
    ("members", "said"),
    [({"name": "other"}, "name is invalid"), ({"metadata": {"group": "other"}}, "metadata.group is invalid")],
)
def test_name_and_group_are_kept_for_ever(members: dict[str, Any], said: str) -> None:
    with pytest.raises(ErrorResponse, match=said):
        changes.updated(made(), config(**members), LATER)


def test_labels_of_a_configuration_come_and_go_with_its_version() -> None:
    service = made(asked={"own": "1"}, labels={"build": "1", "first": "yes"})
    service = changes.labelled(service, {"added": "2"}, set(), LATER)
    updated = changes.updated(service, config(labels={"build": "2"}), LATER)
    assert updated.labels == {"own": "1", "added": "2", "build": "2"}
    assert changes.rolled_back(updated, 1, LATER).labels == {"own": "1", "added": "2", "build": "1", "first": "yes"}
    assert changes.labelled(updated, {}, {"own", "none"}, LATER).labels == {"added": "2", "build": "2"}


def test_starting_and_stopping_again_changes_nothing() -> None:
    service = made()
    assert changes.started(service, LATER) == service
    stopped = changes.stopped(service, LATER)
    assert (stopped.wanted.running, stopped.wanted.generation) == (False, 1)
    assert changes.stopped(stopped, LATER) == stopped
    started = changes.started(stopped, LATER)
    assert (started.wanted.running, started.wanted.generation) == (True, 2)


def test_a_stopped_service_stays_stopped_when_it_is_updated_and_is_not_restarted() -> None:
    stopped = changes.stopped(made(), LATER)
    assert changes.updated(stopped, config(), LATER).wanted.running is False
    with pytest.raises(ErrorResponse) as refused:
        changes.restarted(stopped, LATER)
    assert refused.value.status == 409
    assert changes.restarted(made(), LATER).wanted.generation == 2


def test_weights_are_for_services_of_a_group() -> None:
    member = made(metadata={"group": "scores"})
    changed = changes.released(member, 0, "grouping", LATER)
    assert (changed.wanted.weight, changed.wanted.traffic) == (0, "grouping")
    assert changes.released(changed, 30, None, LATER).wanted.traffic == "grouping"
    assert changes.released(changed, None, "standalone", LATER).wanted.weight == 0
    with pytest.raises(ErrorResponse, match="belongs to no group"):
        changes.released(made(), None, "grouping", LATER)


def test_the_status_follows_a_request_at_once() -> None:
    service = made()
    assert status(service) == "Running"
    assert status(changes.updated(service, config(), LATER)) == "Updating"
    assert status(changes.restarted(service, LATER)) == "Updating"
    assert status(changes.stopped(service, LATER)) == "Stopping"
    assert status(changes.deleted(service, LATER)) == "Deleting"
    for seen in ("Creating", "Waiting", "Updating", "Scaling", "Failed"):
        assert status(changes.stopped(replace(service, seen=Seen(seen)), LATER)) == "Stopping"
    stopping = replace(changes.stopped(service, LATER), seen=Seen("Stopping"))
    assert status(changes.started(stopping, LATER)) == "Starting"
    stopped = replace(changes.stopped(service, LATER), seen=Seen("Stopped", settled=1))
    assert status(stopped) == "Stopped"
    assert status(changes.started(stopped, LATER)) == "Starting"


def test_what_the_keeper_sees_on_the_way_is_shown() -> None:
    updated = changes.updated(made(), config(), LATER)
    for seen in ("Waiting", "Updating", "Scaling"):
        assert status(replace(updated, seen=Seen(seen, version=1, settled=1))) == seen
    assert status(replace(updated, seen=Seen("Failed", version=1, settled=2))) == "Failed"
    gone = changes.deleted(updated, LATER)
    assert status(replace(gone, seen=Seen("DeleteFailed"))) == "DeleteFailed"
