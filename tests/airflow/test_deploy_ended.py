"""Deployments that are ended before they have come to their own end: by their time, by a person, by a triggerer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.serving.wait import WaitCondition
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.triggers.services import PAIServiceTrigger
from tests.support.attempt import Attempt
from tests.support.deploying import NEW, OLD, WRITES, ask, deploying, gone, quick_hook, services, writes
from tests.support.interrupted import interrupted
from tests.support.waits import PATIENCE


class Killed(BaseException):
    """Airflow ends the task; nothing of ours may catch this."""


def killed_while_it_waits(operator: PAIDeployServiceOperator, then: Callable[[], None] = lambda: None) -> None:
    """Execute, and end the task at its first pause, as a person's mark does."""

    def die(_: float) -> None:
        raise Killed

    operator.hook = PAIServiceHook(sleep=die)
    with pytest.raises(Killed):
        operator.execute(Attempt().context)
    then()
    operator.on_kill()


class Interrupt:
    """Interrupts at the k-th call of an operation that changes something, before or after it was carried out.

    Looks at a service that comes up are no calls: how many there are depends on the machine.
    """

    def __init__(self, at: int, kind: type[BaseException]) -> None:
        self.left = at
        self._kind = kind

    def __call__(self, action: str) -> None:
        if action in WRITES:
            self.left -= 1
            if not self.left:
                raise self._kind


