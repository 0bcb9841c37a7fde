"""Objects as a file system needs them: levels of folders, ranges of bytes, copies, deletions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

import oss2

from airflow_provider_pai.client.oss.download import stored_bytes
from airflow_provider_pai.client.oss.upload import Ask, ObjectUpload
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.uri import OssUri

_DELETED_AT_A_TIME = 1000
"""Most keys that one request deletes."""
WHOLE_COPY = 1024**3
"""Bytes up to which one request copies an object; OSS promises no more."""
_COPIED_PART = 256 * 1024**2


@dataclass(frozen=True)
class ObjectDetails:
    """What OSS knows of an object without its bytes.

    Attributes:
        key: its key.
        size: bytes.
        etag: changes with each version.
        modified: when it was written, which is when it was made: objects are replaced, not changed.
        crc: CRC-64 of its bytes; None where a list tells none, or OSS has none.
    """

    key: str
    size: int
    etag: str
    modified: datetime
    crc: int | None = None


@dataclass(frozen=True)
class FolderLevel:
    """What lies directly in a folder: its objects, and the keys of its folders, each with its last slash."""

    objects: tuple[ObjectDetails, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True)
class ObjectFiles:
    """Looks at, reads, copies and deletes objects.

    Attributes:
        ask: sends the requests.
        page_size: how many objects are listed at a time, at most 1,000.
        whole_copy: bytes up to which one request copies an object.
    """

    ask: Ask
    page_size: int = 1000
    whole_copy: int = WHOLE_COPY

    def details(self, uri: OssUri) -> ObjectDetails:
        """Return what OSS knows of an object.

        Raises:
            NotFoundError: there is no such object.
        """
        found = self.ask("look up", uri, lambda bucket: bucket.head_object(uri.key))
        return ObjectDetails(uri.key, found.content_length, found.etag, _moment(found.last_modified), found.server_crc)

    def level(self, folder: OssUri) -> FolderLevel:
        """Return what lies directly in a folder; nothing when there is no such folder.

        Raises:
            NotFoundError: there is no such bucket.
        """
        objects: list[ObjectDetails] = []
        folders: list[str] = []
        for page in self._pages(folder, "/"):
            objects += map(_listed, page.object_list)
            folders += page.prefix_list
        return FolderLevel(tuple(objects), tuple(folders))

    def below(self, folder: OssUri) -> Iterator[ObjectDetails]:
        """Yield all objects below a folder, in the order of their keys.

        Raises:
            NotFoundError: there is no such bucket.
        """
        for page in self._pages(folder, ""):
            yield from map(_listed, page.object_list)

    def read_range(self, uri: OssUri, start: int, end: int, etag: str) -> bytes:
        """Return some bytes of an object.

        Args:
            uri: the object.
            start: the first byte.
            end: the first byte that is no longer wanted; more than ``start``.
            etag: of the version that is read.

        Raises:
            APIError: the object is another one by now.
        """
        headers = {"if-match": f'"{etag}"', "x-oss-range-behavior": "standard"}

        def read(bucket: Any) -> bytes:
            answer = bucket.get_object(uri.key, byte_range=(start, end - 1), headers=dict(headers))
            return b"".join(stored_bytes(answer, whole=False))

        return self.ask("read", uri, read)

    def copy(self, source: OssUri, target: OssUri) -> None:
        """Copy an object, also to another bucket, without its bytes coming here.

        Raises:
            NotFoundError: there is no such object.
            APIError: it was replaced meanwhile.
        """
        found = self.details(source)
        if found.size > self.whole_copy:
            self._copy_parts(source, found, target)
            return
        condition = {"x-oss-copy-source-if-match": found.etag}

        def copy(bucket: Any) -> Any:
            return bucket.copy_object(source.bucket, source.key, target.key, headers=dict(condition))

        self.ask("copy to", target, copy)

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone already are no error.

        Raises:
            PAIError: OSS has not deleted one of them.
        """
        left = iter(keys)
        while batch := list(islice(left, _DELETED_AT_A_TIME)):
            place = OssUri(bucket, batch[0])
            done = self.ask("delete", place, partial(_delete, batch))
            if missed := set(batch) - set(done.deleted_keys):
                raise PAIError(f"OSS has not deleted {len(missed)} objects, among them {sorted(missed)[0]!r}")

    def _pages(self, folder: OssUri, delimiter: str) -> Iterator[Any]:
        more, token = True, ""
        while more:

            def page(bucket: Any, token: str = token) -> Any:
                return bucket.list_objects_v2(
                    prefix=folder.key, delimiter=delimiter, continuation_token=token, max_keys=self.page_size
                )

            found = self.ask("list", folder, page)
            yield found
            more, token = found.is_truncated, found.next_continuation_token

    def _copy_parts(self, source: OssUri, found: ObjectDetails, target: OssUri) -> None:
        upload = ObjectUpload(self.ask, target)
        step = oss2.determine_part_size(found.size, min(_COPIED_PART, self.whole_copy))
        starts = range(0, found.size, step)
        parts = upload.begin()
        try:
            done = [
                parts.copy(number, source, found.etag, start, min(step, found.size - start), None)
                for number, start in enumerate(starts, start=1)
            ]
            parts.complete(done, found.size, found.crc)
        except BaseException:
            parts.give_up()
            raise


def _delete(keys: list[str], bucket: Any) -> Any:
    return bucket.batch_delete_objects(keys)


def _listed(item: Any) -> ObjectDetails:
    return ObjectDetails(item.key, item.size, item.etag, _moment(item.last_modified))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
