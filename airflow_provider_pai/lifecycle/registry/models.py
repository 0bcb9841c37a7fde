"""Registered models of a workspace and their versions: finding, listing, approving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.api import registry as calls
from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.client.transport.listing import list_all
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.model.registry.registration import decision_labels, named
from airflow_provider_pai.model.registry.version import ModelVersion, RegisteredModel, newest


class ApprovalIsFinal(PAIError):
    """A version is approved or rejected already, and that does not change any more.

    Attributes:
        version: the version as it is.
    """

    def __init__(self, model_name: str, version: ModelVersion, wanted: str) -> None:
        self.version = version
        super().__init__(
            f"version {version.name} of model {model_name!r} is {version.approval_status}, which is final; it can't "
            f"become {wanted}. Register another version instead"
        )


class ModelRegistry:
    """The model registry of one workspace.

    Args:
        client: sends the calls.
        workspace_id: the workspace.
        log: where it is said what was changed.
    """

    def __init__(self, client: Sender, workspace_id: str, log: Log) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._log = log

    def find(self, name: str) -> RegisteredModel | None:
        """Return the model of exactly this name; None when the workspace has none."""
        found = list_all(
            self._client,
            lambda page: calls.list_models(self._workspace_id, name=name, page=page),
            key=lambda model: model.model_id,
        )
        return named(name, found)

    def create(self, name: str, description: str = "") -> None:
        """Create a model without versions."""
        body = {"ModelName": name, "WorkspaceId": self._workspace_id, "ModelDescription": description}
        self._client.send(calls.create_model({key: value for key, value in body.items() if value}))

    def page(self, number: int) -> Page[RegisteredModel]:
        """Return one page of the workspace's models, each with its latest version; from 1."""
        return self._client.send(calls.list_models(self._workspace_id, page=number), attempts=1)

    def versions(self, model: RegisteredModel, approval_status: str | None = None) -> list[ModelVersion]:
        """Return the versions of a model, the newest first.

        Args:
            model: the model.
            approval_status: only versions of this approval status.
        """
        found = list_all(
            self._client,
            lambda page: calls.list_model_versions(model.model_id, approval_status=approval_status, page=page),
            key=lambda version: version.name,
        )
        # A service that takes no notice of the filter must not make an unapproved version serve.
        return [each for each in found if approval_status in (None, each.approval_status)]

    def version(self, model: RegisteredModel, name: str) -> ModelVersion:
        """Return one version.

        Raises:
            NotFoundError: there is no such version.
        """
        return self._client.send(calls.get_model_version(model.model_id, name))

    def newest(self, model: RegisteredModel, approval_status: str | None = None) -> ModelVersion | None:
        """Return the version that was made last; None when there is none.

        Args:
            model: the model.
            approval_status: only versions of this approval status.
        """
        return newest(self.versions(model, approval_status))

    def create_version(self, model: RegisteredModel, body: Mapping[str, Any]) -> str:
        """Create a version, and return its name."""
        return self._client.send(calls.create_model_version(model.model_id, body))

    def delete_version(self, model: RegisteredModel, name: str) -> None:
        """Delete a version; the files of the model stay."""
        self._client.send(calls.delete_model_version(model.model_id, name))

    def label(self, model: RegisteredModel, name: str, labels: Mapping[str, str]) -> None:
        """Add labels to a version."""
        self._client.send(calls.create_model_version_labels(model.model_id, name, labels))

    def decide(
        self, model: RegisteredModel, name: str, status: str, *, by: str = "", at: str = "", reason: str = ""
    ) -> ModelVersion:
        """Approve or reject a version.

        Args:
            model: the model.
            name: the version.
            status: ``Approved`` or ``Rejected``.
            by: who decides; kept as a label.
            at: when; kept as a label.
            reason: why; kept as a label, cut to its length.

        Raises:
            ApprovalIsFinal: it was decided differently before; nothing is changed.
        """
        before = self.version(model, name)
        if before.is_decided and before.approval_status != status:
            raise ApprovalIsFinal(model.name, before, status)
        if not before.is_decided:
            self._change_status(model, name, status)
            self._note_decision(model, name, decision_labels(by, at, reason))
        return self.version(model, name)

    def _change_status(self, model: RegisteredModel, name: str, status: str) -> None:
        try:
            self._client.send(calls.update_model_version(model.model_id, name, {"ApprovalStatus": status}))
        except PAIError as error:
            # Two may decide at once: the first one counts, and the other is answered with it.
            now = self.version(model, name)
            if now.approval_status == status:
                return
            if now.is_decided:
                raise ApprovalIsFinal(model.name, now, status) from error
            raise
        self._log.info("Version %s of model %s is %s now", name, model.name, status)

    def _note_decision(self, model: RegisteredModel, name: str, labels: Mapping[str, str]) -> None:
        if not labels:
            return
        try:
            self.label(model, name, labels)
        except PAIError as error:
            self._log.warning("Who decided on version %s of model %s can't be kept (%s)", name, model.name, error)
