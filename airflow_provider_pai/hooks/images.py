"""The image catalog."""

from __future__ import annotations

from airflow_provider_pai.client.images import ImageCatalog
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.model.images.image import LATEST, Image, ImageKind, ImageQuery, select


class PAIImageHook(PAIBaseHook):
    """Lists PAI's container images and chooses one."""

    def list_images(
        self,
        framework_name: str | None = None,
        framework_version: str | None = None,
        accelerator_type: str | None = None,
        *,
        image_scope: ImageKind = "training",
        include_workspace: bool = False,
    ) -> list[Image]:
        """Return the images of the catalog that fit; those without a framework version in their tag are left out.

        Args:
            framework_name: only this framework, such as ``PyTorch``, in any case; None for all.
            framework_version: only this version: ``latest`` for each framework's newest, ``1.12`` for exactly that one
                or, when there is none, for those that begin with it; None for all.
            accelerator_type: only ``CPU`` or ``GPU``, in any case; None for both.
            image_scope: what the images are for: ``training``, ``inference`` or ``develop``.
            include_workspace: whether to list the workspace's own images, too, behind PAI's official ones.

        Raises:
            SpecError: an argument has a value it can't have.
        """
        asked = ImageQuery(
            framework_name="any" if framework_name is None else framework_name,
            framework_version=LATEST if framework_version is None else framework_version,
            accelerator_type="CPU" if accelerator_type is None else accelerator_type,
            image_scope=image_scope,
            include_workspace=include_workspace,
        )
        if problems := asked.problems():
            raise SpecError(problems)
        catalog = self._catalog
        images = list(catalog.official(image_scope, framework_name))
        if include_workspace:
            images += catalog.of_workspace(image_scope)
        return select(
            images,
            framework_name=framework_name,
            framework_version=framework_version,
            accelerator_type=accelerator_type,
        )

    def retrieve(
        self,
        framework_name: str,
        framework_version: str = LATEST,
        accelerator_type: str = "CPU",
        *,
        image_scope: ImageKind = "training",
        include_workspace: bool = False,
    ) -> Image:
        """Return the image that fits best; see :func:`airflow_provider_pai.model.images.image.choose`.

        Args:
            framework_name: such as ``PyTorch``, in any case.
            framework_version: ``latest``, or a version such as ``1.12``.
            accelerator_type: ``CPU`` or ``GPU``, in any case.
            image_scope: what the image is for: ``training``, ``inference`` or ``develop``.
            include_workspace: whether the workspace's own images are candidates, too.

        Raises:
            SpecError: an argument has a value it can't have; or there is no such image: the message lists which there
                are.
        """
        return self.find(
            ImageQuery(framework_name, framework_version, accelerator_type, image_scope, include_workspace)
        )

    def find(self, query: ImageQuery) -> Image:
        """Return the image that fits a query best, as :meth:`retrieve` does."""
        return self._catalog.find(query)

    @property
    def _catalog(self) -> ImageCatalog:
        return ImageCatalog(self.client, self.config.workspace_id)
