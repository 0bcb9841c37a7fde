"""Rows of the image catalog to images.

A row without a framework version or a Python in its tag is no candidate and is left out: the catalog holds many images
that aren't built around one framework.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_pai.model.images.image import CHIP_LABEL, KIND_LABELS, OFFICIAL_LABEL, Image, ImageKind
from airflow_provider_pai.model.images.tag import ACCELERATORS, Accelerator, ImageTag, parse_tag

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
    """Read the kinds from the labels; a row without such labels tells by its repository's name.

    [inferred] A workspace's own image that says nothing about its purpose may be used for any.
    """
    if labels.keys() & set(KIND_LABELS.values()):
        return frozenset(kind for kind, label in KIND_LABELS.items() if labels.get(label) == "true")
    named: tuple[ImageKind, ...] = ("training", "inference")
    by_name = frozenset(kind for kind in named if repository.endswith(f"-{kind}"))
    return by_name or frozenset(KIND_LABELS if labels.get(OFFICIAL_LABEL) == "false" else ())


def _labels(value: object) -> dict[str, str]:
    pairs = [pair for pair in value if isinstance(pair, dict)] if isinstance(value, list) else []
    return {str(pair.get("Key")): str(pair.get("Value")) for pair in pairs}
