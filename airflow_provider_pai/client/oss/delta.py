"""A package of source code is sent as what has changed: unchanged members are copied from the last package in OSS.

What the last package of a folder holds is in a small object beside the packages; nothing is kept on the worker.
That object is written when its package is whole, and names it by its ETag: what was replaced or deleted since is not
copied from.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from typing import IO, Any

from airflow_provider_pai.client.oss.body import FileRange, JoinedRanges, checksum, joined_checksum
from airflow_provider_pai.client.oss.download import stored_bytes
from airflow_provider_pai.client.oss.upload import Ask, MismatchError, ObjectUpload, Parts, put_small
from airflow_provider_pai.client.oss.worker_pool import WorkerPool
from airflow_provider_pai.client.packaging.source import CODE_PREFIX, SourceCode
from airflow_provider_pai.errors import APIError, PAIError
from airflow_provider_pai.model.uri import OssUri

LEAST_PART = 100 * 1024
"""Bytes of each part of an upload but the last, at least, as OSS demands."""
_THREADS = 4
Log = Callable[..., None]
StartProgress = Callable[[int], Callable[[int], None]]


@dataclass(frozen=True)
class PackedMember:
    """A member of a package in OSS: its mark, the bytes it takes there, and their CRC-64."""

    mark: str
    size: int
    crc: int


@dataclass(frozen=True)
class PackageMap:
    """Where the members of a package lie: one behind the other, in this order."""

    key: str
    etag: str
    members: tuple[PackedMember, ...]

    def to_json(self) -> bytes:
        """Return it as an object's content."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> PackageMap | None:
        """Read what :meth:`to_json` wrote; None for anything else."""
        try:
            read = json.loads(content)
            members = tuple(PackedMember(str(m["mark"]), int(m["size"]), int(m["crc"])) for m in read["members"])
            return cls(str(read["key"]), str(read["etag"]), members)
        except (ValueError, KeyError, TypeError):
            return None

    def places(self) -> dict[str, tuple[int, PackedMember]]:
        """Return where each member begins, by its mark."""
        found, offset = {}, 0
        for member in self.members:
            found[member.mark] = offset, member
            offset += member.size
        return found


@dataclass(frozen=True)
class Segment:
    """Neighbouring members of the new package that are all copied, or all sent.

    Attributes:
        start: where the bytes begin in the last package; None when they are sent.
        members: the members.
        bodies: their bytes, when they are sent.
    """

    start: int | None
    members: tuple[PackedMember, ...]
    bodies: tuple[FileRange, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)

    @property
    def crc(self) -> int:
        """CRC-64 of all members."""
        return joined_checksum((member.crc, member.size) for member in self.members)


class MemberFile:
    """Compressed members in a temporary file, each made when it is first needed."""

    def __init__(self, source: SourceCode, content: IO[bytes]) -> None:
        self._source = source
        self._content = content
        self._made: dict[int, tuple[PackedMember, FileRange]] = {}

    def member(self, number: int) -> tuple[PackedMember, FileRange]:
        """Return a member and its bytes."""
        if number not in self._made:
            start = self._content.seek(0, 2)
            self._source.write_member(number, self._content)
            self._content.flush()
            body = FileRange(self._content.fileno(), start, self._content.tell() - start)
            packed = PackedMember(self._source.members[number].mark, len(body), checksum(body))
            self._made[number] = packed, body
        return self._made[number]


def plan_segments(
    marks: Sequence[str],
    last: Mapping[str, tuple[int, PackedMember]],
    made: Callable[[int], tuple[PackedMember, FileRange]],
) -> list[Segment]:
    """Return of what the new package is made; each segment but the last is large enough for a part.

    Args:
        marks: the new package's members.
        last: the last package's members.
        made: compresses a member of the new package.
    """
    copied = [mark in last for mark in marks]
    while True:
        segments = list(_segments(marks, copied, last, made))
        number = 0
        for segment in segments[:-1]:
            behind = number + len(segment.members)
            if segment.size < LEAST_PART:
                # Sent together with what is beside it; it is there for the taking, only not as a part of its own.
                for each in range(number, behind) if segment.start is not None else (behind,):
                    copied[each] = False
                break
            number = behind
        else:
            return segments


def _segments(
    marks: Sequence[str],
    copied: Sequence[bool],
    last: Mapping[str, tuple[int, PackedMember]],
    made: Callable[[int], tuple[PackedMember, FileRange]],
) -> Iterator[Segment]:
    ends = -1
    keys: list[tuple[bool, int | None]] = []
    for number, mark in enumerate(marks):
        # Copied members are one segment only where they were neighbours in the last package, too.
        start = last[mark][0] if copied[number] else None
        keys.append((start is None, keys[-1][1] if keys and start == ends else start))
        ends = start + last[mark][1].size if start is not None else -1
    for (is_sent, start), numbers in groupby(range(len(marks)), keys.__getitem__):
        if is_sent:
            found = [made(number) for number in numbers]
            yield Segment(None, tuple(member for member, _ in found), tuple(body for _, body in found))
        else:
            yield Segment(start, tuple(last[marks[number]][1] for number in numbers))


