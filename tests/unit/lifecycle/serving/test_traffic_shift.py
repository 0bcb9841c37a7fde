"""Two services that take turns, while others touch them, calls fail, or one of them is down."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.errors import AuthError, ServerError
from airflow_provider_pai.model.serving.smoke_test import Answer
from tests.support.fake_eas import BAD, Died, FakeEAS, FakeServices, deployment, failure, spec

CANARY = {"steps": (10, 50, 100)}


@pytest.fixture
def eas() -> FakeEAS:
    return FakeEAS()


def served(eas: FakeEAS, *models: str) -> None:
    """Deploy models, each by a task of its own."""
    for number, model in enumerate(models):
        deployment(FakeServices(eas, f"before-{number}"), spec("iris", model, "iris")).begin()


def shares(eas: FakeEAS) -> dict[str, tuple[str, str, int]]:
    return {name[5:]: (each.status, each.model, each.share) for name, each in eas.services.items()}


def up_to(eas: FakeEAS, model: str, share: int) -> FakeServices:
    """Let task A die when its canary has this share."""
    hook = FakeServices(eas, "A")

    def sleep(_: float) -> None:
        if eas.services["iris_green"].share == share:
            raise Died

    hook.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(Died):
        deployment(hook, spec("iris", model, "iris"), **CANARY).begin()
    return hook


def test_another_tasks_canary_is_not_taken_over(eas: FakeEAS) -> None:
    served(eas, "champion")
    up_to(eas, "canary", 10)
    said = failure(deployment(FakeServices(eas, "B"), spec("iris", "untested", "iris"), **CANARY))
    assert "iris_green has weight 10" in said
    assert "another task's deployment is under way" in said
    assert eas.asked("B") == []


@pytest.mark.parametrize("unknown", ["iris_blue", "iris_green"])
def test_no_service_is_updated_while_it_is_unknown_which_one_serves(eas: FakeEAS, unknown: str) -> None:
    served(eas, "first", "champion")
    eas.services[unknown].traffic = ""
    said = failure(deployment(FakeServices(eas, "A"), spec("iris", "new", "iris")))
    assert f"EAS does not tell whether service {unknown} gets traffic" in said
    assert eas.asked("A") == []


def test_the_same_tasks_canary_of_another_model_is_taken_over(eas: FakeEAS) -> None:
    served(eas, "champion")
    up_to(eas, "canary", 10)
    deployment(FakeServices(eas, "A"), spec("iris", "mended", "iris"), **CANARY).begin()
    assert shares(eas)["green"] == ("Running", "mended", 100)


def test_traffic_does_not_go_to_a_service_that_was_replaced_meanwhile(eas: FakeEAS) -> None:
    """Before the first step nothing shows that the slot is in use."""
    served(eas, "champion")

    def answer(_: str) -> Answer:
        deployment(FakeServices(eas, "B"), spec("iris", "untested", "iris")).pause()
        return Answer(200, "ok")

    said = failure(deployment(FakeServices(eas, "A", answer), spec("iris", "mine", "iris"), **CANARY))
    assert "Modified outside this task" in said
    assert eas.asked("A") == ["create iris_green"]
    assert shares(eas)["blue"] == ("Running", "champion", 100)


def test_a_canary_stops_when_its_service_is_changed_outside(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook = FakeServices(eas, "A")
    other = {**hook.body(spec("iris", "other", "iris")), "name": "iris_green", "labels": {"airflow.config": "other"}}
    hook.sleep = lambda _: eas.services["iris_green"].pending or FakeServices(eas, "B").update("iris_green", other)  # type: ignore[method-assign, func-returns-value]
    said = failure(deployment(hook, spec("iris", "mine", "iris"), **CANARY, step_pause=1))
    assert "Modified outside this task" in said
    assert [call for call in eas.asked("A") if call.startswith("set_weight iris_green")] == ["set_weight iris_green 10"]


def killed_at_the_end(eas: FakeEAS, **options: Any) -> None:
    hook = FakeServices(eas, "A")

    def endpoints(_: str) -> Any:
        raise Died

    hook.endpoints = endpoints  # type: ignore[method-assign]
    with pytest.raises(Died):
        deployment(hook, spec("iris", "mine", "iris"), **options).begin()


def test_traffic_is_not_returned_to_a_stopped_service(eas: FakeEAS) -> None:
    served(eas, "champion")
    killed_at_the_end(eas, keep_old=False)
    said = failure(deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "mine", "iris"), keep_old=False))
    assert "iris_green keeps its traffic, because service iris_blue is Stopped" in said
    assert shares(eas) == {"blue": ("Stopped", "champion", 0), "green": ("Running", "mine", 100)}


def test_the_only_service_that_has_the_traffic_is_neither_deleted_nor_stopped(eas: FakeEAS) -> None:
    killed_at_the_end(eas)
    said = failure(deployment(FakeServices(eas, "A", lambda _: BAD), spec("iris", "mine", "iris")))
    assert "iris_blue keeps its traffic, because there is no other service" in said
    assert shares(eas) == {"blue": ("Running", "mine", 100)}


@pytest.mark.parametrize("member", ["traffic", "weight"])
def test_an_answer_without_traffic_is_asked_for_again(eas: FakeEAS, member: str) -> None:
    served(eas, "first", "champion")
    green = eas.services["iris_green"]
    shown = getattr(green, member)
    setattr(green, member, None)
    hook = FakeServices(eas, "A")

    def sleep(seconds: float) -> None:
        eas.time += seconds
        if getattr(green, member) is None:
            setattr(green, member, shown)

    hook.sleep = sleep  # type: ignore[method-assign]
    assert deployment(hook, spec("iris", "new", "iris")).begin()["service_name"] == "iris_blue"


def test_the_service_beside_is_not_stopped_while_its_weight_is_unknown(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook, blue = FakeServices(eas, "A"), eas.services["iris_blue"]
    set_before = hook.set_weight

    def set_weight(name: str, weight: int, traffic_state: str = "grouping") -> None:
        set_before(name, weight, traffic_state)
        if name == "iris_blue":
            blue.traffic, blue.weight = "grouping", None  # type: ignore[assignment]

    hook.set_weight = set_weight  # type: ignore[method-assign]
    said = failure(deployment(hook, spec("iris", "mine", "iris")))
    assert "EAS does not show weight 0 of service iris_blue but does not tell its weight" in said
    assert blue.status == "Running"


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_service_that_is_down_gets_the_next_model_and_the_one_that_runs_its_traffic(
    eas: FakeEAS, status: str
) -> None:
    served(eas, "first", "second")
    blue, green = eas.services["iris_blue"], eas.services["iris_green"]
    blue.status, blue.weight, blue.traffic, green.weight = status, 90, "grouping", 10
    result = deployment(FakeServices(eas, "A"), spec("iris", "third", "iris")).begin()
    assert result["service_name"] == "iris_blue"
    weights = [call for call in eas.asked("A") if call.startswith(("set_weight", "update iris"))]
    assert weights[:3] == ["set_weight iris_green 100", "set_weight iris_blue 0", "update iris_blue"]


def test_weights_that_are_never_shown_end_the_deployment(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook = FakeServices(eas, "A")
    asked: list[str] = []
    hook.set_weight = lambda name, weight, traffic_state="grouping": asked.append(f"{name} {weight}")  # type: ignore[method-assign]
    said = failure(deployment(hook, spec("iris", "mine", "iris"), **CANARY))
    assert "EAS does not show weight 10 of service iris_green but shows 0" in said
    assert asked == ["iris_green 10", "iris_blue 90", "iris_blue 100", "iris_green 0"]
    assert 15 <= eas.time < 120


def test_weights_that_are_reset_outside_end_the_deployment(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook = FakeServices(eas, "A")

    def answer(_: str) -> Answer:
        eas.services["iris_green"].weight, eas.services["iris_blue"].weight = 1, 99
        eas.services["iris_blue"].traffic = "grouping"
        return Answer(200, "ok")

    hook.answer = answer
    said = failure(deployment(hook, spec("iris", "mine", "iris"), **CANARY))
    assert "traffic weights did not settle" in said
    assert shares(eas)["blue"] == ("Running", "champion", 100)
    assert len(eas.asked("A")) < 20


def test_a_weight_that_is_shown_late_is_waited_for(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook = FakeServices(eas, "A")
    set_before, late = hook.set_weight, []
    hook.set_weight = lambda *call: late.append(call)  # type: ignore[method-assign]

    def sleep(seconds: float) -> None:
        eas.time += seconds
        while late:
            set_before(*late.pop(0))

    hook.sleep = sleep  # type: ignore[method-assign]
    deployment(hook, spec("iris", "mine", "iris"), **CANARY).begin()
    assert shares(eas)["green"] == ("Running", "mine", 100)


def test_an_error_in_the_middle_of_the_way_takes_the_traffic_back(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook = FakeServices(eas, "A")
    set_before = hook.set_weight

    def set_weight(name: str, weight: int, traffic_state: str = "grouping") -> None:
        if weight == 50:
            hook.set_weight = set_before  # type: ignore[method-assign]
            raise ServerError("ReleaseService", 503, "ServiceUnavailable", "try later")
        set_before(name, weight, traffic_state)

    hook.set_weight = set_weight  # type: ignore[method-assign]
    said = failure(deployment(hook, spec("iris", "mine", "iris"), **CANARY))
    assert "ServiceUnavailable" in said
    assert "service iris_blue has all the traffic, as before" in said
    assert shares(eas) == {"blue": ("Running", "champion", 100), "green": ("Stopped", "mine", 0)}


@pytest.mark.parametrize("after", [0, 2], ids=["from the start", "later"])
def test_who_may_not_read_events_can_deploy(eas: FakeEAS, after: int) -> None:
    served(eas, "champion")
    hook, seen = FakeServices(eas, "A"), []

    def events(name: str, **_: Any) -> Any:
        seen.append(name)
        if len(seen) > after:
            raise AuthError("DescribeServiceEvent", 403, "NoPermission", "you may not")
        return []

    hook.events = events  # type: ignore[method-assign]
    deployment(hook, spec("iris", "mine", "iris"), **CANARY).begin()
    assert shares(eas)["green"] == ("Running", "mine", 100)


def test_a_rollback_that_fails_half_way_says_how_the_service_is(eas: FakeEAS) -> None:
    served(eas, "champion")
    hook = FakeServices(eas, "A", lambda _: BAD)

    def stop(_: str) -> None:
        raise ServerError("StopService", 503, "ServiceUnavailable", "try later")

    hook.stop = stop  # type: ignore[method-assign]
    said = failure(deployment(hook, spec("iris", "bad", "iris")))
    assert "The service is Running; version 1 answers with weight 0 in its group's traffic" in said


def test_the_group_shares_its_traffic_by_weight_before_the_first_step(eas: FakeEAS) -> None:
    served(eas, "champion")
    assert eas.asked("before-0")[:3] == ["create iris_blue", "update_group iris customized", "set_weight iris_blue 100"]
    deployment(FakeServices(eas, "A"), spec("iris", "mine", "iris")).begin()
    assert eas.asked("A")[:3] == ["create iris_green", "set_weight iris_green 100", "set_weight iris_blue 0"]
    assert (eas.services["iris_blue"].traffic, eas.services["iris_green"].traffic) == ("standalone", "grouping")
