"""From who signs, as a connection says it, to what gives the key pair: the one module that knows every source.

The sources know nothing of each other; where one needs another (a role that is assumed by the default chain), it is
given a provider or a function from here. What a source needs is loaded when it is first used.
"""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.provider import (
    CredentialsProvider,
    RefreshingCredentials,
    StaticCredentials,
    TemporaryCredentials,
)
from airflow_provider_pai.client.credentials.sources import (
    AssumedRole,
    CredentialsConfig,
    CredentialsUri,
    EcsRole,
    KeySource,
    OidcRole,
)


def credentials_provider(config: CredentialsConfig) -> CredentialsProvider:
    """Return the provider of an identity; all callers in this process share one key pair per identity."""
    return StaticCredentials(config) if isinstance(config, KeyPair) else _refreshing(config)


@lru_cache(maxsize=64)
def _refreshing(source: KeySource) -> RefreshingCredentials:
    return RefreshingCredentials(lambda: request_credentials(source))


def request_credentials(source: KeySource) -> TemporaryCredentials:
    """Request a key pair from a source, now.

    Raises:
        CredentialsError: there is none, and asking again makes no sense.
        TransportError: there is none now.
    """
    if isinstance(source, EcsRole | CredentialsUri):
        from airflow_provider_pai.client.credentials import metadata

        return metadata.request_ecs_role(source) if isinstance(source, EcsRole) else metadata.request_from_uri(source)
    if isinstance(source, AssumedRole):
        from airflow_provider_pai.client.credentials.sts import assume_role

        return assume_role(source, credentials_provider(source.source))
    if isinstance(source, OidcRole):
        from airflow_provider_pai.client.credentials.sts import assume_role_with_oidc

        return assume_role_with_oidc(source)
    from airflow_provider_pai.client.credentials.default_chain import request_from_chain

    return request_from_chain(source, request_credentials)
