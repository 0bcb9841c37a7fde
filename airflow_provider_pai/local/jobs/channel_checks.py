"""What CreateTrainingJob refuses of the places of code and data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_pai.local.jobs.channel_uris import URI_MEMBERS, DatasetUri
from airflow_provider_pai.local.jobs.file_systems import FileSystems
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.model.training.spec import CodeLocation
from airflow_provider_pai.model.uri import DataKind, OssUri, data_kind

Body = Mapping[str, Any]

_KIND_WORDS = {
    DataKind.NAS: "NAS file systems",
    DataKind.CPFS: "CPFS file systems",
    DataKind.LINGJUN_CPFS: "Lingjun CPFS file systems",
    DataKind.MAXCOMPUTE: "MaxCompute tables",
    DataKind.DATASET: "datasets that are named in a URI; send DatasetId",
}
_MOUNTED = (DataKind.NAS, DataKind.CPFS, DataKind.LINGJUN_CPFS)
_CODE_PLACES = ("oss", "nas")
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")


def channel_problems(body: Body, place: DatasetUri, file_systems: FileSystems) -> Iterator[str]:
    """Yield what is wrong with the channels of a job, each of which has a name.

    Args:
        body: a body of the operation's form.
        place: tells where a dataset lies.
        file_systems: what stands in for NAS and CPFS.
    """
    for where in URI_MEMBERS:
        for item in body.get(where, ()):
            name = f"{where} {item['Name']}"
            if not _CHANNEL.fullmatch(item["Name"]):
                yield f"{where} is invalid: {item['Name']!r} is no channel name (letters, digits, '_', '.', '-')"
            if not _is_json_object(item.get("Options")):
                yield f"{name}: Options is invalid: it must be a JSON object"
            if not file_systems.place(item.get(URI_MEMBERS[where]) or ""):
                yield from _address_problems(name, where, item, place, body)
    yield from _definition_problems(body)


def code_problems(location: Body | None) -> Iterator[str]:
    """Yield what is wrong with the place of a job's source code."""
    if not location:
        return
    where = "AlgorithmSpec.CodeDir"
    kind, value = location.get("LocationType", ""), location.get("LocationValue") or {}
    key = value.get("Key") or ""
    if kind.lower() not in _CODE_PLACES:
        yield f"{where}.LocationType is invalid: it must be OSS or NAS, not {kind!r}"
    elif kind.lower() != "oss":
        yield f"{where}.LocationType is not supported: local PAI reads code from OSS, not from {kind!r}"
    if not key.endswith(("/", ".tar.gz")):
        yield f"{where}.LocationValue.Key is invalid: {key!r} is no folder (ending in /) and no .tar.gz"
    yield from _uri_problems(f"{where}.LocationValue", CodeLocation(value.get("Bucket") or "", key, "").uri)


def _address_problems(name: str, where: str, item: Body, place: DatasetUri, body: Body) -> Iterator[str]:
    member = URI_MEMBERS[where]
    if item.get("DatasetId") and item.get(member):
        yield f"{name}: {member} and DatasetId contradict each other"
    elif item.get("DatasetId"):
        yield from _dataset_problems(name, where, item, place)
    elif item.get("VersionName"):
        yield f"{name}: DatasetId is required with VersionName"
    elif item.get(member):
        yield from _uri_problems(f"{name}: {member}", item[member])
    elif where != "OutputChannels" or not body.get("ExperimentConfig", {}).get("ExperimentId"):
        yield f"{name}: {member} is required"


def _dataset_problems(name: str, where: str, item: Body, place: DatasetUri) -> Iterator[str]:
    try:
        uri = OssUri.parse(place(item["DatasetId"], item.get("VersionName", "")))
    except LookupError as error:
        yield f"{name} is invalid: {error}"
        return
    if where == "OutputChannels" and not uri.is_folder:
        yield f"{name} is invalid: dataset {item['DatasetId']} is a file, and outputs need a folder"


def _uri_problems(where: str, uri: str) -> Iterator[str]:
    try:
        kind = data_kind(uri)
    except ValueError as error:
        yield f"{where} is invalid: {error}"
        return
    if kind is not DataKind.OSS:
        hint = "; pai-local serve --mount URI=DIR lets a folder stand in for one" if kind in _MOUNTED else ""
        yield f"{where} is not supported: local PAI has no {_KIND_WORDS[kind]}{hint}"


def _definition_problems(body: Body) -> Iterator[str]:
    for where, member in URI_MEMBERS.items():
        given = {item["Name"]: item for item in body.get(where, ())}
        for definition in body["AlgorithmSpec"].get(where, ()):
            name, kinds = definition.get("Name", ""), definition.get("SupportedChannelTypes", ())
            if not name:
                yield f"AlgorithmSpec.{where}: Name is required"
            elif definition.get("Required") and name not in given:
                yield f"{where} {name} is required: AlgorithmSpec.{where} says so"
            elif (
                name in given
                and given[name].get(member)
                and kinds
                and _scheme(given[name][member]) not in map(str.lower, kinds)
            ):
                scheme = _scheme(given[name][member])
                yield f"{where} {name} is invalid: AlgorithmSpec.{where} supports {', '.join(kinds)}, not {scheme}"


def _scheme(uri: str) -> str:
    return uri.partition("://")[0].lower()


def _is_json_object(text: str | None) -> bool:
    """Tell whether mount options are what they must be."""
    try:
        return isinstance(read_json(text or "{}"), dict)
    except ValueError:
        return False
