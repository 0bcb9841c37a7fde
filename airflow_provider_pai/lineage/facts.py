"""What is known of a task's work: operators know it, and OpenLineage's classes are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pai.model.masking import masked
from airflow_provider_pai.model.uri import OssUri, local_path


@dataclass(frozen=True)
class DatasetName:
    """What OpenLineage knows a dataset by.

    Attributes:
        namespace: where it lies, such as ``oss://bucket``.
        name: its name there, such as a key.
        kind: ``FILE``, ``MODEL`` or ``SERVICE``; empty for none.
    """

    namespace: str
    name: str
    kind: str = ""


@dataclass(frozen=True)
class LineageFacts:
    """What is known of a task's work at one moment.

    Attributes:
        inputs: what it reads.
        outputs: what it writes.
        external_id: id of the job, version or service; empty while there is none.
        code_uri: place of the source code in OSS; empty for none.
        facet: name of the run facet that holds ``details``.
        details: what else is known: plain JSON.
        parameters: what it was asked to do with, such as hyperparameters.
        failure: kind, cause and advice of a failure; empty for none.
    """

    inputs: tuple[DatasetName, ...] = ()
    outputs: tuple[DatasetName, ...] = ()
    external_id: str = ""
    code_uri: str = ""
    facet: str = "pai_trainingJob"
    details: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    failure: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_details(self) -> dict[str, Any]:
        """``details`` without what is unknown, and without a secret."""
        known = {name: value for name, value in self.details.items() if value not in (None, "", {}, [])}
        return dict(masked(known))

    @property
    def shown_parameters(self) -> dict[str, str]:
        """``parameters`` without a secret."""
        return {name: str(value) for name, value in masked(dict(self.parameters)).items()}


def dataset_name(uri: object, kind: str = "FILE") -> DatasetName | None:
    """Return what OpenLineage knows the place of data by; None for what is no place, such as an empty template.

    The bucket is the namespace and the key the name, as for other object stores.

    Args:
        uri: an address as jobs read or write it.
        kind: what lies there.
    """
    if not isinstance(uri, str) or not uri:
        return None
    if uri.startswith("oss://"):
        try:
            place = OssUri.parse(uri)
        except ValueError:
            return None
        return DatasetName(f"oss://{place.bucket}", place.key or "/", kind)
    if (path := local_path(uri)) is not None:
        return DatasetName("file", path, kind)
    scheme, is_uri, rest = uri.partition("://")
    if not is_uri:
        return DatasetName("pai://datasets", uri, kind)
    authority, _, name = rest.partition("/")
    return DatasetName(f"{scheme}://{authority}", name or "/", kind)


def dataset_names(uris: Mapping[str, object] | None, kind: str = "FILE") -> tuple[DatasetName, ...]:
    """Return what OpenLineage knows the places of channels by; a place that two channels share is there once."""
    if not isinstance(uris, Mapping):
        return ()
    found = (dataset_name(uri, kind) for uri in uris.values())
    return tuple(dict.fromkeys(name for name in found if name))
