"""What a trigger's row holds: the class, and those of its arguments that differ from their defaults."""

from __future__ import annotations

from inspect import signature
from typing import Any

from airflow.triggers.base import BaseTrigger


def serialized(trigger: BaseTrigger) -> tuple[str, dict[str, Any]]:
    """Return class path and arguments of a trigger that keeps each argument of its constructor under its name.

    What has its default is left out: an older version of this package, as after a rollback, may not know it.
    """
    kind = type(trigger)
    parameters = signature(kind.__init__).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD}
    del defaults["self"]
    changed = {name: getattr(trigger, name) for name, default in defaults.items() if getattr(trigger, name) != default}
    return f"{kind.__module__}.{kind.__qualname__}", changed
