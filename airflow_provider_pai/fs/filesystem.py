"""OSS as a file system of fsspec, with a connection of Airflow's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any

from fsspec.spec import AbstractFileSystem
from fsspec.utils import tokenize

from airflow_provider_pai.client.oss.objects import ObjectDetails
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.errors import NotFoundError
from airflow_provider_pai.fs.file import OSSFile, OSSTextFile, file_errors
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.model.uri import OssUri

log = logging.getLogger(__name__)

Info = dict[str, Any]
"""What is known of a file or folder: ``name``, ``type`` and ``size``, of a file ``ETag`` and ``LastModified``, too."""


class PAIOSSFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files and folders in OSS. Folders are the beginnings of keys: an empty one does not exist.

    Args:
        pai_conn_id: id of a connection of type ``pai``, with any of its kinds of credentials. Default:
            ``[pai] default_conn_id``, else ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        more: arguments of fsspec's own class.
    """

    protocol = "oss"
    root_marker = ""
    # A connection may have changed since another of these was made.
    cachable = False

    def __init__(
        self,
        pai_conn_id: str | None = None,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._connection = {"pai_conn_id": pai_conn_id, "region_id": region_id, "workspace_id": workspace_id}

    @cached_property
    def storage(self) -> ObjectStorage:
        """Speaks to OSS."""
        return PAIOSSHook(**self._connection).oss

    @property
    def fsid(self) -> str:
        """What tells this file system from others."""
        return f"oss_{tokenize(self._connection)}"

    @classmethod
    def _strip_protocol(cls, path: str | list[str]) -> Any:
        """Return bucket and key of a path; universal-pathlib writes a slash before the bucket."""
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return super()._strip_protocol(path).lstrip("/")

    def info(self, path: str, **_: Any) -> Info:
        """Return what is known of a file or folder.

        Raises:
            FileNotFoundError: there is none.
        """
        path = self._strip_protocol(path)
        uri = self._uri(path)
        with file_errors(path):
            if uri.key:
                # A missing bucket is no folder either, and the next look says so.
                with suppress(NotFoundError):
                    return _file(path, self.storage.files.details(uri))
            if self.storage.exists(uri.folder()) or not uri.key:
                return _folder(path)
        raise FileNotFoundError(f"there is no oss://{path}")

    def exists(self, path: str, **more: Any) -> bool:
        """Whether there is a file or folder. An OSS that gives no answer is an error, and no answer of its own."""
        return self._type(path, **more) is not None

    def isfile(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._type(path) == "file"

    def isdir(self, path: str) -> bool:
        """Whether there is such a folder."""
        return self._type(path) == "directory"

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return what lies directly in a folder, or the file itself.

        Args:
            path: the folder.
            detail: whether to return what is known of each, instead of its path.

        Raises:
            FileNotFoundError: there is no such file or folder.
        """
        path = self._strip_protocol(path)
        uri = self._uri(path).folder()
        with file_errors(path):
            level = self.storage.files.level(uri)
        found = [_file(f"{uri.bucket}/{item.key}", item) for item in level.objects if item.key != uri.key]
        found += [_folder(f"{uri.bucket}/{key.removesuffix('/')}") for key in self._named(uri, level.folders)]
        if not level.objects and not level.folders and uri.key:
            found = [self.info(path)]
        found.sort(key=lambda item: str(item["name"]))
        return found if detail else [item["name"] for item in found]

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **more: Any
    ) -> Any:
        """Return all files below a folder; without a depth by one list, however many folders there are.

        Args:
            path: the folder.
            maxdepth: how many levels; None for all.
            withdirs: whether folders are returned, too.
            detail: whether to return what is known of each by its path.
            more: arguments of :meth:`ls`.
        """
        if maxdepth is not None or withdirs:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **more)
        path = self._strip_protocol(path)
        uri = self._uri(path)
        with file_errors(path):
            below = [item for item in self.storage.files.below(uri.folder()) if not item.key.endswith("/")]
        found = {f"{uri.bucket}/{item.key}": _file(f"{uri.bucket}/{item.key}", item) for item in below}
        if not found and self.isfile(path):
            found = {path: self.info(path)}
        return found if detail else list(found)

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        """Open a file for reading (``r``, ``rb``) or for writing it anew (``w``, ``wb``, ``x``, ``xb``).

        Args:
            path: the file.
            mode: as for Python's own ``open``.
            more: ``block_size``, ``compression``, ``encoding`` and what else fsspec takes.

        Raises:
            FileNotFoundError: there is no such file to read.
            FileExistsError: with ``x``: there is one already, now or when the file is closed.
        """
        if "b" in mode:
            return super().open(path, mode=mode, **more)
        text = {name: more.pop(name) for name in ("encoding", "errors", "newline") if name in more}
        return OSSTextFile(super().open(path, mode=mode.replace("t", "") + "b", **more), **text)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **more: Any) -> bytes:
        """Return the bytes of a file; a whole one is checked against the checksum that OSS has.

        Args:
            path: the file.
            start: the first byte; None for the beginning.
            end: the first byte that is no longer wanted; None for all.
            more: arguments of :meth:`open`.
        """
        if start is not None or end is not None:
            return bytes(super().cat_file(path, start=start, end=end, **more))
        path = self._strip_protocol(path)
        with file_errors(path):
            return self.storage.read(self._file_uri(path))

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy a file within OSS; a folder is nothing that has to be made."""
        path1, path2 = self._strip_protocol(path1), self._strip_protocol(path2)
        if self._type(path1) == "directory":
            return
        with file_errors(path1):
            self.storage.files.copy(self._file_uri(path1), self._file_uri(path2))

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete files, and with ``recursive`` all that is below folders.

        Raises:
            FileNotFoundError: there is no such file or folder.
            IsADirectoryError: a folder is to be deleted without ``recursive``.
            ValueError: a whole bucket is to be emptied.
        """
        for each in [path] if isinstance(path, str) else path:
            self._rm(self._strip_protocol(each), recursive, maxdepth)

    def rm_file(self, path: str) -> None:
        """Delete a file."""
        self._rm(self._strip_protocol(path), recursive=False, maxdepth=None)

    def _rm(self, path: str, recursive: bool, maxdepth: int | None) -> None:
        uri = self._uri(path)
        if not uri.key:
            raise ValueError(f"oss://{path} is a whole bucket, which is not emptied here: name a folder")
        with file_errors(path):
            if not recursive or maxdepth is not None:
                names = self.expand_path(path, recursive=recursive, maxdepth=maxdepth)
                keys = [self._uri(name).key for name in names if self.info(name)["type"] == "file"]
                if not keys:
                    raise IsADirectoryError(f"oss://{path} is a folder; delete it with recursive=True")
            else:
                keys = [item.key for item in self.storage.files.below(uri.folder())]
                if not keys or self.isfile(path):
                    keys.append(self._uri(self.info(path)["name"]).key)
            self.storage.files.delete(uri.bucket, keys)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Do nothing: a folder is there as soon as there is something in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing: a folder is there as soon as there is something in it."""

    def rmdir(self, path: str) -> None:
        """Delete an empty folder, which can only be an object that stands for it.

        Raises:
            OSError: the folder is not empty.
        """
        path = self._strip_protocol(path)
        if self.ls(path):
            raise OSError(f"oss://{path} is not empty")
        uri = self._uri(path).folder()
        with file_errors(path):
            self.storage.files.delete(uri.bucket, [uri.key])

    def created(self, path: str) -> datetime:
        """Return when a file was written; objects are replaced, not changed."""
        return self.modified(path)

    def modified(self, path: str) -> datetime:
        """Return when a file was written."""
        when: datetime = self._details(path).modified
        return when

    def checksum(self, path: str) -> int:
        """Return the CRC-64 that OSS has of a file's bytes, or a number made of its ETag where it has none."""
        found = self._details(path)
        return int(tokenize(found.etag, found.size), 16) if found.crc is None else found.crc

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **more: Any) -> OSSFile:
        uri = self._file_uri(path)
        if mode == "rb":
            found = self.info(path)
            if found["type"] == "directory":
                raise IsADirectoryError(f"oss://{path} is a folder, and no file")
            more["size"] = found["size"]
        elif mode == "xb" and self.isfile(path):
            raise FileExistsError(f"there is an oss://{path} already")
        return OSSFile(self, path, mode, uri=uri, storage=self.storage, block_size=block_size, **more)

    def _details(self, path: str) -> ObjectDetails:
        path = self._strip_protocol(path)
        with file_errors(path):
            return self.storage.files.details(self._file_uri(path))

    def _type(self, path: str, **more: Any) -> str | None:
        try:
            return str(self.info(path, **more)["type"])
        except FileNotFoundError:
            return None

    def _file_uri(self, path: str) -> OssUri:
        uri = self._uri(path)
        if not uri.key:
            raise IsADirectoryError(f"oss://{path} is a whole bucket, and no file")
        return uri

    @staticmethod
    def _uri(path: str) -> OssUri:
        """Return the place that a path without a scheme stands for; its key is taken as it is."""
        host, _, key = path.partition("/")
        return OssUri(OssUri.parse(f"oss://{host}/").bucket, key)

    @staticmethod
    def _named(folder: OssUri, keys: tuple[str, ...]) -> Iterator[str]:
        """Yield the folders that a path can name: not those with an empty name, as that of ``a//b`` below ``a``."""
        for key in keys:
            if key == f"{folder.key}/":
                log.warning("oss://%s/%s has no name, and is left out", folder.bucket, key)
                continue
            yield key


def _file(path: str, found: ObjectDetails) -> Info:
    more = {} if found.crc is None else {"crc64": found.crc}
    return {
        "name": path,
        "type": "file",
        "size": found.size,
        "ETag": found.etag,
        "LastModified": found.modified,
        **more,
    }


def _folder(path: str) -> Info:
    return {"name": path, "type": "directory", "size": 0}
