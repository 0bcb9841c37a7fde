"""Why no answer came, in the words of an error message."""

from __future__ import annotations

import re

_CONNECTION = re.compile(r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): ")
"""What urllib3 begins its texts with: host and port, which the message has named, or an object's address."""


def cause_text(error: Exception) -> str:
    """Name the cause without the URL, which the text of requests' errors repeats at length."""
    reason = error.args[0] if error.args else error
    reason = getattr(reason, "reason", None) or reason
    return f"{type(error).__name__} ({_CONNECTION.sub('', str(reason))})"
