"""A deployment while others touch the same service: what is not its own is never taken back."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.model.serving.deployment_state import DeploymentState
from airflow_provider_pai.model.serving.smoke_test import Answer
from airflow_provider_pai.model.serving.wait import Observation
from tests.support.fake_eas import BAD, GOOD, Died, FakeEAS, FakeServices, deployment, failure, spec

MEANWHILE = "Modified outside this task; not rolled back."


@pytest.fixture
def eas() -> FakeEAS:
    return FakeEAS()


def served(eas: FakeEAS, *models: str) -> None:
    """Deploy models, each by a task of its own."""
    for number, model in enumerate(models):
        deployment(FakeServices(eas, f"before-{number}"), spec("iris", model)).begin()


def paused(eas: FakeEAS, who: str, model: str) -> DeploymentState:
    """Let a task ask for its version, and wait for it in the triggerer."""
    return deployment(FakeServices(eas, who), spec("iris", model)).pause()


def resumed(eas: FakeEAS, who: str, model: str, state: DeploymentState) -> dict[str, Any]:
    """Continue a task when its wait is over."""
    return deployment(FakeServices(eas, who), spec("iris", model)).resume(state)


def killed(_: str) -> Answer:
    raise Died


def test_a_bad_model_is_not_rolled_back_over_a_newer_deployment(eas: FakeEAS) -> None:
    served(eas, "champion")
    waiting: list[DeploymentState] = []

    def answer(_: str) -> Answer:
        waiting.append(paused(eas, "B", "good"))
        return BAD

    assert MEANWHILE in failure(deployment(FakeServices(eas, "A", answer), spec("iris", "bad")))
    assert eas.asked("A") == ["update iris"]
    assert resumed(eas, "B", "good", waiting[0])["version"] == 3
    assert eas.services["iris"].model == "good"


def test_a_first_model_that_is_bad_does_not_take_the_next_one_with_it(eas: FakeEAS) -> None:
    def answer(_: str) -> Answer:
        deployment(FakeServices(eas, "B"), spec("iris", "good")).begin()
        return BAD

    assert MEANWHILE in failure(deployment(FakeServices(eas, "A", answer), spec("iris", "bad")))
    assert eas.services["iris"].model == "good"


@pytest.mark.parametrize("status", ["Failed", "Updating", "Running"])
def test_the_outcome_of_another_tasks_version_is_not_this_tasks_failure(eas: FakeEAS, status: str) -> None:
    served(eas, "champion")
    mine = paused(eas, "A", "mine")
    FakeServices(eas, "triggerer").wait(mine)
    paused(eas, "B", "other")
    service = eas.services["iris"]
    service.status, service.pending = status, 0
    hook = FakeServices(eas, "A")
    seen = Observation(hook.find("iris"), mine.condition.check(hook.describe("iris")))
    with pytest.raises(ServiceError, match=MEANWHILE):
        deployment(hook, spec("iris", "mine")).deployment.proceed(mine, seen)
    assert eas.asked("A") == ["update iris"]


def test_a_success_is_of_the_model_that_was_tried(eas: FakeEAS) -> None:
    def answer(_: str) -> Answer:
        deployment(FakeServices(eas, "B"), spec("iris", "other")).begin()
        return GOOD

    assert MEANWHILE in failure(deployment(FakeServices(eas, "A", answer), spec("iris", "mine")))


@pytest.mark.parametrize("last", [GOOD, BAD], ids=["good", "bad"])
def test_a_service_that_is_deleted_meanwhile_is_not_made_again(eas: FakeEAS, last: Answer) -> None:
    def answer(_: str) -> Answer:
        eas.services.clear()
        return last

    assert MEANWHILE in failure(deployment(FakeServices(eas, "A", answer), spec("iris", "bad")))
    assert eas.asked("A") == ["create iris"]


def test_nothing_is_taken_back_where_the_author_wants_it_left(eas: FakeEAS) -> None:
    served(eas, "champion")
    assert "on_failure='leave'" in failure(
        deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "bad"), leave=True)
    )
    assert eas.services["iris"].model == "bad"


@pytest.mark.parametrize("models", [["old"], ["first", "old"]], ids=["its first version", "a later version"])
def test_a_stopped_service_that_a_later_run_starts_is_stopped_again_when_it_fails(
    eas: FakeEAS, models: list[str]
) -> None:
    """Months may lie between: neither is it deleted nor does it get an older model."""
    served(eas, *models)
    eas.services["iris"].status = "Stopped"
    said = failure(deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "old")))
    assert "the service is stopped, as it was before" in said
    assert eas.asked("A") == ["start iris", "stop iris"]
    assert (eas.services["iris"].status, eas.services["iris"].model) == ("Stopped", "old")


def test_its_own_service_that_a_cleared_task_starts_is_not_deleted(eas: FakeEAS) -> None:
    served(eas, "old")
    eas.services["iris"].status = "Stopped"
    failure(deployment(FakeServices(eas, "before-0", lambda _: BAD), spec("iris", "old")))
    assert eas.services["iris"].status == "Stopped"


@pytest.mark.parametrize("before", [(), ("champion",)], ids=["the first", "the next"])
def test_a_person_who_stops_the_service_meanwhile_is_not_overruled(eas: FakeEAS, before: tuple[str, ...]) -> None:
    served(eas, *before)
    state = paused(eas, "A", "mine")
    service = eas.services["iris"]
    service.status, service.pending = "Stopped", 0
    with pytest.raises(ServiceError, match="Stopped outside this task; the service is left Stopped"):
        resumed(eas, "A", "mine", state)
    assert eas.asked("A") == ["update iris" if before else "create iris"]


def test_a_stopped_service_gets_the_next_model_and_is_started_once(eas: FakeEAS) -> None:
    served(eas, "old")
    eas.services["iris"].status = "Stopped"
    assert deployment(FakeServices(eas, "A"), spec("iris", "new")).begin()["changed"]
    assert eas.asked("A") == ["update iris", "start iris", "label iris {'airflow.passed': '2'}"]
    assert eas.services["iris"].model == "new"


def test_a_task_that_was_killed_and_cleared_takes_its_bad_version_back(eas: FakeEAS) -> None:
    served(eas, "champion")
    with pytest.raises(Died):
        deployment(FakeServices(eas, "A", killed), spec("iris", "bad")).begin()
    assert "version 1 answers again" in failure(deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "bad")))
    assert eas.services["iris"].model == "champion"


def test_a_first_version_that_others_have_followed_is_not_deleted(eas: FakeEAS) -> None:
    served(eas, "first", "second")
    service = eas.services["iris"]
    service.wanted = service.current = 1
    said = failure(deployment(FakeServices(eas, "before-0", lambda _: BAD), spec("iris", "first")))
    assert eas.services["iris"].model == "first", said


def test_the_rollback_skips_a_version_that_never_passed_its_test(eas: FakeEAS) -> None:
    served(eas, "champion")
    with pytest.raises(Died):
        deployment(FakeServices(eas, "A", killed), spec("iris", "untested")).begin()
    said = failure(deployment(FakeServices(eas, "B", lambda _: BAD), spec("iris", "bad")))
    assert "version 1 answers again" in said
    assert eas.services["iris"].model == "champion"


@pytest.mark.parametrize("models", [["old"], ["first", "old"]], ids=["its first version", "a later version"])
def test_a_version_that_has_passed_is_not_taken_back_by_its_cleared_task(eas: FakeEAS, models: list[str]) -> None:
    served(eas, *models)
    said = failure(deployment(FakeServices(eas, f"before-{len(models) - 1}", lambda _: BAD), spec("iris", "old")))
    assert "the version has passed its test before" in said
    assert eas.services["iris"].model == "old"


def test_a_version_that_has_passed_is_marked_once(eas: FakeEAS) -> None:
    for _ in range(2):
        served(eas, "old")
    assert eas.asked("before-0") == ["create iris", "label iris {'airflow.passed': '1'}"]


def test_without_the_right_to_label_the_rollback_restores_the_previous_version(eas: FakeEAS) -> None:
    for model in ("first", "second"):
        hook = FakeServices(eas, model)
        hook.may_label = False
        deployment(hook, spec("iris", model)).begin()
    assert "version 2 answers again" in failure(deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "bad")))


def test_a_version_made_by_hand_is_restored_by_the_rollback(eas: FakeEAS) -> None:
    served(eas, "first")
    hook = FakeServices(eas, "person")
    hook.update("iris", {**hook.body(spec("iris", "by hand")), "labels": {}})
    assert "version 2 answers again" in failure(deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "bad")))


@pytest.mark.parametrize("changed", [False, True], ids=["its own", "another task's"])
def test_a_killed_task_rolls_back_its_own_version_only(eas: FakeEAS, changed: bool) -> None:
    served(eas, "champion")
    task = deployment(FakeServices(eas, "A"), spec("iris", "mine"))
    task.services.wait(task.pause())
    if changed:
        paused(eas, "B", "other")
    said = task.deployment.abort("The task is being ended")
    assert (MEANWHILE in said) is changed
    assert ("Rolling back to version 1" in said) is not changed
    assert eas.asked("A") == ["update iris", *([] if changed else ["update_version iris 1"])]
