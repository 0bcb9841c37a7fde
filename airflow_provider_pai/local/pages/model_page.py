"""The page of a registered model: versions, metrics, where the newest comes from, and a person's decision.

How a version is served may hold secrets and is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import HTMLResponse

from airflow_provider_pai.local.catalogs.approvals import COLUMNS, VERSION_COLUMNS, ModelApprovals, version_summary
from airflow_provider_pai.local.pages.html import Markup, facts, page, table, tag
from airflow_provider_pai.model.registry.lineage_text import lineage_facts
from airflow_provider_pai.model.registry.version import APPROVED, FINAL_STATUSES, REJECTED

_BUTTONS = ((APPROVED, "Approve"), (REJECTED, "Reject"))


def model_path(model_id: str) -> str:
    """Return the path of a model's page."""
    return f"/pages/models/{quote(model_id, safe='')}"


def model_rows(models: Sequence[Mapping[str, str]]) -> Markup:
    """Return models as a table, newest first."""
    return table(
        ("Model", *COLUMNS[1:]),
        [
            (
                tag("a", each["ModelName"], href=model_path(each["ModelId"])),
                *(tag("span", each[name], class_=each[name]) for name in COLUMNS[1:]),
            )
            for each in reversed(models)
        ],
    )


def model_page(row: Mapping[str, Any], approvals: ModelApprovals, said: str = "", status: int = 200) -> HTMLResponse:
    """Return the page of one model.

    Args:
        row: the model.
        approvals: tells where its versions come from.
        said: what became of the request, for a person; empty for nothing.
        status: HTTP status.
    """
    versions = approvals.versions(dict(row))
    return page(
        f"model {row['Name']}",
        tag("h1", row["Name"], " ", tag("small", row["ModelId"])),
        tag("p", tag("strong", said)) if said else "",
        tag("p", row.get("ModelDescription", "")),
        tag("h2", "Versions"),
        table(VERSION_COLUMNS, [tuple(version_summary(each).values()) for each in versions]),
        *(_decision(row, each) for each in versions if each["ApprovalStatus"] not in FINAL_STATUSES),
        *(part for each in versions for part in _origin(dict(row), each, approvals)),
        status=status,
    )


def _decision(row: Mapping[str, Any], version: Mapping[str, Any]) -> Markup:
    """Return a form that asks for the token: whatever else may read this page can't decide."""
    buttons = [tag("button", text, type="submit", name="status", value=value) for value, text in _BUTTONS]
    return tag(
        "form",
        tag("h2", f"Decide on version {version['VersionName']}"),
        tag("p", "A decision is final. The token is in the file admin-token.json of the server's folder."),
        _field("reason", "Reason", type="text"),
        _field("by", "Your name", type="text"),
        _field("token", "Token", type="password", required="required", autocomplete="off"),
        tag("p", *buttons),
        method="post",
        action=f"{model_path(row['ModelId'])}/versions/{quote(version['VersionName'], safe='')}",
    )


def _field(name: str, text: str, **attributes: str) -> Markup:
    return tag("p", tag("label", f"{text} ", tag("input", name=name, **attributes)))


def _origin(row: dict[str, Any], version: dict[str, Any], approvals: ModelApprovals) -> tuple[Markup, Markup]:
    title = tag("h2", f"Where version {version['VersionName']} comes from")
    return title, facts(lineage_facts(approvals.lineage(row, version)))
