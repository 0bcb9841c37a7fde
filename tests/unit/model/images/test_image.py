from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.images.image import Image, ImageQuery, choose, select
from airflow_provider_pai.model.images.row import parse_image, parse_images
from airflow_provider_pai.model.images.tag import parse_tag, version_key

REGISTRY = "registry.cn-hangzhou.aliyuncs.com/pai-dlc"


def row(tag: str, repository: str = "pytorch-training", **members: Any) -> dict[str, Any]:
    return {"ImageUri": f"{REGISTRY}/{repository}:{tag}", "Name": f"{repository}:{tag}", **members}


def labels(**values: str) -> list[dict[str, str]]:
    return [{"Key": f"system.{key.replace('_', '.')}", "Value": value} for key, value in values.items()]


def image(version: str, accelerator: str = "cpu", repository: str = "pytorch-training", rest: str = "") -> Image:
    return parsed(f"{version}-{accelerator}-py39-{rest}ubuntu20.04", repository)


def parsed(tag: str, repository: str = "pytorch-training", **members: Any) -> Image:
    found = parse_image(row(tag, repository, **members))
    assert found is not None
    return found


def chosen(images: list[Image], framework: str = "PyTorch", version: str = "latest", accelerator: str = "CPU") -> str:
    return choose(images, ImageQuery(framework, version, accelerator)).version


def test_a_row_is_read_in_full() -> None:
    parsed = parse_image(
        row(
            "1.12-gpu-py39-cu113-ubuntu20.04",
            ImageId="image-0123456789abcdef01",
            Size=5_000_000_000,
            GmtCreateTime="2024-03-01T02:17:35.232Z",
            Labels=labels(official="true", supported_dlc="true", supported_dsw="true", chipType="GPU"),
        )
    )
    assert parsed == Image(
        uri="registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-gpu-py39-cu113-ubuntu20.04",
        name="pytorch-training:1.12-gpu-py39-cu113-ubuntu20.04",
        framework="PyTorch",
        version="1.12",
        accelerator="GPU",
        python_version="3.9",
        cuda_version="11.3",
        os="ubuntu20.04",
        kinds=frozenset({"training", "develop"}),
        image_id="image-0123456789abcdef01",
        official=True,
        size=5_000_000_000,
        created="2024-03-01T02:17:35.232Z",
    )


@pytest.mark.parametrize(
    ("tag", "version", "accelerator", "python", "cuda", "os", "extras"),
    [
        ("2.3-cpu-py36-ubuntu18.04", "2.3", "CPU", "3.6", None, "ubuntu18.04", ()),
        ("1.8PAI-gpu-py36-cu101-ubuntu18.04", "1.8PAI", "GPU", "3.6", "10.1", "ubuntu18.04", ()),
        ("1.4-gpu-py36-cu90-ubuntu16.04", "1.4", "GPU", "3.6", "9.0", "ubuntu16.04", ()),
        ("1.12-mkl-cpu-py36-ubuntu18.04", "1.12", "CPU", "3.6", None, "ubuntu18.04", ("mkl",)),
        (
            "2.4.0-gpu-py3.10-cu12.5-ngc24.06-ubuntu22.04",
            "2.4.0",
            "GPU",
            "3.10",
            "12.5",
            "ubuntu22.04",
            ("ngc24.06",),
        ),
        (
            "1.31.0-pytorch2.8.0-gpu-py311-cu124-ubuntu22.04",
            "1.31.0",
            "GPU",
            "3.11",
            "12.4",
            "ubuntu22.04",
            ("pytorch2.8.0",),
        ),
        ("1.12-py39-gpu-cu113-ubuntu20.04", "1.12", "GPU", "3.9", "11.3", "ubuntu20.04", ()),
        ("1.12-py39-mkl-cpu-ubuntu20.04", "1.12", "CPU", "3.9", None, "ubuntu20.04", ()),
        ("2.3-py36-ubuntu18.04", "2.3", None, "3.6", None, "ubuntu18.04", ()),
        ("2.1-cpu-py310", "2.1", "CPU", "3.10", None, "", ()),
    ],
)
def test_a_tag_is_read_from_the_right(
    tag: str, version: str, accelerator: str | None, python: str, cuda: str | None, os: str, extras: tuple[str, ...]
) -> None:
    parsed = parse_tag(tag)
    assert parsed is not None
    assert (parsed.version, parsed.accelerator, parsed.python_version) == (version, accelerator, python)
    assert (parsed.cuda_version, parsed.os, parsed.extras) == (cuda, os, extras)


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        7,
        "pytorch",
        f"{REGISTRY}/pytorch-training",
        f"{REGISTRY}/pytorch-training:",
        f"{REGISTRY}/pytorch-training:latest",
        f"{REGISTRY}/pytorch-training:cuda11.3.1-cudnn8-devel-ubuntu20.04-py38-0625",
        f"{REGISTRY}/python-inference:py39-ubuntu2004",
        f"{REGISTRY}/vllm:0.14.0-gpu",
        f"{REGISTRY}/pytorch-training:1.12-cpu-py39-ubuntu20.04\n",
        f"{REGISTRY}/pytorch-training:cpu-py39",
    ],
)
def test_a_row_that_names_too_little_is_left_out(uri: object) -> None:
    good = row("1.12-cpu-py39-ubuntu20.04")
    assert [i.uri for i in parse_images([{"ImageUri": uri}, good, {}])] == [good["ImageUri"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Key", "Value", "x"]), inner),
    max_leaves=6,
)
MEMBERS = ["ImageUri", "Name", "Labels", "Size", "ImageId", "GmtCreateTime"]
ODD_URIS = st.lists(st.sampled_from(["1.12", "cpu", "gpu", "py39", "cu", "cu113", "mkl", "x", ""]), max_size=7).map(
    lambda pieces: f"{REGISTRY}/pytorch-training:{'-'.join(pieces)}"
)


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON), st.none() | ODD_URIS)
def test_no_row_is_fatal(odd: dict[str, Any], uri: str | None) -> None:
    images = parse_images([odd | ({"ImageUri": uri} if uri else {})])
    assert all(found.version and found.accelerator in ("CPU", "GPU") for found in images)


