"""What all triggers share: which connection they use, what their row holds, and how long they wait."""

from __future__ import annotations

from datetime import UTC, datetime
from inspect import signature
from typing import Any

from airflow.triggers.base import BaseTrigger


class PAIBaseTrigger(BaseTrigger):
    """A trigger that keeps each argument of its constructor under its name, and talks to PAI over a connection.

    Args:
        pai_conn_id: id of the Airflow connection; looked up in the triggerer, never stored resolved.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
    """

    def __init__(self, pai_conn_id: str, region_id: str | None, workspace_id: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pai_conn_id = pai_conn_id
        self.region_id = region_id
        self.workspace_id = workspace_id

    @property
    def connection_arguments(self) -> dict[str, Any]:
        """Return the arguments of the hook that this trigger uses."""
        return {"pai_conn_id": self.pai_conn_id, "region_id": self.region_id, "workspace_id": self.workspace_id}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and the arguments that differ from their defaults.

        What has its default is left out: an older version of this package, as after a rollback, may not know it.
        """
        kind = type(self)
        parameters = signature(kind).parameters.values()
        defaults = {each.name: each.default for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD}
        changed = {name: getattr(self, name) for name, default in defaults.items() if getattr(self, name) != default}
        return f"{kind.__module__}.{kind.__qualname__}", changed


def seconds_until(deadline: str | None) -> float | None:
    """Return the seconds that are left, 0 when there are none; None for no deadline.

    Args:
        deadline: ISO 8601 time; None for none.
    """
    if deadline is None:
        return None
    return max(0.0, (datetime.fromisoformat(deadline) - datetime.now(UTC)).total_seconds())
