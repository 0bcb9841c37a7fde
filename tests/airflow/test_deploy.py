"""Deploying models with a local PAI that really serves them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.serving.wait import WaitCondition
from tests.support.attempt import Attempt
from tests.support.deploying import NEW, OLD, Model, ask, deploying, gone, services, writes
from tests.support.interrupted import Died, interrupted, once


def test_a_deployed_model_predicts_what_the_model_predicts(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    attempt = Attempt(task_id="deploy")
    result = deploying(name, uri, code).execute(attempt.context)
    assert ask(name) == {"model": "old", "predictions": OLD.predictions()}
    endpoint = f"{pai.ready.api}/api/predict/{name}"
    url = PAIServiceHook().console_url(name)
    assert result == {
        "service_name": name,
        "version": 1,
        "endpoint": endpoint,
        "intranet_endpoint": endpoint,
        "group": None,
        "model_uri": uri,
        "console_url": url,
        "changed": True,
    }
    assert attempt.xcoms == {"console_url": url, "_pai_link": url}


def test_the_same_again_changes_nothing(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    deploying(name, uri, code).execute(Attempt().context)
    pai.faults.reset_counts()
    result = deploying(name, uri, code).execute(Attempt().context)
    assert (result["version"], result["changed"]) == (1, False)
    assert writes(pai) == {}


def test_what_a_person_has_changed_since_is_changed_back(pai: LocalPAI, name: str, code: str) -> None:
    uri, hook = OLD.stored(), PAIServiceHook()
    deploying(name, uri, code).execute(Attempt().context)
    # EAS's console sends the configuration that it shows, with the labels of who has made it.
    config = json.loads(json.dumps(hook.describe(name).config).replace(uri, NEW.stored()))
    hook.update(name, config)
    hook.wait(name, WaitCondition(2), interval=0.1)
    assert ask(name)["model"] == "new"
    result = deploying(name, uri, code).execute(Attempt().context)
    assert (result["version"], result["changed"]) == (3, True)
    assert ask(name)["model"] == "old"


def test_the_next_model_takes_the_place_of_the_old_one(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    result = deploying(name, NEW.stored(), code).execute(Attempt().context)
    assert (result["version"], result["changed"]) == (2, True)
    assert ask(name) == {"model": "new", "predictions": NEW.predictions()}
    assert writes(pai) == {"CreateService": 1, "UpdateService": 1}


def test_a_model_that_fails_the_smoke_test_is_rolled_back(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    smoke = {"json": {"rows": [[1, 2]]}, "expect_json": {"predictions": [0.5]}}
    with pytest.raises(ServiceError) as failure:
        deploying(name, NEW.stored(), code, smoke_test=smoke).execute(Attempt().context)
    text = str(failure.value)
    assert f"Version 2 of service {name} failed: the smoke test fails" in text
    assert "['predictions'][0] is 5.0, not 0.5" in text
    assert "version 1 answers again" in text
    assert ask(name) == {"model": "old", "predictions": OLD.predictions()}
    assert writes(pai) == {"CreateService": 1, "UpdateService": 1, "UpdateServiceVersion": 1}


def test_an_endpoint_that_answers_500_is_rolled_back(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    with pytest.raises(ServiceError, match=r"the answer's status is 500, not 200(?s:.*)version 1 answers again"):
        deploying(name, Model("broken", status=500).stored(), code).execute(Attempt().context)
    assert ask(name)["model"] == "old"


def test_a_model_that_crashes_at_start_is_rolled_back_and_the_events_say_why(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    with pytest.raises(ServiceError) as failure:
        deploying(name, Model("crashing", crash=True).stored(), code).execute(Attempt().context)
    text = str(failure.value)
    assert "it is Failed" in text
    assert "CrashLoopBackOff" in text
    assert "the model can't be loaded" in text
    log = capsys.readouterr().out + caplog.text
    assert "Events:" in log
    assert "CrashLoopBackOff: Version 2 does not come up" in log
    assert "Last lines of output:" in log
    assert "version 1 answers again" in text
    assert ask(name)["model"] == "old"
    service = PAIServiceHook().describe(name)
    assert (service.status, service.current_version, service.latest_version) == ("Running", 1, 2)


def test_after_a_rollback_the_old_model_again_changes_nothing(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    deploying(name, uri, code).execute(Attempt().context)
    with pytest.raises(ServiceError):
        deploying(name, Model("crashing", crash=True).stored(), code).execute(Attempt().context)
    pai.faults.reset_counts()
    result = deploying(name, uri, code).execute(Attempt().context)
    assert (result["version"], result["changed"]) == (1, False)
    assert writes(pai) == {}


def test_a_first_model_that_fails_leaves_no_service(pai: LocalPAI, name: str, code: str) -> None:
    with pytest.raises(ServiceError, match="Rolled back: the service was deleted; there was none before"):
        deploying(name, Model("crashing", crash=True).stored(), code).execute(Attempt().context)
    gone(name)


def test_a_first_model_that_fails_is_left_when_the_author_wants_to_look_at_it(
    pai: LocalPAI, name: str, code: str
) -> None:
    with pytest.raises(ServiceError, match="Not rolled back"):
        deploying(name, Model("crashing", crash=True).stored(), code, on_failure="leave").execute(Attempt().context)
    assert [service.status for service in services(name)] == ["Failed"]


def test_a_service_that_another_task_has_deployed_is_not_rolled_back(pai: LocalPAI, name: str, code: str) -> None:
    """A test that fails once must not delete what has served for months."""
    uri = OLD.stored()
    deploying(name, uri, code).execute(Attempt().context)
    pai.faults.reset_counts()
    failing = deploying(name, uri, code, smoke_test={"path": "/", "expect_contains": "no such text"})
    with pytest.raises(ServiceError, match="Not changed by this task; not rolled back"):
        failing.execute(Attempt().context)
    assert writes(pai) == {}
    assert ask(name)["model"] == "old"


def test_a_retry_tries_a_failed_model_once_more(pai: LocalPAI, name: str, code: str) -> None:
    attempt = Attempt(max_tries=1)
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    uri = Model("crashing", crash=True).stored()
    with pytest.raises(ServiceError):
        deploying(name, uri, code, retries=1).execute(attempt.context)
    mended = json.dumps({**NEW.__dict__, "weights": list(NEW.weights)}).encode()
    PAIOSSHook().write(f"{uri}model.json", mended)
    result = deploying(name, uri, code, retries=1).execute(attempt.retried().context)
    assert (result["version"], result["changed"]) == (3, True)
    assert ask(name) == {"model": "new", "predictions": NEW.predictions()}


def test_a_cleared_task_takes_back_what_it_has_left_behind_when_it_was_killed(
    pai: LocalPAI, name: str, code: str
) -> None:
    """Else the bad model kept serving, and the next deployment that fails would be rolled back to it."""
    attempt, uri = Attempt(), Model("broken", status=500).stored()
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    operator = deploying(name, uri, code)
    operator.hook = interrupted(PAIServiceHook(), after=once("UpdateService", dies))
    with pytest.raises(Died):
        operator.execute(attempt.context)
    with pytest.raises(ServiceError, match="version 1 answers again"):
        deploying(name, uri, code).execute(attempt.cleared().context)
    assert ask(name)["model"] == "old"


def dies() -> None:
    raise Died


def test_a_service_that_takes_too_long_is_rolled_back(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    slow = deploying(name, NEW.stored(), code, command="sleep 60", startup_timeout=1.5)
    with pytest.raises(ServiceError, match=r"did not come up in time; it is Updating(?s:.*)version 1 answers again"):
        slow.execute(Attempt().context)
    assert ask(name)["model"] == "old"


def test_a_stopped_service_is_started_with_the_wanted_model(pai: LocalPAI, name: str, code: str) -> None:
    uri, hook = OLD.stored(), PAIServiceHook()
    deploying(name, uri, code).execute(Attempt().context)
    for wanted, model in ((uri, "old"), (NEW.stored(), "new")):
        hook.stop(name)
        hook.wait(name, WaitCondition(status="Stopped"), interval=0.1)
        deploying(name, wanted, code).execute(Attempt().context)
        assert ask(name)["model"] == model


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("model_uri", "oss://pai-local/models/nothing/", "is a folder without files"),
        (
            "model_uri",
            "oss://pai-local/models/one/file.bin",
            "is a file; give its folder, 'oss://pai-local/models/one/'",
        ),
        ("model_uri", "oss://no-such-bucket/models/", "can't be read"),
        ("instance_type", "ecs.c6.gigantic", "is unknown in cn-hangzhou; there are, for example, ecs.c6."),
        ("source_dir", "/does/not/exist", "does not exist on this worker"),
        ("service_name", "Iris-Model", "is no name for EAS"),
        ("service_name", "1st_service", "is no name for EAS"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_created(
    pai: LocalPAI, name: str, code: str, argument: str, value: str, said: str
) -> None:
    PAIOSSHook().write("oss://pai-local/models/one/file.bin", b"a model")
    arguments = {"name": name, "model_uri": OLD.stored(), "source_dir": code}
    names = {"service_name": "name"}
    arguments[names.get(argument, argument)] = value
    with pytest.raises(AirflowFailException, match=rf"(?s)\A{argument}.*{said}"):
        deploying(**arguments).execute(Attempt().context)
    assert writes(pai) == {}
    assert services(name) == []


@pytest.mark.parametrize("argument", ["model_uri", "source_dir", "group", "smoke_test", "workspace_id"])
def test_what_a_task_before_has_not_given_is_not_left_out(pai: LocalPAI, name: str, code: str, argument: str) -> None:
    arguments = {"name": name, "model_uri": OLD.stored(), "source_dir": code, argument: "{{ nothing }}"}
    with DAG("native", schedule=None, render_template_as_native_obj=True):
        operator = deploying(**arguments)
    operator.render_template_fields({"nothing": None})  # type: ignore[typeddict-item]
    with pytest.raises(AirflowFailException, match=f"{argument} is None: the template or task"):
        operator.execute(Attempt().context)
    assert writes(pai) == {}
    assert services(name) == []


def test_all_that_is_wrong_is_said_at_once(pai: LocalPAI, name: str, code: str) -> None:
    operator = deploying(name, "oss://pai-local/nothing/", code, instance_type="ecs.no.such", smoke_test={"pth": "/"})
    with pytest.raises(AirflowFailException, match="3 problems") as failure:
        operator.execute(Attempt().context)
    assert all(f"- {argument}" in str(failure.value) for argument in ("model_uri", "instance_type", "smoke_test"))


@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.ERROR, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("action", ["DescribeService", "CreateService", "UpdateService"])
def test_faults_of_eas_make_neither_a_second_service_nor_a_wrong_one(
    pai: LocalPAI, name: str, code: str, kind: FaultKind, action: str
) -> None:
    pai.faults.add(Fault(action, kind, times=2 if kind is FaultKind.THROTTLE else 1))
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    result = deploying(name, NEW.stored(), code).execute(Attempt().context)
    assert ask(name) == {"model": "new", "predictions": NEW.predictions()}
    assert [service.name for service in services(name)] == [name]
    assert result["version"] == 2


def test_a_lost_answer_does_not_fail_the_rollback(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    pai.faults.add(Fault("UpdateServiceVersion", FaultKind.DROP_AFTER))
    with pytest.raises(ServiceError, match="version 1 answers again"):
        deploying(name, Model("crashing", crash=True).stored(), code).execute(Attempt().context)
    assert ask(name)["model"] == "old"


@pytest.mark.parametrize("action", ["CreateService", "UpdateService"])
def test_two_copies_that_look_before_either_acts_end_with_one_service_and_the_model(
    pai: LocalPAI, name: str, code: str, action: str
) -> None:
    uri, attempt = NEW.stored(), Attempt(max_tries=1)
    if action == "UpdateService":
        deploying(name, OLD.stored(), code).execute(Attempt().context)
    later = deploying(name, uri, code, retries=1)
    operator = deploying(name, uri, code, retries=1)
    happening = once(action, lambda: results.append(later.execute(attempt.retried().context)))
    operator.hook = interrupted(PAIServiceHook(), before=happening)
    results: list[dict[str, Any]] = []
    results.append(operator.execute(attempt.context))
    assert len(results) == 2
    assert ask(name) == {"model": "new", "predictions": NEW.predictions()}
    [service] = services(name)
    assert service.status == "Running"


def test_a_rollback_that_eas_refuses_does_not_hide_the_failure(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    pai.faults.add(Fault("UpdateServiceVersion", FaultKind.ERROR, status=403, code="NoPermission"))
    with pytest.raises(ServiceError, match=r"CrashLoopBackOff(?s:.*)The rollback failed: (?s:.*)NoPermission"):
        deploying(name, Model("crashing", crash=True).stored(), code).execute(Attempt().context)
    assert ask(name)["model"] == "old"


def test_the_error_of_an_unreachable_server_says_why_and_what_to_do(pai: LocalPAI, name: str, code: str) -> None:
    """The commonest mistake: the process runs, and nothing is wrong with it but the address that it listens on."""
    command = "python -m http.server --bind 127.0.0.1 ${PORT:-8000}"
    with pytest.raises(ServiceError) as failure:
        deploying(name, OLD.stored(), code, command=command, startup_timeout=8.0).execute(Attempt().context)
    text = str(failure.value)
    assert "did not come up in time; it is Waiting, 0 of 1 instances ready" in text
    assert "127.0.0.1" in text
    assert "listen on 0.0.0.0" in text
    assert text.splitlines()[-2:-1] == ["Rolled back: the service was deleted; there was none before."]
    gone(name)
