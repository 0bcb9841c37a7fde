"""STS of local PAI: temporary credentials for a role, and who signed a request.

There are no roles and no permissions here: every well-formed role can be assumed, its user may do everything, and a
policy that is to narrow that is checked but not enforced. The permanent key is that of a RAM user, because the cloud
lets no root account assume a role. Lengths, forms and codes are those of STS's API pages; statuses, ids and the codes
of policy, external id and source identity are [inferred].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.http import rpc
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.http.signed import Signed
from airflow_provider_pai.local.keys import KeyRing, TemporaryKey
from airflow_provider_pai.local.parsing import read_json

USER = "2000000000000001"
"""Id of the RAM user that the permanent key belongs to."""
USER_NAME = "local-pai"

_DEFAULT_SECONDS = 3600
_MIN_SECONDS = 900
_MAX_SECONDS = 12 * 3600
"""The longest session that a role can allow; how long this one allows, only RAM knows."""
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "AssumeRole": ("DurationSeconds", "ExternalId", "Policy", "RoleArn", "RoleSessionName", "SourceIdentity"),
    "GetCallerIdentity": (),
}
_MAX_POLICY = 2048
_ROLE_ARN = re.compile(r"acs:ram::([0-9]+):role/([A-Za-z0-9._-]{1,64})")
_SESSION_NAME = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def routes(keys: KeyRing) -> list[Route]:
    """Return the one route of STS.

    Args:
        keys: where temporary keys are made and known.
    """
    return [Route("/", _STS(keys).serve, methods=["GET", "POST"])]


@dataclass(frozen=True)
class _STS:
    keys: KeyRing

    async def serve(self, request: Request) -> Response:
        signed: Signed = request.user
        content_type = request.headers.get("content-type", "")
        received = request.query_params.multi_items(), content_type, await request.body()
        asked = rpc.parameters(*received)
        rpc.check_names(*received, _PARAMETERS[signed.action])
        if asked.get("Format", "JSON").upper() != "JSON":
            raise _invalid("InvalidParameter", "Format")
        operations: Mapping[str, Callable[[Signed, Mapping[str, str]], dict[str, Any]]] = {
            "AssumeRole": self.assume_role,
            "GetCallerIdentity": self.caller_identity,
        }
        return json_response(await run_in_threadpool(operations[signed.action], signed, asked))

    def assume_role(self, _: Signed, asked: Mapping[str, str]) -> dict[str, Any]:
        role = _ROLE_ARN.fullmatch(_mandatory(asked, "RoleArn"))
        if role is None:
            raise _invalid("InvalidParameter.RoleArn", "RoleArn")
        session = _mandatory(asked, "RoleSessionName")
        if not _SESSION_NAME.fullmatch(session):
            raise _invalid("InvalidParameter.RoleSessionName", "RoleSessionName")
        _check_policy(asked.get("Policy", ""))
        _check_external_id(asked.get("ExternalId", ""))
        if asked.get("SourceIdentity"):
            raise ErrorResponse(400, "InvalidParameter.SourceIdentity", "Local PAI keeps no source identity.")
        key = self.keys.issue(role[0], session, _lifetime(asked))
        return {
            "AssumedRoleUser": {"Arn": _assumed_arn(key), "AssumedRoleId": f"{_role_id(key.role_arn)}:{session}"},
            "Credentials": {
                "AccessKeyId": key.access_key_id,
                "AccessKeySecret": key.access_key_secret,
                "SecurityToken": key.security_token,
                "Expiration": wire_time(key.expires),
            },
        }

    def caller_identity(self, signed: Signed, _: Mapping[str, str]) -> dict[str, Any]:
        key = self.keys.temporary(signed.access_key_id)
        if key is None:
            arn = f"acs:ram::{OWNER}:user/{USER_NAME}"
            return {"IdentityType": "RAMUser", "AccountId": OWNER, "PrincipalId": USER, "UserId": USER, "Arn": arn}
        role_id = _role_id(key.role_arn)
        return {
            "IdentityType": "AssumedRoleUser",
            "AccountId": _parts(key.role_arn)[0],
            "PrincipalId": f"{role_id}:{key.session_name}",
            "RoleId": role_id,
            "Arn": _assumed_arn(key),
        }


def _mandatory(asked: Mapping[str, str], name: str) -> str:
    value = asked.get(name, "")
    if not value:
        raise ErrorResponse(400, f"Missing{name}", f"{name} is mandatory for this action.")
    return value


def _invalid(code: str, name: str) -> ErrorResponse:
    return ErrorResponse(400, code, f"The parameter {name} is wrongly formed.")


def _lifetime(asked: Mapping[str, str]) -> timedelta:
    text = asked.get("DurationSeconds") or str(_DEFAULT_SECONDS)
    seconds = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        message = f"The Min/Max value of DurationSeconds is {_MIN_SECONDS // 60}min/{_MAX_SECONDS // 3600}hr."
        raise ErrorResponse(400, "InvalidParameter.DurationSeconds", message)
    return timedelta(seconds=seconds)


def _check_policy(text: str) -> None:
    if len(text) > _MAX_POLICY:
        raise _invalid("InvalidParameter.Policy", "Policy")
    try:
        policy = read_json(text) if text else {"Statement": []}
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list):
        raise ErrorResponse(400, "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check.")


def _check_external_id(text: str) -> None:
    if text and not _EXTERNAL_ID.fullmatch(text):
        raise _invalid("InvalidParameter.ExternalId", "ExternalId")


def _parts(role_arn: str) -> tuple[str, str]:
    """Return account id and name of a role."""
    account_id, _, name = role_arn.removeprefix("acs:ram::").partition(":role/")
    return account_id, name


def _role_id(role_arn: str) -> str:
    """Return an id made of the role's name, so that it is the same each time."""
    return str(3 * 10**17 + int(hashlib.sha256(role_arn.encode()).hexdigest(), 16) % 10**17)


def _assumed_arn(key: TemporaryKey) -> str:
    account_id, name = _parts(key.role_arn)
    return f"acs:sts::{account_id}:assumed-role/{name}/{key.session_name}"
