"""Services that really run, behind the proxy, without a control plane: tests write what is wanted themselves."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from starlette.applications import Starlette

from airflow_provider_pai.local.eas.record import ServiceRecord, Version, Wanted
from airflow_provider_pai.local.http.listener import Listener
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.running.bound_storage import BoundObjects
from airflow_provider_pai.local.running.ports import ANY, Ports
from airflow_provider_pai.local.running.runtime_selection import ProcessHost
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.local.serving import reverse_proxy
from airflow_provider_pai.local.serving.host_resources import HostResources, ServingTimings
from airflow_provider_pai.local.serving.prediction_route import PredictionRoute
from airflow_provider_pai.local.serving.preparation import VersionPreparer
from airflow_provider_pai.local.serving.reverse_proxy import ReverseProxy
from airflow_provider_pai.local.serving.supervisor import ServiceSupervisor
from airflow_provider_pai.local.serving.upstreams import Upstreams
from tests.support.contradictions import RememberingServiceStore
from tests.support.waits import LONGER, PATIENCE, PassingTime, wait_until

BUCKET = "bkt"
GROUP_TOKEN = "token-of-the-group"
NO_IMAGE = "no/such:image"

SERVER = """
import http.server, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.path.startswith("/held"):
            print("it is held", flush=True)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/slow"):
            print("it is slow", flush=True)
            time.sleep(float(self.path.split("/")[2]))
        if self.path.startswith("/crash"):
            os._exit(7)
        text = f"{os.environ.get('ANSWER', '')} {self.command} {self.path} {body.decode()}".strip().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass

print("it serves", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", 8000))), Handler).serve_forever()
"""
"""Says what it was asked, on a port that is hard-coded wherever an instance has a network of its own."""


class LocalServingHarness:
    """A store, a supervisor and a reverse proxy.

    Args:
        home: its folder.
        mode: how instances are kept apart.
        cache: folder of Python environments.
        point: chooses among a group's services.
        shown: folders that instances read although they may lie in a hidden place.
        members: of :class:`ServingTimings`.
    """

    def __init__(
        self,
        home: Path,
        mode: Mode | None = None,
        cache: Path | None = None,
        point: Callable[[], float] = random.random,
        shown: Sequence[Path] = (),
        **members: float,
    ) -> None:
        self.objects = ObjectStore(home / "oss")
        self.objects.create_bucket(BUCKET)
        machine = ProcessHost.of(home, cache or home / "cache", mode)
        folders = (*machine.environments.folders, *shown)
        self.machine = replace(machine, sandbox=Sandbox(home, folders, machine.sandbox.mode))
        self.store = RememberingServiceStore(home / "services")
        self.upstreams = Upstreams()
        timings = ServingTimings(**{"grace": 1.0, "backoff": 0.1, "startup": LONGER, **members})
        self.time = PassingTime()
        ground = HostResources(
            self.machine.sandbox,
            self.machine.environments,
            self.upstreams,
            self.time.now,
            timings,
            monotonic=self.time.monotonic,
        )
        stores = VersionPreparer(BoundObjects(self.objects, {}), self.machine.environments, lambda uri: uri != NO_IMAGE)
        self.keeper = ServiceSupervisor(self.store, stores, ground)
        self.listener = Listener("door", 0)
        groups = {"shop": GROUP_TOKEN}
        self.door = ReverseProxy(self.store, self.upstreams, groups.get, point=point)

    def start(self) -> None:
        self.keeper.start()
        self.listener.start(Starlette(routes=[PredictionRoute(self.door)]), _now)

    def close(self) -> None:
        self.listener.close()
        self.keeper.close()
        self.objects.close()
        assert self.store.contradictions == []

    def put(self, key: str, text: str, folder: Path) -> None:
        """Store an object."""
        path = folder / secrets.token_hex(8)
        path.write_text(text)
        self.objects.put(BUCKET, key, path)

    def config(self, script: str = SERVER, /, *, instances: int = 1, **container: Any) -> dict[str, Any]:
        """Return a configuration that runs a Python program."""
        command = {"command": ["python", "-c", script]} if "script" not in container else {}
        return {
            "metadata": {"instance": instances},
            "containers": [{"image": "an/image:1", **command, **container}],
        }

    def create(self, name: str, config: Mapping[str, Any], wanted: Wanted = Wanted()) -> ServiceRecord:  # noqa: B008
        """Create a service."""
        now = _now().isoformat()
        versions = (Version(1, {"name": name, **config}, now),)
        service = ServiceRecord(
            name, f"eas-m-{name}", f"uid-{secrets.token_hex(8)}", f"token-{name}", now, now, versions
        )
        assert self.store.add(replace(service, wanted=wanted))
        self.keeper.wake(name)
        return service

    def update(self, name: str, config: Mapping[str, Any]) -> None:
        """Make a version and want it."""

        def change(service: ServiceRecord) -> ServiceRecord:
            number = service.versions[-1].number + 1
            version = Version(number, {"name": name, **config}, _now().isoformat())
            wanted = replace(service.wanted, version=number, generation=service.wanted.generation + 1)
            return replace(service, versions=(*service.versions, version), wanted=wanted)

        self.store.change(name, change)
        self.keeper.wake(name)

    def want(self, name: str, *, again: bool = False, **members: Any) -> None:
        """Want something else of a service; ``again`` raises the generation."""

        def change(service: ServiceRecord) -> ServiceRecord:
            wanted = replace(service.wanted, **members)
            return replace(service, wanted=replace(wanted, generation=wanted.generation + 1) if again else wanted)

        self.store.change(name, change)
        self.keeper.wake(name)

    def service(self, name: str) -> ServiceRecord:
        found = self.store.get(name)
        assert found is not None
        return found

    def until(self, name: str, status: str) -> ServiceRecord:
        """Wait until the wanted generation of a service is settled, which must have a status."""
        wait_until(lambda: self.service(name).seen.settled == self.service(name).wanted.generation, self.account(name))
        wait_until(lambda: self.service(name).seen.status in (status, "Failed"), self.account(name))
        service = self.service(name)
        assert service.seen.status == status, self.account(name)()
        return service

    def says(self, name: str, line: str) -> None:
        """Wait until an instance has printed a line."""
        wait_until(lambda: line in self.keeper.lines(name), self.account(name))

    def account(self, name: str) -> Callable[[], str]:
        """Return what tells all that is known of a service."""
        return lambda: f"{self.store.get(name)}\n" + "\n".join(self.keeper.lines(name))

    def url(self, name: str, path: str = "") -> str:
        return f"{self.listener.url}{reverse_proxy.PATH}/{name}{path}"

    def ask(self, name: str, path: str = "", method: str = "GET", **arguments: Any) -> requests.Response:
        """Send a request to a service, with its token unless there are other headers."""
        arguments = {"headers": {"Authorization": f"token-{name}"}, "timeout": PATIENCE, **arguments}
        return requests.request(method, self.url(name, path), **arguments)


Build = Callable[..., LocalServingHarness]
"""Makes a harness: takes a mode, and members of :class:`ServingTimings`."""


def _now() -> datetime:
    return datetime.now(UTC)


def unused_port() -> int:
    """Return a port that a service can prefer."""
    ports = Ports()
    port = ports.take(ANY)
    ports.give_back(port)
    return port
