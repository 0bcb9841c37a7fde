"""An EAS in memory, and the part of the hook that deployments use: no server, no waiting."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from airflow_provider_pai.api.services import Endpoints, ServiceEvent
from airflow_provider_pai.client.polling.service import ServiceWatcher
from airflow_provider_pai.errors import AuthError, NotFoundError, PAIError
from airflow_provider_pai.lifecycle.serving.deployment import Deployment, State
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.reconcile import WaitResult
from airflow_provider_pai.model.serving.request import service_body
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest
from airflow_provider_pai.model.serving.spec import BLUE, GREEN, ServiceSpec, pair_member_name
from airflow_provider_pai.model.serving.status import ServiceSnapshot, snapshot
from airflow_provider_pai.model.serving.strategy import RolloutOptions

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
        time: seconds, by a clock that never goes back.
    """

    services: dict[str, FakeService] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    time: float = 0.0
    modes: dict[str, str] = field(default_factory=dict)

    def asked(self, who: str) -> list[str]:
        """What somebody has asked for, in a few words each."""
        return [" ".join(call[1:]) for call in self.calls if call[0] == who]


class FakeHook:
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
        self.config = SimpleNamespace(workspace_id="1", region_id="cn-hangzhou", network="public")
        self.preparation = self
        self.client = self
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

    def slots(self, group: str) -> BlueGreenPair:
        return BlueGreenPair(group, self.find(pair_member_name(group, BLUE)), self.find(pair_member_name(group, GREEN)))

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

    def release(self, name: str, weight: int, traffic_state: str = "grouping") -> None:
        service = self._note("release", name, weight)
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

    def sleep(self, seconds: float) -> None:
        self.eas.time += seconds

    def console_url(self, name: str) -> str:
        return f"https://console/{name}"

    def endpoints(self, name: str) -> Endpoints:
        return Endpoints(f"http://eas/{name}", "", "token")

    def ask(self, name: str, request: SmokeTest, *, pause: float = 2.0) -> Answer:
        return self.answer(name)

    def send(self, call: Any, attempts: int | None = None) -> Any:
        """Answer what is asked without a method of the hook."""
        name = call.path.rsplit("/", 1)[1]
        if call.action == "UpdateGroup":
            self.eas.modes[name] = call.body["TrafficMode"]
            self._note("update_group", name, call.body["TrafficMode"])
            return None
        if call.action == "DescribeGroup":
            return call.parse({"Name": name, "TrafficMode": self.eas.modes.get(name, "auto")})
        if call.action == "UpdateServiceLabel":
            return self._label(call.path.split("/")[-2], call.body["Labels"])
        return self.describe(name)

    def _label(self, name: str, labels: Mapping[str, str]) -> None:
        if not self.may_label:
            raise AuthError("UpdateServiceLabel", 403, "NoPermission", "you may not")
        self._note("label", name, labels).labels.update(labels)

    def wait(self, state: State) -> tuple[ServiceSnapshot | None, WaitResult]:
        """Wait as the operator does."""
        watch = ServiceWatcher(
            *(cast(Any, self), "cn-hangzhou", state.name, state.awaited),
            log=self.log.info,
            warn=self.log.warning,
            clock=lambda: self.eas.time,
        )
        while (verdict := watch.look()) is WaitResult.PENDING:
            self.eas.time += 10
        return watch.seen, verdict


class Paused(Exception):
    """The task waits in the triggerer."""


def pausing(state: State) -> tuple[ServiceSnapshot | None, WaitResult]:
    """Wait as a deferred task does."""
    raise Paused(state)


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


def deployment(hook: FakeHook, service: ServiceSpec, *, wait: Any = None, **options: Any) -> Deployment:
    """A task's deployment; with a group it is one of two services that take turns."""
    slots = bool(service.group)
    wanted = RolloutOptions(smoke_test=SmokeTest(expect_status=200), slots=slots, **options)
    return Deployment(cast(Any, hook), service, wanted, hook.who, wait or hook.wait)


def failure(task: Deployment) -> str:
    """What a deployment says that fails."""
    try:
        task.begin()
    except PAIError as error:
        return str(error)
    raise AssertionError("the deployment did not fail")
