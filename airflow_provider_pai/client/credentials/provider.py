"""The key pair to sign with now: fixed, or asked for anew before it expires."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.sources import (
    AssumedRole,
    CredentialsConfig,
    CredentialsUri,
    EcsRole,
    KeySource,
    OidcRole,
)
from airflow_provider_pai.errors import AuthError, PAIError

log = logging.getLogger(__name__)

EXPIRED_CODES = frozenset({"InvalidSecurityToken.Expired", "SecurityTokenExpired", "InvalidSecurityToken"})
"""How the API gateway and OSS say that temporary credentials are over; OSS also uses the last for a mangled token."""
_AHEAD = 900.0
"""Seconds before the expiry at which keys are asked for anew, as Alibaba Cloud's own library does it."""
_AHEAD_SHARE = 4
"""Short-lived keys are asked for anew when a fourth of their time is left."""
_UNKNOWN_LIFE = 300.0
"""Seconds after which keys of unknown expiry are asked for anew."""
_LEAST_LIFE = 10.0
"""Seconds between two refreshes, at least: a wrong clock here must not flood STS."""
_RETRY_PAUSE = 30.0
"""Seconds until the next try when a refresh failed and there are old keys to go on with."""
_FAILURE_KEPT = 0.5
"""Seconds for which a failure answers everybody who waited for it meanwhile; shorter than most pauses between tries."""
T = TypeVar("T")


class Keys(Protocol):
    """Gives the key pair to sign with. Safe to use from several threads."""

    def current(self) -> KeyPair:
        """Return the key pair to sign with now; may block while new ones are asked for.

        Raises:
            CredentialsError: there is none, and asking again makes no sense.
            TransportError: there is none now.
        """
        ...

    def renew(self, refused: KeyPair) -> KeyPair:
        """Return another key pair in place of one that was refused as expired; the same one if there is no other.

        Raises:
            CredentialsError: there is none, and asking again makes no sense.
            TransportError: there is none now.
        """
        ...


@dataclass(frozen=True)
class Lease:
    """A key pair for a while.

    Attributes:
        keys: the key pair.
        expires: Unix time at which it ends; None when the source doesn't say.
    """

    keys: KeyPair
    expires: float | None


class FixedKeys:
    """A key pair that doesn't change."""

    def __init__(self, keys: KeyPair) -> None:
        self._keys = keys

    def current(self) -> KeyPair:
        """Return the key pair."""
        return self._keys

    def renew(self, refused: KeyPair) -> KeyPair:  # noqa: ARG002 - there is only this one
        """Return the same key pair."""
        return self._keys


class LookedUpKeys:
    """A token from a place that may hold a newer one later, such as a secrets backend.

    Args:
        keys: what the place held.
        look_up: looks there again.
    """

    def __init__(self, keys: KeyPair, look_up: Callable[[], KeyPair]) -> None:
        self._keys = keys
        self._look_up = look_up
        self._lock = threading.RLock()

    def current(self) -> KeyPair:
        """Return the key pair as it was last looked up."""
        return self._keys

    def renew(self, refused: KeyPair) -> KeyPair:
        """Look again, unless somebody has done so since."""
        with self._lock:
            if self._keys == refused:
                self._keys = self._look_up()
            return self._keys


class LeasedKeys:
    """Temporary keys, asked for anew ahead of their expiry.

    The expiry is judged by this machine's clock, which may be wrong: keys are used until there are others, and whether
    they have expired is the service's word.

    Args:
        ask: asks for a key pair.
        now: Unix time.
    """

    def __init__(self, ask: Callable[[], Lease], now: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._now = now
        self._lock = threading.RLock()
        self._lease: Lease | None = None
        self._due = 0.0
        self._failure: tuple[PAIError, float] | None = None

    def current(self) -> KeyPair:
        """Return the key pair to sign with now."""
        with self._lock:
            if self._lease and self._now() < self._due:
                return self._lease.keys
            return self._refreshed()

    def renew(self, refused: KeyPair) -> KeyPair:
        """Ask for another key pair, unless somebody has done so since."""
        with self._lock:
            if self._lease and self._lease.keys != refused:
                return self._lease.keys
            self._lease = None
            return self._refreshed()

    def _refreshed(self) -> KeyPair:
        if self._failure and 0 <= self._now() - self._failure[1] < _FAILURE_KEPT:
            raise self._failure[0].with_traceback(None)
        try:
            lease = self._ask()
        except PAIError as error:
            return self._after(error)
        self._failure = None
        self._lease, self._due = lease, _due(lease, self._now())
        return lease.keys

    def _after(self, error: PAIError) -> KeyPair:
        """Go on with the old keys until they are refused."""
        now = self._now()
        if self._lease:
            log.warning("Credentials can't be refreshed now (%s); going on with the present ones", error)
            self._due = now + _RETRY_PAUSE
            return self._lease.keys
        self._failure = error, now
        raise error


def keys_of(config: CredentialsConfig) -> Keys:
    """Return the keys of an identity; whoever asks in this process shares one key pair per identity."""
    return FixedKeys(config) if isinstance(config, KeyPair) else _leased(config)


def with_current(keys: Keys, work: Callable[[KeyPair], T]) -> T:
    """Do something that is signed, once more with other keys when these turn out to have expired.

    A request that was refused so was not carried out: doing it again is safe whatever it does.
    """
    pair = keys.current()
    try:
        return work(pair)
    except AuthError as error:
        if not is_expired(error) or (other := keys.renew(pair)) == pair:
            raise
    return work(other)


def is_expired(error: BaseException | None) -> bool:
    """Whether a request was refused because its temporary credentials are over."""
    return isinstance(error, AuthError) and error.code in EXPIRED_CODES


@lru_cache(maxsize=64)
def _leased(source: KeySource) -> LeasedKeys:
    return LeasedKeys(lambda: _ask(source))


def _ask(source: KeySource) -> Lease:
    """Ask whom the description names; what that needs is loaded for those who need it only."""
    if isinstance(source, EcsRole | CredentialsUri):
        from airflow_provider_pai.client.credentials import metadata

        return metadata.ecs_role(source) if isinstance(source, EcsRole) else metadata.credentials_uri(source)
    if isinstance(source, AssumedRole | OidcRole):
        from airflow_provider_pai.client.credentials import sts

        return sts.assume_role(source) if isinstance(source, AssumedRole) else sts.assume_role_with_oidc(source)
    from airflow_provider_pai.client.credentials.default_chain import first_of_chain

    return first_of_chain(source)


def _due(lease: Lease, now: float) -> float:
    if lease.expires is None:
        return now + _UNKNOWN_LIFE
    return max(now + _LEAST_LIFE, lease.expires - min(_AHEAD, (lease.expires - now) / _AHEAD_SHARE))
