"""Who may send requests to a service: callers that show its token, or sign with it as EAS's own client does.

The signature is that of ``eas-prediction`` 0.36: HMAC-SHA1 of the request's head. Its date is not judged, because that
client writes local time and calls it GMT; and the body is not compared with the signed ``Content-MD5``, because a body
is passed on while it comes in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_BEARER, _SIGNED = b"Bearer ", b"EAS "
_SIGNED_HEADERS = (b"content-md5", b"content-type", b"date")


def admits(token: str, method: str, path: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a request may pass.

    Args:
        token: the service's, or the group's.
        method: HTTP method.
        path: the path as it was on the wire.
        headers: names in lower case, and values.
    """
    given = dict(headers)
    shown = given.get(b"authorization", b"")
    if shown.startswith(_SIGNED):
        parts = [method.encode(), *(given.get(name, b"") for name in _SIGNED_HEADERS), path]
        signature = base64.b64encode(hmac.new(token.encode(), b"\n".join(parts), hashlib.sha1).digest())
        return secrets.compare_digest(shown.removeprefix(_SIGNED), signature)
    return any(secrets.compare_digest(each, token.encode()) for each in (shown, shown.removeprefix(_BEARER)))
