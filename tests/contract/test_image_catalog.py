"""Images that the vendor's SDK adds to a workspace are candidates for our hook, beside PAI's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import alibabacloud_aiworkspace20210204.models as ws
import pytest

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.images import PAIImageHook

if TYPE_CHECKING:
    from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient

    from airflow_provider_pai.local.server import LocalPAI

Add = Callable[..., str]
REGISTRY = "registry.cn-hangzhou.aliyuncs.com/mine"


@pytest.fixture
def add(pai: LocalPAI, workspaces: WorkspaceClient) -> Iterator[Add]:
    """Adds an image to the workspace and returns its URI; removes all of them in the end."""
    added: list[str] = []

    def add(image: str, **labels: str) -> str:
        request = ws.AddImageRequest(
            name=f"own-{len(added)}",
            image_uri=f"{REGISTRY}/{image}",
            workspace_id=pai.ready.workspace_id,
            labels=[ws.AddImageRequestLabels(key, value) for key, value in labels.items()],
        )
        added.append(workspaces.add_image(request).body.image_id)
        return f"{REGISTRY}/{image}"

    yield add
    for image_id in added:
        workspaces.remove_image(image_id, ws.RemoveImageRequest())


@pytest.fixture
def hook(pai: LocalPAI) -> Iterator[PAIImageHook]:
    hook = PAIImageHook()
    yield hook
    hook.close()


def test_own_images_are_listed_beside_official_ones_when_asked_for(add: Add, hook: PAIImageHook) -> None:
    own = add("pytorch:9.1-gpu-py312-cu126-ubuntu24.04")
    official = hook.list_images("PyTorch")
    assert own not in [image.uri for image in official]
    both = hook.list_images("PyTorch", include_workspace=True)
    assert [image.uri for image in both] == [*(image.uri for image in official), own]
    assert [image.official for image in both] == [True] * len(official) + [False]


def test_an_own_image_is_chosen_only_when_asked_for(add: Add, hook: PAIImageHook) -> None:
    own = add("pytorch:9.1-gpu-py312-cu126-ubuntu24.04")
    assert hook.retrieve("PyTorch", "latest", "GPU").uri != own
    assert hook.retrieve("PyTorch", "latest", "GPU", include_workspace=True).uri == own
    assert hook.retrieve("PyTorch", "9", "GPU", include_workspace=True).uri == own
    assert hook.retrieve("PyTorch", "latest", "CPU", include_workspace=True).official


def test_an_own_image_is_for_what_it_says(add: Add, hook: PAIImageHook) -> None:
    add("pytorch:9.1-gpu-py312-cu126-ubuntu24.04", **{"system.supported.eas": "true"})
    assert hook.retrieve("PyTorch", "9.1", "GPU", image_scope="inference", include_workspace=True).version == "9.1"
    with pytest.raises(SpecError, match=r"'9.1' for GPU; available: PyTorch"):
        hook.retrieve("PyTorch", "9.1", "GPU", include_workspace=True)


def test_a_miss_names_own_versions_too(add: Add, hook: PAIImageHook) -> None:
    add("pytorch:9.1-gpu-py312-cu126-ubuntu24.04")
    with pytest.raises(SpecError, match=r"PyTorch \(CPU: .*, GPU: 9\.1 2\.4\.0 "):
        hook.retrieve("PyTorch", "7.7", "GPU", include_workspace=True)


def test_own_images_with_odd_tags_are_left_out(add: Add, hook: PAIImageHook) -> None:
    own = [add(image) for image in ("pytorch:latest", "pytorch", "pytorch@sha256:00", "py:v1-cpu-py39-linux")]
    listed = {image.uri for image in hook.list_images(include_workspace=True)}
    assert listed
    assert listed.isdisjoint(own)


def test_all_pages_are_read(pai: LocalPAI, add: Add, hook: PAIImageHook) -> None:
    own = [add(f"flax:{number}.0-cpu-py312-ubuntu24.04") for number in range(1, 62)]
    assert [image.uri for image in hook.list_images("flax", include_workspace=True)] == own
    pai.faults.reset_counts()
    assert hook.retrieve("Flax", include_workspace=True).version == "61.0"
    assert pai.faults.counts()["ListImages"] == 3
