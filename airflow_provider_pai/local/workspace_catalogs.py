"""AIWorkSpace of one server, put together: its catalogs, what people added to them, and the routes to them.

The routes and what they need are loaded when the first of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.local.catalogs.record_store import RecordStore
from airflow_provider_pai.local.catalogs.workspaces import Configs, Workspace
from airflow_provider_pai.local.home import Home, HomeDamaged
from airflow_provider_pai.local.late import Late

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


class WorkspaceCatalogs:
    """Images, datasets, experiments, models and settings of the one workspace.

    Args:
        home: the server's folder.
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
        region_id: str,
        workspace_id: str,
        storage: str,
        objects: ObjectStore,
        now: Callable[[], datetime],
    ) -> None:
        self._home = home
        self._region_id = region_id
        self._objects = objects
        self._now = now
        self._datasets = self._store(_DATASETS, "DatasetId")
        self.experiments = self._store(_EXPERIMENTS, "ExperimentId")
        self._models = self._store(_MODELS, "ModelId")
        self._images = Late(partial(self._open_images, self._rows(_IMAGES, "ImageId")))
        self.approvals = Late(self._open_approvals)
        self._configs = Configs(home.recall(_CONFIGS, {}), self._saver(_CONFIGS))
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
        for row in self._home.recall(_IMAGES, []):
            self._images().remove(row["ImageId"])

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

    def _open_images(self, rows: list[dict[str, Any]]) -> LocalImageCatalog:
        from airflow_provider_pai.local.catalogs.catalog import LocalImageCatalog

        return LocalImageCatalog(self._region_id, rows, self._saver(_IMAGES))

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

    def _store(self, name: str, key: str) -> RecordStore:
        return RecordStore(key, self._rows(name, key), self._saver(name))

    def _rows(self, name: str, key: str) -> list[dict[str, Any]]:
        """Return what users added.

        Raises:
            HomeDamaged: the file holds something else.
        """
        rows: list[dict[str, Any]] = self._home.recall(name, [])
        for row in rows:
            if not isinstance(row, dict) or not isinstance(row.get(key), str) or "WorkspaceId" not in row:
                raise HomeDamaged(f"{self._home.path / name}.json is damaged: it holds a row without {key}")
        return rows

    def _saver(self, name: str) -> Callable[[Any], None]:
        return partial(self._home.remember, name)