@pytest.mark.parametrize(
    ("tag", "chip", "accelerator"),
    [
        ("1.12-gpu-py39-ubuntu20.04", "GPU", "GPU"),
        ("1.12-gpu-py39-ubuntu20.04", "CPU", None),
        ("1.12-gpu-py39-ubuntu20.04", "PPU", None),
        ("1.12-py39-ubuntu20.04", "CPU", "CPU"),
        ("1.12-py39-cu113-ubuntu20.04", None, "GPU"),
        ("1.12-py39-ubuntu20.04", None, None),
    ],
)
def test_a_chip_label_completes_the_tag_and_never_contradicts_it(
    tag: str, chip: str | None, accelerator: str | None
) -> None:
    parsed = parse_image(row(tag, Labels=labels(chipType=chip) if chip else []))
    assert (parsed.accelerator if parsed else None) == accelerator


@pytest.mark.parametrize(
    ("repository", "members", "kinds"),
    [
        ("pytorch-training", {}, {"training"}),
        ("pytorch-inference", {}, {"inference"}),
        ("modelscope", {}, set()),
        ("pytorch-training", {"Labels": labels(official="false")}, {"training"}),
        ("pytorch-training", {"Labels": labels(supported_eas="true", supported_dlc="false")}, {"inference"}),
    ],
)
def test_kinds_come_from_the_labels_else_from_the_repository(
    repository: str, members: dict[str, Any], kinds: set[str]
) -> None:
    parsed = parse_image(row("1.12-cpu-py39-ubuntu20.04", repository, **members))
    assert parsed is not None
    assert parsed.kinds == kinds


@pytest.mark.parametrize(
    ("repository", "framework"),
    [
        ("xgboost-training", "XGBoost"),
        ("tensorflow-inference", "TensorFlow"),
        ("megatron-lm", "Megatron-LM"),
        ("easyrec-training", "easyrec"),
    ],
)
def test_a_framework_has_one_spelling(repository: str, framework: str) -> None:
    assert image("1.0", repository=repository).framework == framework


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.8", "1.12"),
        ("2.9", "2.10"),
        ("2.3", "2.3.1"),
        ("1.12PAI", "1.12"),
        ("1.12", "1.12.1PAI"),
        ("2.10rc2", "2.10rc10"),
        ("2.10rc10", "2.10"),
        ("nightly", "0.1"),
    ],
)
def test_versions_are_ordered_by_their_numbers_and_a_suffix_is_older(older: str, newer: str) -> None:
    assert version_key(older) < version_key(newer)


def test_trailing_zeros_and_case_do_not_make_a_version_newer() -> None:
    assert version_key("1.12.0") == version_key("1.12")
    assert version_key("1.12PAI") == version_key("1.12pai")


@given(st.permutations(["1.12", "1.12-2", "1.12rc", "1.12²", "1.12٣", "-", "PAI", "2", "2.x", "10"]))
def test_any_texts_have_one_order(versions: list[str]) -> None:
    assert sorted(versions, key=version_key) == [
        *["-", "PAI"],
        *["1.12-2", "1.12rc", "1.12²", "1.12٣", "1.12"],
        *["2.x", "2", "10"],
    ]


