"""The image catalog of local PAI: PAI's own images as ListImages shows them, and those a user added.

Tags marked with ``real`` are taken from public documents and logs; the others continue their pattern [inferred], so
that the catalog has more than one version to choose from. Every row has a tag: ``alipai`` lists the cloud's images, and
stumbles over one without. Names, sizes, times and ids are made up in PAI's form [inferred].
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from airflow_provider_pai.local.records import RecordTable, Row
from airflow_provider_pai.model.images.image import CHIP_LABEL, KIND_LABELS, OFFICIAL_LABEL, ImageKind
from airflow_provider_pai.model.images.row import parse_image

_TRAINING = (
    ("pytorch-training", "1.8-cpu-py36-ubuntu18.04"),
    ("pytorch-training", "1.8PAI-gpu-py36-cu101-ubuntu18.04"),  # real
    ("pytorch-training", "1.12-cpu-py39-ubuntu20.04"),  # real
    ("pytorch-training", "1.12-gpu-py39-cu113-ubuntu20.04"),
    ("pytorch-training", "1.12PAI-gpu-py38-cu113-ubuntu20.04"),  # real
    ("pytorch-training", "2.4.0-gpu-py3.10-cu12.5-ngc24.06-ubuntu22.04"),  # real
    ("tensorflow-training", "1.15-gpu-py36-cu100-ubuntu18.04"),  # real
    ("tensorflow-training", "2.3-cpu-py36-ubuntu18.04"),  # real
    ("tensorflow-training", "2.3-gpu-py36-cu101-ubuntu18.04"),  # real
    ("tensorflow-training", "2.10-gpu-py39-cu112-ubuntu20.04"),
    # Added after 2.10: neither the newest row nor the last by name is the newest version.
    ("tensorflow-training", "2.9-gpu-py39-cu112-ubuntu20.04"),
    ("xgboost-training", "1.6.0-cpu-py36-ubuntu18.04"),  # real
    ("pytorch-training", "cuda11.3.1-cudnn8-devel-ubuntu20.04-py38-0625"),  # real, and names no version
    ("easyrec", "py36-tf1.15-0.7.4"),
    ("huggingface-training", "4.28.1-gpu-py38-cu113-ubuntu20.04"),
)
_INFERENCE = (
    ("pytorch-inference", "1.12-py39-cpu-ubuntu20.04"),
    ("pytorch-inference", "1.12-py39-gpu-cu113-ubuntu20.04"),
    ("tensorflow-inference", "2.3-py36-ubuntu18.04"),
    ("tensorflow-inference", "2.7-py38-cpu-ubuntu20.04"),
    ("tensorflow-inference", "2.7-py38-gpu-cu112-ubuntu20.04"),
    ("xgboost-inference", "1.7.1-py38-cpu-ubuntu20.04"),
    ("huggingface-inference", "4.28.1-py38-cpu-ubuntu20.04"),
    ("huggingface-inference", "4.28.1-py38-gpu-cu113-ubuntu20.04"),
    ("modelscope-inference", "1.7.1-py37-cpu-ubuntu20.04"),
    ("modelscope-inference", "1.7.1-py37-gpu-cu113-ubuntu20.04"),
    ("pytorch-inference", "2.0-py310-cpu-ubuntu22.04"),
    ("pytorch-inference", "2.0-py310-gpu-cu118-ubuntu22.04"),
    ("python-inference", "py39-ubuntu2004"),  # real
    ("vllm", "0.14.0-gpu"),  # real
)
_DEVELOP = (
    ("modelscope", "1.34.0-pytorch2.3.1-cpu-py311-ubuntu22.04"),  # real
    ("modelscope", "1.31.0-pytorch2.8.0-gpu-py311-cu124-ubuntu22.04"),  # real
    ("modelscope", "1.28.0-pytorch2.3.1tensorflow2.16.1-gpu-py311-cu121-ubuntu22.04"),  # real
    ("modelscope", "1.20.0-pytorch2.4.0-gpu-py310-cu124-ubuntu22.04"),  # real
    ("modelscope", "1.16.1-pytorch2.3.0tensorflow2.16.1-gpu-py310-cu121-ubuntu22.04"),  # real
)
_REGISTRIES: tuple[tuple[ImageKind, str, tuple[tuple[str, str], ...]], ...] = (
    ("training", "registry.{}.aliyuncs.com/pai-dlc", _TRAINING),
    ("inference", "eas-registry-vpc.{}.cr.aliyuncs.com/pai-eas", _INFERENCE),
    ("develop", "dsw-registry-vpc.{}.cr.aliyuncs.com/pai", _DEVELOP),
)
_PAI_IMAGE = re.compile(
    r"(dsw-|eas-)?registry(?:-vpc)?\.[a-z0-9-]+(?:\.cr)?\.aliyuncs\.com/((?:pai-dlc|pai-eas|pai)/.+)", re.ASCII
)
"""An image of PAI's own: which registry (DLC's, DSW's or EAS's), and which namespace, name and tag."""
_TRANSFORMERS = re.compile(r"huggingface-(training|inference):([0-9.]+)-")
_PYTORCH_OF_TRANSFORMERS = "1.12"
_GIB = 1024**3
_FIRST = date(2024, 3, 1)
"""When the oldest image came."""


def official_rows(region_id: str) -> list[Row]:
    """Return PAI's own images in a region, oldest first; the registry's host carries the region."""
    rows: list[Row] = []
    for kind, registry, images in _REGISTRIES:
        for repository, tag in images:
            name = f"{repository}:{tag}"
            rows.append(_official_row(kind, name, f"{registry.format(region_id)}/{name}", len(rows)))
    return rows


class LocalImageCatalog:
    """PAI's own images of a region and the images added to its workspaces; safe to use from several threads.

    Attributes:
        region_id: the region.
    """

    def __init__(self, region_id: str, table: RecordTable | None = None) -> None:
        """Start with what was added before.

        Args:
            region_id: region such as ``cn-hangzhou``.
            table: keeps the added rows; None to keep none.
        """
        self.region_id = region_id
        self._official = {row["ImageId"]: row for row in official_rows(region_id)}
        self._table = table
        self._added = table.rows() if table else {}
        self._names = {(row["WorkspaceId"], row["Name"]) for row in self._added.values()}
        self._lock = threading.Lock()

    def rows(self, workspace_id: str) -> list[Row]:
        """Return the official rows and those of one workspace, oldest first."""
        with self._lock:
            return [*self._official.values(), *(r for r in self._added.values() if r["WorkspaceId"] == workspace_id)]

    def find(self, image_id: str) -> Row | None:
        """Return the row of one image, whatever its workspace."""
        with self._lock:
            return self._official.get(image_id) or self._added.get(image_id)

    def add(self, row: Row) -> bool:
        """Add a row; False when its id, or its name in its workspace, is taken."""
        with self._lock:
            image_id, name = row["ImageId"], (row["WorkspaceId"], row["Name"])
            if image_id in self._official or image_id in self._added or name in self._names:
                return False
            if self._table:
                self._table.put(image_id, row)
            self._added[image_id] = row
            self._names.add(name)
            return True

    def remove(self, image_id: str) -> bool:
        """Remove an added row; False when there is no such one."""
        with self._lock:
            row = self._added.get(image_id)
            if row is None:
                return False
            if self._table:
                self._table.remove(image_id)
            del self._added[image_id]
            self._names.discard((row["WorkspaceId"], row["Name"]))
            return True

    def clear(self) -> None:
        """Remove all added rows."""
        with self._lock:
            if self._table:
                self._table.clear()
            self._added.clear()
            self._names.clear()


def can_be_pulled(uri: str, catalog: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether the image of a job can be had.

    PAI's own registries have what the catalog has, in every region and from inside and outside a VPC. What other
    registries have, and other namespaces of those, are not known here; their images count as there, because local PAI
    pulls none to run a job's command as a process.

    Args:
        uri: image URI.
        catalog: rows of the catalog.
    """
    wanted = _PAI_IMAGE.fullmatch(uri)
    if wanted is None:
        return True
    uris = [str(row["ImageUri"]) for row in catalog]
    return uri in uris or wanted.groups() in [each.groups() for each in map(_PAI_IMAGE.fullmatch, uris) if each]