class DeltaUpload:
    """Sends packages in members, and copies those that the last package of the same folder has.

    Args:
        ask: sends the requests.
        part_size: bytes of a part of what is sent whole.
        log: called as a logger's ``info``.
    """

    def __init__(self, ask: Ask, part_size: int, log: Log) -> None:
        self._ask = ask
        self._part_size = part_size
        self._log = log

    def send(self, source: SourceCode, storage: OssUri, progress: StartProgress) -> None:
        """Send a package of known members, and what the next one needs to know of it.

        Args:
            source: the source code.
            storage: the workspace's default storage.
            progress: is given the packed bytes, and returns what is given how many bytes more have arrived.

        Raises:
            PAIError: a file changed since the source code was read.
        """
        target, place = source.uri(storage), map_place(source, storage)
        with tempfile.TemporaryFile() as content:
            made = MemberFile(source, content)
            last = self._last_package(place)
            members, etag = self._send_changed(source, target, last, made, progress) if last else ((), "")
            if not members:
                members, etag = self._send_all(source, target, progress)
        if etag:
            self._note(place, PackageMap(target.key, etag, members))

    def _last_package(self, place: OssUri) -> PackageMap | None:
        try:
            content = self._ask("read", place, lambda bucket: b"".join(stored_bytes(bucket.get_object(place.key))))
        except APIError:
            return None
        return PackageMap.from_json(content)

    def _send_changed(
        self,
        source: SourceCode,
        target: OssUri,
        last: PackageMap,
        made: MemberFile,
        progress: StartProgress,
    ) -> tuple[tuple[PackedMember, ...], str]:
        """Return the members and the ETag; no members when too little can be copied, or the last package is gone."""
        places = last.places()
        unchanged = sum(places[member.mark][1].size for member in source.members if member.mark in places)
        if 2 * unchanged < sum(member.size for member in last.members):
            return (), ""
        segments = plan_segments([member.mark for member in source.members], places, made.member)
        size = sum(segment.size for segment in segments)
        copied = sum(segment.size for segment in segments if segment.start is not None)
        self._log("%s of %s packed bytes are unchanged since the last upload, and are copied in OSS", copied, size)
        upload = ObjectUpload(self._ask, target, progress(size), keep=True)
        try:
            etag = upload.write_parts(lambda parts: _put_segments(parts, segments, last, target), size)
        except (APIError, MismatchError) as error:
            self._log("Nothing can be copied from the last package (%s); all is sent", error)
            return (), ""
        return tuple(member for segment in segments for member in segment.members), etag

    def _send_all(
        self, source: SourceCode, target: OssUri, progress: StartProgress
    ) -> tuple[tuple[PackedMember, ...], str]:
        with tempfile.TemporaryFile() as content:
            made = MemberFile(source, content)
            members = tuple(made.member(number)[0] for number in range(len(source.members)))
            size = sum(member.size for member in members)
            upload = ObjectUpload(self._ask, target, progress(size), part_size=self._part_size, keep=True)
            etag = upload.write_file(content, size)
        return members, etag

    def _note(self, place: OssUri, package: PackageMap) -> None:
        try:
            self._ask("write", place, lambda bucket: put_small(bucket, place.key, package.to_json()))
        except PAIError as error:
            self._log("The next upload will send all of the source code: %s can't be written (%s)", place, error)


def map_place(source: SourceCode, storage: OssUri) -> OssUri:
    """Return the object that tells of the last package of a folder."""
    name = hashlib.sha256(source.path.encode(errors="surrogateescape")).hexdigest()[:32]
    return storage.child(CODE_PREFIX, "maps", f"{name}.json")


def _put_segments(parts: Parts, segments: Sequence[Segment], last: PackageMap, target: OssUri) -> list[Any]:
    done: dict[int, Any] = {}

    def put(number: int, segment: Segment) -> None:
        if segment.start is None:
            done[number] = parts.put(number, JoinedRanges(segment.bodies))
        else:
            source = OssUri(target.bucket, last.key)
            done[number] = parts.copy(number, source, last.etag, segment.start, segment.size, segment.crc)

    with WorkerPool(_THREADS) as pool:
        pool.work(partial(put, number, segment) for number, segment in enumerate(segments, start=1))
    return [done[number] for number in sorted(done)]
