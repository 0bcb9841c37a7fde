"""The base of triggers that ``AssetWatcher`` runs; Airflow 2 has no watchers, and the modules can be imported there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger

if TYPE_CHECKING:
    EventTrigger = BaseTrigger
else:
    try:
        from airflow.triggers.base import BaseEventTrigger as EventTrigger
    except ImportError:
        EventTrigger = BaseTrigger

__all__ = ["EventTrigger"]
