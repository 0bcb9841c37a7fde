"""The image catalog."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_pai.api.images import list_images, official_labels
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.model.image import Image, ImageKind, ImageQuery, choose

_PAGE_SIZE = 50


class PAIImageHook(PAIBaseHook):
    """Lists PAI's container images and chooses one."""

    def list_images(
        self,
        framework_name: str | None = None,
        *,
        image_scope: ImageKind = "training",
        workspace_images: bool = False,
    ) -> list[Image]:
        """Return the images of the catalog, those with odd tags left out.

        Args:
            framework_name: only images of this framework, such as ``PyTorch``; all when None.
            image_scope: what the images are for.
            workspace_images: whether to list the workspace's own images instead of PAI's official ones.
        """
        images = self._images(framework_name, image_scope, workspace_images=workspace_images)
        wanted = framework_name.casefold() if framework_name else None
        return [image for image in images if wanted is None or image.framework.casefold() == wanted]

    def retrieve(
        self,
        framework_name: str,
        framework_version: str = "latest",
        accelerator_type: str = "CPU",
        *,
        image_scope: ImageKind = "training",
    ) -> Image:
        """Return the newest image that fits.

        Args:
            framework_name: such as ``PyTorch``, in any case.
            framework_version: ``latest``, or a version such as ``1.12``.
            accelerator_type: ``CPU`` or ``GPU``.
            image_scope: what the image is for.

        Raises:
            SpecError: there is no such image; the message lists which there are.
        """
        query = ImageQuery(framework_name, framework_version, accelerator_type, image_scope)
        return choose(self._images(None, image_scope, workspace_images=False), query)

    def _images(self, name: str | None, scope: ImageKind, *, workspace_images: bool) -> Iterator[Image]:
        labels = None if workspace_images else official_labels(scope)
        workspace = self.config.workspace_id if workspace_images else None
        page, seen = 1, 0
        while True:
            answer = self.client.send(
                list_images(
                    labels=labels,
                    name=name.lower() if name else None,
                    workspace_id=workspace,
                    page_number=page,
                    page_size=_PAGE_SIZE,
                )
            )
            yield from answer.images()
            seen += len(answer.items)
            if not answer.items or seen >= answer.total:
                return
            page += 1
