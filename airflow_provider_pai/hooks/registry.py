"""The model registry: models, versions and their approval, each one method."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_provider_pai.api.endpoints import model_page
from airflow_provider_pai.client.metrics.final import whole_metrics
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import NotFoundError, SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder, lineage_of_version
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.lifecycle.registry.registrar import ModelRegistrar
from airflow_provider_pai.lifecycle.registry.registration import Registered
from airflow_provider_pai.lifecycle.registry.served_version import approved_version
from airflow_provider_pai.lifecycle.registry.waiting import wait_for_version
from airflow_provider_pai.lifecycle.training.report import reported
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import seconds_problems
from airflow_provider_pai.model.registry.condition import VersionCondition
from airflow_provider_pai.model.registry.lineage import Lineage
from airflow_provider_pai.model.registry.spec import RegistrationSpec
from airflow_provider_pai.model.registry.version import (
    APPROVED,
    FINAL_STATUSES,
    NEWEST_APPROVED,
    REJECTED,
    ModelVersion,
    RegisteredModel,
)
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.model.uri import OssUri


class PAIModelRegistryHook(PAIBaseHook):
    """Finds, registers, approves and rejects versions of models.

    Args:
        pai_conn_id: id of the Airflow connection. Default: ``[pai] default_conn_id``, else
            ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
        now: the time.
    """

    def __init__(
        self,
        pai_conn_id: str | None = None,
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

    @cached_property
    def _registrar(self) -> ModelRegistrar:
        return ModelRegistrar(
            *(self.client, self.registry, self.lineage_recorder, self.config),
            oss=self.oss,
            upload_code=self._upload_code,
            final_metrics=self._final_metrics,
            log=self.log,
            sleep=self._sleep,
        )

    def _final_metrics(self, job: JobSnapshot) -> Mapping[str, float]:
        """Return the metrics of a job that has ended, as the task that trains it returns them."""
        seen = replace(job, metrics=whole_metrics(self.client, job, self.log.info, self.log.warning))
        return reported(self.client, lambda: self.oss, seen, self.log.warning)[0].metrics

    def _upload_code(self, path: str) -> str:
        return str(self.oss.upload_input(Path(path), self.storage, self.log.info, source_code=True))

    @cached_property
    def lineage_recorder(self) -> LineageRecorder:
        """Writes and reads what is kept beside a model."""
        return LineageRecorder(self.client, self.oss, self.log)

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

    def find_version(self, model_name: str, condition: VersionCondition) -> ModelVersion | None:
        """Return the version that fulfils a condition now; None when there is none.

        Args:
            model_name: the model; one that does not exist has no versions.
            condition: name and statuses.
        """
        model = self.find(model_name)
        return condition.met_by(self.registry.versions(model)) if model else None

    def approved_version(self, model_name: str, version: str = NEWEST_APPROVED) -> ModelVersion:
        """Return a version that may serve.

        Args:
            model_name: the model.
            version: its name, or ``approved`` (default) for the newest approved one.

        Raises:
            SpecError: there is no such model or version, or it is not approved.
        """
        return approved_version(self.registry, model_name, version)

    def newest(self, model_name: str, approval_status: str | None = None) -> ModelVersion | None:
        """Return the version of a model that was made last; None when there is no model, or none of this status.

        Args:
            model_name: the model.
            approval_status: only versions of this one. Default: all.
        """
        model = self.find(model_name)
        return self.registry.newest(model, approval_status) if model else None

    def label(self, model_name: str, version_name: str, labels: Mapping[str, str]) -> None:
        """Add labels to a version."""
        self.registry.label(self.model(model_name), version_name, labels)

    def approve(self, model_name: str, version_name: str, *, by: str = "", reason: str = "") -> ModelVersion:
        """Approve a version, which is final.

        Args:
            model_name: the model.
            version_name: the version.
            by: who approves it; kept as a label.
            reason: why; kept as a label, cut to 128 bytes.

        Raises:
            ApprovalIsFinal: it is rejected already.
            NotFoundError: there is no such model or version.
        """
        return self._decide(model_name, version_name, APPROVED, by, reason)

    def reject(self, model_name: str, version_name: str, *, by: str = "", reason: str = "") -> ModelVersion:
        """Reject a version, which is final.

        Args:
            model_name: the model.
            version_name: the version.
            by: who rejects it; kept as a label.
            reason: why; kept as a label, cut to 128 bytes.

        Raises:
            ApprovalIsFinal: it is approved already.
            NotFoundError: there is no such model or version.
        """
        return self._decide(model_name, version_name, REJECTED, by, reason)

    def register(self, spec: RegistrationSpec, facts: Mapping[str, str] | None = None) -> Registered:
        """Make sure that exactly one version of a job's model exists, and that its lineage lies beside the model.

        Args:
            spec: what is to be registered.
            facts: more to keep in the lineage, by name.

        Raises:
            SpecError: the model has no address, something in the spec or the job's metrics can't be registered, or the
                version name is another job's.
        """
        return self._registrar.register(spec, facts or {})

    def wait_for_decision(
        self, model_name: str, version_name: str, *, interval: float, timeout: float, outage_limit: float
    ) -> ModelVersion | None:
        """Return a version when it is approved or rejected; None when it is neither in time.

        Args:
            model_name: the model.
            version_name: the version.
            interval: seconds between two looks.
            timeout: seconds to wait.
            outage_limit: seconds that PAI may be unreachable.

        Raises:
            SpecError: a time is no number of seconds.
        """
        wrong = [
            *seconds_problems("interval", interval, zero=True),
            *seconds_problems("timeout", timeout, zero=True),
            *seconds_problems("outage_limit", outage_limit, zero=True),
        ]
        if wrong:
            raise SpecError(wrong)
        deadline = self._now() + timedelta(seconds=timeout)
        return wait_for_version(
            self.registry,
            model_name,
            VersionCondition(version_name, FINAL_STATUSES),
            interval=interval,
            outage=OutagePolicy(self.log.warning, outage_limit),
            seconds_left=lambda: (deadline - self._now()).total_seconds(),
            sleep=self._sleep,
        )

    def lineage(self, model_name: str, version_name: str) -> Lineage:
        """Return where a version comes from, as it was kept beside the model when it was registered.

        Args:
            model_name: the model.
            version_name: the version.

        Raises:
            NotFoundError: there is no such model or version.
        """
        return lineage_of_version(self.lineage_recorder, model_name, self.version(model_name, version_name))

    def lineage_of_uri(self, model_uri: str) -> Lineage:
        """Return where a model comes from, by its address alone.

        Raises:
            NotFoundError: nothing was kept beside the model.
            SpecError: the address is none in OSS.
        """
        try:
            OssUri.parse(model_uri)
        except ValueError as error:
            raise SpecError([Problem("model_uri", f": {error}")]) from error
        return self.lineage_recorder.read(model_uri)

    def version_result(self, model: RegisteredModel, version: ModelVersion) -> dict[str, Any]:
        """Return a version as a task's result: small, documented, plain JSON."""
        config = self.config
        page = model_page(config.region_id, config.workspace_id, model.model_id, config.endpoint or "")
        return {
            "model_name": model.name,
            "version_name": version.name,
            "model_id": model.model_id,
            "model_uri": _without_endpoint(version.uri),
            "approval_status": version.approval_status,
            "console_url": page,
        }

    def _decide(self, model_name: str, version_name: str, status: str, by: str, reason: str) -> ModelVersion:
        at = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.registry.decide(self.model(model_name), version_name, status, by=by, at=at, reason=reason)


def _without_endpoint(uri: str) -> str:
    return str(OssUri.parse(uri).without_endpoint()) if uri.startswith("oss://") else uri
