"""What Airflow asks for ``oss://`` as an ``ObjectStoragePath``.

It loads this module wherever any such path is used, so nothing else comes along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pai.fs.filesystem import PAIOSSFileSystem

schemes = ["oss"]
"""The schemes of paths that :func:`get_fs` serves."""


def get_fs(conn_id: str | None, storage_options: Mapping[str, Any] | None = None) -> PAIOSSFileSystem:
    """Return OSS as a file system.

    Args:
        conn_id: id of a connection of type ``pai``. Default: ``[pai] default_conn_id``, else ``pai_default``.
        storage_options: further arguments of :class:`~airflow_provider_pai.fs.filesystem.PAIOSSFileSystem`.
    """
    from airflow_provider_pai.fs.filesystem import PAIOSSFileSystem

    return PAIOSSFileSystem(conn_id, **(storage_options or {}))
