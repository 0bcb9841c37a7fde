"""What a service JSON says, read where members may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]

DEFAULT_PORT = 8000


def name_of(config: Config) -> str:
    """Return the service's name, which stands at the top or in ``metadata``; empty for none."""
    return str(config.get("name") or (config.get("metadata") or {}).get("name") or "")


def group_of(config: Config) -> str:
    """Return the service's group; empty for none."""
    return str((config.get("metadata") or {}).get("group") or "")


def instance_count(config: Config) -> int:
    """Return how many instances the service is to have."""
    found = (config.get("metadata") or {}).get("instance")
    return 1 if found is None else int(found)


def instance_type(config: Config) -> str:
    """Return the instance type that is named first; empty when none is."""
    computing = (config.get("cloud") or {}).get("computing") or {}
    types = [computing.get("instance_type"), *(item.get("type") for item in computing.get("instances") or ())]
    return next((found for found in types if found), "")


def image_of(config: Config) -> str:
    """Return the image of the container; empty for none."""
    return str(_container(config).get("image") or "")


def port_of(config: Config) -> int:
    """Return the port that the container serves on."""
    return int(_container(config).get("port") or DEFAULT_PORT)


def _container(config: Config) -> Mapping[str, Any]:
    containers = config.get("containers") or [{}]
    return dict(containers[0])
