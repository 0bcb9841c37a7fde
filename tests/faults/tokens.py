"""Temporary credentials of local PAI's own STS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import uuid4

import requests

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.local.http import rpc
from airflow_provider_pai.local.server_info import ServerInfo
from tests.support.waits import PATIENCE


def temporary_keys(ready: ServerInfo) -> KeyPair:
    """Return credentials that are good for an hour by the server's clock."""
    parameters = {
        "Action": "AssumeRole",
        "Version": "2015-04-01",
        "Format": "JSON",
        "RoleArn": "acs:ram::1234567890123456:role/Trainer",
        "RoleSessionName": "airflow",
        "AccessKeyId": ready.access_key_id,
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid4().hex,
    }
    signature = rpc.sign(rpc.string_to_sign("GET", parameters), ready.access_key_secret)
    answer = requests.get(ready.api, params={**parameters, "Signature": signature}, timeout=PATIENCE)
    answer.raise_for_status()
    given = answer.json()["Credentials"]
    return KeyPair(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])


def connection_uri(ready: ServerInfo, keys: KeyPair) -> str:
    """Return a connection like the server's own, but with these credentials."""
    temporary = replace(ready, access_key_id=keys.access_key_id, access_key_secret=keys.access_key_secret)
    return f"{temporary.airflow_conn_uri}&security_token={quote(keys.security_token or '', safe='')}"
