"""Rows of datasets: what a dataset is, which of its versions lies where, and which datasets a list is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_pai.local.catalogs.record_store import Row, new_id
from airflow_provider_pai.local.catalogs.version_store import VersionedStore
from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.http.parameters import invalid, one_of, some_of
from airflow_provider_pai.model.uri import OssUri

FIRST_VERSION = "v1"
"""The version of an input channel that names none [inferred]: a dataset's own Uri is that of its first version."""
_PROPERTIES = ("FILE", "DIRECTORY")
_SOURCES = ("OSS", "NAS", "EXTREMENAS", "CPFS", "BMCPFS", "MAXCOMPUTE", "URL")
_TYPES = ("COMMON", "PIC", "TEXT", "VIDEO", "AUDIO")
_ACCESSIBILITIES = ("PRIVATE", "PUBLIC")
_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff_-]{0,126}")
"""Chinese characters, too."""
_COPIED = ("SourceDatasetId", "SourceDatasetVersion")
_OF_VERSIONS = ("DataCount", "DataSize", "DataSourceType", "Options", "Property", "SourceId", "SourceType", "Uri")


class NoSuchDataset(LookupError):
    """There is no such dataset, or version of it; the text says which."""


def place(datasets: VersionedStore, dataset_id: str, version: str) -> str:
    """Return the OSS URI of a dataset.

    Args:
        datasets: all datasets.
        dataset_id: the dataset.
        version: one of its versions; empty for the first.

    Raises:
        NoSuchDataset: one of them is not there.
    """
    row = datasets.find(dataset_id)
    if row is None:
        raise NoSuchDataset(f"there is no dataset {dataset_id}")
    found = datasets.version(dataset_id, version or FIRST_VERSION)
    if found is None:
        raise NoSuchDataset(f"dataset {dataset_id} has no version {version}")
    uri = OssUri.parse(found["Uri"])
    return str(uri.folder() if found["Property"] == "DIRECTORY" else uri)


def check_place(body: Mapping[str, Any]) -> None:
    """Refuse what is no place in OSS: local PAI has no other storage."""
    source, kind = one_of(body, "DataSourceType", _SOURCES), one_of(body, "Property", _PROPERTIES)
    if source != "OSS":
        raise invalid("DataSourceType", f"{source} is not supported, local PAI has only OSS")
    try:
        uri = OssUri.parse(body["Uri"])
    except ValueError as error:
        raise invalid("Uri", str(error)) from error
    if kind == "FILE" and uri.is_folder:
        raise invalid("Uri", f"{uri} is a folder, but Property is FILE")


def dataset_row(body: Mapping[str, Any], workspace_id: str, time: str) -> Row:
    """Return the row of CreateDataset.

    Args:
        body: a body of the operation's form with a checked place.
        workspace_id: its workspace.
        time: now, as the service writes it.

    Raises:
        ErrorResponse: 400 InvalidParameter.
    """
    if not _NAME.fullmatch(body["Name"]):
        what = "1 to 127 letters, digits, '_' and '-', beginning with a letter or a digit"
        raise invalid("Name", what)
    return {
        **{name: body[name] for name in _COPIED if name in body},
        "DatasetId": new_id("d-"),
        "Name": body["Name"],
        "Description": body.get("Description", ""),
        "Accessibility": one_of(body, "Accessibility", _ACCESSIBILITIES, "PRIVATE"),
        "DataType": one_of(body, "DataType", _TYPES, "COMMON"),
        "Edition": one_of(body, "Edition", ("BASIC",), "BASIC"),
        "ProviderType": one_of(body, "ProviderType", ("Ecs",), "Ecs"),
        "Labels": body.get("Labels", []),
        "OwnerId": OWNER,
        "UserId": body.get("UserId", OWNER),
        "WorkspaceId": workspace_id,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }


def first_version(body: Mapping[str, Any], time: str) -> Row:
    """Return the version that CreateDataset makes.

    Args:
        body: a body of the operation's form with a checked place.
        time: now, as the service writes it.
    """
    own = {**body, "Description": body.get("VersionDescription", ""), "Labels": body.get("VersionLabels", [])}
    return version_row(own, FIRST_VERSION, time)


def version_row(body: Mapping[str, Any], name: str, time: str) -> Row:
    """Return a version of a dataset, as GetDatasetVersion answers it.

    Args:
        body: a body of CreateDatasetVersion with a checked place.
        name: its name, ``v`` and a number.
        time: now, as the service writes it.
    """
    return {
        "VersionName": name,
        "SourceType": "USER",
        "MountAccess": "RW",
        **{member: body[member] for member in _OF_VERSIONS if member in body},
        "Description": body.get("Description", ""),
        "Labels": body.get("Labels", []),
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }


def dataset_view(row: Row, first: Row, latest: Row) -> Row:
    """Return a dataset as GetDataset answers it: the place is that of its first version.

    Args:
        row: the dataset.
        first: its first version.
        latest: its latest version.
    """
    names = ("DataSourceType", "Property", "Uri", "Options", "SourceType", "SourceId", "MountAccess")
    place_of_first = {name: first[name] for name in names if name in first}
    return {**row, **place_of_first, "IsShared": False, "LatestVersion": latest}


def filter_datasets(rows: Sequence[Row], first: Callable[[Row], Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListDatasets does; there are no public datasets of PAI (Provider ``pai``) here, and no shared ones.

    Args:
        rows: datasets.
        first: returns the first version of one.
        query: the request's parameters.
    """
    ids, types = some_of(query, "DatasetIds"), some_of(query, "DataTypes", _TYPES)
    sources, properties = some_of(query, "DataSourceTypes", _SOURCES), some_of(query, "Properties", _PROPERTIES)
    origins, accessibility = some_of(query, "SourceTypes"), one_of(query, "Accessibility", _ACCESSIBILITIES)
    name, label = query.get("Name", "").lower(), query.get("Label", "")
    return [
        row
        for row in rows
        if not query.get("Provider")
        and not query.get("ShareScope")
        and name in row["Name"].lower()
        and (not ids or row["DatasetId"] in ids)
        and (not types or row["DataType"] in types)
        and (not accessibility or row["Accessibility"] == accessibility)
        and (not sources or first(row)["DataSourceType"] in sources)
        and (not properties or first(row)["Property"] in properties)
        and (not origins or first(row)["SourceType"] in origins)
        and query.get("SourceId") in (None, "", first(row).get("SourceId"))
        and query.get("SourceDatasetId") in (None, "", row.get("SourceDatasetId"))
        and query.get("Edition") in (None, "", row["Edition"])
        and (not label or any(label in text for item in row["Labels"] for text in item.values()))
    ]


def filter_versions(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListDatasetVersions does."""
    properties, origins = some_of(query, "Properties", _PROPERTIES), some_of(query, "SourceTypes")
    keys, values = some_of(query, "LabelKeys"), some_of(query, "LabelValues")
    return [
        row
        for row in rows
        if (not properties or row["Property"] in properties)
        and (not origins or row["SourceType"] in origins)
        and query.get("SourceId") in (None, "", row.get("SourceId"))
        and keys <= {label["Key"] for label in row["Labels"]}
        and values <= {label.get("Value", "") for label in row["Labels"]}
    ]
