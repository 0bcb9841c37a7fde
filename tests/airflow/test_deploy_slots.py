"""Two services that take turns in a group: blue-green and canary."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import PAIError, ServiceError
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt
from tests.support.deploying import NEW, OLD, Model, ask, constant_client, deploying, gone, services, writes

BOTH = pytest.mark.parametrize("strategy", ["blue_green", "canary"])


def shares(group: str) -> dict[str, tuple[str, int]]:
    """Status and weight of each service of a group."""
    found = PAIServiceHook().services(group=group)
    return {service.name.removeprefix(f"{group}_"): (service.status, service.share) for service in found}


@BOTH
def test_the_first_model_gets_all_the_traffic_of_the_group(pai: LocalPAI, name: str, code: str, strategy: str) -> None:
    result = deploying(name, OLD.stored(), code, strategy=strategy).execute(Attempt().context)
    assert (result["service_name"], result["group"], result["version"]) == (f"{name}_blue", name, 1)
    assert result["endpoint"] == f"{pai.ready.api}/api/predict/{name}"
    assert ask(name) == {"model": "old", "predictions": OLD.predictions()}
    assert shares(name) == {"blue": ("Running", 100)}


@BOTH
def test_the_next_model_is_served_beside_the_old_one_and_takes_over_without_a_failed_request(
    pai: LocalPAI, name: str, code: str, strategy: str
) -> None:
    deploying(name, OLD.stored(), code, strategy=strategy).execute(Attempt().context)
    with constant_client(name) as client:
        result = deploying(name, NEW.stored(), code, strategy=strategy, step_pause=0.3).execute(Attempt().context)
    assert client.failures == []
    assert {"old", "new"} == set(client.models)
    assert result["service_name"] == f"{name}_green"
    assert ask(name) == {"model": "new", "predictions": NEW.predictions()}
    assert shares(name) == {"blue": ("Running", 0), "green": ("Running", 100)}


def test_a_canary_gets_its_traffic_by_steps(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code, strategy="canary").execute(Attempt().context)
    seen: list[dict[str, Any]] = []
    operator = deploying(name, NEW.stored(), code, strategy="canary", steps=[20, 60], step_pause=0.25)
    operator.hook = PAIServiceHook(sleep=lambda seconds: seen.append(shares(name)) if seconds == 0.25 else None)
    operator.execute(Attempt().context)
    assert [(each["blue"][1], each["green"][1]) for each in seen] == [(80, 20), (40, 60), (0, 100)]


def test_the_same_model_changes_nothing_and_the_old_one_gets_the_traffic_back(
    pai: LocalPAI, name: str, code: str
) -> None:
    old, new = OLD.stored(), NEW.stored()
    for uri in (old, new):
        deploying(name, uri, code, strategy="blue_green").execute(Attempt().context)
    pai.faults.reset_counts()
    assert not deploying(name, new, code, strategy="blue_green").execute(Attempt().context)["changed"]
    assert writes(pai) == {}
    result = deploying(name, old, code, strategy="blue_green").execute(Attempt().context)
    assert (result["service_name"], result["changed"]) == (f"{name}_blue", True)
    assert writes(pai) == {"ReleaseService": 2}
    assert ask(name)["model"] == "old"


def test_the_third_model_takes_the_place_of_the_first(pai: LocalPAI, name: str, code: str) -> None:
    third = Model("third")
    for model in (OLD, NEW, third):
        result = deploying(name, model.stored(), code, strategy="blue_green").execute(Attempt().context)
    assert (result["service_name"], result["version"]) == (f"{name}_blue", 2)
    assert ask(name) == {"model": "third", "predictions": third.predictions()}
    assert shares(name) == {"blue": ("Running", 100), "green": ("Running", 0)}


def test_the_old_service_is_stopped_on_request(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code, strategy="blue_green").execute(Attempt().context)
    deploying(name, NEW.stored(), code, strategy="blue_green", keep_old=False).execute(Attempt().context)
    assert shares(name)["blue"][0] in ("Stopping", "Stopped")
    assert ask(name)["model"] == "new"
    third = Model("third")
    deploying(name, third.stored(), code, strategy="blue_green").execute(Attempt().context)
    assert ask(name) == {"model": "third", "predictions": third.predictions()}


@BOTH
@pytest.mark.parametrize("broken", [Model("broken", crash=True), Model("broken", status=500)], ids=["crash", "500"])
def test_a_failed_model_never_gets_traffic(pai: LocalPAI, name: str, code: str, strategy: str, broken: Model) -> None:
    deploying(name, OLD.stored(), code, strategy=strategy).execute(Attempt().context)
    with constant_client(name) as client, pytest.raises(ServiceError, match=f"{name}_blue has all the traffic"):
        deploying(name, broken.stored(), code, strategy=strategy).execute(Attempt().context)
    assert client.failures == []
    assert set(client.models) == {"old"}
    assert shares(name)["blue"] == ("Running", 100)
    assert shares(name)["green"][0] in ("Stopping", "Stopped")


def test_a_canary_that_fails_after_a_step_loses_its_traffic(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code, strategy="canary").execute(Attempt().context)
    tired = Model("tired", patience=2)
    with pytest.raises(ServiceError, match="the answer's status is 500") as failure:
        deploying(name, tired.stored(), code, strategy="canary").execute(Attempt().context)
    assert f"service {name}_blue has all the traffic, as before" in str(failure.value)
    assert shares(name)["blue"] == ("Running", 100)
    assert shares(name)["green"][1] == 0
    assert ask(name)["model"] == "old"


def unfinished(name: str, code: str) -> Attempt:
    """Leave a canary at 10 %; return the attempt that has left it so."""
    hook, attempt = PAIServiceHook(), Attempt()
    deploying(name, OLD.stored(), code, strategy="canary").execute(Attempt().context)
    deploying(name, NEW.stored(), code, strategy="canary").execute(attempt.context)
    hook.release(f"{name}_blue", 90)
    hook.release(f"{name}_green", 10)
    return attempt


def test_a_task_takes_over_its_own_unfinished_canary_without_a_failed_request(
    pai: LocalPAI, name: str, code: str
) -> None:
    """The service with the smaller share gives it back before it gets another model."""
    attempt, third = unfinished(name, code), Model("third")
    with constant_client(name) as client:
        result = deploying(name, third.stored(), code, strategy="canary").execute(attempt.cleared().context)
    assert client.failures == []
    assert result["service_name"] == f"{name}_green"
    assert ask(name)["model"] == "third"


def test_another_tasks_unfinished_canary_is_left_alone(pai: LocalPAI, name: str, code: str) -> None:
    unfinished(name, code)
    pai.faults.reset_counts()
    with pytest.raises(ServiceError, match="another task's deployment is under way, or was left half-way"):
        deploying(name, Model("third").stored(), code, strategy="canary").execute(Attempt().context)
    assert writes(pai) == {}


def test_a_first_model_that_fails_leaves_no_service(pai: LocalPAI, name: str, code: str) -> None:
    with pytest.raises(ServiceError, match="Rolled back: the service was deleted; there was none before"):
        deploying(name, Model("x", crash=True).stored(), code, strategy="blue_green").execute(Attempt().context)
    gone(f"{name}_blue")


def test_a_group_can_not_have_the_name_of_a_service(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    with pytest.raises(PAIError, match=name):
        deploying(name, NEW.stored(), code, strategy="blue_green").execute(Attempt().context)
    assert ask(name)["model"] == "old"
    assert [service.name for service in services(name)] == [name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"strategy": "big_bang"}, "strategy must be one of rolling, blue_green, canary"),
        ({"strategy": "canary", "steps": [50, 10]}, "steps must be ascending"),
        ({"strategy": "blue_green", "steps": [50]}, "steps are for strategy='canary' only"),
        ({"strategy": "canary", "step_pause": -1}, "step_pause must be a number of seconds"),
        ({"strategy": "canary", "group": "others"}, "group has no meaning with this strategy"),
        ({"on_failure": "pray"}, "on_failure must be 'rollback' or 'leave'"),
    ],
)
def test_a_way_that_there_is_not_is_refused(
    pai: LocalPAI, name: str, code: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said):
        deploying(name, OLD.stored(), code, **arguments).execute(Attempt().context)
    assert writes(pai) == {}
