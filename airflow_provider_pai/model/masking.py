"""Which values must not be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|(?<![A-Z])(?:PASS|PWD)(?![A-Z])|CREDENTIAL|ACCESS_?KEY|API_?KEY|PRIVATE",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(://)[^/\s@]+@")
_NAME_MEMBERS = ("Name", "Key")


def looks_secret(name: str) -> bool:
    """Whether the name of a variable, member or hyperparameter says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None


def masked(value: Any) -> Any:
    """Return a JSON value with every text, number or flag replaced whose name looks secret, and users in URLs.

    A name is a member's, or that of a pair ``{"Name": ..., "Value": ...}`` or ``{"Key": ..., "Value": ...}``. Objects
    and lists below such a name stay, so that one sees what is sent.
    """
    if isinstance(value, Mapping):
        named = next((str(value[name]) for name in _NAME_MEMBERS if name in value and "Value" in value), "")
        return {name: _masked_member(item, name if name != "Value" else named or name) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return _IN_URL.sub(rf"\1{MASK}@", value) if isinstance(value, str) else value


def _masked_member(value: Any, name: str) -> Any:
    if isinstance(value, Mapping | list) or not looks_secret(name):
        return masked(value)
    return value if value in (None, "") else MASK
