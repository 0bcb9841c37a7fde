"""The image catalog: lists PAI's container images and chooses one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_pai.api.images import list_images, official_labels, workspace_labels
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.image import Image, ImageKind, ImageQuery, choose

_PAGE_SIZE = 50


class ImageCatalog:
    """Reads the images that a workspace can use.

    Args:
        client: sends the calls.
        workspace_id: the workspace whose own images are candidates, too.
    """

    def __init__(self, client: Sender, workspace_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id

    def find(self, query: ImageQuery) -> Image:
        """Return the image that fits a query best; see :func:`airflow_provider_pai.model.images.image.choose`.

        The service filters; only a miss asks for all images of the scope, to say which there are, and to find an image
        whose name or labels don't tell what its tag tells.

        Args:
            query: what is wanted.

        Raises:
            SpecError: the query is wrong, or there is no such image: the message lists which there are.
        """
        if problems := query.problems():
            raise SpecError(problems)
        scope, own = query.image_scope, list[Image]()
        if query.include_workspace:
            own += self.of_workspace(scope)
        try:
            near = self.official(scope, query.framework_name, query.accelerator_type.upper())
            return choose([*near, *own], query)
        except SpecError:
            return choose([*self.official(scope), *own], query)

    def official(self, scope: ImageKind, name: str | None = None, accelerator: str | None = None) -> Iterator[Image]:
        """Yield PAI's own images.

        Args:
            scope: what they are for.
            name: only those of this framework, in any case; None for all.
            accelerator: only ``CPU`` or ``GPU``; None for both.
        """
        # The catalog's names begin with repositories, which are in lower case.
        return self._pages(official_labels(scope, accelerator), name=name.lower() if name else None)

    def of_workspace(self, scope: ImageKind) -> Iterator[Image]:
        """Yield the workspace's own images; their names are the user's and needn't tell the framework."""
        images = self._pages(workspace_labels(), workspace_id=self._workspace_id)
        return (image for image in images if scope in image.kinds)

    def _pages(
        self, labels: Mapping[str, str], *, name: str | None = None, workspace_id: str | None = None
    ) -> Iterator[Image]:
        page, seen = 1, 0
        while True:
            # Sorted, oldest first: an image that is added meanwhile moves none to another page.
            call = list_images(
                labels=labels,
                name=name,
                workspace_id=workspace_id,
                sort_by="GmtCreateTime",
                order="ASC",
                page_number=page,
                page_size=_PAGE_SIZE,
            )
            answer = self._client.send(call)
            yield from answer.images()
            seen += len(answer.items)
            if not answer.items or seen >= answer.total:
                return
            page += 1
