"""Everything behind the servers of a local PAI: its stores, its runner, and the routes that use them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Route

from airflow_provider_pai import __version__
from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.home import Home
from airflow_provider_pai.local.http.admin import Controls
from airflow_provider_pai.local.http.faults import Faults
from airflow_provider_pai.local.jobs import table
from airflow_provider_pai.local.jobs.errors import already_ended, invalid, no_such_job
from airflow_provider_pai.local.jobs.file_systems import FileSystems
from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.jobs.transitions import Outcome
from airflow_provider_pai.local.keys import KeyRing
from airflow_provider_pai.local.late import Late, LateRoutes
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.records import Records
from airflow_provider_pai.local.running.bound_storage import BoundObjects, BoundStorage, MountedFolder
from airflow_provider_pai.local.running.runner import Runner
from airflow_provider_pai.local.running.runner_context import RunnerContext
from airflow_provider_pai.local.running.runtime import Runtime
from airflow_provider_pai.local.running.runtime_selection import ProcessHost, RuntimeKind, choose
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.workspace_catalogs import WorkspaceCatalogs
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES, JobStatus

if TYPE_CHECKING:
    # Loaded when it is first asked for: a server that is starting must not wait for what few of its users need.
    from airflow_provider_pai.local.inference import Inference, RuntimeFactory
    from airflow_provider_pai.local.jobs.checks import CreateJobValidator

_SERVICE_GROUPS = "service-groups"


@dataclass(frozen=True)
class Settings:
    """What a local PAI is.

    Attributes:
        region_id: region it claims to be.
        workspace_id: its only workspace.
        bucket: its default bucket.
        cache: folder of Python environments, which servers may share; None for one in its own folder.
        slots: how many jobs run at a time; None for as many as there are processors, at least 2.
        sandbox: how a job gets its own ``/ml``; None for the best way that works here.
        runtime: what runs jobs.
        gpus: how many GPUs an instance has; in containers, all of this machine's when it has any.
        places: what jobs find in the place of further buckets; no request can read them.
        quota: the resource quota that jobs without an instance type share.
        file_systems: what stands in for NAS and CPFS.
        service_runtime: makes what runs services; None for processes of this machine.
    """

    region_id: str = "cn-hangzhou"
    workspace_id: str = "12345"
    bucket: str = "pai-local"
    cache: Path | None = None
    slots: int | None = None
    sandbox: Mode | None = None
    runtime: RuntimeKind = RuntimeKind.PROCESS
    gpus: int = 0
    places: Mapping[str, BoundStorage] = field(default_factory=dict)
    quota: Quota = field(default_factory=Quota)
    file_systems: FileSystems = field(default_factory=lambda: FileSystems({}))
    service_runtime: RuntimeFactory | None = None


class Backend:
    """What one server has and does. :meth:`start` begins to run jobs and services, :meth:`close` ends all it began.

    Attributes:
        objects: the objects of OSS.
        runner: runs the jobs.
        inference: makes the services of EAS; at the start when there are any.
    """

    def __init__(
        self,
        home: Home,
        records: Records,
        settings: Settings,
        clock: Clock,
        faults: Faults,
        keys: KeyRing,
        api_url: str,
        oss_host: str,
    ) -> None:
        """Open what is in the folder.

        Args:
            home: the server's folder.
            records: what is remembered in it beside jobs, services and objects.
            settings: what it is.
            clock: its clock.
            faults: the faults to come; a reset forgets them.
            keys: the access keys that are let in; a reset forgets the temporary ones.
            api_url: URL that PAI's services answer at, without a trailing slash.
            oss_host: host and port that OSS answers on.

        Raises:
            RuntimeError: the sandbox or the runtime insisted on does not work on this machine.
        """
        self._home = home
        self._groups = records.table(_SERVICE_GROUPS)
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._keys = keys
        self._api_url = api_url
        with ExitStack() as stack:
            self.objects = ObjectStore(home.path / "oss", clock.timestamp)
            stack.callback(self.objects.close)
            self._jobs = JobStore(home.path, clock.now)
            stack.callback(self._jobs.close)
            storage = f"oss://{settings.bucket}.{oss_host}/"
            workspace = settings.region_id, settings.workspace_id
            self._catalogs = WorkspaceCatalogs(home, records, *workspace, storage, self.objects, clock.now)
            machine = ProcessHost.of(home.path, settings.cache or home.path / "cache", settings.sandbox)
            self._runtime = self._chosen_runtime(machine)
            stack.callback(self._runtime.close)
            self.runner = Runner(self._runner_context(), settings.slots)
            self.inference = Late(partial(self._open_inference, machine))
            self._open = stack.pop_all()

    @property
    def mode(self) -> str:
        """How jobs are kept apart."""
        return str(self._runtime.mode)

    def start(self) -> None:
        """Make the default bucket and begin to run jobs and services."""
        self.objects.create_bucket(self._settings.bucket)
        self._runtime.sweep()
        self._open.callback(self.runner.close)
        self.runner.start()
        self._open.callback(self._close_inference)
        if self._home.has_services or self._settings.service_runtime:
            self.inference()

    def close(self) -> None:
        """End running jobs and services, and close the stores."""
        self._open.close()

    def routes(self) -> list[BaseRoute]:
        """Return the routes of all PAI services."""
        catalogs = partial(self._catalogs.routes, self._settings.quota, self._jobs.all, self._keys)
        services = LateRoutes("/api/v2/", lambda: self.inference().routes())
        return [LateRoutes("/api/v1/trainingjobs", self._job_routes), services, LateRoutes("/", catalogs)]

    def _job_routes(self) -> list[Route]:
        from airflow_provider_pai.local.jobs import routes as jobs

        now = self._clock.now
        return jobs.routes(self._jobs, self.runner, self._checks(), now, api_url=self._api_url, user_id=OWNER)

    def pages(self, token: str) -> BaseRoute:
        """Return the route of the pages for people; a decision on a page needs the token."""

        def pages() -> list[BaseRoute]:
            from airflow_provider_pai.local.pages.routes import Pages

            now, approvals = self._clock.now, self._catalogs.approvals()
            return [
                Pages(self._jobs, lambda: self.inference().services(), self.objects, now, approvals, token).routes()
            ]

        return LateRoutes("/pages/", pages)

    def controls(self) -> Controls:
        """Return what the admin routes act on."""
        return Controls(
            clock=self._clock,
            faults=self._faults,
            health=self.health,
            jobs=self.job_table,
            services=lambda: self.inference().table() if self.inference.is_made else [],
            reset=self.reset,
            lag=self._set_lag,
            move=self._move_job,
            approvals=self._catalogs.approvals,
        )

    def health(self) -> dict[str, Any]:
        """Tell version, how jobs are kept apart, the quota, and how many jobs and services are in which status."""
        quota = self._settings.quota
        return {
            "version": __version__,
            "mode": self.mode,
            "note": self._runtime.note,
            "quota": f"{quota.quota_id}: {quota.total}",
            "jobs": dict(Counter(str(record["Status"]) for record in self._jobs.all())),
            "services": dict(self.inference().counts()) if self.inference.is_made else {},
        }

    def job_table(self) -> list[dict[str, str]]:
        """Return all jobs in short, oldest first."""
        return table.rows(self._jobs.all())

    def reset(self) -> None:
        """End and forget all jobs and services, and all that was added or configured; see :meth:`LocalPAI.reset`."""
        self._faults.clear()
        self._faults.reset_counts()
        self._set_lag(0)
        self._clock.move_to(self._clock.offset * 0)
        if self.inference.is_made:
            self.inference().reset()
        self.runner.reset()
        self._catalogs.reset()
        self._keys.clear()
        _empty(self.objects)
        self.objects.create_bucket(self._settings.bucket)

    def _checks(self) -> CreateJobValidator:
        """Return what decides whether a job can be created."""
        from airflow_provider_pai.local.jobs.checks import CreateJobValidator
        from airflow_provider_pai.local.jobs.reference_resolver import ReferenceResolver

        return CreateJobValidator(
            ecs_spec_known=self._catalogs.has_machine,
            bucket_exists=self._bucket_exists,
            workspace_exists=lambda workspace_id: workspace_id == self._settings.workspace_id,
            image_known=self._catalogs.has_image,
            resolver=ReferenceResolver(
                self._catalogs.dataset_place,
                self._catalogs.experiments.find,
                self._settings.quota,
                self._settings.file_systems,
            ),
        )

    def _bucket_exists(self, name: str) -> bool:
        return name in {bucket.name for bucket in self.objects.buckets()} | self._places().keys()

    def _chosen_runtime(self, machine: ProcessHost) -> Runtime:
        settings = self._settings
        return choose(
            settings.runtime, self._home.path, machine, image_exists=self._catalogs.can_pull, gpus=bool(settings.gpus)
        )

    def _places(self) -> Mapping[str, BoundStorage]:
        mounted = self._settings.file_systems.buckets()
        return {**self._settings.places, **{name: MountedFolder(path) for name, path in mounted.items()}}

    def _bound_objects(self) -> BoundObjects:
        return BoundObjects(self.objects, self._places())

    def _open_inference(self, machine: ProcessHost) -> Inference:
        from airflow_provider_pai.local.eas.control import ServiceLocation
        from airflow_provider_pai.local.inference import Inference
        from airflow_provider_pai.local.serving.host_resources import HostResources
        from airflow_provider_pai.local.serving.preparation import VersionPreparer
        from airflow_provider_pai.local.serving.upstreams import Upstreams

        settings = self._settings
        inference = Inference(
            self._home,
            ServiceLocation(settings.region_id, settings.workspace_id, OWNER, self._api_url),
            VersionPreparer(self._bound_objects(), machine.environments, self._catalogs.can_pull),
            HostResources(machine.sandbox, machine.environments, Upstreams(), self._clock.now),
            self._bucket_exists,
            settings.service_runtime,
            self._groups,
        )
        inference.start()
        return inference

    def _close_inference(self) -> None:
        if self.inference.is_made:
            self.inference().close()

    def _runner_context(self) -> RunnerContext:
        settings, objects = self._settings, self._bound_objects()
        return RunnerContext(
            self._jobs,
            objects,
            self._runtime,
            settings.region_id,
            self._clock.now,
            gpus=settings.gpus,
            quota=settings.quota,
            shown=objects.shown,
        )

    def _set_lag(self, seconds: float) -> None:
        self._jobs.lag_seconds = seconds

    def _move_job(self, job_id: str, status: JobStatus, code: str, message: str) -> None:
        """End a job by hand; only its life can bring it nearer to its end."""
        if status not in TERMINAL_STATUSES:
            raise invalid(f"A job can be moved by hand to its end only: {', '.join(sorted(TERMINAL_STATUSES))}.")
        record = self._jobs.get(job_id)
        if record is None:
            raise no_such_job(job_id)
        if not self.runner.move(job_id, Outcome(status, code, message)):
            raise already_ended(job_id, str(record["Status"]))


def _empty(objects: ObjectStore) -> None:
    """Delete all buckets and what is in them."""
    for bucket in objects.buckets():
        for upload in objects.uploads.pending(bucket.name):
            objects.uploads.abort(bucket.name, upload.key, upload.upload_id)
        while found := objects.list_objects(bucket.name).objects:
            objects.delete_many(bucket.name, [stored.key for stored in found])
        objects.delete_bucket(bucket.name)
