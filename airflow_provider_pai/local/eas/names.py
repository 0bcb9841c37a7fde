"""Names and labels of services and groups: which ones can be.

That a group's name has the form of a service's, and the limits of labels, are [inferred].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")
_MAX_LABELS = 50
_MAX_LABEL = 128


def name_problems(member: str, name: str) -> Iterator[str]:
    """Yield what is wrong with the name of a service or group.

    Args:
        member: where the name stands.
        name: the name.
    """
    if not _NAME.fullmatch(name):
        yield (
            f"{member} is invalid: {name!r} must have 3 to 63 lower-case letters, digits and underscores, "
            "a letter first"
        )


def label_problems(labels: Mapping[str, str], member: str = "labels") -> Iterator[str]:
    """Yield what is wrong with labels."""
    if len(labels) > _MAX_LABELS:
        yield f"{member} is invalid: a service has at most {_MAX_LABELS} labels"
    for key, value in labels.items():
        if not key or max(len(key), len(value)) > _MAX_LABEL:
            yield f"{member} is invalid: {key!r} must be a key, and key and value at most {_MAX_LABEL} characters each"
