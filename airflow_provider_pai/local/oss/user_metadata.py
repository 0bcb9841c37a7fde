"""User metadata of objects, ``x-oss-meta-*``: its limits.

Limits and their numbers: OSS help, errors 0011-00000002 and 0011-00000004. The code of both errors is [inferred].
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_pai.local.oss.errors import OSSErrorResponse, invalid_argument

META = "x-oss-meta-"
MAX_BYTES = 8192
"""Of all names and values of one object together."""
_NAME = re.compile(r"[a-z0-9-]+")


def check_user_metadata(headers: Mapping[str, str]) -> None:
    """Refuse user metadata that OSS would refuse.

    Args:
        headers: by lower-case name; others than user metadata are not looked at.

    Raises:
        OSSErrorResponse: InvalidArgument: a name has other signs than letters, digits and hyphens; or it is too much.
    """
    given = {name: value for name, value in headers.items() if name.startswith(META)}
    for name, value in given.items():
        if not _NAME.fullmatch(name.removeprefix(META)):
            raise _refused("The name of user metadata has letters, digits and hyphens only.", name, value, 4)
    if (size := sum(len(name) + len(value) for name, value in given.items())) > MAX_BYTES:
        raise _refused(f"User metadata has {MAX_BYTES} bytes at most, names included.", f"{META}*", str(size), 2)


def _refused(message: str, name: str, value: str, number: int) -> OSSErrorResponse:
    error = invalid_argument(message, name, value)
    error.ec = f"0011-{number:08}"
    return error
