"""Approvals of model versions by a person at this machine: at the command line, or on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_pai.local.catalogs.model_rows import checked_version, with_labels
from airflow_provider_pai.local.catalogs.models import change_version
from airflow_provider_pai.local.catalogs.record_store import Row
from airflow_provider_pai.local.catalogs.version_store import VersionedStore
from airflow_provider_pai.local.clock import wire_time, wire_time_ms
from airflow_provider_pai.local.columns import aligned
from airflow_provider_pai.local.http.parameters import invalid
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.model.registry.lineage import LINEAGE_FILE, Lineage, read_lineage
from airflow_provider_pai.model.registry.lineage_text import lineage_lines
from airflow_provider_pai.model.registry.registration import (
    APPROVED_AT_LABEL,
    APPROVED_BY_LABEL,
    REASON_LABEL,
    decision_labels,
)
from airflow_provider_pai.model.registry.version import FINAL_STATUSES
from airflow_provider_pai.model.uri import OssUri

COLUMNS = ("ModelName", "Versions", "Pending", "NewestVersion", "ApprovalStatus", "GmtCreateTime")
VERSION_COLUMNS = ("VersionName", "ApprovalStatus", "GmtCreateTime", "Metrics", "DecidedBy", "DecidedAt", "Reason")
"""What a table shows of a version."""


@dataclass(frozen=True)
class ModelApprovals:
    """Registered models as people see them, and their decisions.

    Attributes:
        models: the models.
        objects: where models lie, with what was kept beside them.
        now: the server's time.
    """

    models: VersionedStore
    objects: ObjectStore
    now: Callable[[], datetime]

    def table(self) -> list[dict[str, str]]:
        """Return all models in short, oldest first."""
        return [self._summary(row) for row in self.models.rows()]

    def named(self, name: str) -> Row:
        """Return the model of a name.

        Raises:
            ErrorResponse: 404 ModelNotFound.
        """
        found = next((row for row in self.models.rows() if row["Name"] == name), None)
        if found is None:
            raise ErrorResponse(404, "ModelNotFound", f"There is no model {name!r}.")
        return found

    def lineage(self, row: Row, version: Row) -> Lineage:
        """Return where a version comes from; nothing but the version itself when no record lies beside the model.

        Args:
            row: the model.
            version: one of its versions.
        """
        labels = labels_of(version)
        now = {
            "model_name": row["Name"],
            "version_name": version["VersionName"],
            "approval_status": version["ApprovalStatus"],
            "approved_by": labels.get(APPROVED_BY_LABEL, ""),
            "approved_at": labels.get(APPROVED_AT_LABEL, ""),
        }
        kept = self._kept(version["Uri"])
        return Lineage(**{**vars(kept), **now, "metrics": version.get("Metrics") or kept.metrics})

    def shown(self, name: str) -> dict[str, Any]:
        """Return a model with its versions as people see them, the newest first, and the lineage of the newest.

        Raises:
            ErrorResponse: 404 ModelNotFound.
        """
        row = self.named(name)
        newest = self.models.latest(row["ModelId"])
        lines = lineage_lines(self.lineage(row, newest)) if newest else []
        versions = [version_summary(each) for each in self.versions(row)]
        return {"model": self._summary(row), "versions": versions, "lineage": lines}

    def versions(self, row: Row) -> list[Row]:
        """Return the versions of a model, the newest first."""
        return self.models.versions(row["ModelId"])[::-1]

    def decide(self, name: str, version_name: str, status: str, *, by: str = "", reason: str = "") -> Row:
        """Approve or reject a version, which is final, and return it; a decision that is there already is kept.

        Args:
            name: the model.
            version_name: the version.
            status: ``Approved`` or ``Rejected``.
            by: who decides; kept as a label.
            reason: why; kept as a label.

        Raises:
            ErrorResponse: 404, there is no such model or version; 400, it was decided differently before.
        """
        if status not in FINAL_STATUSES:
            raise invalid("status", f"it must be one of {', '.join(FINAL_STATUSES)}")
        now = self.now()
        labels = decision_labels(by, wire_time(now), reason)

        def change(version: Row) -> Mapping[str, Any]:
            members = checked_version({"ApprovalStatus": status}, version["ApprovalStatus"])
            if version["ApprovalStatus"] == status:
                return {}
            given = {"Labels": [{"Key": key, "Value": value} for key, value in labels.items()]}
            return {**members, "Labels": with_labels(version["Labels"], given)}

        return change_version(self.models, self.named(name), version_name, wire_time_ms(now), change)

    def _summary(self, row: Row) -> dict[str, str]:
        versions, newest = self.models.versions(row["ModelId"]), self.models.latest(row["ModelId"]) or {}
        return {
            "ModelId": row["ModelId"],
            "ModelName": row["Name"],
            "Versions": str(len(versions)),
            "Pending": str(sum(each["ApprovalStatus"] not in FINAL_STATUSES for each in versions)),
            "NewestVersion": newest.get("VersionName", ""),
            "ApprovalStatus": newest.get("ApprovalStatus", ""),
            "GmtCreateTime": row["GmtCreateTime"],
        }

    def _kept(self, uri: str) -> Lineage:
        try:
            place = OssUri.parse(uri).folder().child(LINEAGE_FILE)
            return read_lineage(self.objects.read(place.bucket, place.key))
        except (OSSErrorResponse, ValueError):
            # Registered by another program, or the model lies elsewhere.
            return Lineage(model_uri=uri)


def labels_of(row: Row) -> dict[str, str]:
    """Return the labels of a model or a version by name."""
    return {each["Key"]: each["Value"] for each in row["Labels"]}


def version_summary(version: Row) -> dict[str, str]:
    """Return what a table shows of a version; how it is served may hold secrets and is left out."""
    labels = labels_of(version)
    metrics = version.get("Metrics") or {}
    return {
        **{name: str(version[name]) for name in ("VersionName", "ApprovalStatus", "GmtCreateTime")},
        "Metrics": ", ".join(f"{name} {_number(value)}" for name, value in metrics.items()),
        "DecidedBy": labels.get(APPROVED_BY_LABEL, ""),
        "DecidedAt": labels.get(APPROVED_AT_LABEL, ""),
        "Reason": labels.get(REASON_LABEL, ""),
    }


def model_lines(table: list[dict[str, str]]) -> list[str]:
    """Return models as lines of text."""
    return aligned(COLUMNS, table) if table else ["no models"]


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
