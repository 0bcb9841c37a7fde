"""From the fields of a connection to the identity it describes; pure.

``credential_type`` says where the key pair comes from. Without it there must be an access key, with or without an STS
token: nothing else is guessed. The types are named as the library ``alibabacloud-credentials`` names them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.sources import (
    SESSION_NAME,
    AssumedRole,
    CredentialsConfig,
    CredentialsUri,
    DefaultChain,
    EcsRole,
    OidcRole,
)
from airflow_provider_pai.model.problem import Problem

SHORTEST, LONGEST = 900, 43_200
"""Seconds that STS lets a session last; a role's own limit may be lower."""
_KEY = ("access_key_id", "access_key_secret")
_SESSION = ("role_session_name", "duration_seconds", "policy")
_ADVICE = {
    "access_key_id": "fill in the field Login, or access_key_id in Extra",
    "access_key_secret": "fill in the field Password, or access_key_secret in Extra",
}


@dataclass(frozen=True)
class _Type:
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    read: Callable[[Mapping[str, str], str], CredentialsConfig]


def credentials_problems(extra: Mapping[str, str]) -> Iterator[Problem]:
    """Yield which fields are missing or contradict the credential type.

    Args:
        extra: the connection's fields that aren't empty, ``access_key_id`` and ``access_key_secret`` among them.
    """
    name = extra.get("credential_type") or _implied(extra)
    kind = _TYPES.get(name)
    if kind is None:
        # A type that doesn't exist is named with the other malformed fields.
        if not name:
            advice = f"fill in Login and Password, or set credential_type in Extra to one of {_NAMES}"
            yield Problem("access_key_id", f"and other credentials are missing: {advice}")
        return
    needs = {*kind.needs, *(_KEY if extra.keys() & {*_KEY, "security_token"} and "access_key_id" in kind.takes else ())}
    for field in sorted(needs - extra.keys()):
        yield Problem(field, "is missing: " + (_ADVICE.get(field) or f"credential_type {name!r} needs it"))
    for field in _FIELDS:
        if field in extra and field not in kind.needs + kind.takes:
            fitting = [repr(other) for other, kind_ in _TYPES.items() if field in kind_.needs + kind_.takes]
            yield Problem(field, f"goes with credential_type {' or '.join(fitting)}, not with {name!r}; leave it out")


def read_credentials(extra: Mapping[str, str], sts_url: str) -> CredentialsConfig:
    """Return the identity that fields without problems describe.

    Args:
        extra: as in :func:`credentials_problems`.
        sts_url: base URL of STS.
    """
    return _TYPES[extra.get("credential_type") or _implied(extra)].read(extra, sts_url)


def _implied(extra: Mapping[str, str]) -> str:
    if not extra.keys() & {*_KEY, "security_token"}:
        return ""
    return "sts" if "security_token" in extra else "access_key"


def _key_pair(extra: Mapping[str, str], _: str = "") -> KeyPair:
    return KeyPair(extra["access_key_id"], extra["access_key_secret"], extra.get("security_token"))


def _assumed_role(extra: Mapping[str, str], sts_url: str) -> AssumedRole:
    return AssumedRole(
        extra["role_arn"],
        _key_pair(extra) if "access_key_id" in extra else DefaultChain(sts_url),
        sts_url,
        external_id=extra.get("external_id"),
        **_session(extra),
    )


def _oidc_role(extra: Mapping[str, str], sts_url: str) -> OidcRole:
    return OidcRole(
        sts_url,
        extra.get("role_arn"),
        extra.get("oidc_provider_arn"),
        extra.get("oidc_token_file"),
        **_session(extra),
    )


def _ecs_role(extra: Mapping[str, str], _: str) -> EcsRole:
    return EcsRole(extra.get("role_name"), extra.get("disable_imdsv1", "").lower() != "true")


def _session(extra: Mapping[str, str]) -> dict[str, Any]:
    return {
        "session_name": extra.get("role_session_name", SESSION_NAME),
        "duration": int(extra["duration_seconds"]) if "duration_seconds" in extra else None,
        "policy": extra.get("policy"),
    }


def _is_duration(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,6}", text)) and SHORTEST <= int(text) <= LONGEST


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


_TYPES: Mapping[str, _Type] = {
    "access_key": _Type(_KEY, (), _key_pair),
    "sts": _Type((*_KEY, "security_token"), (), _key_pair),
    "ram_role_arn": _Type(("role_arn",), (*_KEY, "security_token", *_SESSION, "external_id"), _assumed_role),
    "oidc_role_arn": _Type((), ("role_arn", "oidc_provider_arn", "oidc_token_file", *_SESSION), _oidc_role),
    "ecs_ram_role": _Type((), ("role_name", "disable_imdsv1"), _ecs_role),
    "credentials_uri": _Type(("credentials_uri",), (), lambda extra, _: CredentialsUri(extra["credentials_uri"])),
    "default": _Type((), (), lambda _, sts_url: DefaultChain(sts_url)),
}
CREDENTIAL_TYPES = tuple(_TYPES)
_NAMES = ", ".join(map(repr, CREDENTIAL_TYPES))
_FIELDS = tuple(dict.fromkeys(field for kind in _TYPES.values() for field in kind.needs + kind.takes))
CREDENTIAL_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "credential_type": (_TYPES.__contains__, f"one of {_NAMES}"),
    "role_arn": (
        re.compile(r"acs:ram::[0-9]+:role/\S+").fullmatch,
        "a RAM role's ARN such as 'acs:ram::123456789012:role/airflow'",
    ),
    "oidc_provider_arn": (
        re.compile(r"acs:ram::[0-9]+:oidc-provider/\S+").fullmatch,
        "an OIDC provider's ARN such as 'acs:ram::123456789012:oidc-provider/ack-rrsa-c1'",
    ),
    "oidc_token_file": (lambda text: text.startswith("/"), "the absolute path of a file"),
    "role_session_name": (
        re.compile(r"[A-Za-z0-9.@_-]{2,64}").fullmatch,
        "2 to 64 letters, digits, '.', '@', '-' and '_'",
    ),
    "duration_seconds": (_is_duration, f"a number of seconds from {SHORTEST} to {LONGEST}"),
    "external_id": (
        re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}").fullmatch,
        "2 to 1224 letters, digits, '_', '+', '=', ',', '.', '@', ':', '/' and '-'",
    ),
    "policy": (_is_object, "a RAM policy as a JSON object"),
    "role_name": (re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch, "a RAM role's name such as 'airflow'"),
    "disable_imdsv1": (lambda text: text.lower() in ("true", "false"), "'true' or 'false'"),
}
"""Of each field: what is good, and how that is called. The lengths are what we know of STS and RAM [inferred]."""