def is_official(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is one of PAI's own."""
    return {"Key": OFFICIAL_LABEL, "Value": "true"} in row["Labels"]


def filter_by_labels(rows: list[Row], wanted: Mapping[str, str]) -> list[Row]:
    """Keep rows that carry all labels; the value ``*`` stands for any, as PAI's SDK uses it."""

    def carries(row: Row, key: str, value: str) -> bool:
        return any(label["Key"] == key and value in (label["Value"], "*") for label in row["Labels"])

    return [row for row in rows if all(carries(row, key, value) for key, value in wanted.items())]


def label_values(rows: list[Row], image_id: str | None, keys: str | None) -> list[dict[str, str]]:
    """Return the different labels of rows, sorted: of one image, and of comma-separated keys, when given."""
    found = {
        (label["Key"], label["Value"])
        for row in rows
        for label in row["Labels"]
        if (not image_id or row["ImageId"] == image_id) and (not keys or label["Key"] in keys.split(","))
    }
    return [{"Key": key, "Value": value} for key, value in sorted(found)]


def _official_row(kind: ImageKind, name: str, uri: str, age: int) -> Row:
    labels = _official_labels(kind, name, uri)
    created = f"{_FIRST + timedelta(days=age):%Y-%m-%d}T02:17:35.{(age * 37 + 232) % 1000:03d}Z"
    return {
        "ImageId": f"image-{_id(name)}",
        "Name": name,
        "ImageUri": uri,
        "Description": f"PAI image for {kind}: {name}",
        "Accessibility": "PUBLIC",
        "SourceType": "Import",
        "Size": (5 if labels.get(CHIP_LABEL) == "GPU" else 2) * _GIB + age * 1_048_583,
        "UserId": "0",
        "ParentUserId": "0",
        "GmtCreateTime": created,
        "GmtModifiedTime": created,
        "Labels": [{"Key": key, "Value": value} for key, value in labels.items()],
    }


def _official_labels(kind: ImageKind, name: str, uri: str) -> dict[str, str]:
    origin = "Community" if kind == "training" and "PAI-" not in name else "PAI"
    labels = {OFFICIAL_LABEL: "true", "system.origin": origin, KIND_LABELS[kind]: "true"}
    labels[CHIP_LABEL] = "GPU" if "gpu" in name or "cuda" in name else "CPU"
    labels |= _transformers_labels(name)
    chip = {"Key": CHIP_LABEL, "Value": labels[CHIP_LABEL]}
    image = parse_image({"ImageUri": uri, "Labels": [chip]})
    if image is None:
        return labels
    return {
        **labels,
        "system.framework": f"{image.framework} {image.version}",
        f"system.framework.{image.framework}": image.version,
        "system.pythonVersion": image.python_version,
        **({"system.dsw.cudaVersion": image.cuda_version} if image.cuda_version else {}),
    }


def _transformers_labels(name: str) -> dict[str, str]:
    """Return the labels by which alipai finds images for Hugging Face: the library beside the framework."""
    found = _TRANSFORMERS.match(name)
    if found is None:
        return {}
    framework = {"system.framework.PyTorch": _PYTORCH_OF_TRANSFORMERS} if found[1] == "training" else {}
    return {"system.framework.Transformers": found[2], **framework}


def _id(name: str) -> str:
    """Return 18 lower-case letters and digits that stay the same for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:18]
