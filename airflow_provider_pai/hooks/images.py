"""The image catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_pai.api.images import list_images, official_labels, workspace_labels
from airflow_provider_pai.errors import Problem, SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.model.images.image import LATEST, Image, ImageKind, ImageQuery, choose, select

_PAGE_SIZE = 50


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
        """Return the images of the catalog that fit; those whose tag names no framework version are left out.

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
        _refuse(asked.problems())
        images = list(self._official(image_scope, framework_name))
        if include_workspace:
            images += self._of_workspace(image_scope)
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
        """Return the image that fits a query best, as :meth:`retrieve` does.

        The service filters; only a miss asks for all images of the scope, to say which there are, and to find an image
        whose name or labels don't tell what its tag tells.
        """
        _refuse(query.problems())
        scope, own = query.image_scope, list[Image]()
        if query.include_workspace:
            own += self._of_workspace(scope)
        try:
            near = self._official(scope, query.framework_name, query.accelerator_type.upper())
            return choose([*near, *own], query)
        except SpecError:
            return choose([*self._official(scope), *own], query)

    def _official(self, scope: ImageKind, name: str | None = None, accelerator: str | None = None) -> Iterator[Image]:
        # The catalog's names begin with repositories, which are in lower case.
        return self._pages(official_labels(scope, accelerator), name=name.lower() if name else None)

    def _of_workspace(self, scope: ImageKind) -> Iterator[Image]:
        # Their names are the user's own and needn't tell the framework.
        images = self._pages(workspace_labels(), workspace_id=self.config.workspace_id)
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
            answer = self.client.send(call)
            yield from answer.images()
            seen += len(answer.items)
            if not answer.items or seen >= answer.total:
                return
            page += 1


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise SpecError(problems)
