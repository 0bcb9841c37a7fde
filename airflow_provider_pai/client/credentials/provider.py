"""What gives the key pair to sign with now: fixed, looked up again, or requested anew before it expires."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from airflow_provider_pai.api.signing import KeyPair
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
"""Seconds until the next try when a refresh failed and there are old keys to use meanwhile."""
_FAILURE_KEPT = 0.5
"""Seconds for which a failure answers all who waited for it meanwhile; shorter than most pauses between tries."""
T = TypeVar("T")


class CredentialsProvider(Protocol):
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
class TemporaryCredentials:
    """A key pair for a while.

    Attributes:
        keys: the key pair.
        expires: Unix time at which it ends; None when the source doesn't say.
    """

    keys: KeyPair
    expires: float | None


class StaticCredentials:
    """A key pair that doesn't change."""

    def __init__(self, keys: KeyPair) -> None:
        self._keys = keys

    def current(self) -> KeyPair:
        """Return the key pair."""
        return self._keys

    def renew(self, refused: KeyPair) -> KeyPair:  # noqa: ARG002 - there is only this one
        """Return the same key pair."""
        return self._keys


class LookedUpCredentials:
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
        """Look again, unless another thread has done so since."""
        with self._lock:
            if self._keys == refused:
                self._keys = self._look_up()
            return self._keys


class RefreshingCredentials:
    """Temporary keys, requested anew ahead of their expiry.

    The expiry is judged by this machine's clock, which may be wrong: keys are used until there are others, and whether
    they have expired is the service's word.

    Args:
        request: requests a key pair.
        now: Unix time.
    """

    def __init__(self, request: Callable[[], TemporaryCredentials], now: Callable[[], float] = time.time) -> None:
        self._request = request
        self._now = now
        self._lock = threading.RLock()
        self._credentials: TemporaryCredentials | None = None
        self._due = 0.0
        self._failure: tuple[PAIError, float] | None = None

    def current(self) -> KeyPair:
        """Return the key pair to sign with now."""
        with self._lock:
            if self._credentials and self._now() < self._due:
                return self._credentials.keys
            return self._refresh()

    def renew(self, refused: KeyPair) -> KeyPair:
        """Ask for another key pair, unless another thread has done so since."""
        with self._lock:
            if self._credentials and self._credentials.keys != refused:
                return self._credentials.keys
            self._credentials = None
            return self._refresh()

    def _refresh(self) -> KeyPair:
        if self._failure and 0 <= self._now() - self._failure[1] < _FAILURE_KEPT:
            raise self._failure[0].with_traceback(None)
        try:
            credentials = self._request()
        except PAIError as error:
            return self._keep_or_raise(error)
        self._failure = None
        self._credentials, self._due = credentials, _due(credentials, self._now())
        return credentials.keys

    def _keep_or_raise(self, error: PAIError) -> KeyPair:
        """Keep the old keys until they are refused; raise when there are none."""
        now = self._now()
        if self._credentials:
            log.warning("Credentials can't be refreshed now (%s); going on with the present ones", error)
            self._due = now + _RETRY_PAUSE
            return self._credentials.keys
        self._failure = error, now
        raise error


def with_credentials(keys: CredentialsProvider, work: Callable[[KeyPair], T]) -> T:
    """Do what is signed, once more with other keys when these turn out to have expired.

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
    """Whether a request was refused because its temporary credentials have expired."""
    return isinstance(error, AuthError) and error.code in EXPIRED_CODES


def _due(credentials: TemporaryCredentials, now: float) -> float:
    if credentials.expires is None:
        return now + _UNKNOWN_LIFE
    return max(now + _LEAST_LIFE, credentials.expires - min(_AHEAD, (credentials.expires - now) / _AHEAD_SHARE))
