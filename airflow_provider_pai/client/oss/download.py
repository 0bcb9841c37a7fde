"""Objects on their way to this machine: the bytes that OSS stores, and the local names of their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

import requests
from fastcrc import crc64
from urllib3.exceptions import HTTPError

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.uri import OssUri

_CHUNK = 256 * 1024
_LONGEST_NAME = 255
"""Bytes of a file's name that Linux's file systems take."""


def stored_bytes(answer: Any, *, whole: bool = True) -> Iterator[bytes]:
    """Yield the bytes of an object as they are stored, whatever its Content-Encoding says of them.

    A job that mounts the object sees these, so everything else that reads it does.

    Args:
        answer: the library's result of ``get_object``.
        whole: whether the whole object was asked for: the checksum that OSS tells is always that of the whole.

    Raises:
        requests.RequestException: other bytes arrived, or fewer.
    """
    response, crc, count = answer.resp.response, 0, 0
    try:
        while chunk := response.raw.read(_CHUNK, decode_content=False):
            crc, count = crc64.xz(chunk, crc), count + len(chunk)
            yield chunk
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    finally:
        if answer.content_length not in (None, count):
            # What is left would be read by the next request on this connection.
            response.close()
    if answer.content_length not in (None, count) or (whole and answer.server_crc not in (None, crc)):
        raise requests.ConnectionError(f"{count} bytes arrived, and they are not those that OSS has")


def local_names(folder: OssUri, keys: Iterable[str]) -> dict[str, PurePosixPath]:
    """Return where each object of a folder lies below a local folder.

    Args:
        folder: the folder, or the one object.
        keys: the keys of the objects.

    Raises:
        PAIError: a key can't be a local path, or two can't be at a time; the message names it and says what to do.
    """
    start = folder.key if folder.is_folder else folder.key.removesuffix(folder.name)
    names = {key: key.removeprefix(start) for key in keys}
    for key, name in names.items():
        if problem := _problem(name):
            raise PAIError(f"the key {key!r} of bucket {folder.bucket} {problem}; nothing was downloaded")
    folders = {above for name in names.values() for above in accumulate(name.split("/")[:-1], "{}/{}".format)}
    for key, name in names.items():
        if name in folders:
            text = (
                f"the key {key!r} of bucket {folder.bucket} is an object and a folder of other objects, which no local"
            )
            raise PAIError(f"{text} file is; copy it to another key and delete it; nothing was downloaded")
    return {key: PurePosixPath(name) for key, name in names.items()}


def _problem(name: str) -> str:
    """Return why a name can't be a path below a folder; empty when it can."""
    parts = name.split("/")
    if ".." in parts or name.startswith("/"):
        return "would lead out of the local folder; copy the object to another key"
    if "" in parts or "." in parts:
        return "has an empty part or a part '.', which no local path has; copy the object to another key"
    if "\0" in name or any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts):
        return (
            f"has a part that names no file (over {_LONGEST_NAME} bytes, or with a NUL); copy the object to another key"
        )
    return ""
