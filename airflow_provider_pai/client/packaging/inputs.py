"""Local input data of a job: a file or a folder, stored under a name that tells its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastcrc import crc64

from airflow_provider_pai.client.packaging.files import LocalFile, local_files, unchanging, usable_files
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri

INPUT_PREFIX = "pai/input_data"
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class InputFile:
    """One file of the data.

    Attributes:
        file: name and place.
        size: bytes.
        digest: SHA-256 of its bytes, hexadecimal.
        crc: CRC-64 of them, as OSS computes it.
    """

    file: LocalFile
    size: int
    digest: str
    crc: int


@dataclass(frozen=True)
class LocalInput:
    """Data as it was read.

    Attributes:
        files: the files, in a fixed order.
        is_folder: whether a folder was given, not one file.
        left_out: names of what can't be uploaded: pipes, sockets, devices, links to nothing.
    """

    files: tuple[InputFile, ...]
    is_folder: bool
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.files)} file(s), {sum(item.size for item in self.files):,} bytes"

    @property
    def digest(self) -> str:
        """Tells the content: of one file the SHA-256 of its bytes, of a folder that of all names and contents."""
        if not self.is_folder:
            return self.files[0].digest
        hashed = hashlib.sha256()
        for item in self.files:
            # No name holds a NUL, so that no two folders give the same bytes.
            hashed.update(os.fsencode(item.file.name) + b"\0" + bytes.fromhex(item.digest))
        return hashed.hexdigest()

    def folder(self, storage: OssUri) -> OssUri:
        """Return the folder in OSS that holds the data and nothing else."""
        return storage.child(INPUT_PREFIX, self.digest, "")

    def uri(self, storage: OssUri) -> OssUri:
        """Return what a job is given to read: the folder, or the one file in it."""
        return self.folder(storage) if self.is_folder else self.folder(storage).child(self.files[0].file.name)

    def objects(self, storage: OssUri) -> dict[OssUri, InputFile]:
        """Return where each file belongs.

        Raises:
            SpecError: a name can't be one in OSS; the message lists every such one.
        """
        folder = self.folder(storage)
        places = {folder.child(item.file.name): item for item in self.files}
        refuse_names({uri: item.file for uri, item in places.items()})
        return places


def input_problems(name: str, path: str) -> list[Problem]:
    """Return what is wrong with a local path that an input channel reads; nothing is uploaded.

    Args:
        name: the channel.
        path: file or folder on this machine.
    """
    place = f"[{name!r}] {path!r}"
    somewhere = OssUri("bucket", INPUT_PREFIX).child(64 * "0", "")
    files, found = usable_files("inputs", place, Path(path), "give a file, or a folder with data")
    wrong = [text for file in files for text in _problems(file, somewhere.child(file.name))]
    return found or [Problem("inputs", f"{place}: {text}") for text in wrong]


def read_input(path: Path, check: Callable[[], None] = lambda: None, *, source_code: bool = False) -> LocalInput:
    """Read the data at a path once, to learn what it is.

    Args:
        path: file or folder.
        check: called again and again meanwhile; may raise what ends the reading.
        source_code: leave out what is no source code.

    Raises:
        ValueError: there are no files; a symbolic link leads out of the folder, or to a folder that holds it;
            ``.paiignore`` holds no patterns.
        OSError: a file can't be read.
        PAIError: a file changed while it was read.
    """
    found = local_files(path, source_code=source_code)
    if not found.files:
        raise ValueError(f"there are no files in {path}")
    return LocalInput(tuple(_read(found.files, check)), path.is_dir(), tuple(found.left_out))


def refuse_names(places: Mapping[OssUri, LocalFile]) -> None:
    """Refuse files that can't have the place in OSS that they are meant for.

    Raises:
        SpecError: a name can't be one in OSS; the message lists every such one.
    """
    if wrong := [text for uri, file in places.items() for text in _problems(file, uri)]:
        raise SpecError(Problem("path", f": {text}") for text in wrong)


def _read(files: list[LocalFile], check: Callable[[], None]) -> Iterator[InputFile]:
    buffer = memoryview(bytearray(_PIECE))
    for file in files:
        hashed, crc = hashlib.sha256(), 0
        with unchanging(file) as (stream, status):
            while count := stream.raw.readinto(buffer):
                check()
                hashed.update(buffer[:count])
                crc = crc64.xz(buffer[:count], crc)
        yield InputFile(file, status.st_size, hashed.hexdigest(), crc)


def _problems(item: LocalFile, uri: OssUri) -> list[str]:
    """Return why a file can't have a place in OSS."""
    try:
        item.name.encode()
        OssUri.parse(str(uri))
    except UnicodeEncodeError:
        return [f"the name of {item.name!r} is no UTF-8, as names in OSS must be; rename it"]
    except ValueError:
        return [f"the name of {item.name!r} is too long for OSS; shorten it"]
    return []
