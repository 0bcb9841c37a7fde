"""Members of a service JSON that are taken without effect: they mean something that one machine does not have.

The same service must be creatable on a laptop and in the cloud. So these are not refused; each is named in the output
of the service's instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WITHOUT_EFFECT = (
    "cloud.networking",
    "cloud.computing.disable_spot_protection_period",
    "networking",
    "features",
    "dockerAuth",
    "oss_endpoint",
    "metadata.disk",
    "metadata.enable_webservice",
    "metadata.gpu_core_percentage",
    "metadata.gpu_memory",
    "metadata.rdma",
    "metadata.rolling_strategy",
    "metadata.rpc",
    "metadata.shm_size",
)
"""Paths of these members, dotted."""


def members_without_effect(config: Mapping[str, Any]) -> list[str]:
    """Return the paths of the members of a service JSON that change nothing on this machine."""
    found = [path for path in WITHOUT_EFFECT if _is_set(_member(config, path))]
    return [*found, *_of_storage(config.get("storage") or ())]


def _member(config: Mapping[str, Any], path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is_set(value: Any) -> bool:
    """Whether a value, or a value in it, is neither empty nor false nor zero."""
    if isinstance(value, Mapping):
        return any(map(_is_set, value.values()))
    return any(map(_is_set, value)) if isinstance(value, list) else bool(value)


def _of_storage(storage: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, mount in enumerate(storage):
        if (mount.get("empty_dir") or {}).get("size_limit"):
            yield f"storage[{number}].empty_dir.size_limit"
        if (mount.get("oss") or {}).get("endpoint"):
            yield f"storage[{number}].oss.endpoint"
