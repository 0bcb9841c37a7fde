"""Who signs, as a connection says it: a key pair, or whom to ask for one.

What belongs here: frozen descriptions, which tell identities apart. What does not: asking.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_pai.api.signing import KeyPair

SESSION_NAME = "airflow-provider-pai"
"""What ActionTrail shows as the user of an assumed role when the connection names no session."""


@dataclass(frozen=True)
class DefaultChain:
    """Whatever Alibaba Cloud's tools would use on this machine.

    Attributes:
        sts_url: base URL of STS.
    """

    sts_url: str


@dataclass(frozen=True)
class AssumedRole:
    """A RAM role that another identity assumes.

    Attributes:
        role_arn: such as ``acs:ram::123456789012:role/airflow``.
        source: who assumes it.
        sts_url: base URL of STS.
        session_name: what ActionTrail shows as the user.
        duration: seconds one key pair is good for; None for STS's default of an hour.
        external_id: what the role's trust policy may ask for; not shown in a repr.
        policy: JSON that narrows down the role's permissions; None for all of them.
    """

    role_arn: str
    source: KeyPair | DefaultChain
    sts_url: str
    session_name: str = SESSION_NAME
    duration: int | None = None
    external_id: str | None = field(default=None, repr=False)
    policy: str | None = None


@dataclass(frozen=True)
class OidcRole:
    """A RAM role assumed with an OpenID Connect token, as pods do in ACK (RRSA).

    What is None is looked up in the variables that ACK puts into a pod: ``ALIBABA_CLOUD_ROLE_ARN``,
    ``ALIBABA_CLOUD_OIDC_PROVIDER_ARN``, ``ALIBABA_CLOUD_OIDC_TOKEN_FILE``.

    Attributes:
        sts_url: base URL of STS.
        role_arn: the role.
        provider_arn: who made the token, such as ``acs:ram::123456789012:oidc-provider/ack-rrsa-c1``.
        token_file: absolute path of the token; it is read anew each time.
        session_name: what ActionTrail shows as the user.
        duration: seconds one key pair is good for; None for STS's default of an hour.
        policy: JSON that narrows down the role's permissions; None for all of them.
    """

    sts_url: str
    role_arn: str | None = None
    provider_arn: str | None = None
    token_file: str | None = None
    session_name: str = SESSION_NAME
    duration: int | None = None
    policy: str | None = None


@dataclass(frozen=True)
class EcsRole:
    """The RAM role of the ECS instance this runs on.

    Attributes:
        name: the role; None for the one that is attached.
        imdsv1: whether the metadata service may be asked without a token when it gives none.
    """

    name: str | None = None
    imdsv1: bool = True


@dataclass(frozen=True)
class CredentialsUri:
    """A service of one's own that hands out key pairs in the form of the ECS metadata service.

    Attributes:
        uri: where to GET them; not shown in a repr, since it may hold a token.
    """

    uri: str = field(repr=False)


KeySource = AssumedRole | OidcRole | EcsRole | CredentialsUri | DefaultChain
"""Whom to ask for temporary key pairs."""
CredentialsConfig = KeyPair | KeySource
"""Who signs."""
