"""Deploying with the waits in the triggerer, and what must never be seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.triggers.services import PAIServiceTrigger
from tests.support.attempt import Attempt
from tests.support.deploying import NEW, OLD, Model, ask, deploying, run_trigger

SECRET = "not-for-anybody's-eyes"


class Deferred:
    """A deployment whose waits are in the triggerer; each part of it is a process of its own.

    Attributes:
        rows: what lies in Airflow's database meanwhile: triggers and events.
    """

    def __init__(self, make: Callable[[], Any], attempt: Attempt) -> None:
        self._make = make
        self._attempt = attempt
        self.rows: list[Any] = []

    def run(self) -> dict[str, Any]:
        step: Callable[[], dict[str, Any]] = lambda: self._make().execute(self._attempt.context)  # noqa: E731
        while True:
            try:
                return step()
            except TaskDeferred as deferred:
                event = run_trigger(deferred)
                self.rows += [deferred.trigger.serialize(), event]
                step = lambda: self._make().execute_complete(self._attempt.context, event)  # noqa: B023, E731


def deferred(name: str, uri: str, code: str, attempt: Attempt | None = None, **arguments: Any) -> Deferred:
    return Deferred(lambda: deploying(name, uri, code, deferrable=True, **arguments), attempt or Attempt())


def test_a_deployment_that_waits_in_the_triggerer_ends_like_any_other(pai: LocalPAI, name: str, code: str) -> None:
    first = deferred(name, OLD.stored(), code)
    assert first.run()["version"] == 1
    second = deferred(name, NEW.stored(), code)
    result = second.run()
    assert (result["version"], result["changed"]) == (2, True)
    assert ask(name) == {"model": "new", "predictions": NEW.predictions()}
    assert len(first.rows) == len(second.rows) == 2


def test_what_is_served_already_is_not_waited_for(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    deploying(name, uri, code).execute(Attempt().context)
    again = deferred(name, uri, code)
    assert again.run()["changed"] is False
    assert again.rows == []


@pytest.mark.parametrize("broken", [Model("broken", crash=True), Model("broken", status=500)], ids=["crash", "500"])
def test_a_bad_model_is_rolled_back_from_the_triggerer_too(pai: LocalPAI, name: str, code: str, broken: Model) -> None:
    deferred(name, OLD.stored(), code).run()
    deployment = deferred(name, broken.stored(), code)
    with pytest.raises(ServiceError, match=r"Version 2 of service \w+ failed: (?s:.*)version 1 answers again"):
        deployment.run()
    assert len(deployment.rows) == 4
    assert ask(name)["model"] == "old"


def test_a_service_that_takes_too_long_is_rolled_back_from_the_triggerer_too(
    pai: LocalPAI, name: str, code: str
) -> None:
    deferred(name, OLD.stored(), code).run()
    with pytest.raises(ServiceError, match=r"did not come up in time(?s:.*)version 1 answers again"):
        deferred(name, NEW.stored(), code, command="sleep 60", startup_timeout=1.5).run()
    assert ask(name)["model"] == "old"


def test_blue_green_waits_in_the_triggerer_too(pai: LocalPAI, name: str, code: str) -> None:
    for model in (OLD, NEW):
        deferred(name, model.stored(), code, strategy="blue_green").run()
        assert ask(name)["model"] == model.name


def test_faults_while_the_triggerer_waits_do_not_fail_the_task(pai: LocalPAI, name: str, code: str) -> None:
    with pytest.raises(TaskDeferred) as waiting:
        deploying(name, OLD.stored(), code, deferrable=True).execute(Attempt().context)
    for kind in (FaultKind.THROTTLE, FaultKind.ERROR, FaultKind.DROP_AFTER, FaultKind.HTML):
        pai.faults.add(Fault("DescribeService", kind))
    event = run_trigger(waiting.value)
    assert (event["error"], event["verdict"]) == (None, "reached")


def test_what_the_triggerer_can_not_watch_the_worker_does(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    with pytest.raises(TaskDeferred) as waiting:
        deploying(name, uri, code, deferrable=True).execute(Attempt().context)
    pai.faults.add(Fault("DescribeService", FaultKind.ERROR, status=403, code="NoPermission"))
    event = run_trigger(waiting.value)
    assert "NoPermission" in event["error"]
    operator = deploying(name, uri, code, deferrable=True)
    assert operator.execute_complete(Attempt().context, event)["version"] == 1


def test_neither_token_nor_environment_is_in_any_row_event_xcom_or_log(
    pai: LocalPAI, name: str, code: str, task_log: Callable[[], list[str]]
) -> None:
    attempt = Attempt()
    environments = {"HIDDEN": SECRET}
    deployment = deferred(name, OLD.stored(), code, attempt, environments=environments)
    result = deployment.run()
    failing = deferred(name, Model("broken", status=500).stored(), code, attempt, environments=environments)
    with pytest.raises(ServiceError) as failure:
        failing.run()
    token = PAIServiceHook().describe(name).token
    assert len(token) > 10
    everything = json.dumps([result, attempt.xcoms, deployment.rows, failing.rows, str(failure.value), task_log()])
    assert name in everything
    assert token not in everything
    assert SECRET not in everything


def test_the_token_is_masked_when_it_is_asked_for(pai: LocalPAI, name: str, code: str) -> None:
    from airflow.providers.common.compat.sdk import redact

    deploying(name, OLD.stored(), code).execute(Attempt().context)
    token = PAIServiceHook().token(name)
    assert redact(f"it is {token}") == "it is ***"


def row_of_0_1(name: str, digest: str, phase: str = "up", version: int = 2, failure: str = "") -> dict[str, Any]:
    """A trigger's row as version 0.1.0 wrote it, member by member."""
    back = phase == "back"
    return {
        "service_name": name,
        "awaited": {"version": version, "back": back, "status": ""},
        "poll_interval": 0.1,
        "deadline": "2126-11-24T12:00:00+00:00",
        "outage_limit": 3600.0,
        "state": {
            "name": name,
            "phase": phase,
            "digest": digest,
            "version": version,
            "changed": True,
            "dormant": False,
            "started": False,
            "beginnings": 1,
            "failure": failure,
        },
    }


