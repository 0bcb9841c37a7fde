"""File systems of the cloud, for each of which a folder of this machine stands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pai.model.uri import DataKind, data_kind

_KINDS = (DataKind.NAS, DataKind.CPFS, DataKind.LINGJUN_CPFS)


@dataclass(frozen=True)
class FileSystems:
    """What stands in for which file systems.

    Attributes:
        folders: folder of this machine by the beginning of its URIs, such as ``nas://1a2b3c.cn-hangzhou/data/``.
    """

    folders: Mapping[str, Path]

    @classmethod
    def of(cls, folders: Mapping[str, Path]) -> FileSystems:
        """Check what is to stand in for what.

        Raises:
            ValueError: a URI is none of a file system, or a folder is not there; the message says which.
        """
        for uri, folder in folders.items():
            if not _is_file_system(uri):
                raise ValueError(f"{uri!r} is no URI of a NAS or CPFS file system such as nas://1a2b3c.cn-hangzhou/")
            if not folder.is_dir():
                raise ValueError(f"{uri} needs a folder of this machine, and {folder} is none")
        return cls({uri if uri.endswith("/") else f"{uri}/": folder for uri, folder in folders.items()})

    def buckets(self) -> dict[str, Path]:
        """Return the folders by the names that they have among the buckets of jobs."""
        return {_bucket(number): folder for number, folder in enumerate(self.folders.values())}

    def place(self, uri: str) -> str | None:
        """Return where the data of a URI lies, as a URI of a bucket; None when nothing stands in for it."""
        found = [
            (len(beginning), f"oss://{_bucket(number)}/{_below(beginning, uri)}")
            for number, beginning in enumerate(self.folders)
            if uri.startswith(beginning) or f"{uri}/" == beginning
        ]
        return max(found)[1] if found and ".." not in uri.split("/") else None

    def places(
        self, members: Mapping[str, str], body: Mapping[str, Iterable[Mapping[str, str]]]
    ) -> dict[str, dict[str, str]]:
        """Return where the channels of a job lie that name a file system, by the member that lists them and by name.

        Args:
            members: the member of a channel that has its URI, by the member that lists the channels.
            body: a body of CreateTrainingJob.
        """
        return {
            where: {
                item["Name"]: place
                for item in body.get(where, ())
                if item.get("Name") and (place := self.place(item.get(member) or ""))
            }
            for where, member in members.items()
        }


def _is_file_system(uri: str) -> bool:
    try:
        return data_kind(uri if uri.endswith("/") else f"{uri}/") in _KINDS
    except ValueError:
        return False


def _bucket(number: int) -> str:
    return f"mounted-file-system-{number}"


def _below(beginning: str, uri: str) -> str:
    return uri[len(beginning) :].lstrip("/")
