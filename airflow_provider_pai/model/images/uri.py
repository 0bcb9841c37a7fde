"""What an image URI looks like."""

from __future__ import annotations

import re

_IMAGE_URI = re.compile(
    r"[a-z0-9][a-z0-9._-]*(?::[0-9]+)?(?:/[a-z0-9._-]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def is_image_uri(text: str) -> bool:
    """Whether a text is a well-formed image URI, as container registries take it."""
    return _IMAGE_URI.fullmatch(text) is not None
