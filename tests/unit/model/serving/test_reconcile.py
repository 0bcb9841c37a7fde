from __future__ import annotations

from itertools import product

import pytest

from airflow_provider_pai.model.serving.reconcile import (
    FOREIGN,
    UNCHANGED,
    Action,
    ReconcilePlan,
    RollbackAction,
    plan,
    plan_rollback,
)
from airflow_provider_pai.model.serving.request import labelled
from airflow_provider_pai.model.serving.status import SETTLED_STATUSES, ServiceSnapshot, ServiceStatus
from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult

WANTED, OTHER, ME, ANOTHER = "wanted", "other", "me", "another"


def seen(
    status: str = "Running",
    *,
    digest: str = OTHER,
    versions: tuple[int, int] = (1, 1),
    noted: int | None = None,
    previous: int | None = None,
    owner: str = ANOTHER,
    passed: int | None = None,
) -> ServiceSnapshot:
    labels = {"airflow.config": digest, "airflow.owner": owner} if digest else {}
    if noted is not None:
        labels["airflow.version"] = str(noted)
    if passed is not None:
        labels["airflow.passed"] = str(passed)
    if previous is not None:
        labels["airflow.previous"] = str(previous)
    current, latest = versions
    return ServiceSnapshot("iris", status, current_version=current, latest_version=latest, labels=labels)


TABLE = [
    ("there is none", None, ReconcilePlan(Action.CREATE, 1, 0)),
    ("another model is served", seen(versions=(3, 3)), ReconcilePlan(Action.UPDATE, 4, 3)),
    ("another person's service", seen(digest="", versions=(3, 3)), ReconcilePlan(Action.UPDATE, 4, 3)),
    ("another model has passed", seen(versions=(3, 3), noted=3, passed=3), ReconcilePlan(Action.UPDATE, 4, 3)),
    ("another model never passed", seen(versions=(3, 3), noted=3, passed=2), ReconcilePlan(Action.UPDATE, 4, 2)),
    (
        "another model is stopped and never passed",
        seen("Stopped", versions=(3, 3), noted=3, passed=2),
        ReconcilePlan(Action.UPDATE, 4, 2),
    ),
    (
        "a person's version after one that passed",
        seen(versions=(3, 3), noted=2, passed=2),
        ReconcilePlan(Action.UPDATE, 4, 3),
    ),
    (
        "a person's plain version after one that passed",
        seen(digest="", versions=(3, 3), passed=2),
        ReconcilePlan(Action.UPDATE, 4, 3),
    ),
    ("another model is stopped", seen("Stopped", versions=(3, 3)), ReconcilePlan(Action.UPDATE, 4, 3)),
    ("another model came back after a failure", seen(versions=(2, 3), noted=2), ReconcilePlan(Action.UPDATE, 4, 2)),
    ("another model is on its way", seen("Updating", versions=(2, 3)), ReconcilePlan(Action.SETTLE)),
    ("it is being deleted", seen("Deleting"), ReconcilePlan(Action.SETTLE)),
    ("an unknown status", seen("Defragmenting"), ReconcilePlan(Action.SETTLE)),
    (
        "another model has failed beside the one before",
        seen("Failed", versions=(2, 3)),
        ReconcilePlan(Action.UPDATE, 4, 2),
    ),
    (
        "another model has failed, and said what to roll back to",
        seen("Failed", versions=(3, 3), previous=2),
        ReconcilePlan(Action.UPDATE, 4, 2),
    ),
    ("a person's only version has failed", seen("Failed", digest=""), ReconcilePlan(Action.UPDATE, 2, None)),
    ("another task's first version has failed", seen("Failed", previous=0), ReconcilePlan(Action.UPDATE, 2, None)),
    (
        "my first version has failed with another model",
        seen("Failed", previous=0, owner=ME),
        ReconcilePlan(Action.UPDATE, 2, 0),
    ),
    ("it is served", seen(digest=WANTED, versions=(3, 3), previous=2), ReconcilePlan(Action.NOTHING, 3, 2)),
    (
        "it is served, but not where its label says",
        seen(digest=WANTED, versions=(3, 3), noted=2),
        ReconcilePlan(Action.NOTHING, 2, None),
    ),
    (
        "it is served after a rollback",
        seen(digest=WANTED, versions=(2, 3), noted=2, previous=1),
        ReconcilePlan(Action.NOTHING, 2, 1),
    ),
    (
        "the version before still answers",
        seen(digest=WANTED, versions=(2, 3), noted=3, previous=2),
        ReconcilePlan(Action.AWAIT, 3, 2),
    ),
    (
        "it is on its way",
        seen("Updating", digest=WANTED, versions=(2, 3), noted=3, previous=2),
        ReconcilePlan(Action.AWAIT, 3, 2),
    ),
    (
        "it is being created",
        seen("Creating", digest=WANTED, versions=(0, 1), noted=1, previous=0),
        ReconcilePlan(Action.AWAIT, 1, 0),
    ),
    ("it is stopped", seen("Stopped", digest=WANTED, versions=(3, 3), previous=2), ReconcilePlan(Action.START, 3, 2)),
    ("it is being stopped", seen("Stopping", digest=WANTED), ReconcilePlan(Action.SETTLE)),
    (
        "it has failed beside the one before",
        seen("Failed", digest=WANTED, versions=(2, 3), previous=2),
        ReconcilePlan(Action.UPDATE, 4, 2),
    ),
    (
        "it has failed as my first",
        seen("Failed", digest=WANTED, previous=0, owner=ME),
        ReconcilePlan(Action.UPDATE, 2, 0),
    ),
]


