"""An EAS in memory, and the calls that deployments make: no server, no waiting."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from airflow_provider_pai.api.services import Endpoints, ServiceEvent, ServiceFinding
from airflow_provider_pai.client.polling.service import ServiceWatcher
from airflow_provider_pai.errors import AuthError, NotFoundError, PAIError
from airflow_provider_pai.lifecycle.serving.deployment import Deployment
from airflow_provider_pai.lifecycle.serving.services import find_pair
from airflow_provider_pai.lifecycle.step import Done, Waiting
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.deployment_state import DeploymentState
from airflow_provider_pai.model.serving.request import service_body
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.serving.status import ServiceSnapshot, snapshot
from airflow_provider_pai.model.serving.strategy import RolloutOptions
from airflow_provider_pai.model.serving.wait import Observation, WaitResult

GOOD, BAD = Answer(200, "ok"), Answer(502, "bad gateway")
_LOOKS = 2
"""After how many looks a change has come about."""


class Died(BaseException):
    """The process is gone."""


@dataclass
class FakeService:
    """A service.

    Attributes:
        group: its group; empty for none.
        versions: their service JSONs.
        status: its status.
        current: the version that answers.
        wanted: the version that is brought up.
        pending: after how many looks that has come about; 0 when nothing is under way.
        weight: its weight in its group's traffic.
        traffic: ``grouping`` or ``standalone``.
        labels: labels beside those of its configuration.
    """

    group: str
    versions: list[Mapping[str, Any]]
    status: str = "Creating"
    current: int = 0
    wanted: int = 1
    pending: int = _LOOKS
    weight: int = 100
    traffic: str = "standalone"
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The last part of the folder of the model that answers."""
        path: str = self.versions[self.current - 1]["storage"][0]["oss"]["path"]
        return path.rstrip("/").rpartition("/")[2]

    @property
    def share(self) -> int:
        """Its weight, if it gets any traffic."""
        return self.weight if self.traffic == "grouping" else 0


@dataclass
class FakeEAS:
    """Services, and what was asked for.

    Attributes:
        services: by name.
        calls: who asked for which change of which service.
        time: seconds, by a clock that only moves forward.
    """

    services: dict[str, FakeService] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    time: float = 0.0
    modes: dict[str, str] = field(default_factory=dict)

    def asked(self, who: str) -> list[str]:
        """What was asked for, in a few words each."""
        return [" ".join(call[1:]) for call in self.calls if call[0] == who]


