"""What is refused of the storage that a service mounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_pai.model.uri import OssUri

Body = Mapping[str, Any]

_SOURCES = ("oss", "empty_dir")
_ELSEWHERE = ("dataset", "nfs", "cpfs", "git", "image", "local_dir", "code_source", "resource")
_NEEDED = frozenset({"/", "/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr"})
"""Folders that nothing can take the place of without taking away what every process needs."""
_OF_THE_SYSTEM = frozenset({"dev", "proc", "sys"})
"""Folders of the root that nothing can be mounted in."""


_SHARED_MEMORY = PurePosixPath("/dev/shm")  # noqa: S108
_MEDIA = ("", "memory")


def storage_problems(storage: Sequence[Body], bucket_exists: Callable[[str], bool]) -> Iterator[str]:
    """Yield what is wrong with mounts of the right form.

    Whether something is below a prefix turns out when an instance is made.

    Args:
        storage: the mounts.
        bucket_exists: tells whether an OSS bucket exists.
    """
    seen: set[PurePosixPath] = set()
    for index, mount in enumerate(storage):
        where = f"storage[{index}]"
        yield from _source_problems(where, mount)
        if "oss" in mount:
            yield from _oss_problems(f"{where}.oss", mount["oss"], bucket_exists)
        if mount.get("empty_dir", {}).get("medium", "") not in _MEDIA:
            yield f"{where}.empty_dir.medium is invalid: it must be memory, or left out"
        # Two slashes at the beginning are one to the system, and none of them to this library.
        path = PurePosixPath(re.sub(r"\A/+", "/", mount.get("mount_path", "")))
        if not (_can_be_mounted(path) or (path == _SHARED_MEMORY and "empty_dir" in mount)):
            yield f"{where}.mount_path is invalid: {str(path)!r} must be an absolute path that can be mounted at"
        for other in seen:
            if path.is_relative_to(other) or other.is_relative_to(path):
                yield f"{where}.mount_path is invalid: {path} and {other} would hide each other"
        seen.add(path)


def _can_be_mounted(path: PurePosixPath) -> bool:
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path) or str(path) in _NEEDED:
        return False
    return path.parts[1] not in _OF_THE_SYSTEM


def _source_problems(where: str, mount: Body) -> Iterator[str]:
    for name in _ELSEWHERE:
        if name in mount:
            yield f"{where}.{name} is not supported: local PAI mounts {' and '.join(_SOURCES)} only"
            return
    if len([name for name in _SOURCES if name in mount]) != 1:
        yield f"{where} is invalid: it must have one of {' and '.join(_SOURCES)}"


def _oss_problems(where: str, oss: Body, bucket_exists: Callable[[str], bool]) -> Iterator[str]:
    try:
        uri = OssUri.parse(oss.get("path", ""))
    except ValueError as error:
        yield f"{where}.path is invalid: {error}"
        return
    if not bucket_exists(uri.bucket):
        yield f"{where}.path is invalid: there is no bucket {uri.bucket}"
    if oss.get("readOnly") is False:
        yield f"{where}.readOnly is not supported with false: what an instance writes there would not reach OSS"
