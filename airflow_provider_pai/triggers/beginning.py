"""When a watcher began, as the state store of its asset has it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any


class Beginning:
    """When a watcher had its first look; kept where there is a store, and otherwise not known after a restart.

    Args:
        store: the state store of the asset; None without one.
        key: what it is kept under.
        warn: says that the store can't be used.
    """

    def __init__(self, store: Any, key: str, warn: Callable[..., Any]) -> None:
        self._store = store
        self._key = key
        self._warn = warn

    async def read(self) -> datetime | None:
        """Return when the watcher began; None when that is not known."""
        from airflow_provider_pai.model.training.status import moment

        if self._store is None:
            return None
        try:
            return moment(str(await self._store.aget(self._key)))
        except _store_errors() as error:
            self._warn("The asset's state store can't be read (%s); labels tell what was announced", error)
            return None

    async def keep(self, since: datetime) -> None:
        """Write down when the watcher began."""
        if self._store is None:
            return
        try:
            await self._store.aset(self._key, since.isoformat())
        except _store_errors() as error:
            self._warn("The asset's state store can't be written (%s); labels tell what was announced", error)


def _store_errors() -> tuple[type[Exception], ...]:
    """Return what the state store raises: Airflow's refusals, and ValueError when several assets share a watcher."""
    from airflow.sdk.exceptions import AirflowRuntimeError

    return (AirflowRuntimeError, ValueError)
