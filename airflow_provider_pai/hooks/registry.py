"""The model registry: models, versions and their approval, each one method."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

from airflow_provider_pai.errors import NotFoundError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.lifecycle.registry.registration import Registered, Registration, register_or_adopt
from airflow_provider_pai.model.registry.version import APPROVED, REJECTED, ModelVersion, RegisteredModel


class PAIModelRegistryHook(PAIBaseHook):
    """Finds, registers, approves and rejects versions of models.

    Args:
        pai_conn_id: id of the Airflow connection. Default ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
        now: the time.
    """

    def __init__(
        self,
        pai_conn_id: str = PAIBaseHook.default_conn_name,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(pai_conn_id, region_id=region_id, workspace_id=workspace_id)
        self._sleep = sleep
        self._now = now

    @cached_property
    def registry(self) -> ModelRegistry:
        """The registry of the connection's workspace."""
        return ModelRegistry(self.client, self.config.workspace_id, self.log)

    def find(self, model_name: str) -> RegisteredModel | None:
        """Return the model of exactly this name; None when the workspace has none."""
        return self.registry.find(model_name)

    def model(self, model_name: str) -> RegisteredModel:
        """Return the model of exactly this name.

        Raises:
            NotFoundError: the workspace has none.
        """
        if found := self.find(model_name):
            return found
        raise NotFoundError("ListModels", 200, "ModelNotFound", f"there is no model {model_name!r} in this workspace")

    def versions(self, model_name: str, approval_status: str | None = None) -> list[ModelVersion]:
        """Return the versions of a model, the newest first.

        Args:
            model_name: the model.
            approval_status: only versions of this one: ``Pending``, ``Approved`` or ``Rejected``. Default: all.

        Raises:
            NotFoundError: there is no such model.
        """
        return self.registry.versions(self.model(model_name), approval_status)

    def version(self, model_name: str, version_name: str) -> ModelVersion:
        """Return one version.

        Raises:
            NotFoundError: there is no such model or version.
        """
        return self.registry.version(self.model(model_name), version_name)

    def newest(self, model_name: str, approval_status: str | None = None) -> ModelVersion | None:
        """Return the version of a model that was made last; None when there is no model, or none of this status.

        Args:
            model_name: the model.
            approval_status: only versions of this one. Default: all.
        """
        model = self.find(model_name)
        return self.registry.newest(model, approval_status) if model else None

    def approve(self, model_name: str, version_name: str, *, by: str = "") -> ModelVersion:
        """Approve a version, which is final.

        Args:
            model_name: the model.
            version_name: the version.
            by: who approves it; kept as a label.

        Raises:
            ApprovalIsFinal: it is rejected already.
            NotFoundError: there is no such model or version.
        """
        return self._decide(model_name, version_name, APPROVED, by)

    def reject(self, model_name: str, version_name: str, *, by: str = "") -> ModelVersion:
        """Reject a version, which is final.

        Args:
            model_name: the model.
            version_name: the version.
            by: who rejects it; kept as a label.

        Raises:
            ApprovalIsFinal: it is approved already.
            NotFoundError: there is no such model or version.
        """
        return self._decide(model_name, version_name, REJECTED, by)

    def register_or_adopt(self, wanted: Registration) -> Registered:
        """Make sure that exactly one version of a job exists; see :func:`register_or_adopt`."""
        return register_or_adopt(self.registry, wanted, log=self.log, sleep=self._sleep)

    def _decide(self, model_name: str, version_name: str, status: str, by: str) -> ModelVersion:
        at = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.registry.decide(self.model(model_name), version_name, status, by=by, at=at)
