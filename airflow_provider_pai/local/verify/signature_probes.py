"""Probes of the gateway and of STS: what is refused about a request before its operation is chosen."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from airflow_provider_pai.api.endpoints import PAI_STUDIO, STS
from airflow_provider_pai.local.http.gateway import MAX_BODY
from airflow_provider_pai.local.verify.ledger import JOBS
from airflow_provider_pai.local.verify.prober import Probe, Prober, Verdict, absent, is_error
from airflow_provider_pai.local.verify.requests import ProbeCall

_LIST = ProbeCall(PAI_STUDIO, "ListTrainingJobs", JOBS, query={"PageSize": "1"})
_ROLE = "acs:ram::1000000000000000:role/pai-verify-absent"
_UNDECIDED = ("NoPermission", "EntityNotExist.Role", "Forbidden.RAM")


def _nonces_are_used_once(prober: Prober) -> Verdict:
    return is_error(prober.again(_LIST), 400, "SignatureNonceUsed")


def _a_version_belongs_to_its_product(prober: Prober) -> Verdict:
    other = replace(PAI_STUDIO, version="2000-01-01")
    return is_error(prober.send(replace(_LIST, service=other)), 404, "InvalidVersion")


def _a_body_is_the_signed_one(prober: Prober) -> Verdict:
    # No job comes of it: both bodies lack all that a job needs.
    signed = ProbeCall(
        PAI_STUDIO, "CreateTrainingJob", JOBS, "POST", body={"WorkspaceId": "1"}, content=b'{"WorkspaceId":"2"}'
    )
    return is_error(prober.send(signed), 400, "SignatureDoesNotMatch")


def _all_headers_of_the_gateway_are_signed(prober: Prober) -> Verdict:
    return is_error(prober.send(replace(_LIST, unsigned={"x-acs-verify": "1"})), 400, "IncompleteSignature")


def _a_body_has_a_greatest_size(prober: Prober) -> Verdict:
    ask = ProbeCall(PAI_STUDIO, "CreateTrainingJob", JOBS, "POST", body={"Padding": "x" * MAX_BODY})
    return is_error(prober.send(ask), 413, "RequestEntityTooLarge")


def _older_signatures_need_their_headers(prober: Prober) -> Verdict:
    headers = {
        "authorization": "acs pai-verify:AAAA",
        "date": format_datetime(datetime.now(UTC), usegmt=True),
        "x-acs-action": _LIST.action,
        "x-acs-version": PAI_STUDIO.version,
        "x-acs-signature-nonce": secrets.token_hex(16),
    }
    return is_error(prober.send(replace(_LIST, headers=headers)), 400, "IncompleteSignature")


def _rpc(prober: Prober, **changed: str) -> Verdict:
    query = {
        "Action": "GetCallerIdentity",
        "Version": STS.version,
        "AccessKeyId": "pai-verify",
        "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "SignatureNonce": secrets.token_hex(16),
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "Signature": "AAAA",
        **changed,
    }
    return is_error(prober.send(ProbeCall(STS, query["Action"], "/", query=query, headers={})), 400, "InvalidParameter")


def _a_role_is_refused(code: str, **parameters: str) -> Callable[[Prober], Verdict]:
    """Return a probe of AssumeRole for a role that is not there."""

    def run(prober: Prober) -> Verdict:
        query = {"RoleArn": _ROLE, "RoleSessionName": "pai-verify", **parameters}
        answer = prober.send(ProbeCall(STS, "AssumeRole", "/", "POST", query))
        return None if answer.code in _UNDECIDED else is_error(answer, 400, code)

    return run


SIGNATURE_PROBES = (
    Probe("signature.nonce", "Signature: a nonce is used once, SignatureNonceUsed with 400", _nonces_are_used_once),
    Probe(
        "signature.body",
        "Signature: another body than the signed one is SignatureDoesNotMatch with 400",
        _a_body_is_the_signed_one,
    ),
    Probe(
        "signature.headers",
        "Signature: an x-acs header that is not signed is IncompleteSignature with 400",
        _all_headers_of_the_gateway_are_signed,
    ),
    Probe(
        "signature.older",
        "Signature: an older one that lacks a header is IncompleteSignature with 400",
        _older_signatures_need_their_headers,
    ),
    Probe(
        "signature.rpc",
        "Signature: of RPC, another method than HMAC-SHA1 is InvalidParameter with 400",
        lambda prober: _rpc(prober, SignatureMethod="Zzz"),
    ),
    Probe(
        "gateway.action",
        "Gateway: an unknown operation is InvalidAction.NotFound with 404",
        absent(PAI_STUDIO, "Zzz", "/api/v1/zzz", "InvalidAction.NotFound"),
    ),
    Probe(
        "gateway.version",
        "Gateway: another version is InvalidVersion with 404",
        _a_version_belongs_to_its_product,
    ),
    Probe(
        "gateway.body",
        "Gateway: a body above 10 MiB is RequestEntityTooLarge with 413",
        _a_body_has_a_greatest_size,
    ),
    Probe(
        "roles.policy",
        "AssumeRole: a policy that can't be read is InvalidParameter.PolicyGrammar with 400",
        _a_role_is_refused("InvalidParameter.PolicyGrammar", Policy="{"),
    ),
    Probe(
        "roles.external_id",
        "AssumeRole: an external id of other signs is InvalidParameter.ExternalId with 400",
        _a_role_is_refused("InvalidParameter.ExternalId", ExternalId="<>"),
    ),
)
