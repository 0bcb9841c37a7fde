"""Where data lies: OSS, NAS, CPFS, MaxCompute and dataset addresses, as PAI writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from airflow_provider_pai.model.values import shown

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_ENDPOINT = re.compile(r"(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?")
_ENDPOINT_QUERY = re.compile(r"\?(?:endpoint|host)=([^&]*)$")
_DATASET = re.compile(r"(d-[a-z0-9]+)(?:/(v\d+))?")
_MAX_KEY_BYTES = 1023


class DataKind(StrEnum):
    """Kinds of data an input channel can read."""

    OSS = "oss"
    NAS = "nas"
    CPFS = "cpfs"
    LINGJUN_CPFS = "bmcpfs"
    MAXCOMPUTE = "odps"
    DATASET = "dataset"


_FORMS = {
    DataKind.NAS: re.compile(r"nas://[^/]+/.*"),
    DataKind.CPFS: re.compile(r"cpfs://[^/]+/.*"),
    DataKind.LINGJUN_CPFS: re.compile(r"bmcpfs://[^/]+/.*"),
    DataKind.MAXCOMPUTE: re.compile(r"odps://[^/]+/(?:[^/]+/)?tables/[^/]+"),
    DataKind.DATASET: _DATASET,
}

INPUT_FORMS = (
    "oss://bucket/folder/ or oss://bucket/file, nas://<file system>.<region>/path/, "
    "cpfs://<file system>.<region>/path/, bmcpfs://<file system>.<region>/path/, odps://<project>/tables/<table>, "
    "or a dataset id such as d-abc123 or d-abc123/v1"
)
_LOCAL_SCHEME = "file://"


@dataclass(frozen=True)
class OssUri:
    """An object or a folder in OSS.

    Attributes:
        bucket: bucket name.
        key: object key; a folder's ends in ``/``; empty for the bucket itself.
        endpoint: host of the bucket's region when the URI names it, else empty.
    """

    bucket: str
    key: str
    endpoint: str = ""

    @classmethod
    def parse(cls, text: str) -> OssUri:
        """Read ``oss://bucket[.endpoint]/key``, with an optional ``?endpoint=`` at its end.

        Raises:
            ValueError: the text is no OSS URI; the message says what is wrong with it.
        """
        if not isinstance(text, str):
            raise ValueError(f"{shown(text)} is no text")  # noqa: TRY004 - an address that is wrong, as any other
        if not text.startswith("oss://"):
            raise ValueError(f"{text!r} does not begin with oss://")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValueError(f"{text!r} is no text in UTF-8, as keys in OSS must be; rename the file or the object")
        found = _ENDPOINT_QUERY.search(text)
        endpoint = found[1] if found else ""
        host, _, key = (text[: found.start()] if found else text)[len("oss://") :].partition("/")
        bucket, _, host_endpoint = host.partition(".")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(
                f"{text!r} has no valid bucket name (3 to 63 lower-case letters, digits and hyphens): {bucket!r}"
            )
        if (named := host_endpoint or endpoint) and not _ENDPOINT.fullmatch(named):
            raise ValueError(f"{text!r} has no valid endpoint (a host such as oss-cn-hangzhou.aliyuncs.com): {named!r}")
        if len(key.encode("utf-8", "replace")) > _MAX_KEY_BYTES or key.startswith(("/", "\\")):
            raise ValueError(f"{text!r} has no valid object key (at most 1,023 bytes that don't begin with a slash)")
        return cls(bucket, key, named)

    @property
    def is_folder(self) -> bool:
        """Whether the URI names a folder (or the whole bucket), not one object."""
        return not self.key or self.key.endswith("/")

    @property
    def name(self) -> str:
        """The last part of the key: a file's name, empty for a folder."""
        return self.key.rpartition("/")[2]

    def folder(self) -> OssUri:
        """Return the same place with the slash that marks a folder."""
        return self if self.is_folder else replace(self, key=self.key + "/")

    def child(self, *names: str) -> OssUri:
        """Return a place below this folder; a trailing slash of the last name is kept."""
        return replace(self, key=self.folder().key + "/".join(names))

    def without_endpoint(self) -> OssUri:
        """Return the URI in the form without an endpoint, so that two forms of one place compare equal."""
        return replace(self, endpoint="")

    def __str__(self) -> str:
        host = f"{self.bucket}.{self.endpoint}" if self.endpoint else self.bucket
        return f"oss://{host}/{self.key}"


def data_kind(text: str) -> DataKind:
    """Tell what an input address points to.

    Raises:
        ValueError: the address is of no known kind, or not well formed; the message lists the known forms.
    """
    if text.startswith("oss://"):
        OssUri.parse(text)
        return DataKind.OSS
    for kind, form in _FORMS.items():
        if form.fullmatch(text):
            return kind
    raise ValueError(f"{text!r} is of no kind that PAI reads; use {INPUT_FORMS}")


def local_path(text: str) -> str | None:
    """Return the path when an author's address is a file or folder of the worker's, else None.

    That is ``file://`` and every text that no scheme and no dataset id begins.
    """
    if text.startswith(_LOCAL_SCHEME):
        return text.removeprefix(_LOCAL_SCHEME)
    return None if "://" in text or not text or _DATASET.fullmatch(text) else text


def may_be_folder(text: str) -> bool:
    """Whether an OSS address that names one object looks as if a folder were meant: its name has no extension."""
    uri = OssUri.parse(text)
    return not uri.is_folder and "." not in uri.name


def is_dataset(text: str) -> bool:
    """Whether an address is a dataset's."""
    return _DATASET.fullmatch(text) is not None


def dataset_parts(text: str) -> tuple[str, str]:
    """Split a dataset address into id and version; the version is empty when none is named."""
    found = _DATASET.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no dataset id")
    return found[1], found[2] or ""
