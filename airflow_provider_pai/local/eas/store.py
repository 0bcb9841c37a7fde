"""Services on disk and in memory."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from airflow_provider_pai.local.eas.record import Event, ServiceRecord

logger = logging.getLogger(__name__)

_KEPT_EVENTS = 500


class ServiceStore:
    """Services: one JSON file each, all of them in memory. Any thread may call it.

    Records are values: a reader keeps what it got, a change replaces record and file, the file by renaming.

    Args:
        folder: ``<folder>/<name>/service.json``; what runs services keeps its own files beside it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._services: dict[str, ServiceRecord] = {}
        self._members: dict[str, dict[str, ServiceRecord]] = {}
        for service in saved_services(folder):
            self._hold(service)

    def folder(self, name: str) -> Path:
        """Return the folder of a service's files."""
        return self._folder / name

    def get(self, name: str) -> ServiceRecord | None:
        """Return a service as it is now; None when there is none of this name."""
        with self._lock:
            return self._services.get(name)

    def all(self) -> list[ServiceRecord]:
        """Return all services, oldest first."""
        with self._lock:
            return _oldest_first(self._services.values())

    def group_names(self) -> list[str]:
        """Return the groups that services name, that of the oldest service first."""
        with self._lock:
            return list(dict.fromkeys(service.group for service in self.all() if service.group))

    def members(self, group: str) -> list[ServiceRecord]:
        """Return the services of a group, oldest first; none when no service names it."""
        with self._lock:
            return _oldest_first(self._members.get(group, {}).values())

    def add(self, service: ServiceRecord) -> bool:
        """Keep a new service; False when the name is taken."""
        with self._lock:
            if service.name in self._services:
                return False
            # What a deleted service of the name left is none of this one's.
            shutil.rmtree(self.folder(service.name), ignore_errors=True)
            self._write(service)
            return True

    def change(self, name: str, change: Callable[[ServiceRecord], ServiceRecord]) -> ServiceRecord:
        """Replace a service; no other change comes between reading and writing.

        Args:
            name: an existing service.
            change: gets it and returns what takes its place; what it raises is raised here, and nothing is changed.

        Raises:
            KeyError: there is no such service.
        """
        with self._lock:
            changed = change(self._services[name])
            if changed != self._services[name]:
                self._write(changed)
            return changed

    def add_event(self, name: str, event: Event) -> None:
        """Add to what happened to a service; nothing when it is gone."""
        with self._lock:
            if name in self._services:
                self.change(name, lambda service: replace(service, events=(*service.events, event)[-_KEPT_EVENTS:]))

    def forget(self, name: str) -> None:
        """Forget a service and its files; its instances have ended."""
        with self._lock:
            # Before the name is free: the files of the next service of this name are none of this one's.
            if name in self._services:
                (self.folder(name) / "service.json").unlink(missing_ok=True)
                shutil.rmtree(self.folder(name), ignore_errors=True)
                self._let_go(self._services.pop(name))

    def _write(self, service: ServiceRecord) -> None:
        folder = self.folder(service.name)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / "service.json.new"
        with temporary.open("w", encoding="utf-8") as opened:
            opened.write(json.dumps(service.to_json()))
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(folder / "service.json")
        self._hold(service)

    def _hold(self, service: ServiceRecord) -> None:
        if old := self._services.get(service.name):
            self._let_go(old)
        self._services[service.name] = service
        if service.group:
            self._members.setdefault(service.group, {})[service.name] = service

    def _let_go(self, service: ServiceRecord) -> None:
        """Take a service out of its group; the group goes with its last."""
        if service.group:
            members = self._members[service.group]
            members.pop(service.name, None)
            if not members:
                del self._members[service.group]


def saved_services(folder: Path) -> list[ServiceRecord]:
    """Return the services in a store's folder, whether or not a server has it, oldest first; none without it."""
    paths = sorted(folder.iterdir()) if folder.exists() else []
    return _oldest_first(service for path in paths if (service := _read(path)))


def _oldest_first(services: Iterable[ServiceRecord]) -> list[ServiceRecord]:
    return sorted(services, key=lambda service: (service.created, service.service_id))


def _read(folder: Path) -> ServiceRecord | None:
    path = folder / "service.json"
    if not path.exists():
        return None
    try:
        service = ServiceRecord.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("%s can't be read; this service is left out", path)
        return None
    return service if service.name == folder.name else None
