"""What is wrong with the address of a folder that is one of a file."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri


def file_problems(oss: Callable[[], ObjectStorage], argument: str, uri: str) -> list[Problem]:
    """Return the problem of an address that must be a folder's and is a file's; without a slash it may be either.

    Args:
        oss: makes what looks; not called for an address that ends in a slash, or lies elsewhere.
        argument: the argument that has the address.
        uri: the address.

    Raises:
        PAIError: it can't be looked up.
    """
    if not uri.startswith("oss://") or (place := OssUri.parse(uri)).is_folder or not oss().exists(place):
        return []
    folder = uri[: uri.rindex(place.name)]
    return [Problem(argument, f"{uri!r} is a file; give its folder, {folder!r}")]
