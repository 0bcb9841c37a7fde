"""An object that is open for reading or writing: in memory is one block of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from fsspec.spec import AbstractBufferedFile

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.oss.upload import Parts, crc_of
from airflow_provider_pai.errors import AuthError, NotFoundError, PAIError
from airflow_provider_pai.model.uri import OssUri

LEAST_PART = 100 * 1024
"""Bytes of each part of an upload but the last, at least, as OSS demands."""
_GROWS_AFTER = 1000
"""Parts after which they become twice as large: an object has at most 10,000."""


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Turn our errors into those that files raise.

    Args:
        path: what was asked for.

    Raises:
        FileNotFoundError: there is none.
        PermissionError: OSS refuses it to this identity.
        OSError: anything else that keeps OSS from doing it.
    """
    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(f"there is no oss://{path} ({error.code})") from error
    except AuthError as error:
        raise PermissionError(str(error)) from error
    except PAIError as error:
        raise OSError(str(error)) from error


class OSSFile(AbstractBufferedFile):  # type: ignore[misc]
    """One object. What is written becomes an object when the file is closed: whole, or not at all.

    What a ``with`` block that ends in an error has written is discarded.

    Args:
        fs: the file system.
        path: bucket and key.
        mode: ``rb``, ``wb``, or ``xb``, which replaces nothing.
        uri: the object.
        storage: reads and writes it.
        block_size: bytes that are read, or sent as a part, at a time.
        more: arguments of fsspec's own class.
    """

    DEFAULT_BLOCK_SIZE = 8 * 1024 * 1024

    def __init__(
        self,
        fs: Any,
        path: str,
        mode: str,
        *,
        uri: OssUri,
        storage: ObjectStorage,
        block_size: int | str | None = "default",
        **more: Any,
    ) -> None:
        if mode not in ("rb", "wb", "xb"):
            raise NotImplementedError(f"OSS files are read (rb) or written anew (wb, xb), not opened with {mode!r}")
        self._uri = uri
        self._storage = storage
        self._upload = storage.upload_to(uri, keep=mode == "xb")
        self._parts: Parts | None = None
        self._done: list[Any] = []
        self._whole: bytes | None = None
        if mode != "rb" and isinstance(block_size, int):
            block_size = max(LEAST_PART, block_size)
        self.blocksize: int
        super().__init__(fs, path, mode, block_size=block_size, **more)

    def commit(self) -> None:
        """Make an object of what was written."""
        with self._giving_up_on_error():
            if self._parts is not None:
                etag = self._parts.complete(self._done, self.offset, crc_of(self._done))
            elif self._whole is not None:
                etag = self._upload.write(io.BytesIO(self._whole), len(self._whole))
            else:
                return
        self._parts = self._whole = None
        if not etag:
            raise FileExistsError(f"there is an oss://{self.path} already")

    def discard(self) -> None:
        """Forget what was written; no object is made or replaced."""
        self.closed = True
        parts, self._parts, self._whole = self._parts, None, None
        if parts is not None:
            parts.give_up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.mode != "rb":
            self.discard()
        self.close()

    def _upload_chunk(self, final: bool = False) -> bool:
        content = self.buffer.getvalue()
        if final and self._parts is None:
            self._whole = content
        elif content:
            self._send(content)
        if final:
            # The buffer is counted by fsspec only after this.
            self.offset += len(content)
            if self.autocommit:
                self.commit()
            self.offset -= len(content)
        return True

    def _send(self, content: bytes) -> None:
        with self._giving_up_on_error():
            if self._parts is None:
                self._parts = self._upload.begin()
            self._done.append(self._parts.put(len(self._done) + 1, content))
        if len(self._done) % _GROWS_AFTER == 0:
            self.blocksize *= 2

    def _fetch_range(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        with file_errors(self.path):
            return self._storage.files.read_range(self._uri, start, end, self.details["ETag"])

    @contextmanager
    def _giving_up_on_error(self) -> Iterator[None]:
        try:
            with file_errors(self.path):
                yield
        except BaseException:
            self.discard()
            raise


class OSSTextFile(io.TextIOWrapper):
    """A file of text; what a ``with`` block that ends in an error has written is discarded."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A compressed one is written by another class, which knows no discarding.
        if kind is not None and isinstance(self.buffer, OSSFile) and self.buffer.mode != "rb":
            self.buffer.discard()
        super().__exit__(kind, error, trace)
