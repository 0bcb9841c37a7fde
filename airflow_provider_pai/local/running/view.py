"""What a command sees of its own, and of this machine in the places of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Shown:
    """A file or folder of this machine that is seen at some path.

    Attributes:
        source: the file or folder.
        writable: whether it may be written.
    """

    source: Path
    writable: bool = False


@dataclass(frozen=True)
class View:
    """What a command sees of its own; of the server's folder it sees nothing else.

    Attributes:
        folder: its folder, which it sees under its own path and may write to.
        shown: what it sees elsewhere, by absolute path. A path goes before those below it.
        readable: further folders that it sees under their own paths.
        own_network: whether it has a network of its own, in which there is nothing but ``127.0.0.1``.
    """

    folder: Path
    shown: Mapping[str, Shown] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    own_network: bool = False


@dataclass(frozen=True)
class Cover:
    """A folder of this machine that is covered by an empty one, so that places can be made in it.

    Attributes:
        folder: the folder.
        kept: what stays to be seen in it.
    """

    folder: Path
    kept: tuple[Path, ...]


def covers(targets: Iterable[str], spared: Iterable[str]) -> list[Cover]:
    """Return what must be covered before something can be seen at some paths that this machine doesn't have.

    Args:
        targets: absolute paths.
        spared: names of folders of the root in which places can be made anyway.
    """
    folders = {_nearest(Path(target)) for target in targets if not _is_spared(target, spared) and not _exists(target)}
    folders.discard(Path("/"))
    return [Cover(folder, tuple(sorted(folder.iterdir()))) for folder in sorted(folders)]


def _nearest(path: Path) -> Path:
    """Return the nearest folder above that this machine has."""
    return next(parent for parent in path.parents if parent.is_dir())


def _exists(target: str) -> bool:
    return Path(target).exists()


def _is_spared(target: str, spared: Iterable[str]) -> bool:
    return PurePosixPath(target).parts[1] in spared
