"""The access keys that local PAI lets in: its own, and the temporary ones that its STS hands out.

The gate of PAI's services and OSS ask the same ring; each refuses in its own words.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile
from typing import Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.local.records import RecordTable

KEPT = "temporary-keys"
"""Kind of the records that keep temporary keys."""
_REMEMBERED = timedelta(days=1)
"""How long after its end a temporary key is known, so that its user learns that it is expired, not unknown."""
_MAX_KEYS = 10_000


class TokenProblem(StrEnum):
    """Why a security token is not good for an access key."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    MISMATCHED = "mismatched"
    EXPIRED = "expired"


@dataclass(frozen=True)
class TemporaryKey:
    """What one who has assumed a role signs with.

    Attributes:
        access_key_id: public half of the access key.
        access_key_secret: secret half.
        security_token: must come with every request.
        expires: when it ends.
        role_arn: the role.
        session_name: what its user called the session.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)
    expires: datetime
    role_arn: str
    session_name: str


class KeyRing:
    """All access keys of a server; safe to use from several threads."""

    def __init__(
        self,
        own: KeyPair,
        now: Callable[[], datetime],
        table: RecordTable | None = None,
    ) -> None:
        """Start with the keys of before.

        Args:
            own: the permanent key.
            now: the server's time, aware of its zone.
            table: keeps the temporary keys, secrets and all; None to keep none.
        """
        self._own = own
        self._now = now
        self._table = table
        self._lock = threading.Lock()
        self._temporary = {key_id: _from_row(row) for key_id, row in table.rows().items()} if table else {}

    def secret_of(self, access_key_id: str) -> str | None:
        """Return a key's secret, also that of an expired one; None for an unknown key."""
        if access_key_id == self._own.access_key_id:
            return self._own.access_key_secret
        key = self.temporary(access_key_id)
        return key.access_key_secret if key else None

    def temporary(self, access_key_id: str) -> TemporaryKey | None:
        """Return a temporary key, also an expired one; None when the key is unknown or permanent."""
        with self._lock:
            return self._temporary.get(access_key_id)

    def token_problem(self, access_key_id: str, token: str) -> TokenProblem | None:
        """Tell what is wrong with the token of a request; None when it may pass.

        Args:
            access_key_id: the key that signed.
            token: the security token; empty when there was none.
        """
        key = self.temporary(access_key_id)
        if not token:
            return TokenProblem.MISSING if key else None
        if key is None or not secrets.compare_digest(key.security_token.encode(), token.encode()):
            return TokenProblem.MISMATCHED if self._is_known(token) else TokenProblem.UNKNOWN
        return TokenProblem.EXPIRED if self._now() >= key.expires else None

    def issue(self, role_arn: str, session_name: str, lifetime: timedelta) -> TemporaryKey:
        """Hand out a temporary key.

        Args:
            role_arn: the role that its user assumes.
            session_name: what the user calls the session.
            lifetime: how long it is good for, by the server's clock.
        """
        key = TemporaryKey(
            access_key_id=f"STS.N{secrets.token_hex(12)}",
            access_key_secret=secrets.token_hex(22),
            security_token=f"CAIS{base64.b64encode(secrets.token_bytes(96)).decode()}",
            # STS tells the end in whole seconds.
            expires=self._now().replace(microsecond=0) + lifetime,
            role_arn=role_arn,
            session_name=session_name,
        )
        with self._lock:
            gone = self._too_old()
            if self._table:
                added = self._table.change(key.access_key_id, _row(key))
                self._table.records.write([*(self._table.change(each, None) for each in gone), added])
            for each in gone:
                del self._temporary[each]
            self._temporary[key.access_key_id] = key
        return key

    def clear(self) -> None:
        """Forget all temporary keys."""
        with self._lock:
            if self._table:
                self._table.clear()
            self._temporary.clear()

    def _is_known(self, token: str) -> bool:
        with self._lock:
            return any(key.security_token == token for key in self._temporary.values())

    def _too_old(self) -> list[str]:
        """Return the keys that make room for another: from the oldest on, those that ended long ago or are too many."""
        oldest = self._now() - _REMEMBERED
        keys = iter(self._temporary.values())
        many = islice(keys, max(len(self._temporary) - _MAX_KEYS + 1, 0))
        gone = [key.access_key_id for key in many]
        return gone + [key.access_key_id for key in takewhile(lambda key: key.expires <= oldest, keys)]


def _row(key: TemporaryKey) -> dict[str, Any]:
    return {**asdict(key), "expires": key.expires.isoformat()}


def _from_row(row: Mapping[str, str]) -> TemporaryKey:
    return TemporaryKey(**{**row, "expires": datetime.fromisoformat(row["expires"])})  # type: ignore[arg-type]