@pytest.mark.parametrize(
    ("versions", "wanted", "found"),
    [
        (["2.9", "2.10", "1.15", "2.3"], "latest", "2.10"),
        (["2.9", "2.10"], "Latest", "2.10"),
        (["1.12", "1.12PAI"], "latest", "1.12"),
        (["1.12", "1.12.1"], "1.12", "1.12"),
        (["1.12.1", "1.12.0", "1.13"], "1.12", "1.12.1"),
        (["1.12PAI", "1.13"], "1.12", "1.12PAI"),
        (["1.12", "1.12PAI"], "1.12pai", "1.12PAI"),
        (["1.12.1", "2.0", "1.8"], "1", "1.12.1"),
    ],
)
def test_the_version_asked_for_is_chosen(versions: list[str], wanted: str, found: str) -> None:
    assert chosen([image(v) for v in versions], version=wanted) == found
    assert chosen([image(v) for v in reversed(versions)], version=wanted) == found


@pytest.mark.parametrize(
    ("versions", "wanted"),
    [(["1.12"], "1.1"), (["1.120"], "1.12"), (["1.12"], "1.12PAI"), (["1.12"], "1.12.0"), (["1.12"], ""), (["2"], "x")],
)
def test_another_version_than_asked_for_is_never_chosen(versions: list[str], wanted: str) -> None:
    with pytest.raises(SpecError):
        chosen([image(v) for v in versions], version=wanted)


@pytest.mark.parametrize(("framework", "accelerator"), [("pytorch", "cpu"), ("PYTORCH", "CPU"), ("PyTorch", "Cpu")])
def test_framework_and_accelerator_are_matched_without_case(framework: str, accelerator: str) -> None:
    images = [image("9.9", repository="tensorflow-training"), image("1.12"), image("2.4", "gpu")]
    assert chosen(images, framework, accelerator=accelerator) == "1.12"


def test_among_images_of_one_version_the_newest_image_then_python_then_cuda_wins() -> None:
    tags = ["py39-cu118", "py310-cu113", "py310-cu118"]
    images = [parsed(f"2.1-gpu-{tag}-ubuntu20.04", GmtCreateTime="2024-03-09") for tag in tags]
    images.append(parsed("2.1-gpu-py311-cu121-ubuntu22.04", GmtCreateTime="2024-03-01"))
    best = choose(images, ImageQuery("PyTorch", accelerator_type="GPU"))
    assert best.uri.endswith("2.1-gpu-py310-cu118-ubuntu20.04")


def test_among_images_of_one_version_the_plainest_wins_even_when_it_is_older() -> None:
    plain = parsed("2.1-cpu-py39-ubuntu20.04", GmtCreateTime="2024-03-01")
    tuned = parsed("2.1-mkl-cpu-py310-ubuntu22.04", GmtCreateTime="2024-03-09")
    newer = parsed("2.2-mkl-cpu-py310-ubuntu22.04", GmtCreateTime="2024-03-01")
    assert (
        choose([tuned, plain], ImageQuery("PyTorch")) == choose([tuned, plain], ImageQuery("PyTorch", "2.1")) == plain
    )
    assert choose([tuned, plain, newer], ImageQuery("PyTorch")) == newer


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1.34.0", ()),
        ("1.34", ()),
        ("1.34.0-pytorch2.3.1", ("pytorch2.3.1",)),
        ("1.34.0-PyTorch2.3.1", ("pytorch2.3.1",)),
        ("1.35.0", ("pytorch2.3.1",)),
    ],
)
def test_a_version_may_be_named_with_what_its_tag_says_behind_it(wanted: str, found: tuple[str, ...]) -> None:
    images = [
        image("1.34.0", repository="modelscope-training"),
        parsed("1.34.0-pytorch2.3.1-cpu-py311-ubuntu22.04", "modelscope-training", GmtCreateTime="2024-03-09"),
        parsed("1.35.0-pytorch2.3.1-cpu-py311-ubuntu22.04", "modelscope-training"),
    ]
    assert choose(images, ImageQuery("ModelScope", wanted)).extras == found


def test_what_a_tag_says_behind_the_version_must_be_what_is_named() -> None:
    images = [parsed("1.34.0-pytorch2.3.1-cpu-py311-ubuntu22.04", "modelscope-training")]
    for other in ("1.34.0-pytorch2.3", "1.34.0-pytorch2.3.1-cpu", "1.3-pytorch2.3.1"):
        with pytest.raises(SpecError):
            choose(images, ImageQuery("ModelScope", other))


