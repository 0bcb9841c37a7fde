"""The library ``alibabacloud-credentials``: loaded when it is first needed, and without its log."""

from __future__ import annotations

import logging
from typing import Any


def vendor_providers() -> Any:
    """Return the library's providers, without its log.

    It logs each failure with the URL or the whole answer: signatures, tokens, secrets.
    """
    import alibabacloud_credentials.provider as providers

    logging.getLogger("credentials").setLevel(logging.CRITICAL)
    return providers
