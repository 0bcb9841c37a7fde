"""Key pairs from STS, asked for with the library ``alibabacloud-credentials``.

The library is loaded when it is first needed, and a provider of it is used for one key pair: when to ask again is
decided in :mod:`airflow_provider_pai.client.credentials.provider`. It reaches STS through the proxy that the
environment names, if any; ``NO_PROXY`` means nothing to it (1.0.12).
"""

from __future__ import annotations

import os
import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_pai.api.call import decode_error
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.library import vendor_providers
from airflow_provider_pai.client.credentials.provider import (
    CredentialsProvider,
    TemporaryCredentials,
    with_credentials,
)
from airflow_provider_pai.client.credentials.sources import AssumedRole, OidcRole
from airflow_provider_pai.errors import (
    APIError,
    CredentialsError,
    PAIError,
    ServerError,
    ThrottledError,
    TransportError,
)

_TIMEOUTS = {"connect_timeout": 5000, "read_timeout": 10000}
"""In milliseconds."""
_DEFAULT_DURATION = 3600
_REFUSED = re.compile(r"http_code: (\d+), result: (.*)", re.DOTALL)
"""How the library words a refusal (1.0.12)."""
_CLOCK_WRONG = "InvalidTimeStamp"
_CAUSE = re.compile(r"Caused by (\w+)")
_RRSA = {
    "role_arn": "ALIBABA_CLOUD_ROLE_ARN",
    "oidc_provider_arn": "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "oidc_token_file": "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
}


def assume_role(wanted: AssumedRole, keys: CredentialsProvider) -> TemporaryCredentials:
    """Return a key pair of a RAM role, assumed by another identity.

    Args:
        wanted: the role.
        keys: what to sign with: the source's.

    Raises:
        CredentialsError: STS refuses, or ``keys`` has none.
        TransportError: it gives no usable answer now.
    """
    return with_credentials(keys, partial(_assumed, wanted))


def assume_role_with_oidc(wanted: OidcRole) -> TemporaryCredentials:
    """Return a key pair of a RAM role, assumed with a token from a file.

    Raises:
        CredentialsError: STS refuses, there is no such file, or something isn't set.
        TransportError: STS gives no usable answer now.
    """
    action = "AssumeRoleWithOIDC"
    given = {
        "role_arn": wanted.role_arn,
        "oidc_provider_arn": wanted.provider_arn,
        "oidc_token_file": wanted.token_file,
    }
    found = {name: value or os.environ.get(_RRSA[name]) for name, value in given.items()}
    if missing := [name for name, value in found.items() if not value]:
        message = f"neither the connection nor {', '.join(_RRSA[name] for name in missing)} names it"
        raise CredentialsError(action, 0, "", message, check=" and ".join(missing))
    provider = partial(
        vendor_providers().OIDCRoleArnCredentialsProvider,
        role_arn=found["role_arn"],
        oidc_provider_arn=found["oidc_provider_arn"],
        oidc_token_file_path=found["oidc_token_file"],
        **_session_of(wanted),
    )
    return _request(action, wanted.sts_url, "role_arn, oidc_provider_arn and oidc_token_file", provider)


def _assumed(wanted: AssumedRole, keys: KeyPair) -> TemporaryCredentials:
    provider = partial(
        vendor_providers().RamRoleArnCredentialsProvider,
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
        role_arn=wanted.role_arn,
        external_id=wanted.external_id,
        **_session_of(wanted),
    )
    return _request("AssumeRole", wanted.sts_url, "role_arn, external_id, policy and the access key", provider)


def _session_of(wanted: AssumedRole | OidcRole) -> dict[str, Any]:
    from alibabacloud_credentials.http import HttpOptions

    return {
        "role_session_name": wanted.session_name,
        "duration_seconds": wanted.duration or _DEFAULT_DURATION,
        "policy": wanted.policy,
        "sts_endpoint": _endpoint(wanted.sts_url),
        "http_options": HttpOptions(**_TIMEOUTS),
    }


def _endpoint(url: str) -> str:
    """Return STS's address as the library wants it: a host means HTTPS, and only plain HTTP is said."""
    return url if url.startswith("http://") else urlsplit(url).netloc


def _request(action: str, url: str, check: str, provider: Any) -> TemporaryCredentials:
    try:
        found = provider().get_credentials()
    except Exception as error:  # noqa: BLE001 - the library lets through whatever its parts raise
        raise _failure(action, str(urlsplit(url).hostname), check, error) from None
    keys = KeyPair(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token())
    return TemporaryCredentials(keys, found.get_expiration())


def _failure(action: str, host: str, check: str, error: Exception) -> PAIError:
    """Turn what the library raised into ours, without the URLs and answers in its texts."""
    from Tea.exceptions import RetryError

    text = str(error)
    if isinstance(error, RetryError):
        cause = _CAUSE.search(text)
        return TransportError(f"{action}: no answer from {host} ({cause[1] if cause else 'cut off'})", sent=False)
    if refused := _REFUSED.search(text):
        return _refusal(action, host, check, decode_error(action, int(refused[1]), {}, refused[2].encode()))
    if isinstance(error, OSError):
        message = f"{error.filename} can't be read: {error.strerror}"
        return CredentialsError(action, 0, "", message, check="oidc_token_file")
    # Among them: keys that have expired already, by this machine's clock.
    advice = "the answer holds no usable key pair; is this machine's clock right?"
    return TransportError(f"{action}: {advice} ({host}, {type(error).__name__})", sent=False)


def _refusal(action: str, host: str, check: str, error: PAIError) -> PAIError:
    if not isinstance(error, APIError):
        return TransportError(f"{action}: the answer from {host} is not STS's", sent=False)
    if error.code.startswith(_CLOCK_WRONG):
        return TransportError(f"{action}: {host} says that this machine's clock is wrong ({error.code})", sent=False)
    if isinstance(error, ServerError | ThrottledError):
        return TransportError(f"{action}: {error.code}: {error.message} (HTTP {error.status}, {host})", sent=False)
    return CredentialsError(action, error.status, error.code, error.message, error.request_id, check=check)