@pytest.mark.parametrize(("existing", "then"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_follows_from_what_is_seen(existing: ServiceSnapshot | None, then: ReconcilePlan) -> None:
    assert plan(existing, WANTED, ME) == then


@pytest.mark.parametrize(("status", "digest"), [*product([*ServiceStatus, "Unheard"], [WANTED, OTHER, ""])])
def test_nothing_is_done_while_something_is_under_way_and_something_is_done_for_all_else(
    status: str, digest: str
) -> None:
    move = plan(seen(status, digest=digest), WANTED, ME).action
    if status in SETTLED_STATUSES:
        assert move in (Action.UPDATE, Action.START, Action.NOTHING)
    else:
        assert move in (Action.SETTLE, Action.AWAIT)
    assert (move is Action.NOTHING) == (status == "Running" and digest == WANTED)


def mine(
    status: str = "Running",
    *,
    latest: int = 1,
    noted: int = 1,
    previous: int | None = 0,
    passed: int | None = None,
) -> ServiceSnapshot:
    versions = (noted, latest)
    return seen(status, digest=WANTED, versions=versions, noted=noted, previous=previous, owner=ME, passed=passed)


@pytest.mark.parametrize(
    ("now", "started", "undo", "version"),
    [
        (None, False, RollbackAction.LEAVE, 0),
        (seen("Deleting", digest=WANTED, owner=ME), False, RollbackAction.LEAVE, 0),
        (seen(owner=ME, previous=1), False, RollbackAction.LEAVE, 0),
        (seen("Failed", versions=(2, 3), previous=1), False, RollbackAction.LEAVE, 0),
        (seen(digest=""), True, RollbackAction.LEAVE, 0),
        (seen(digest=WANTED, previous=0), False, RollbackAction.LEAVE, 0),
        (seen(digest=WANTED, previous=0), True, RollbackAction.STOP, 0),
        (mine(), True, RollbackAction.STOP, 0),
        (mine(noted=3, latest=3, previous=2), True, RollbackAction.STOP, 0),
        (mine("Stopped"), False, RollbackAction.LEAVE, 0),
        (mine("Stopping"), True, RollbackAction.LEAVE, 0),
        (mine(previous=None), False, RollbackAction.LEAVE, 0),
        (mine(), False, RollbackAction.DELETE, 0),
        (mine("Failed"), False, RollbackAction.DELETE, 0),
        (mine("Failed", noted=2, latest=2), False, RollbackAction.DELETE, 0),
        (mine(latest=5), False, RollbackAction.LEAVE, 0),
        (mine(passed=1), False, RollbackAction.LEAVE, 0),
        (mine(passed=1), True, RollbackAction.STOP, 0),
        (mine(noted=3, latest=3, previous=2, passed=3), False, RollbackAction.LEAVE, 0),
        (mine(noted=3, latest=3, previous=2, passed=2), False, RollbackAction.BACK, 2),
        (mine(noted=3, latest=3, previous=2), False, RollbackAction.BACK, 2),
        (mine("Failed", noted=3, latest=3, previous=2), False, RollbackAction.BACK, 2),
        (mine("Updating", noted=3, latest=3, previous=2), False, RollbackAction.BACK, 2),
    ],
)
def test_only_what_is_ones_own_is_taken_back(
    now: ServiceSnapshot | None, started: bool, undo: RollbackAction, version: int
) -> None:
    found = plan_rollback(now, WANTED, ME, started=started)
    assert (found.action, found.version) == (undo, version)
    assert found.outcome


def test_a_service_that_is_not_rolled_back_has_a_reason() -> None:
    assert plan_rollback(seen(), WANTED, ME).outcome == FOREIGN
    assert plan_rollback(seen(digest=WANTED), WANTED, ME).outcome == UNCHANGED
    assert "Stopped outside this task" in plan_rollback(mine("Stopped"), WANTED, ME).outcome
    assert "later versions" in plan_rollback(mine(latest=2), WANTED, ME).outcome


def test_a_version_says_what_it_is_and_nothing_of_that_changes_what_it_is() -> None:
    body = {"name": "iris", "labels": {"team": "ml"}, "metadata": {"instance": 1}}
    one = labelled(body, version=1, previous=0, owner=ME)
    two = labelled({**one, "name": "iris_blue"}, version=7, previous=None, owner=ANOTHER)
    assert one["labels"]["airflow.config"] == two["labels"]["airflow.config"]
    assert one["labels"]["team"] == "ml"
    changed = labelled({**body, "metadata": {"instance": 2}}, version=1, previous=0, owner=ME)
    assert changed["labels"]["airflow.config"] != one["labels"]["airflow.config"]
    relabelled = labelled({**body, "labels": {"team": "it"}}, version=1, previous=0, owner=ME)
    assert relabelled["labels"]["airflow.config"] != one["labels"]["airflow.config"]


@pytest.mark.parametrize(
    ("awaited", "service", "verdict"),
    [
        (WaitCondition(2), seen("Updating", versions=(1, 2)), WaitResult.PENDING),
        (WaitCondition(2), seen("Anything", versions=(1, 2)), WaitResult.PENDING),
        (WaitCondition(2), seen(versions=(2, 2)), WaitResult.REACHED),
        (WaitCondition(2), seen(versions=(3, 3)), WaitResult.REACHED),
        (WaitCondition(2), seen(versions=(1, 1)), WaitResult.STALE),
        (WaitCondition(2), seen("Failed", versions=(1, 1)), WaitResult.STALE),
        (WaitCondition(2), seen("Failed", versions=(1, 2)), WaitResult.FAILED),
        (WaitCondition(2), seen("Stopped", versions=(1, 2)), WaitResult.STALE),
        (WaitCondition(2), ServiceSnapshot("iris", "Deleted"), WaitResult.STALE),
        (WaitCondition(1, back=True), seen(versions=(1, 2)), WaitResult.REACHED),
        (WaitCondition(1, back=True), seen(versions=(2, 2)), WaitResult.STALE),
        (WaitCondition(1, back=True), seen("Failed", versions=(1, 2)), WaitResult.STALE),
        (WaitCondition(1, back=True), seen("Updating", versions=(2, 2)), WaitResult.PENDING),
        (WaitCondition(), seen("Updating"), WaitResult.PENDING),
        (WaitCondition(), seen("Failed"), WaitResult.REACHED),
        (WaitCondition(), ServiceSnapshot("iris", "Deleted"), WaitResult.REACHED),
        (WaitCondition(status="Running"), seen("Running"), WaitResult.REACHED),
        (WaitCondition(status="Running"), seen("Stopped"), WaitResult.PENDING),
        (WaitCondition(status="Running"), seen("Failed"), WaitResult.FAILED),
        (WaitCondition(status="Failed"), seen("Failed"), WaitResult.REACHED),
    ],
)
def test_a_look_says_whether_to_wait_on(awaited: WaitCondition, service: ServiceSnapshot, verdict: WaitResult) -> None:
    assert awaited.check(service) is verdict


def test_a_snapshot_comes_through_an_event_as_it_was() -> None:
    service = ServiceSnapshot("iris", ServiceStatus.RUNNING, labels={"a": "b"}, token="secret", config={"name": "iris"})
    again = ServiceSnapshot.from_json({**service.to_json(), "newer": 1})
    assert again == service
    assert (again.token, again.config) == ("", {})