def test_an_image_of_another_kind_is_never_chosen() -> None:
    images = [image("9.9", repository="pytorch-inference"), image("1.12")]
    assert chosen(images) == "1.12"
    assert choose(images, ImageQuery("PyTorch", image_scope="inference")).version == "9.9"


CATALOG = [
    image("1.8"),
    image("1.12"),
    image("2.4", "gpu"),
    image("2.10", "gpu", "tensorflow-training"),
    image("2.9", "gpu", "tensorflow-training"),
]


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (
            ImageQuery("JAX"),
            ["'JAX'", "PyTorch (CPU: 1.12 1.8, GPU: 2.4)", "TensorFlow (GPU: 2.10 2.9)"],
        ),
        (ImageQuery("PyTorch", "9.9"), ["PyTorch '9.9' for CPU", "PyTorch (CPU: 1.12 1.8, GPU: 2.4)"]),
        (ImageQuery("tensorflow"), ["TensorFlow for 'CPU'", "TensorFlow (GPU: 2.10 2.9)"]),
        (ImageQuery("PyTorch", accelerator_type="TPU"), ["'TPU'", "PyTorch (CPU: 1.12 1.8, GPU: 2.4)"]),
        (ImageQuery("PyTorch", image_scope="develop"), ["no develop image"]),
    ],
)
def test_a_miss_names_the_argument_and_what_there_is(query: ImageQuery, parts: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        choose(CATALOG, query)
    (problem,) = map(str, caught.value.problems)
    assert problem.startswith("image: ")
    assert [part for part in parts if part not in problem] == []


def labels_of(found: list[Image]) -> list[str]:
    return [f"{each.framework} {each.version} {each.accelerator}" for each in found]


def test_a_selection_keeps_the_order_and_what_fits() -> None:
    second = ["PyTorch 2.4 GPU", "TensorFlow 2.10 GPU", "TensorFlow 2.9 GPU"]
    assert labels_of(select(CATALOG, framework_name="pytorch")) == [
        "PyTorch 1.8 CPU",
        "PyTorch 1.12 CPU",
        "PyTorch 2.4 GPU",
    ]
    assert labels_of(select(CATALOG, accelerator_type="gpu")) == second
    assert labels_of(select(CATALOG, framework_version="1.12")) == ["PyTorch 1.12 CPU"]
    assert labels_of(select(CATALOG, framework_version="2")) == second
    assert select(CATALOG) == CATALOG
    assert select(CATALOG, framework_name="JAX") == []


def test_the_latest_of_a_selection_is_each_frameworks_newest_among_what_fits() -> None:
    assert labels_of(select(CATALOG, framework_version="latest")) == ["PyTorch 2.4 GPU", "TensorFlow 2.10 GPU"]
    assert labels_of(select(CATALOG, framework_version="LATEST", accelerator_type="CPU")) == ["PyTorch 1.12 CPU"]


@pytest.mark.parametrize(
    ("repository", "official", "kinds"),
    [
        ("custom", "false", {"training", "inference", "develop"}),
        ("custom-training", "false", {"training"}),
        ("custom", "true", set()),
    ],
)
def test_only_a_workspaces_own_image_without_a_purpose_serves_any(
    repository: str, official: str, kinds: set[str]
) -> None:
    assert parsed("1.0-cpu-py39-ubuntu20.04", repository, Labels=labels(official=official)).kinds == kinds


def test_a_good_query_has_no_problems() -> None:
    assert ImageQuery("PyTorch").problems() == []
    assert ImageQuery("pytorch", "1.12", "gpu", "develop", include_workspace=True).problems() == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"framework_name": " "}, "framework_name must be a text, not ' '"),
        ({"framework_version": 1.12}, "framework_version must be a text, not 1.12"),
        ({"accelerator_type": "TPU"}, "accelerator_type must be CPU or GPU, not 'TPU'"),
        ({"accelerator_type": None}, "accelerator_type must be CPU or GPU, not None"),
        ({"image_scope": "train"}, "image_scope must be one of training, inference, develop, not 'train'"),
        ({"include_workspace": "yes"}, "include_workspace must be True or False, not 'yes'"),
    ],
)
def test_a_querys_problem_names_the_member_and_what_it_may_be(values: dict[str, Any], problem: str) -> None:
    assert list(map(str, ImageQuery(**{"framework_name": "PyTorch", **values}).problems())) == [problem]


def test_all_problems_of_a_query_are_reported_at_once() -> None:
    wrong: dict[str, Any] = {"image_scope": "", "include_workspace": None}
    assert len(ImageQuery("", "", "", **wrong).problems()) == 5