def interrupt(operator: PAIDeployServiceOperator, **happening: Interrupt) -> bool:
    """Execute, and interrupt it as Ctrl-C does; False when it was over before."""
    operator.hook = interrupted(quick_hook(), **happening)
    try:
        operator.execute(Attempt().context)
    except (KeyboardInterrupt, SystemExit):
        # Airflow may call it, too; all is undone already.
        operator.on_kill()
        return True
    return False


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("strategy", ["rolling", "canary"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_interrupt_at_any_call_leaves_the_old_model_answering_and_says_so(
    pai: LocalPAI, name: str, code: str, kind: type[BaseException], strategy: str, moment: str,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    deploying(name, OLD.stored(), code, strategy=strategy).execute(Attempt().context)
    for at in count(1):
        uri = NEW.stored()
        if not interrupt(deploying(name, uri, code, strategy=strategy), **{moment: Interrupt(at, kind)}):
            break
        log = capsys.readouterr().out + caplog.text
        assert "Interrupted; " in log
        for service in services(name):
            settled(service.name)
        assert ask(name)["model"] == "old", f"interrupted {moment} call {at}: {log}"
    assert ask(name)["model"] == "new"
    assert at > (1 if strategy == "rolling" else 3)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_of_a_first_deployment_leaves_no_service(
    pai: LocalPAI, name: str, code: str, kind: type[BaseException]
) -> None:
    slow = deploying(name, OLD.stored(), code, command="sleep 60")
    assert interrupt(slow, after=Interrupt(1, kind))
    gone(name)


def test_an_interrupted_wait_in_the_triggerer_says_what_is_left(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TaskDeferred) as waiting:
        deploying(name, OLD.stored(), code, command="sleep 60", deferrable=True).execute(Attempt().context)

    async def cancelled() -> None:
        task = asyncio.ensure_future(anext(waiting.value.trigger.run()))  # type: ignore[arg-type]
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    said = f"The wait for service {name} was interrupted, and the service is left as it is: the next attempt continues"
    assert said in capsys.readouterr().out + caplog.text


def ctrl_c_while_deferred(operator: PAIDeployServiceOperator) -> None:
    """Defer a deployment, and interrupt its trigger."""
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(Attempt().context)
    _, arguments = waiting.value.trigger.serialize()

    async def run() -> None:
        # As Airflow's dag.test() does; the terminal sends the signal to this process.
        asyncio.get_running_loop().call_later(1.0, os.kill, os.getpid(), signal.SIGINT)
        await anext(PAIServiceTrigger(**json.loads(json.dumps(arguments))).run())  # type: ignore[arg-type]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(run())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_ctrl_c_in_a_deferred_deployment_in_dag_test_rolls_it_back(
    pai: LocalPAI, name: str, code: str, strategy: str,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    deploying(name, OLD.stored(), code, strategy=strategy).execute(Attempt().context)
    ctrl_c_while_deferred(deploying(name, NEW.stored(), code, strategy=strategy, command="sleep 60", deferrable=True))
    assert "Interrupted; " in capsys.readouterr().out + caplog.text
    for service in services(name):
        settled(service.name)
    assert ask(name)["model"] == "old"


def test_ctrl_c_in_a_first_deferred_deployment_leaves_no_service(pai: LocalPAI, name: str, code: str) -> None:
    ctrl_c_while_deferred(deploying(name, OLD.stored(), code, command="sleep 60", deferrable=True))
    gone(name)


def test_ctrl_c_leaves_a_deferred_deployment_that_is_not_to_be_rolled_back(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ctrl_c_while_deferred(deploying(name, OLD.stored(), code, command="sleep 60", deferrable=True, on_failure="leave"))
    assert f"service {name} is left as it is (on_failure='leave')" in capsys.readouterr().out + caplog.text
    assert services(name)


def test_ctrl_c_in_a_deferred_deployment_that_eas_does_not_roll_back_says_what_to_do(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    operator = deploying(name, OLD.stored(), code, command="sleep 60", deferrable=True)
    pai.faults.add(Fault("DeleteService", FaultKind.ERROR, status=403, code="Forbidden.RAM"))
    ctrl_c_while_deferred(operator)
    said = f"The wait for service {name} was interrupted, and the service is left as it is: run the task again"
    assert said in capsys.readouterr().out + caplog.text


def settled(name: str) -> tuple[str, int]:
    seen, _ = PAIServiceHook().wait(name, WaitCondition(), interval=0.1, limit=PATIENCE)
    assert seen
    return seen.status, seen.current_version


def test_a_deployment_that_is_killed_half_way_rolls_back(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    killed_while_it_waits(deploying(name, NEW.stored(), code, command="sleep 60"))
    assert writes(pai) == {"CreateService": 1, "UpdateService": 1, "UpdateServiceVersion": 1}
    assert settled(name) == ("Running", 1)
    assert ask(name)["model"] == "old"
    log = capsys.readouterr().out + caplog.text
    assert f"The task is being ended; deployment of service {name} aborted" in log
    assert "Rolling back to version 1; this task does not wait for it." in log


def test_a_first_deployment_that_is_ended_on_the_way_leaves_no_service(pai: LocalPAI, name: str, code: str) -> None:
    killed_while_it_waits(deploying(name, OLD.stored(), code, command="sleep 60"))
    gone(name)


def test_a_refused_rollback_is_logged_when_the_task_is_killed(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)

    def refuse() -> None:
        for action in ("UpdateServiceVersion", "DescribeService"):
            pai.faults.add(Fault(action, FaultKind.ERROR, status=403, code="NoPermission"))

    killed_while_it_waits(deploying(name, NEW.stored(), code), refuse)
    pai.faults.clear()
    log = capsys.readouterr().out + caplog.text
    assert f"service {name} is left as it is: the rollback was not possible" in log
    assert settled(name) == ("Running", 2)


def test_what_is_to_be_left_is_left_when_the_task_is_ended(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    killed_while_it_waits(deploying(name, NEW.stored(), code, on_failure="leave"))
    assert settled(name) == ("Running", 2)


def test_a_task_that_has_changed_nothing_undoes_nothing_when_it_is_ended(pai: LocalPAI, name: str, code: str) -> None:
    uri = OLD.stored()
    done = deploying(name, uri, code)
    done.execute(Attempt().context)
    done.on_kill()
    deploying(name, uri, code).on_kill()
    assert writes(pai) == {"CreateService": 1}
    assert ask(name)["model"] == "old"


def test_the_rollback_begins_before_the_execution_timeout(pai: LocalPAI, name: str, code: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    # A fifth of the time is kept for the rollback: the wait for the new version ends in five seconds.
    attempt, limit = Attempt(), timedelta(minutes=10)
    attempt.start_date = datetime.now(UTC) - timedelta(minutes=8) + timedelta(seconds=5)
    slow = deploying(name, NEW.stored(), code, command="sleep 600", execution_timeout=limit)
    with pytest.raises(ServiceError, match=r"did not come up in time(?s:.*)version 1"):
        slow.execute(attempt.context)
    assert datetime.now(UTC) < attempt.start_date + limit
    assert settled(name) == ("Running", 1)


@pytest.mark.parametrize(("limit", "kept"), [(timedelta(hours=2), 300), (timedelta(minutes=10), 120)])
def test_the_triggerer_resumes_the_task_while_there_is_time_for_a_rollback(
    pai: LocalPAI, name: str, code: str, limit: timedelta, kept: int
) -> None:
    attempt = Attempt()
    operator = deploying(
        name, OLD.stored(), code, deferrable=True, execution_timeout=limit, startup_timeout=90_000, command="sleep 60"
    )
    with pytest.raises(TaskDeferred) as waiting:
        operator.execute(attempt.context)
    _, arguments = waiting.value.trigger.serialize()
    end = attempt.start_date + limit
    assert end - datetime.fromisoformat(arguments["deadline"]) == timedelta(seconds=kept)


@pytest.mark.parametrize("error", ["Trigger timeout", "the trigger is broken"])
def test_a_deferral_that_fails_is_gone_on_with_by_the_worker(pai: LocalPAI, name: str, code: str, error: str) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    attempt, uri = Attempt(), NEW.stored()
    operator = deploying(name, uri, code, deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    resumed: dict[str, Any] = deploying(name, uri, code, deferrable=True).resume_execution(
        "__fail__", {"error": error}, attempt.context
    )
    assert (resumed["version"], resumed["changed"]) == (2, True)
    assert ask(name)["model"] == "new"
    assert writes(pai) == {"CreateService": 1, "UpdateService": 1}


def test_a_version_that_no_triggerer_has_watched_is_rolled_back_by_the_worker(
    pai: LocalPAI, name: str, code: str
) -> None:
    deploying(name, OLD.stored(), code).execute(Attempt().context)
    attempt, uri = Attempt(), NEW.stored()
    slow: dict[str, Any] = {"deferrable": True, "command": "sleep 60", "startup_timeout": 1.0}
    with pytest.raises(TaskDeferred):
        deploying(name, uri, code, **slow).execute(attempt.context)
    with pytest.raises(ServiceError, match=r"did not come up in time(?s:.*)version 1 answers again"):
        deploying(name, uri, code, **slow).resume_execution("__fail__", {"error": "Trigger timeout"}, attempt.context)
    assert [(service.status, service.current_version) for service in services(name)] == [("Running", 1)]
