"""An image of the catalog, and choosing one by framework, version, accelerator and purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.tag import Accelerator, split_version, version_key
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import shown

ImageKind = Literal["training", "inference", "develop"]

OFFICIAL_LABEL = "system.official"
CHIP_LABEL = "system.chipType"
KIND_LABELS: dict[ImageKind, str] = {
    "training": "system.supported.dlc",
    "inference": "system.supported.eas",
    "develop": "system.supported.dsw",
}
LATEST = "latest"


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
        image_scope: what it is for: ``training``, ``inference`` or ``develop``.
        include_workspace: whether the workspace's own images are candidates beside PAI's official ones.
    """

    framework_name: str
    framework_version: str = LATEST
    accelerator_type: str = "CPU"
    image_scope: ImageKind = "training"
    include_workspace: bool = False

    def problems(self) -> list[Problem]:
        """Return what is wrong with the query, by member."""
        named = [("framework_name", self.framework_name), ("framework_version", self.framework_version)]
        accelerators, scopes = get_args(Accelerator), get_args(ImageKind)
        problems = [
            Problem(name, f"must be a text, not {shown(value)}") for name, value in named if not _is_text(value)
        ]
        if not _is_text(self.accelerator_type) or self.accelerator_type.upper() not in accelerators:
            text = f"must be {' or '.join(accelerators)}, not {shown(self.accelerator_type)}"
            problems.append(Problem("accelerator_type", text))
        if not _is_text(self.image_scope) or self.image_scope not in scopes:
            problems.append(
                Problem("image_scope", f"must be one of {', '.join(scopes)}, not {shown(self.image_scope)}")
            )
        if not _is_truth(self.include_workspace):
            problems.append(Problem("include_workspace", f"must be True or False, not {shown(self.include_workspace)}"))
        return problems


def select(
    images: Iterable[Image],
    *,
    framework_name: str | None = None,
    framework_version: str | None = None,
    accelerator_type: str | None = None,
) -> list[Image]:
    """Return the images that fit, in their order.

    Args:
        images: candidates.
        framework_name: in any case; None for every framework.
        framework_version: a version as :func:`choose` reads it, ``latest`` for each framework's newest among those
            that fit otherwise; None for every version.
        accelerator_type: ``CPU`` or ``GPU``, in any case; None for both.
    """
    wanted = framework_name.casefold() if framework_name is not None else None
    built = accelerator_type.upper() if accelerator_type is not None else None
    fitting = [
        image for image in images if wanted in (None, image.framework.casefold()) and built in (None, image.accelerator)
    ]
    if framework_version is None:
        return fitting
    frameworks = {image.framework for image in fitting}
    families = ([image for image in fitting if image.framework == framework] for framework in frameworks)
    chosen = {image.uri for family in families for image in _of_version(family, framework_version)}
    return [image for image in fitting if image.uri in chosen]


def choose(images: Iterable[Image], query: ImageQuery) -> Image:
    """Return the image that fits a query best.

    ``latest`` is the newest version by :func:`version_key`. Another version means exactly that one, with or without
    what its tag says behind it (``1.34.0`` or ``1.34.0-pytorch2.3.1``); when there is none, the newest with
    numbers that begin with it: ``1.12`` finds 1.12.1 and 1.12PAI, never 1.1 or 1.120. Among images of one version the
    plainest wins, ``1.8-cpu`` before ``1.8-mkl-cpu``, then the one that was made last, both as with PAI's SDK; of those
    made at the same time the one with the newest Python, then CUDA.

    Raises:
        SpecError: there is no such image; the message begins with ``image`` and lists what there is.
    """
    scope = query.image_scope
    usable = [image for image in images if scope in image.kinds]
    family = select(usable, framework_name=query.framework_name)
    if not family:
        raise _miss(scope, f"there is no {scope} image of {query.framework_name!r}", usable)
    framework, accelerator = family[0].framework, query.accelerator_type.upper()
    built = select(family, accelerator_type=accelerator)
    if not built:
        raise _miss(scope, f"there is no {scope} image of {framework} for {accelerator!r}", family)
    fitting = _of_version(built, query.framework_version)
    if not fitting:
        wanted = f"{framework} {query.framework_version!r} for {accelerator}"
        raise _miss(scope, f"there is no {scope} image of {wanted}", family)
    return max(fitting, key=_rank)


def _of_version(images: Sequence[Image], wanted: str) -> Sequence[Image]:
    """Return the images of a version; of ``latest`` those of the newest."""
    if wanted.casefold() == LATEST:
        newest = max((version_key(image.version) for image in images), default=None)
        return [image for image in images if version_key(image.version) == newest]
    exact = [image for image in images if image.version.casefold() == wanted.casefold()]
    exact = exact or [image for image in images if _begins_with(image, wanted.casefold())]
    numbers, suffix = split_version(wanted)
    if exact or suffix or not numbers:
        return exact
    return [image for image in images if split_version(image.version)[0][: len(numbers)] == numbers]


def _begins_with(image: Image, wanted: str) -> bool:
    """Tell whether a version with what its tag says behind it begins with a text, piece by piece."""
    pieces = [piece.casefold() for piece in (image.version, *image.extras)]
    return pieces[: wanted.count("-") + 1] == wanted.split("-")


def _rank(image: Image) -> tuple[Any, ...]:
    cuda = split_version(image.cuda_version or "")[0]
    python = split_version(image.python_version)[0]
    return version_key(image.version), -len(image.extras), image.created, python, cuda, image.uri


def _miss(scope: ImageKind, what: str, images: Sequence[Image]) -> SpecError:
    frameworks = sorted({image.framework for image in images}, key=str.casefold)
    known = "; ".join(f"{name} ({_versions(images, name)})" for name in frameworks)
    return SpecError([Problem("image", f": {what}; available: {known or f'no {scope} image at all'}")])


def _versions(images: Sequence[Image], framework: str) -> str:
    found: dict[str, set[str]] = {}
    for image in images:
        if image.framework == framework:
            found.setdefault(image.accelerator, set()).add(image.version)
    return ", ".join(
        f"{accelerator}: {' '.join(sorted(versions, key=version_key, reverse=True))}"
        for accelerator, versions in sorted(found.items())
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)
