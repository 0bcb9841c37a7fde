"""Tags of objects: reading them from a header or a document, their limits, and how they are kept.

Limits: OSS help, "Object tagging". The code of the error is [inferred]: the help pages show causes, not the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, unquote_plus

from airflow_provider_pai.local.oss.errors import OSSErrorResponse

TAGGING_HEADER = "x-oss-tagging"

_MAX_TAGS = 10
_MAX_KEY = 128
_MAX_VALUE = 256
_SIGNS = frozenset(" +-=._:/")


def tags_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the tags among what is kept about an object."""
    return dict(parse_qsl(headers.get(TAGGING_HEADER, ""), keep_blank_values=True))


def encode_tags(tags: Iterable[tuple[str, str]]) -> str:
    """Return tags in the form in which they are kept, which is the header's.

    Raises:
        OSSErrorResponse: InvalidTag: more than 10; a key twice, empty or longer than 128 characters; a value longer
            than 256; a sign OSS does not allow.
    """
    pairs = list(tags)
    keys = [key for key, _ in pairs]
    if len(pairs) > _MAX_TAGS or len(set(keys)) < len(keys):
        raise _invalid_tag(f"An object has at most {_MAX_TAGS} tags, each with a key of its own.")
    for key, value in pairs:
        if not 1 <= len(key) <= _MAX_KEY or len(value) > _MAX_VALUE or not _allowed(key + value):
            raise _invalid_tag(f"The tag {key[:_MAX_KEY]!r} is too long or has a sign that is not allowed.")
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)


def read_tagging_header(text: str) -> list[tuple[str, str]]:
    """Read ``x-oss-tagging``: ``key=value`` or ``key``, encoded as in URLs and joined by ``&``.

    Raises:
        OSSErrorResponse: InvalidTag: a piece has more than one ``=``.
    """
    pieces = text.split("&") if text else []
    if any(piece.count("=") > 1 for piece in pieces):
        raise _invalid_tag("Tags are written as key=value and joined by &.")
    pairs = (piece.partition("=") for piece in pieces)
    return [(unquote_plus(key), unquote_plus(value)) for key, _, value in pairs]


def _allowed(text: str) -> bool:
    return all(sign.isalnum() or sign in _SIGNS for sign in text)


def _invalid_tag(message: str) -> OSSErrorResponse:
    return OSSErrorResponse(400, "InvalidTag", message)
