"""Which signature a request carries: ``Authorization`` tells, or its absence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from airflow_provider_pai.api import signing
from airflow_provider_pai.local.http import roa, rpc
from airflow_provider_pai.local.http.signed import Signed

_RPC_PATH = "/"


def verify(request: signing.Request, secret_of: Callable[[str], str | None], now: datetime) -> Signed:
    """Check a received request by the scheme that it was signed with.

    Args:
        request: the request as it arrived, headers and all.
        secret_of: from an access key id to its secret; None for an unknown one.
        now: the server's time, aware of its zone.

    Raises:
        SignatureError: the errors of :mod:`airflow_provider_pai.api.signing`, of :mod:`.roa` or of :mod:`.rpc`.
    """
    headers = signing.collected(request.headers)
    authorization = headers.get("authorization", "")
    if authorization.startswith("acs "):
        return roa.verify(request, secret_of, now)
    if not authorization and request.path == _RPC_PATH:
        return rpc.verify(request, secret_of, now)
    access_key_id = signing.verify(request, secret_of, now)
    return Signed(
        access_key_id=access_key_id,
        nonce=headers["x-acs-signature-nonce"],
        security_token=headers.get("x-acs-security-token", ""),
        action=headers["x-acs-action"],
        version=headers["x-acs-version"],
    )
