"""The ``oss2`` library's errors as errors of ours, so that no layer above needs to know it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import oss2
import requests

from airflow_provider_pai.client.transport.cause import cause_text
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    NotFoundError,
    ServerError,
    TransportError,
)
from airflow_provider_pai.model.uri import OssUri

# The library logs every answer it takes for an error, a look-up of what isn't there among them, with all headers.
logging.getLogger("oss2").setLevel(logging.WARNING)
# A check of what arrived that fails is an error to it and an answer to repeat the request to us.
logging.getLogger("oss2.utils").setLevel(logging.CRITICAL)
_CUT_SHORT = frozenset({"RequestTimeout", "InvalidDigest"})
"""Codes of OSS for a body that did not arrive as it was sent [inferred from its list of errors]."""


@contextmanager
def oss_errors(verb: str, uri: OssUri) -> Iterator[None]:
    """Turn the library's errors into ours.

    Args:
        verb: what is done, such as ``write``.
        uri: to what.

    Raises:
        TransportError: no answer came, or other bytes arrived than were sent.
        APIError: OSS refused.
    """
    try:
        yield
    except (oss2.exceptions.RequestError, requests.RequestException) as error:
        # An answer that breaks off while it is read comes without the library's wrapping.
        cause = getattr(error, "exception", error)
        raise TransportError(f"OSS gave no answer when asked to {verb} {uri}: {cause_text(cause)}", sent=True) from None
    except oss2.exceptions.InconsistentError:
        raise TransportError(f"other bytes arrived than were sent when OSS was to {verb} {uri}", sent=True) from None
    except oss2.exceptions.OssError as error:
        if error.code in _CUT_SHORT:
            raise TransportError(f"OSS did not get all of {uri} ({error.code})", sent=True) from None
        raise _refused(f"OSS, asked to {verb} {uri},", error) from None


def _refused(operation: str, error: Any) -> APIError:
    details: Mapping[str, Any] = error.details if isinstance(error.details, dict) else {}
    code = str(error.code or "")
    # A signature error echoes the request, with its security token.
    message = "" if code == "SignatureDoesNotMatch" else str(error.message or details.get("Message") or "")
    kinds: dict[int, type[APIError]] = {403: AuthError, 404: NotFoundError, 409: ConflictError}
    kind = kinds.get(error.status, ServerError if error.status >= 500 else APIError)
    return kind(operation, error.status, code, message, str(error.request_id or ""))
