"""The catalog of container images, read from PAI."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import partial

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.images import ImageRow, list_images, official_labels, workspace_labels
from airflow_provider_pai.client.transport.listing import list_all
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.image import Image, ImageKind, ImageQuery, choose
from airflow_provider_pai.model.images.row import parse_images

_PAGE_SIZE = 50


class ImageCatalog:
    """Lists images and chooses one.

    Args:
        client: sends the calls.
        workspace_id: the workspace with own images beside PAI's official ones.
    """

    def __init__(self, client: Sender, workspace_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id

    def find(self, query: ImageQuery) -> Image:
        """Return the image that fits a query best.

        The service filters; only a miss asks for all images of the scope, to say which there are, and to find an image
        with a tag that says more than its name and labels.

        Raises:
            SpecError: an argument has a value it can't have; or there is no such image: the message lists which there
                are.
            PAIError: the catalog can't be read whole.
        """
        if problems := query.problems():
            raise SpecError(problems)
        scope = query.image_scope
        own = self.of_workspace(scope) if query.include_workspace else []
        try:
            near = self.official(scope, query.framework_name, query.accelerator_type.upper())
            return choose([*near, *own], query)
        except SpecError:
            return choose([*self.official(scope), *own], query)

    def official(self, scope: ImageKind, name: str | None = None, accelerator: str | None = None) -> list[Image]:
        """Return PAI's own images.

        Args:
            scope: what they are for.
            name: only those of this framework; None for all.
            accelerator: only those for ``CPU`` or ``GPU``; None for both.
        """
        # The catalog's names begin with repositories, which are in lower case.
        return self._images(official_labels(scope, accelerator), name.lower() if name else None)

    def of_workspace(self, scope: ImageKind) -> list[Image]:
        """Return the workspace's own images that are for a scope; their names needn't tell the framework."""
        images = self._images(workspace_labels(), workspace_id=self._workspace_id)
        return [image for image in images if scope in image.kinds]

    def _images(
        self, labels: Mapping[str, str], name: str | None = None, workspace_id: str | None = None
    ) -> list[Image]:
        rows: Iterable[ImageRow] = list_all(self._client, partial(_page, labels, name, workspace_id), key=_identity)
        return list(parse_images(rows))


def _identity(row: ImageRow) -> Hashable:
    """A row is known by its id, and one without an id by the image that a job names."""
    return str(row.get("ImageId") or ""), str(row["ImageUri"])


def _page(labels: Mapping[str, str], name: str | None, workspace_id: str | None, number: int) -> Call[Page[ImageRow]]:
    # Sorted, oldest first: an image that is added meanwhile moves none to another page.
    return list_images(
        labels=labels,
        name=name,
        workspace_id=workspace_id,
        sort_by="GmtCreateTime",
        order="ASC",
        page_number=number,
        page_size=_PAGE_SIZE,
    )
