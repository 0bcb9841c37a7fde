"""The service hook, the sensor, and deleting."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_pai.api.services import Endpoints
from airflow_provider_pai.errors import NotFoundError, ServiceError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.serving.smoke_test import SmokeTest
from airflow_provider_pai.model.serving.status import ServiceSnapshot
from airflow_provider_pai.model.serving.wait import WaitCondition
from airflow_provider_pai.operators.services import PAIDeleteServiceOperator
from airflow_provider_pai.sensors.services import PAIServiceSensor
from tests.support.attempt import Attempt
from tests.support.deploying import NEW, OLD, Model, ask, constant_client, deploying, gone, run_trigger, services


def deploy(name: str, model: Model, code: str, **arguments: Any) -> str:
    uri = model.stored()
    deploying(name, uri, code, **arguments).execute(Attempt().context)
    return uri


def test_no_request_fails_during_an_update_nor_during_one_that_fails(
    pai: LocalPAI, name: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(name, OLD, code)
    smoke = {"path": "/", "expect_contains": "no such text"}
    with constant_client(name) as client:
        deploy(name, NEW, code)
        with pytest.raises(ServiceError, match="version 2 answers again"):
            deploy(name, Model("crashing", crash=True), code)
        with pytest.raises(ServiceError, match="version 2 answers again"):
            deploy(name, Model("wrong"), code, smoke_test=smoke)
    with capsys.disabled():
        print(f"\n{len(client.models)} answers, {len(client.failures)} failures")
    assert client.failures == []
    assert {"old", "new"} <= set(client.models) <= {"old", "new", "wrong"}
    assert ask(name)["model"] == "new"


def test_the_served_model_is_that_of_the_version_that_answers(pai: LocalPAI, name: str, code: str) -> None:
    hook = PAIServiceHook()
    assert hook.served_model(name) is None
    uri = deploy(name, OLD, code)
    PAIOSSHook().write(f"{uri}metrics.json", json.dumps({"accuracy": 0.9}).encode())
    served = {"service_name": name, "version": 1, "model_uri": uri, "metrics": {"accuracy": 0.9}}
    assert hook.served_model(name) == served
    with pytest.raises(ServiceError):
        deploy(name, Model("crashing", crash=True), code, on_failure="leave")
    assert hook.describe(name).status == "Failed"
    assert hook.served_model(name) == served
    newer = deploy(name, NEW, code)
    assert hook.served_model(name) == {"service_name": name, "version": 3, "model_uri": newer, "metrics": {}}


def test_the_served_model_of_a_group_is_that_of_the_service_with_the_traffic(
    pai: LocalPAI, name: str, code: str
) -> None:
    deploy(name, OLD, code, strategy="blue_green")
    uri = deploy(name, NEW, code, strategy="blue_green")
    served = PAIServiceHook().served_model(name)
    assert served == {"service_name": f"{name}_green", "version": 1, "model_uri": uri, "metrics": {}}


def test_the_hook_does_what_its_methods_say(pai: LocalPAI, name: str, code: str) -> None:
    hook = PAIServiceHook()
    deploy(name, OLD, code)
    assert [version.number for version in hook.versions(name)] == [1]
    assert [event.type for event in hook.events(name, event_type="Warning")] == []
    assert "it serves" in "\n".join(hook.logs(name))
    assert "ecs.c6.large" in {machine.instance_type for machine in hook.machines()}
    assert f"/pages/services/{name}" in hook.console_url(name)
    assert [service.name for service in hook.services(name_contains=name)] == [name]
    with pytest.raises(NotFoundError):
        hook.token("no_such_service")


def test_a_service_is_deleted_and_gone(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code)
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=name, poll_interval=0.1)
    assert delete.execute(Attempt().context) == [name]
    assert services(name) == []
    assert delete.execute(Attempt().context) == []


def test_a_group_is_deleted_with_all_its_services(pai: LocalPAI, name: str, code: str) -> None:
    for model in (OLD, NEW):
        deploy(name, model, code, strategy="blue_green")
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=name, group=True, poll_interval=0.1)
    assert set(delete.execute(Attempt().context)) == {f"{name}_blue", f"{name}_green"}
    assert services(name) == []


class CarelessHook(PAIServiceHook):
    """A hook of an EAS that lists services of other groups, too."""

    def services(self, *, name_contains: str | None = None, group: str | None = None) -> list[ServiceSnapshot]:
        return super().services(name_contains=name_contains)


def test_the_deletion_of_a_group_spares_all_services_but_its_own(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code, strategy="blue_green")
    for other, group in ((f"{name}_x", f"{name}_others"), (f"{name}_y", None)):
        deploy(other, OLD, code, group=group)
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=name, group=True, poll_interval=0.1)
    delete.hook = CarelessHook()
    assert delete.execute(Attempt().context) == [f"{name}_blue"]
    assert {service.name for service in services(name)} == {f"{name}_x", f"{name}_y"}


class TerseHook(CarelessHook):
    """A hook of an EAS whose lists tell no groups."""

    def services(self, *, name_contains: str | None = None, group: str | None = None) -> list[ServiceSnapshot]:
        return [replace(each, group="") for each in super().services(name_contains=name_contains)]


def test_a_list_without_groups_does_not_mean_that_a_group_is_empty(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code, strategy="blue_green")
    deploy(f"{name}_y", OLD, code)
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=name, group=True, poll_interval=0.1)
    delete.hook = TerseHook()
    assert delete.execute(Attempt().context) == [f"{name}_blue"]
    assert {service.name for service in services(name)} == {f"{name}_y"}


class SilentHook(TerseHook):
    """A hook of an EAS that tells hardly anything of a service."""

    def find(self, service_name: str) -> ServiceSnapshot | None:
        found = super().find(service_name)
        return found and replace(found, group="", config={})


def test_a_service_of_an_unknown_group_is_an_error(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code, strategy="blue_green")
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=name, group=True, poll_interval=0.1)
    delete.hook = SilentHook()
    with pytest.raises(ServiceError, match="neither the group nor the configuration"):
        delete.execute(Attempt().context)
    assert len(services(name)) == 1


def test_a_service_of_a_group_that_can_not_be_deleted_does_not_keep_the_others(
    pai: LocalPAI, name: str, code: str
) -> None:
    for model in (OLD, NEW):
        deploy(name, model, code, strategy="blue_green")
    pai.faults.add(Fault("DeleteService", FaultKind.ERROR, status=403, code="NoPermission"))
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=name, group=True, poll_interval=0.1)
    with pytest.raises(AirflowFailException, match="NoPermission"):
        delete.execute(Attempt().context)
    assert len(services(name)) == 1


class Addressless(Services):
    """The calls to an EAS that tells addresses inside a VPC only, or none."""

    near = ""

    def endpoints(self, name: str) -> Endpoints:
        found = super().endpoints(name)
        return Endpoints("", self.near and found.intranet, found.token)


class FarFromVPC(Addressless):
    near = "yes"


def test_a_service_without_a_public_address_is_asked_at_its_other_one(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code)
    hook = PAIServiceHook()
    members = dict(vars(hook.eas))
    hook.eas = Addressless(**members)
    with pytest.raises(ServiceError, match=f"Service {name} has no address"):
        hook.ask(name, SmokeTest())
    hook.eas = FarFromVPC(**members)
    assert hook.ask(name, SmokeTest()).status == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"service_name": "X"}, "service_name 'X' is no name"),
        ({"poll_interval": 0}, "poll_interval must be a number"),
        ({"timeout": "soon"}, "timeout must be a number"),
    ],
)
def test_a_deletion_that_can_not_work_is_refused(pai: LocalPAI, arguments: dict[str, Any], said: str) -> None:
    operator = PAIDeleteServiceOperator(task_id="delete", **{"service_name": "iris", **arguments})
    with pytest.raises(AirflowFailException, match=said):
        operator.execute(Attempt().context)


def sensor(name: str, **arguments: Any) -> PAIServiceSensor:
    return PAIServiceSensor(task_id="wait", service_name=name, poke_interval=0.1, **arguments)


def run_deferred(waiting: PAIServiceSensor) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute(Attempt().context)
    waiting.execute_complete(Attempt().context, run_trigger(deferred.value))


def test_the_sensor_sees_a_service_that_runs_at_once(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code)
    sensor(name).execute(Attempt().context)
    sensor(name, deferrable=True).execute(Attempt().context)


def test_the_sensor_waits_for_a_status_in_the_triggerer(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code)
    PAIServiceHook().stop(name)
    PAIServiceHook().wait(name, WaitCondition(status="Stopped"), interval=0.1)
    PAIServiceHook().start(name)
    run_deferred(sensor(name, deferrable=True))
    PAIServiceHook().delete(name)
    sensor(name, target_status="Deleted").execute(Attempt().context)
    gone(name)


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_sensor_fails_when_the_service_has_failed(pai: LocalPAI, name: str, code: str, deferrable: bool) -> None:
    with pytest.raises(ServiceError):
        deploy(name, Model("crashing", crash=True), code, on_failure="leave")
    with pytest.raises(ServiceError, match=f"Service {name} is Failed"):
        sensor(name, deferrable=deferrable).execute(Attempt().context)


def test_the_sensor_does_not_wait_longer_than_its_time(pai: LocalPAI) -> None:
    with pytest.raises(AirflowSensorTimeout, match="is Deleted; it was not Running in time"):
        run_deferred(sensor("no_such_service", deferrable=True, timeout=0.5))
    for leniency in ("soft_fail", "never_fail"):
        with pytest.raises(AirflowSkipException, match="is Deleted; it was not Running in time"):
            run_deferred(sensor("no_such_service", deferrable=True, timeout=0.5, **{leniency: True}))
    with pytest.raises(AirflowSensorTimeout):
        sensor("no_such_service", timeout=0.5).execute(Attempt().context)


def test_a_passing_fault_does_not_fail_the_sensor(pai: LocalPAI, name: str, code: str) -> None:
    deploy(name, OLD, code)
    pai.faults.add(Fault("DescribeService", FaultKind.ERROR, times=5))
    sensor(name).execute(Attempt().context)


@pytest.mark.parametrize("arguments", [{"service_name": "Iris"}, {"target_status": "Runing"}])
def test_a_sensor_that_would_wait_for_ever_is_refused(pai: LocalPAI, arguments: dict[str, str]) -> None:
    [argument] = arguments
    waiting = PAIServiceSensor(task_id="wait", **{"service_name": "iris", **arguments})
    with pytest.raises(AirflowFailException, match=argument):
        waiting.execute(Attempt().context)
