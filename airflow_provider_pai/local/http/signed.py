"""What a right signature tells about a request, whichever the scheme."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from airflow_provider_pai.api.signing import SignatureError


@dataclass(frozen=True)
class Signed:
    """Who sent a request and what for; all of it is covered by the signature.

    Attributes:
        access_key_id: who signed.
        nonce: a value that its sender uses once.
        security_token: token of temporary credentials, not checked yet; empty when there was none.
        action: the operation's name.
        version: the product's API version.
    """

    access_key_id: str
    nonce: str
    security_token: str = field(repr=False)
    action: str
    version: str


def mismatch(text: str, token: str) -> SignatureError:
    """Return the error of a wrong signature.

    The gateway shows the text that it signed. A security token in it is left out here: errors end up in logs.

    Args:
        text: the text that the server signed.
        token: the security token of the request.
    """
    for form in (token, quote(token, safe=""), quote(quote(token, safe=""), safe="")) if token else ():
        text = text.replace(form, "***")
    message = f"Specified signature is not matched with our calculation. server string to sign is: {text}"
    return SignatureError(400, "SignatureDoesNotMatch", message)
