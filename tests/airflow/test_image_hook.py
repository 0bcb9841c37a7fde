"""The image hook against local PAI's catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.images.image import ImageKind, ImageQuery


@pytest.fixture
def hook(pai: LocalPAI) -> Iterator[PAIImageHook]:
    hook = PAIImageHook()
    yield hook
    hook.close()


def requests_for_images(pai: LocalPAI) -> int:
    return pai.faults.counts().get("ListImages", 0)


def test_the_newest_version_is_the_newest_by_number(hook: PAIImageHook) -> None:
    image = hook.retrieve("TensorFlow", "latest", "GPU")
    versions = [each.version for each in hook.list_images("TensorFlow", accelerator_type="GPU")]
    assert image.version == "2.10"
    assert max(versions) != "2.10", "by letters another one would be newest, so this test could not fail"


def test_pytorch_1_12_is_there_for_gpu_and_cpu(hook: PAIImageHook) -> None:
    for accelerator in ("GPU", "CPU"):
        image = hook.retrieve("PyTorch", "1.12", accelerator)
        assert (image.version, image.accelerator) == ("1.12", accelerator)


@pytest.mark.parametrize(
    ("scope", "framework", "uri"),
    [
        ("training", "PyTorch", "pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04"),
        ("inference", "PyTorch", "pai-eas/pytorch-inference:2.0-py310-cpu-ubuntu22.04"),
        ("develop", "ModelScope", "pai/modelscope:1.34.0-pytorch2.3.1-cpu-py311-ubuntu22.04"),
    ],
)
def test_each_scope_has_images_of_its_own(hook: PAIImageHook, scope: ImageKind, framework: str, uri: str) -> None:
    assert hook.retrieve(framework, image_scope=scope).uri.endswith(uri)
    assert {scope in image.kinds for image in hook.list_images(image_scope=scope)} == {True}


def test_one_framework_is_listed_in_any_case(hook: PAIImageHook) -> None:
    assert {image.framework for image in hook.list_images("pytorch")} == {"PyTorch"}
    assert len({image.framework for image in hook.list_images()}) > 2


def test_a_list_is_narrowed_by_version_and_accelerator(hook: PAIImageHook) -> None:
    listed = hook.list_images("PyTorch", "1.12", "GPU")
    assert [(image.version, image.accelerator) for image in listed] == [("1.12", "GPU")]
    latest = {image.framework: image.version for image in hook.list_images(framework_version="latest")}
    assert latest == {"PyTorch": "2.4.0", "TensorFlow": "2.10", "XGBoost": "1.6.0", "huggingface": "4.28.1"}


def test_an_odd_tag_is_left_out_and_stops_nothing(pai: LocalPAI, hook: PAIImageHook) -> None:
    uris = [image.uri for image in hook.list_images()]
    assert uris
    assert not [uri for uri in uris if "cudnn8-devel" in uri or "easyrec" in uri]


def test_an_image_is_found_with_one_request(pai: LocalPAI, hook: PAIImageHook) -> None:
    hook.retrieve("PyTorch", "latest", "GPU")
    assert requests_for_images(pai) == 1


def test_a_miss_says_which_versions_there_are_with_one_request_more(pai: LocalPAI, hook: PAIImageHook) -> None:
    with pytest.raises(SpecError, match=r"image: .*'7.7' for CPU; available: PyTorch \(CPU: 1\.12 1\.8, GPU: 2\.4\.0"):
        hook.retrieve("PyTorch", "7.7", "CPU")
    assert requests_for_images(pai) == 2


def test_a_miss_of_a_framework_says_which_there_are(hook: PAIImageHook) -> None:
    with pytest.raises(SpecError, match=r"'JAX'; available: huggingface .*PyTorch .*TensorFlow .*XGBoost"):
        hook.retrieve("JAX")


def test_a_query_says_all_that_retrieve_does(hook: PAIImageHook) -> None:
    query = ImageQuery("pytorch", "1.12", "gpu", "inference")
    assert hook.find(query) == hook.retrieve("PyTorch", "1.12", "GPU", image_scope="inference")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"accelerator_type": "TPU"}, "accelerator_type must be CPU or GPU, not 'TPU'"),
        ({"image_scope": "train"}, "image_scope must be one of training, inference, develop, not 'train'"),
        ({"framework_version": 1.12}, "framework_version must be a text, not 1.12"),
        ({"include_workspace": 1}, "include_workspace must be True or False, not 1"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_asked(
    pai: LocalPAI, hook: PAIImageHook, values: dict[str, Any], problem: str
) -> None:
    for ask in (hook.list_images, hook.retrieve):
        with pytest.raises(SpecError) as caught:
            ask("PyTorch", **values)
        assert str(caught.value) == problem
    assert requests_for_images(pai) == 0
