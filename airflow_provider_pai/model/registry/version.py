"""Versions of a registered model: name, approval status, and order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PENDING = "Pending"
APPROVED = "Approved"
REJECTED = "Rejected"
APPROVAL_STATUSES = (PENDING, APPROVED, REJECTED)
NEWEST_APPROVED = "approved"
"""Stands for the approved version that was registered last."""
FINAL_STATUSES = (APPROVED, REJECTED)
"""Neither changes any more (help page on approval of model versions)."""
FORMAT_TYPES = (
    "OfflineModel",
    "SavedModel",
    "Keras H5",
    "Frozen Pb",
    "Caffe Prototxt",
    "TorchScript",
    "XGBoost",
    "PMML",
    "AlinkModel",
    "ONNX",
)
FRAMEWORK_TYPES = ("Pytorch", "XGBoost", "Keras", "Caffe", "Alink", "Xflow", "TensorFlow")
SOURCE_TYPE = "TrainingService"
"""Source type of a version that a training job made."""
NEWEST_APPROVED = "approved"
"""Stands for the name of the approved version that was registered last."""
FIRST_VERSION = "0.1.0"
VERSION_NAME = re.compile(r"\d+\.\d+\.\d+(_\w+)?", re.ASCII)


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model.

    Attributes:
        name: such as ``0.3.0``.
        uri: where the model lies.
        approval_status: ``Pending``, ``Approved`` or ``Rejected``; one that PAI adds later is as it came.
        metrics: metrics by name.
        inference_spec: how a service runs it, under PAI's names.
        labels: its labels.
        format_type: format of the files; empty for none.
        framework_type: framework; empty for none.
        source_type: what made it.
        source_id: the job that made it, see :func:`source_id`.
        description: free text.
        created: when it was made, as PAI writes it.
        modified: when it was last changed.
    """

    name: str
    uri: str
    approval_status: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    inference_spec: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    format_type: str = ""
    framework_type: str = ""
    source_type: str = ""
    source_id: str = ""
    description: str = ""
    created: str = ""
    modified: str = ""

    @property
    def is_approved(self) -> bool:
        """Whether it may serve."""
        return self.approval_status == APPROVED

    @property
    def is_decided(self) -> bool:
        """Whether a person or a task has approved or rejected it; neither changes any more."""
        return self.approval_status in FINAL_STATUSES

    @property
    def job_id(self) -> str:
        """The training job that made it; empty when the version does not say."""
        return parse_source_id(self.source_id).get("id", "")


@dataclass(frozen=True)
class RegisteredModel:
    """A model of the registry.

    Attributes:
        model_id: PAI's id.
        name: its name.
        created: when it was made, as PAI writes it.
        latest: its latest version; None when it has none, or where it was not told.
    """

    model_id: str
    name: str
    created: str = ""
    latest: ModelVersion | None = None


def source_id(region_id: str, workspace_id: str, job_id: str) -> str:
    """Return how a version names the training job that made it.

    The form is the SDK's (aiworkspace20210204 8.3.5) and ``kind=TrainingJob`` is alipai's (0.4.13).
    """
    return f"region={region_id},workspaceId={workspace_id},kind=TrainingJob,id={job_id}"


def parse_source_id(text: str) -> dict[str, str]:
    """Return the parts of a source id by name; empty for one of another form."""
    parts = [part.partition("=") for part in text.split(",")]
    return {name: value for name, is_there, value in parts if is_there}


def newest(versions: Iterable[ModelVersion], approval_status: str | None = None) -> ModelVersion | None:
    """Return the version that was made last, of one approval status if one is given; None when there is none."""
    kept = [each for each in versions if approval_status in (None, each.approval_status)]
    return max(kept, key=lambda each: (each.created, version_numbers(each.name)), default=None)


def next_version_name(names: Iterable[str]) -> str:
    """Return the name that PAI gives by itself: ``0.1.0``, then the second number grows by one.

    Giving the name makes a create that is sent twice harmless: a version's name is unique within its model.
    """
    numbers = [version_numbers(name) for name in names]
    if not numbers:
        return FIRST_VERSION
    major, minor, _ = max(numbers)
    return f"{major}.{minor + 1}.0"


def version_numbers(name: str) -> tuple[int, int, int]:
    """Return the numbers of a version's name, by which names are sorted; zeros for a name of another form."""
    if not VERSION_NAME.fullmatch(name):
        return (0, 0, 0)
    major, minor, patch = name.split("_")[0].split(".")
    return (int(major), int(minor), int(patch))
