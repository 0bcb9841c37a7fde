"""AIWorkSpace of one server, put together: its catalogs, what people added to them, and the routes to them.

The routes and what they need are loaded when the first of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_pai.local.catalogs.record_store import RecordStore
from airflow_provider_pai.local.catalogs.version_store import VersionedStore
from airflow_provider_pai.local.catalogs.workspaces import Configs, Workspace
from airflow_provider_pai.local.home import Home, HomeDamaged
from airflow_provider_pai.local.late import Late
from airflow_provider_pai.local.records import Records
from airflow_provider_pai.model.registry.version import version_numbers

if TYPE_CHECKING:
    from starlette.routing import Route

    from airflow_provider_pai.local.catalogs.approvals import ModelApprovals
    from airflow_provider_pai.local.catalogs.catalog import LocalImageCatalog
    from airflow_provider_pai.local.jobs.quota_usage import Quota
    from airflow_provider_pai.local.jobs.store import Record
    from airflow_provider_pai.local.keys import KeyRing
    from airflow_provider_pai.local.oss.objects import ObjectStore

_IMAGES, _DATASETS, _EXPERIMENTS, _MODELS = "images", "datasets", "experiments", "models"
_CONFIGS, _CREATED = "configs", "created"
_Store = TypeVar("_Store")


class WorkspaceCatalogs:
    """Images, datasets, experiments, models and settings of the one workspace.

    Args:
        home: the server's folder.
        records: what people added, and where it is kept.
        region_id: the region.
        workspace_id: the workspace.
        storage: address of its default OSS folder.
        objects: the objects of OSS.
        now: the server's time, aware of its zone.

    Attributes:
        approvals: makes the registered models as people see them, and their decisions.
        experiments: the experiments.

    Raises:
        HomeDamaged: a file of the folder can't be read.
    """

    def __init__(
        self,
        home: Home,
        records: Records,
        region_id: str,
        workspace_id: str,
        storage: str,
        objects: ObjectStore,
        now: Callable[[], datetime],
    ) -> None:
        self._home = home
        self._records = records
        self._region_id = region_id
        self._objects = objects
        self._now = now
        self._datasets = self._versioned(_DATASETS, "DatasetId", lambda name: int(name[1:]))
        self.experiments = self._opened(_EXPERIMENTS, lambda: RecordStore("ExperimentId", records.table(_EXPERIMENTS)))
        self._models = self._versioned(_MODELS, "ModelId", version_numbers)
        self._images = Late(self._open_images)
        self.approvals = Late(self._open_approvals)
        self._configs = Configs(records.table(_CONFIGS))
        self._workspace = Workspace(workspace_id, self._created(), storage)

    def routes(self, quota: Quota, jobs: Callable[[], Sequence[Record]], keys: KeyRing) -> list[Route]:
        """Return the routes of all catalogs.

        Args:
            quota: the resource quota.
            jobs: returns all jobs.
            keys: the access keys that are let in.
        """
        from airflow_provider_pai.local.catalogs import datasets, experiments, images, machines, models, quotas, sts
        from airflow_provider_pai.local.catalogs import workspaces as settings

        now, workspace = self._now, self._workspace.workspace_id
        storage = partial(settings.default_storage, self._workspace, self._configs)
        return [
            *images.routes(self._images(), workspace, now),
            *datasets.routes(self._datasets, workspace, now),
            *experiments.routes(self.experiments, workspace, storage, now),
            *models.routes(self._models, workspace, now),
            *settings.routes(self._workspace, self._configs, now),
            *quotas.routes(quota, workspace, self._workspace.created, jobs),
            *machines.routes(),
            *sts.routes(keys),
        ]

    def reset(self) -> None:
        """Forget all that was added or configured."""
        self._configs.clear()
        self._datasets.clear()
        self.experiments.clear()
        self._models.clear()
        if self._images.is_made or self._records.table(_IMAGES).rows():
            self._images().clear()

    def dataset_place(self, dataset_id: str, version: str) -> str:
        """Return the OSS URI of a dataset."""
        from airflow_provider_pai.local.catalogs import dataset_rows

        return dataset_rows.place(self._datasets, dataset_id, version)

    def has_image(self, uri: str) -> bool:
        """Return whether the catalog has an image."""
        return uri in {row["ImageUri"] for row in self._image_rows()}

    def can_pull(self, uri: str) -> bool:
        """Return whether there is an image that a container can be made of."""
        from airflow_provider_pai.local.catalogs.catalog import can_be_pulled

        return can_be_pulled(uri, self._image_rows())

    @staticmethod
    def has_machine(instance_type: str) -> bool:
        """Return whether there is such an instance type."""
        from airflow_provider_pai.local.catalogs import machines

        return machines.is_known(instance_type)

    def _image_rows(self) -> list[dict[str, Any]]:
        return self._images().rows(self._workspace.workspace_id)

    def _open_images(self) -> LocalImageCatalog:
        from airflow_provider_pai.local.catalogs.catalog import LocalImageCatalog

        return LocalImageCatalog(self._region_id, self._records.table(_IMAGES))

    def _open_approvals(self) -> ModelApprovals:
        from airflow_provider_pai.local.catalogs.approvals import ModelApprovals

        return ModelApprovals(self._models, self._objects, self._now)

    def _created(self) -> datetime:
        """Return when this server was started for the first time."""
        created = self._home.recall(_CREATED, "") or self._now().isoformat()
        try:
            moment = datetime.fromisoformat(created)
        except ValueError as error:
            raise HomeDamaged(f"{self._home.path / _CREATED}.json is damaged: {created!r} is no time") from error
        self._home.remember(_CREATED, created)
        return moment

    def _versioned(self, kind: str, key: str, order: Callable[[str], Any]) -> VersionedStore:
        versions = self._records.table(f"{kind.removesuffix('s')}-versions")
        return self._opened(kind, lambda: VersionedStore(key, self._records.table(kind), versions, order))

    def _opened(self, kind: str, read: Callable[[], _Store]) -> _Store:
        try:
            return read()
        except (KeyError, TypeError, ValueError) as error:
            raise HomeDamaged(f"{self._records.path} is damaged: its {kind} can't be read ({error!r})") from error
