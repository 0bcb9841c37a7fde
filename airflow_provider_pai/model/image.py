"""Catalog rows to images, and choosing one of them.

A row whose tag names no framework version or no Python is no candidate and is left out: the catalog holds many images
that aren't built around one framework.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.image_tag import (
    ACCELERATORS,
    Accelerator,
    ImageTag,
    parse_tag,
    split_version,
    version_key,
)

ImageKind = Literal["training", "inference", "develop"]

OFFICIAL_LABEL = "system.official"
CHIP_LABEL = "system.chipType"
KIND_LABELS: dict[ImageKind, str] = {
    "training": "system.supported.dlc",
    "inference": "system.supported.eas",
    "develop": "system.supported.dsw",
}
FRAMEWORKS = (
    "DeepRec",
    "DeepSpeed",
    "Megatron-LM",
    "ModelScope",
    "Nemo",
    "OneFlow",
    "PyTorch",
    "TensorFlow",
    "Transformers",
    "XGBoost",
)

_SPELLING = {name.casefold(): name for name in FRAMEWORKS}
# 128 characters is the longest tag a registry accepts.
_URI = re.compile(r"[^\s/]+/(?:[^\s/]+/)*(?P<repository>[^\s/:@]+):(?P<tag>[A-Za-z0-9_.-]{1,128})")


@dataclass(frozen=True)
class Image:
    """One container image of the catalog.

    Attributes:
        uri: what a job names, with registry host and tag.
        name: the catalog's name of it.
        framework: such as ``PyTorch``.
        version: the framework's version as the tag has it, such as ``1.12`` or ``1.12PAI``.
        accelerator: what it is built for.
        python_version: such as ``3.9``.
        cuda_version: such as ``11.3``; None without CUDA.
        os: such as ``ubuntu20.04``; empty when the tag has none.
        kinds: what it may be used for.
        extras: what else the tag names, such as ``pytorch2.3.1`` or ``ngc24.06``.
        image_id: the catalog's id; empty when the row has none.
        official: True for PAI's own images.
        size: bytes; None when unknown.
        created: UTC time in ISO 8601 with milliseconds; empty when unknown.
    """

    uri: str
    name: str
    framework: str
    version: str
    accelerator: Accelerator
    python_version: str
    cuda_version: str | None = None
    os: str = ""
    kinds: frozenset[ImageKind] = frozenset()
    extras: tuple[str, ...] = ()
    image_id: str = ""
    official: bool = False
    size: int | None = None
    created: str = ""


@dataclass(frozen=True)
class ImageQuery:
    """Which image is wanted.

    Attributes:
        framework_name: in any case, such as ``PyTorch``.
        framework_version: ``latest``, or a version: see :func:`choose`.
        accelerator_type: ``CPU`` or ``GPU``, in any case.
        kind: what it is for.
    """

    framework_name: str
    framework_version: str = "latest"
    accelerator_type: str = "CPU"
    kind: ImageKind = "training"


def parse_images(rows: Iterable[Mapping[str, Any]]) -> tuple[Image, ...]:
    """Return the images of catalog rows, in their order; rows that name no framework version are left out."""
    return tuple(image for row in rows if (image := parse_image(row)) is not None)


def parse_image(row: Mapping[str, Any]) -> Image | None:
    """Return the image of one row of ListImages, best asked for with its labels; None when it names too little.

    Also None when the row's chip label contradicts its tag: such an image would fail on the machine it is chosen for.
    """
    uri = str(row.get("ImageUri"))
    match = _URI.fullmatch(uri)
    tag = parse_tag(match["tag"]) if match else None
    labels = _labels(row.get("Labels"))
    accelerator = _accelerator(tag, labels.get(CHIP_LABEL)) if tag else None
    if match is None or tag is None or accelerator is None:
        return None
    size = row.get("Size")
    return Image(
        uri=uri,
        name=str(row.get("Name") or ""),
        framework=_framework(match["repository"]),
        version=tag.version,
        accelerator=accelerator,
        python_version=tag.python_version,
        cuda_version=tag.cuda_version,
        os=tag.os,
        kinds=_kinds(match["repository"], labels),
        extras=tag.extras,
        image_id=str(row.get("ImageId") or ""),
        official=labels.get(OFFICIAL_LABEL) == "true",
        size=size if isinstance(size, int) else None,
        created=str(row.get("GmtCreateTime") or ""),
    )


def choose(images: Iterable[Image], query: ImageQuery) -> Image:
    """Return the image that fits a query best.

    ``latest`` is the newest version by :func:`version_key`. Another version means exactly that one; when there is none,
    the newest whose numbers begin with it: ``1.12`` finds 1.12.1 and 1.12PAI, never 1.1 or 1.120. Among images of one
    version the newest Python wins, then the newest CUDA, then the newest image.

    Raises:
        SpecError: there is no such image; the message begins with ``image`` and lists what there is.
    """
    usable = [image for image in images if query.kind in image.kinds]
    family = [image for image in usable if image.framework.casefold() == query.framework_name.casefold()]
    if not family:
        raise _miss(query, f"there is no {query.kind} image of {query.framework_name!r}", usable)
    accelerator = query.accelerator_type.upper()
    built = [image for image in family if image.accelerator == accelerator]
    if not built:
        raise _miss(query, f"there is no {family[0].framework} image for {query.accelerator_type!r}", family)
    fitting = _of_version(built, query.framework_version)
    if not fitting:
        wanted = f"{family[0].framework} {query.framework_version!r} for {accelerator}"
        raise _miss(query, f"there is no {query.kind} image of {wanted}", family)
    return max(fitting, key=_rank)


def _of_version(images: Sequence[Image], wanted: str) -> Sequence[Image]:
    if wanted.casefold() == "latest":
        return images
    exact = [image for image in images if image.version.casefold() == wanted.casefold()]
    numbers, suffix = split_version(wanted)
    if exact or suffix or not numbers:
        return exact
    return [image for image in images if split_version(image.version)[0][: len(numbers)] == numbers]


def _rank(image: Image) -> tuple[Any, ...]:
    cuda = split_version(image.cuda_version or "")[0]
    return version_key(image.version), split_version(image.python_version)[0], cuda, image.created, image.uri


def _miss(query: ImageQuery, what: str, images: Sequence[Image]) -> SpecError:
    frameworks = sorted({image.framework for image in images}, key=str.casefold)
    known = "; ".join(f"{name} ({_versions(images, name)})" for name in frameworks)
    return SpecError([f"image: {what}; available: {known or f'no {query.kind} image at all'}"])


def _versions(images: Sequence[Image], framework: str) -> str:
    found: dict[str, set[str]] = {}
    for image in images:
        if image.framework == framework:
            found.setdefault(image.accelerator, set()).add(image.version)
    return ", ".join(
        f"{accelerator}: {' '.join(sorted(versions, key=version_key, reverse=True))}"
        for accelerator, versions in sorted(found.items())
    )


def _accelerator(tag: ImageTag, chip: str | None) -> Accelerator | None:
    labelled = ACCELERATORS.get(chip.casefold()) if chip else None
    if chip and labelled is None:
        return None
    named = tag.accelerator or ("GPU" if tag.cuda_version else None)
    return None if named and labelled and named != labelled else named or labelled


def _framework(repository: str) -> str:
    stem = re.sub(r"-(training|inference)$", "", repository)
    return _SPELLING.get(stem.casefold(), stem)


def _kinds(repository: str, labels: Mapping[str, str]) -> frozenset[ImageKind]:
    """Read the kinds from the labels; a row without such labels tells by its repository's name."""
    if labels.keys() & set(KIND_LABELS.values()):
        return frozenset(kind for kind, label in KIND_LABELS.items() if labels.get(label) == "true")
    named: tuple[ImageKind, ...] = ("training", "inference")
    return frozenset(kind for kind in named if repository.endswith(f"-{kind}"))


def _labels(value: object) -> dict[str, str]:
    pairs = [pair for pair in value if isinstance(pair, dict)] if isinstance(value, list) else []
    return {str(pair.get("Key")): str(pair.get("Value")) for pair in pairs}