def begun(name: str, code: str, uri: str, attempt: Attempt) -> str:
    """Begin the deployment that another version of the provider has deferred; return its digest."""
    with pytest.raises(TaskDeferred) as waiting:
        deploying(name, uri, code, deferrable=True).execute(attempt.context)
    return str(waiting.value.trigger.serialize()[1]["state"]["digest"])


def test_a_row_that_the_version_before_wrote_is_resumed(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    attempt, uri = Attempt(), NEW.stored()
    row = row_of_0_1(name, begun(name, code, uri, attempt))
    event = fire(row)
    assert (event["verdict"], event["state"]) == ("reached", row["state"])
    result = deploying(name, uri, code, deferrable=True).execute_complete(attempt.context, event)
    assert (result["version"], result["changed"]) == (2, True)
    assert ask(name)["model"] == "new"


def test_an_event_that_the_version_before_wrote_is_resumed(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    attempt, uri = Attempt(), NEW.stored()
    row = row_of_0_1(name, begun(name, code, uri, attempt))
    fire(row)
    snapshot = {
        "name": name,
        "status": "Running",
        "service_id": "eas-m-1",
        "reason": "RUNNING",
        "message": "well",
        "current_version": 2,
        "latest_version": 2,
        "endpoint": "http://x",
        "intranet_endpoint": "",
        "group": "",
        "traffic_state": "standalone",
        "weight": 100,
        "running_instances": 1,
        "total_instances": 1,
        "labels": {"airflow.config": row["state"]["digest"]},
        "model_uri": uri,
    }
    event = {"service_name": name, "snapshot": snapshot, "verdict": "reached", "error": None, "state": row["state"]}
    result = deploying(name, uri, code, deferrable=True).execute_complete(attempt.context, event)
    assert (result["version"], result["changed"]) == (2, True)


def test_a_rollback_that_the_version_before_has_begun_is_waited_for(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    attempt, uri = Attempt(), Model("broken", status=500).stored()
    digest = begun(name, code, uri, attempt)
    fire(row_of_0_1(name, digest))
    PAIServiceHook().update_version(name, 1)
    failure = f"service {name} failed in version 2: the smoke test fails"
    event = fire(row_of_0_1(name, digest, phase="back", version=1, failure=failure))
    with pytest.raises(ServiceError, match=r"the smoke test fails\nRolled back: version 1 answers again\."):
        deploying(name, uri, code, deferrable=True).execute_complete(attempt.context, event)


def fire(row: dict[str, Any]) -> dict[str, Any]:
    """Run a trigger that is made from its row; return its event."""
    return run_trigger(TaskDeferred(trigger=PAIServiceTrigger(**row), method_name="execute_complete"))
