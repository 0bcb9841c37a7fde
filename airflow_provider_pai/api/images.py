"""The image catalog's operations (AIWorkSpace): calls and the answers' readers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from airflow_provider_pai.api.answer import Page, as_object, read_page, required_text
from airflow_provider_pai.api.call import Call, segment
from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.model.images.image import CHIP_LABEL, KIND_LABELS, OFFICIAL_LABEL, ImageKind

Order = Literal["ASC", "DESC"]

ImageRow = Mapping[str, Any]
"""An image as the catalog lists it."""
_PATH = "/api/v1/images"


def official_labels(kind: ImageKind, accelerator: str | None = None) -> dict[str, str]:
    """Return the label filter for PAI's own images of one kind, and for ``CPU`` or ``GPU`` when that is given."""
    chip = {CHIP_LABEL: accelerator} if accelerator else {}
    return {OFFICIAL_LABEL: "true", KIND_LABELS[kind]: "true", **chip}


def workspace_labels() -> dict[str, str]:
    """Return the label filter for images that are a workspace's own."""
    return {OFFICIAL_LABEL: "false"}


def list_images(
    *,
    labels: Mapping[str, str] | None = None,
    name: str | None = None,
    workspace_id: str | None = None,
    sort_by: Literal["GmtCreateTime"] | None = None,
    order: Order | None = None,
    page_number: int = 1,
    page_size: int = 50,
    verbose: bool = True,
) -> Call[Page[ImageRow]]:
    """Ask for one page of the catalog.

    Args:
        labels: only rows that carry all of these; see :func:`official_labels` and :func:`workspace_labels`.
        name: only rows with this in their name.
        workspace_id: the workspace with own images to list, too; official ones need none.
        sort_by: default is the service's own order.
        order: of ``sort_by``; the service's default is ``ASC``.
        page_number: from 1.
        page_size: rows on a page.
        verbose: with labels; without them an image's kind and chip can only be guessed.
    """
    query = {
        "Labels": _label_filter(labels) if labels else None,
        "Name": name,
        "WorkspaceId": workspace_id,
        "SortBy": sort_by,
        "Order": order,
        "PageNumber": str(page_number),
        "PageSize": str(page_size),
        "Verbose": _flag(verbose),
    }
    present = {key: value for key, value in query.items() if value is not None}
    read = partial(read_page, member="Images", item=_row, before=(page_number - 1) * page_size)
    return Call(AI_WORKSPACE, "ListImages", "GET", _PATH, read, present)


def get_image(image_id: str, *, verbose: bool = True) -> Call[ImageRow]:
    """Ask for one row of the catalog; the value is a row as :func:`list_images` has them.

    Args:
        image_id: the catalog's id.
        verbose: with labels.
    """

    def row(body: Mapping[str, Any]) -> ImageRow:
        # GetImage answers without the id it was asked for.
        return {**{key: value for key, value in _row(body).items() if key != "RequestId"}, "ImageId": image_id}

    return Call(AI_WORKSPACE, "GetImage", "GET", f"{_PATH}/{segment(image_id)}", row, {"Verbose": _flag(verbose)})


def _label_filter(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _row(value: object) -> ImageRow:
    row = as_object(value, "an image")
    required_text(row, "ImageUri")
    return row
