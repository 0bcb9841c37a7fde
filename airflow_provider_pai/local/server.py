"""A local PAI: its folder, its two servers and what is behind them, started and stopped together."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from starlette.routing import Router

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.local.backend import Backend, Settings
from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.home import Home
from airflow_provider_pai.local.http.admin import admin_route
from airflow_provider_pai.local.http.faults import OSS, PAI, FaultInjector, Faults
from airflow_provider_pai.local.http.gateway import pai_app
from airflow_provider_pai.local.http.listener import Listener
from airflow_provider_pai.local.jobs.file_systems import FileSystems
from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.local.keys import KEPT, KeyRing
from airflow_provider_pai.local.late import LateApp
from airflow_provider_pai.local.records import Records
from airflow_provider_pai.local.running.bound_storage import BoundStorage
from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server_info import ServerInfo
from airflow_provider_pai.local.serving.prediction_route import PredictionRoute

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from airflow_provider_pai.local.inference import RuntimeFactory

logger = logging.getLogger(__name__)


class LocalPAI:
    """PAI and OSS on this machine, reachable from this machine only.

    A context manager; :meth:`start` and :meth:`stop` do the same by hand. All that happened is in its folder, and there
    again after the next start.

    Attributes:
        clock: its clock; a test may move it.
        faults: the faults to come, and the requests so far.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        oss_port: int = 0,
        cache: Path | None = None,
        region_id: str = Settings.region_id,
        workspace_id: str = Settings.workspace_id,
        bucket: str = Settings.bucket,
        credentials: KeyPair | None = None,
        slots: int | None = None,
        sandbox: Mode | None = None,
        runtime: RuntimeKind = Settings.runtime,
        gpus: int = 0,
        places: Mapping[str, BoundStorage] | None = None,
        quota: Quota | None = None,
        mounts: Mapping[str, Path] | None = None,
        service_runtime: RuntimeFactory | None = None,
    ) -> None:
        """Describe a server; nothing happens before :meth:`start`.

        Args:
            home: its folder; made when missing.
            port: port of PAI's services; 0 for any free one.
            oss_port: port of OSS; 0 for any free one.
            cache: folder of Python environments, which servers may share; in ``home`` by default.
            region_id: region it claims to be.
            workspace_id: its only workspace.
            bucket: its default bucket.
            credentials: the key pair it lets in; by default one made at random and kept in ``home``.
            slots: how many jobs run at a time; by default as many as there are processors, at least 2.
            sandbox: how a job gets its own ``/ml``; by default the best way that works here.
            runtime: what runs jobs; by default processes of this machine.
            gpus: how many GPUs an instance sees; with any, a container gets all of this machine's.
            places: what jobs find in the place of further buckets, by bucket name; no request can read them.
            quota: the resource quota that jobs without an instance type share.
            mounts: folder of this machine that stands in for each NAS or CPFS file system, by the beginning of its
                URIs, such as ``nas://1a2b3c.cn-hangzhou/``. Jobs read and write it.
            service_runtime: makes what runs services; by default processes of this machine.
        """
        self.clock = Clock()
        self.faults = Faults()
        self._path = home
        self._ports = port, oss_port
        self._credentials = credentials
        self._settings = Settings(
            region_id,
            workspace_id,
            bucket,
            cache,
            slots,
            sandbox,
            runtime,
            gpus,
            places or {},
            quota or Quota(),
            FileSystems.of(mounts or {}),
            service_runtime,
        )
        self._backend: Backend | None = None
        self._ready: ServerInfo | None = None
        self._open = ExitStack()

    @property
    def ready(self) -> ServerInfo:
        """Where it answers and how to be let in.

        Raises:
            RuntimeError: it is not started.
        """
        if self._ready is None:
            raise RuntimeError("this local PAI is not started")
        return self._ready

    @property
    def mode(self) -> str:
        """How jobs are kept apart; see the modes of :class:`Sandbox`, and ``docker``.

        Raises:
            RuntimeError: it is not started.
        """
        if self._backend is None:
            raise RuntimeError("this local PAI is not started")
        return self._backend.mode

    def start(self) -> None:
        """Start; returns when requests are answered.

        Raises:
            HomeInUse: another server has the folder.
            HomeDamaged: a file of the folder can't be read.
            EnvironmentFailed: there is no Python that jobs can run.
            sqlite3.Error: the index of the objects can't be read.
            OSError: a port is taken.
            RuntimeError: it is started already, or the sandbox or runtime insisted on does not work here.
        """
        if self._ready is not None:
            raise RuntimeError("this local PAI is started already")
        with ExitStack() as stack:
            home = Home(self._path)
            stack.callback(home.release)
            records = Records(home.path)
            stack.callback(records.close)
            own = self._credentials or home.key_pair()
            keys = KeyRing(own, self.clock.now, records.table(KEPT))
            api, oss = self._listeners(stack)
            oss_host = urlsplit(oss.url).netloc
            backend = Backend(home, records, self._settings, self.clock, self.faults, keys, api.url, oss_host)
            stack.callback(backend.close)
            backend.start()
            # Once more, so that no request is answered while the jobs end; both at the same time.
            for close in (api.close, oss.close, api.end, oss.end):
                stack.callback(close)
            token = home.renew_admin_token()
            self._serve(backend, keys, api, oss, token)
            self._backend, self._ready = backend, self._server_info(own, api, oss, token)
            home.announce({"pid": os.getpid(), **self._ready.address})
            self._open = stack.pop_all()
        logger.info("local PAI answers at %s, its OSS at %s", api.url, oss.url)

    def stop(self) -> None:
        """Stop answering, end what runs, and leave nothing behind but the folder; no error when not started."""
        self._backend = self._ready = None
        self._open.close()

    def reset(self) -> None:
        """End and forget all jobs and services; forget all that was added or configured, objects, faults, lag, offset.

        Raises:
            RuntimeError: it is not started.
        """
        if self._backend is None:
            raise RuntimeError("this local PAI is not started")
        self._backend.reset()

    def _listeners(self, stack: ExitStack) -> tuple[Listener, Listener]:
        """Take both ports."""
        api = Listener("local-pai-api", self._ports[0])
        stack.callback(api.close)
        oss = Listener("local-pai-oss", self._ports[1])
        stack.callback(oss.close)
        return api, oss

    def _serve(self, backend: Backend, keys: KeyRing, api: Listener, oss: Listener, token: str) -> None:
        services = FaultInjector(pai_app(backend.routes(), keys, self.clock.now), self.faults, PAI)
        # Not signed: callers of a service show its token.
        predictions = PredictionRoute(LateApp(lambda: backend.inference().proxy))
        open_routes = [admin_route(backend.controls(), token), predictions, backend.pages(token)]
        # Not a mount: those match no path with a line break in it.
        api_app = Router(open_routes, default=services)

        def oss_service() -> ASGIApp:
            from airflow_provider_pai.local.oss.app import oss_app

            region_id = self._settings.region_id
            return oss_app(backend.objects, keys.secret_of, region_id, self.clock.timestamp, keys.token_problem)

        api.start(api_app, self.clock.now)
        oss.start(FaultInjector(LateApp(oss_service), self.faults, OSS), self.clock.now)

    def _server_info(self, keys: KeyPair, api: Listener, oss: Listener, token: str) -> ServerInfo:
        settings = self._settings
        return ServerInfo(
            api=api.url,
            oss=oss.url,
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            region_id=settings.region_id,
            workspace_id=settings.workspace_id,
            bucket=settings.bucket,
            admin_token=token,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