class FakeServices:
    """What one task does to the services of an EAS in memory.

    Args:
        eas: the services.
        who: the task.
        answer: gives the answer of a service to a smoke test.
    """

    def __init__(self, eas: FakeEAS, who: str, answer: Callable[[str], Answer] = lambda _: GOOD) -> None:
        self.eas = eas
        self.who = who
        self.answer = answer
        self.log = logging.getLogger(who)
        self.may_label = True

    def _note(self, *call: object) -> FakeService:
        self.eas.calls.append((self.who, *map(str, call)))
        return self.eas.services.get(str(call[1]), FakeService("", []))

    def body(self, spec: ServiceSpec) -> dict[str, Any]:
        return service_body(spec, "1")

    def find(self, name: str) -> ServiceSnapshot | None:
        service = self.eas.services.get(name)
        if service is None:
            return None
        if service.pending:
            service.pending -= 1
            if not service.pending:
                service.status, service.current = "Running", service.wanted
        return snapshot(
            {
                "ServiceName": name,
                "Status": service.status,
                "CurrentVersion": service.current,
                "LatestVersion": len(service.versions),
                "ServiceConfig": json.dumps(service.versions[service.wanted - 1]),
                "Labels": [{"LabelKey": key, "LabelValue": value} for key, value in service.labels.items()],
                "Weight": service.weight,
                "TrafficState": service.traffic,
                "ServiceGroup": service.group,
            }
        )

    def describe(self, name: str) -> ServiceSnapshot:
        found = self.find(name)
        if found is None:
            raise NotFoundError("DescribeService", 404, "NotFound", "there is no such service")
        return found

    def pair(self, group: str) -> BlueGreenPair:
        return find_pair(group, self.find, self.sleep)

    def create(self, config: Mapping[str, Any]) -> None:
        self._note("create", config["name"])
        self.eas.services[config["name"]] = FakeService(config["metadata"].get("group", ""), [config])

    def update(self, name: str, config: Mapping[str, Any]) -> None:
        service = self._note("update", name)
        service.versions.append(config)
        was_stopped = service.status == "Stopped"
        service.wanted = len(service.versions)
        if not was_stopped:
            service.status, service.pending = "Updating", _LOOKS

    def update_version(self, name: str, version: int) -> None:
        service = self._note("update_version", name, version)
        service.wanted, service.status, service.pending = version, "Updating", _LOOKS

    def set_weight(self, name: str, weight: int, traffic_state: str = "grouping") -> None:
        service = self._note("set_weight", name, weight)
        service.weight, service.traffic = weight, traffic_state

    def stop(self, name: str) -> None:
        service = self._note("stop", name)
        service.status, service.pending = "Stopped", 0

    def start(self, name: str) -> None:
        service = self._note("start", name)
        service.status, service.pending = "Starting", _LOOKS

    def delete(self, name: str) -> None:
        self._note("delete", name)
        self.eas.services.pop(name, None)

    def events(self, name: str, *, event_type: str | None = None, since: str | None = None) -> list[ServiceEvent]:
        return []

    def logs(self, name: str) -> list[str]:
        return []

    def diagnosis(self, name: str) -> list[ServiceFinding]:
        return []

    def traffic_mode(self, group: str) -> str:
        return self.eas.modes.get(group, "auto")

    def set_traffic_mode(self, group: str, mode: str) -> None:
        self.eas.modes[group] = mode
        self._note("update_group", group, mode)

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        if not self.may_label:
            raise AuthError("UpdateServiceLabel", 403, "NoPermission", "you may not")
        self._note("label", name, labels).labels.update(labels)

    def sleep(self, seconds: float) -> None:
        self.eas.time += seconds

    def console_url(self, name: str) -> str:
        return f"https://console/{name}"

    def endpoints(self, name: str) -> Endpoints:
        return Endpoints(f"http://eas/{name}", "", "token")

    def ask(self, name: str, request: SmokeTest, *, pause: float = 2.0) -> Answer:
        return self.answer(name)

    def send(self, call: Any, attempts: int | None = None) -> ServiceSnapshot:
        """Answer a watcher."""
        return self.describe(call.path.rsplit("/", 1)[1])

    def wait(self, state: DeploymentState) -> Observation:
        """Wait as the operator does."""
        watcher = ServiceWatcher(
            *(cast(Any, self), "cn-hangzhou", state.name, state.condition),
            log=self.log.info,
            warn=self.log.warning,
            clock=lambda: self.eas.time,
        )
        while (result := watcher.look()) is WaitResult.PENDING:
            self.eas.time += 10
        return Observation(watcher.seen, result)


def spec(name: str, model: str, group: str = "") -> ServiceSpec:
    """A service with the least it needs."""
    return ServiceSpec(
        service_name=name,
        model_uri=f"oss://bucket/{model}/",
        image_uri="registry/team/image:1",
        command="python serve.py",
        instance_type="ecs.c6.large",
        group=group,
    )


class TaskOfDeployment:
    """A task that takes a deployment from step to step, as the operator does.

    Args:
        services: what it does things with.
        service: what is deployed; with a group it is one of two services that take turns.
        options: how, beside the smoke test.
    """

    def __init__(self, services: FakeServices, service: ServiceSpec, **options: Any) -> None:
        wanted = RolloutOptions(smoke_test=SmokeTest(expect_status=200), paired=bool(service.group), **options)
        self.services = services
        self.deployment = Deployment(*(cast(Any, each) for each in (services, services, service, wanted, services.who)))

    def begin(self) -> dict[str, Any]:
        """Deploy to the end."""
        return self._end(self.deployment.begin())

    def pause(self) -> DeploymentState:
        """Deploy up to the first wait."""
        step = self.deployment.begin()
        assert isinstance(step, Waiting)
        return step.state

    def resume(self, state: DeploymentState) -> dict[str, Any]:
        """Wait, and deploy from there to the end."""
        return self._end(Waiting(state))

    def _end(self, step: Waiting | Done) -> dict[str, Any]:
        while isinstance(step, Waiting):
            step = self.deployment.proceed(step.state, self.services.wait(step.state))
        return step.result


def deployment(services: FakeServices, service: ServiceSpec, **options: Any) -> TaskOfDeployment:
    """A task's deployment."""
    return TaskOfDeployment(services, service, **options)


def failure(task: TaskOfDeployment) -> str:
    """What a deployment says that fails."""
    try:
        task.begin()
    except PAIError as error:
        return str(error)
    raise AssertionError("the deployment did not fail")
