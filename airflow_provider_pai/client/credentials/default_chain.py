"""Key pairs from wherever Alibaba Cloud's own tools would find them on this machine.

The places and their order are those of the library's ``DefaultCredentialsProvider`` (1.0.12), which can't be used as it
is: it sends what is meant for the metadata service through the environment's proxy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.library import vendor_providers
from airflow_provider_pai.client.credentials.provider import TemporaryCredentials
from airflow_provider_pai.client.credentials.sources import CredentialsUri, DefaultChain, EcsRole, KeySource, OidcRole
from airflow_provider_pai.errors import CredentialsError, PAIError, TransportError

_NAME = "default credentials"
Request = Callable[[KeySource], TemporaryCredentials]
"""Requests a key pair from a source."""
_OIDC = ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN")


def request_from_chain(wanted: DefaultChain, request: Request) -> TemporaryCredentials:
    """Return a key pair from the first place that has one.

    Args:
        wanted: the chain.
        request: requests a key pair from another source that the chain leads to.

    Raises:
        TransportError: none has, but one may have later.
        CredentialsError: none has.
    """
    tried: list[str] = []
    passing = False
    for place, ask in _places(wanted, request):
        try:
            return ask()
        except PAIError as error:
            passing |= isinstance(error, TransportError)
            reason = error.message if isinstance(error, CredentialsError) else error
            tried.append(f"{place}: {reason}")
    message = f"there are none in {len(tried)} places: {'; '.join(tried)}"
    if passing:
        raise TransportError(f"{_NAME}: {message}", sent=False)
    raise CredentialsError(_NAME, 0, "", message, check="credential_type")


def _places(wanted: DefaultChain, request: Request) -> Iterator[tuple[str, Callable[[], TemporaryCredentials]]]:
    providers = vendor_providers()
    yield (
        "environment variables ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        lambda: _from_library(providers.EnvironmentVariableCredentialsProvider),
    )
    if all(map(os.environ.get, _OIDC)):
        yield "OIDC variables", lambda: request(OidcRole(wanted.sts_url))
    yield "profile of the aliyun CLI", lambda: _from_library(providers.CLIProfileCredentialsProvider)
    yield "profile file of alibabacloud SDKs", lambda: _from_library(providers.ProfileCredentialsProvider)
    if not _is_true("ALIBABA_CLOUD_ECS_METADATA_DISABLED"):
        imdsv1 = not _is_true("ALIBABA_CLOUD_IMDSV1_DISABLED")
        role = EcsRole(os.environ.get("ALIBABA_CLOUD_ECS_METADATA") or None, imdsv1)
        yield "ECS RAM role", lambda: request(role)
    if uri := os.environ.get("ALIBABA_CLOUD_CREDENTIALS_URI"):
        yield "ALIBABA_CLOUD_CREDENTIALS_URI", lambda: request(CredentialsUri(uri))


def _from_library(provider: Any) -> TemporaryCredentials:
    """Return what a provider of the library finds; it doesn't say until when."""
    from Tea.exceptions import RetryError

    try:
        found = provider().get_credentials()
    except RetryError:
        raise TransportError("no answer from the service it names", sent=False) from None
    except Exception as error:  # noqa: BLE001 - the library lets through whatever its parts raise
        # Its text may hold an answer with secrets.
        raise CredentialsError(_NAME, 0, "", f"not usable ({type(error).__name__})", check="credential_type") from None
    keys = KeyPair(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token() or None)
    return TemporaryCredentials(keys, None)


def _is_true(variable: str) -> bool:
    return os.environ.get(variable, "").lower() == "true"
