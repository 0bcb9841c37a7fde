"""An image's tag, and the order of versions.

An official image says what it holds by its tag, read from the right:
``<version>[-<more>]-<cpu|gpu>-<python>[-<cuda>][-<more>]-<os>`` for training and development,
``<version>-<python>[-<cpu|gpu>][-<cuda>]-<os>`` for inference (forms seen in PAI's public image lists).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Accelerator = Literal["CPU", "GPU"]

ACCELERATORS: dict[str, Accelerator] = {"cpu": "CPU", "gpu": "GPU"}

_PYTHON = re.compile(r"py([0-9])\.?([0-9]*)")
_CUDA = re.compile(r"cu(1[0-9]|[0-9])\.?([0-9]*)")
_VERSION = re.compile(r"([0-9]+(?:\.[0-9]+)*)(.*)")


@dataclass(frozen=True)
class ImageTag:
    """What a tag says.

    Attributes:
        version: the framework's version as written, such as ``1.12`` or ``1.12PAI``.
        python_version: such as ``3.9``.
        accelerator: None when the tag has none.
        cuda_version: such as ``11.3``; None without CUDA.
        os: such as ``ubuntu20.04``; empty when the tag has none.
        extras: what else it names, such as ``pytorch2.3.1`` or ``ngc24.06``.
    """

    version: str
    python_version: str
    accelerator: Accelerator | None
    cuda_version: str | None
    os: str
    extras: tuple[str, ...]


def parse_tag(tag: str) -> ImageTag | None:
    """Return what a tag says; None unless it names a version, which begins with a digit, and a Python."""
    pieces = tag.split("-")
    at = next((i for i in reversed(range(len(pieces))) if _PYTHON.fullmatch(pieces[i])), 0)
    if at == 0:
        return None
    head, tail = pieces[:at], pieces[at + 1 :]
    accelerator = ACCELERATORS.get(head[-1])
    if accelerator:
        head = head[:-1]
    else:
        accelerator, tail = _leading_accelerator(tail)
    if not head or not _VERSION.fullmatch(head[0]):
        return None
    cuda = _CUDA.fullmatch(tail[0]) if tail else None
    rest = tail[1:] if cuda else tail
    return ImageTag(
        version=head[0],
        python_version=_dotted(_PYTHON.fullmatch(pieces[at])) or "",
        accelerator=accelerator,
        cuda_version=_dotted(cuda),
        os=rest[-1] if rest else "",
        extras=(*head[1:], *rest[:-1]),
    )


def split_version(version: str) -> tuple[tuple[int, ...], str]:
    """Return a version's leading numbers and the text after them; no numbers when it begins with something else."""
    match = _VERSION.fullmatch(version)
    return (tuple(int(number) for number in match[1].split(".")), match[2]) if match else ((), version)


def version_key(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[int, str], ...]]:
    """Return the sort key of a version.

    Numbers count as numbers, so 2.10 is newer than 2.9, and 1.12.0 is as new as 1.12. Of versions with the same
    numbers the one without a suffix is the newest, since a suffix marks a pre-release or a vendor's build
    (``1.12PAI``); suffixes are compared without case, their digits as numbers.
    """
    numbers, suffix = split_version(version)
    while numbers and numbers[-1] == 0:
        numbers = numbers[:-1]
    pieces = re.findall(r"[0-9]+|[^0-9]+", suffix.casefold())
    return numbers, not suffix, tuple((int(p), "") if p.isdecimal() else (-1, p) for p in pieces)


def _leading_accelerator(pieces: list[str]) -> tuple[Accelerator | None, list[str]]:
    """Take ``cpu``, ``gpu`` or ``mkl-cpu`` off the front."""
    rest = pieces[1:] if pieces[:1] == ["mkl"] else pieces
    accelerator = ACCELERATORS.get(rest[0]) if rest else None
    return (accelerator, rest[1:]) if accelerator else (None, pieces)


def _dotted(match: re.Match[str] | None) -> str | None:
    """Write ``py39`` as 3.9 and ``cu113`` as 11.3: tags leave the dot out."""
    return ".".join(part for part in match.groups() if part) if match else None
