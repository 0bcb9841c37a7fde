"""What makes ``oss://`` a scheme of universal-pathlib, on which Airflow's ``ObjectStoragePath`` is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upath.implementations.cloud import CloudPath

from airflow_provider_pai.fs.oss import get_fs

_OPTIONS = frozenset({"conn_id", "region_id", "workspace_id"})


class OSSPath(CloudPath):
    """A path in OSS. Without a connection it uses the default one.

    Options that are none of ours are left to fsspec's own ``oss``, which is ``ossfs`` where that is installed.
    """

    __slots__ = ()

    @classmethod
    def _fs_factory(cls, urlpath: str, protocol: str, storage_options: Mapping[str, Any]) -> Any:
        if set(storage_options) - _OPTIONS:
            return super()._fs_factory(urlpath, protocol, storage_options)
        return get_fs(storage_options.get("conn_id"), {k: v for k, v in storage_options.items() if k != "conn_id"})
