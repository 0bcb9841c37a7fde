"""Why no answer came, in the words of an error message."""

from __future__ import annotations


def cause_text(error: Exception) -> str:
    """Name the cause without the URL, which the text of requests' errors repeats at length."""
    reason = error.args[0] if error.args else error
    reason = getattr(reason, "reason", None) or reason
    return f"{type(error).__name__} ({reason})"
