"""Names of services and groups: which names EAS takes, and those that are derived from a group's."""

from __future__ import annotations

import hashlib
import re

SERVICE_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")
"""EAS's form of a name; that the first character must be a letter is [inferred] from its examples and console."""
LONGEST = 63
BLUE, GREEN = "blue", "green"
_DIGEST_LENGTH = 8


def is_service_name(name: str) -> bool:
    """Whether EAS takes a name for a service or a group."""
    return SERVICE_NAME.fullmatch(name) is not None


def pair_member_name(group: str, color: str) -> str:
    """Return the name of one of the two services that take turns in a group.

    The name of a group may be as long as that of a service. Where there is no room left for the color the group's name
    is cut, and a digest of all of it keeps the result apart from that of another group with the same beginning.
    """
    name = f"{group}_{color}"
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(group.encode()).hexdigest()[:_DIGEST_LENGTH]
    # Blue and green are cut at the same place, whichever is longer.
    kept = LONGEST - len(f"_{digest}_{max(BLUE, GREEN, key=len)}")
    return f"{group[:kept]}_{digest}_{color}"
