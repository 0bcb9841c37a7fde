"""Sending calls: one session, signed anew for every attempt, repeated where that is safe."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from airflow_provider_pai import __version__
from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.endpoints import is_loopback
from airflow_provider_pai.api.signing import KeyPair, Request, canonical_query, signed_headers
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.credentials.provider import CredentialsProvider, with_credentials
from airflow_provider_pai.client.transport.cause import cause_text
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.errors import APIError, PAIError, ProtocolError, ServerError, ThrottledError, TransportError

USER_AGENT = f"airflow-provider-pai/{__version__}"
_CLOCK_WRONG = "InvalidTimeStamp.Expired"
_NONCE_USED = "SignatureNonceUsed"
_CONNECTIONS = 8
_WAIT_FIRST, _WAIT_MOST = 0.5, 30.0


def utc_now() -> datetime:
    """Return the time, aware of its zone."""
    return datetime.now(UTC)


class ACS3Auth(AuthBase):
    """Signs a request of a call; used once, because a nonce may be used only once.

    Args:
        call: what is asked.
        keys: who asks.
        now: the time of the signature, in UTC.
    """

    def __init__(self, call: Call[T], keys: KeyPair, now: datetime) -> None:
        self._call = call
        self._keys = keys
        self._now = now

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Replace the request's headers that matter by signed ones."""
        call = self._call
        url = urlsplit(str(request.url))
        signed = Request(call.method, url.path, call.query, {"accept": "application/json"}, call.content())
        request.headers.update(
            signed_headers(
                signed,
                action=call.action,
                version=call.service.version,
                host=url.netloc,
                keys=self._keys,
                date=self._now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                nonce=uuid.uuid4().hex,
            )
        )
        return request


_STILL_OPEN = timedelta(seconds=2)
"""For so long no server ends a connection that is idle."""


class PAIClient:
    """Sends calls with one identity. Safe to use from several threads.

    Args:
        config: who asks, and where.
        keys: what to sign with; default are the configuration's.
        now: the time in UTC.
        sleep: waits between attempts, in seconds.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        keys: CredentialsProvider | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = tenacity.nap.sleep,
    ) -> None:
        self.config = config
        self._keys = keys or credentials_provider(config.credentials)
        self._now = now
        self._sleep = sleep
        self._session = session_of(config)
        self._offset = timedelta()
        self._answered: datetime | None = None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        """Send a call and return its value.

        Args:
            call: what to ask.
            attempts: how often to try; default is the configuration's.

        Raises:
            APIError: the service refused.
            TransportError: no answer came.
            ProtocolError: the answer can't be read.
            CredentialsError: there is nothing to sign with.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(partial(_is_worth_repeating, call.idempotent)),
            stop=tenacity.stop_after_attempt(attempts or self.config.attempts),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        answer: T = retrying(self._send_once, call)
        return answer

    def _send_once(self, call: Call[T]) -> T:
        return with_credentials(self._keys, partial(self._send_signed, call))

    def _send_signed(self, call: Call[T], keys: KeyPair) -> T:
        config = self.config
        url = config.url(call.service) + call.path
        query = canonical_query(call.query)
        try:
            with self._session_for(call) as session:
                response = session.request(
                    call.method,
                    f"{url}?{query}" if query else url,
                    data=call.content() or None,
                    auth=ACS3Auth(call, keys, self._now() + self._offset),
                    timeout=(config.connect_timeout, config.read_timeout),
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise TransportError(
                f"{call.action}: no answer from {urlsplit(url).netloc}: {cause_text(error)}",
                sent=not _never_sent(error),
            ) from None
        self._answered = self._now()
        try:
            return decode_answer(call, response.status_code, response.headers, response.content)
        except APIError as error:
            if error.code == _CLOCK_WRONG:
                self._offset = _offset(response.headers.get("Date"), self._now())
            raise

    @contextmanager
    def _session_for(self, call: Call[Any]) -> Iterator[requests.Session]:
        """Yield a session with a new connection for a call that can't be repeated, unless one was in use a moment ago.

        A server ends connections that are idle; a request on one that is just being ended has no answer, and nothing
        says whether it was carried out. Code is packed and uploaded before a job is created, which takes longer.
        """
        if call.idempotent or (self._answered is not None and self._now() - self._answered <= _STILL_OPEN):
            yield self._session
            return
        # The shared one is left alone: other threads may be using it.
        with closing(session_of(self.config)) as session:
            yield session


def may_repeat(idempotent: bool, error: BaseException) -> bool:
    """Whether a call that failed so is worth sending again, and safe to.

    A throttled request was not carried out, nor one with a signature out of date; a failed server or a lost answer
    leaves that open, and so does a nonce that was used: something on the way has sent the request twice, and the first
    one may have been carried out.
    """
    if isinstance(error, ThrottledError) or (isinstance(error, APIError) and error.code == _CLOCK_WRONG):
        return True
    if isinstance(error, APIError) and error.code == _NONCE_USED:
        return idempotent
    if isinstance(error, TransportError):
        return idempotent or not error.sent
    return idempotent and isinstance(error, ServerError)


def _is_worth_repeating(idempotent: bool, error: BaseException) -> bool:
    """Add what only asking at once can mend: an answer that can't be read, or that lacks what was promised."""
    return may_repeat(idempotent, error) or (idempotent and isinstance(error, ProtocolError))


def is_passing(error: PAIError) -> bool:
    """Whether an error says nothing about the request itself, so that asking later makes sense.

    An answer that can't be read is one of them: it tells nothing.
    """
    return isinstance(error, ThrottledError | TransportError | ServerError | ProtocolError)


def _offset(date: str | None, now: datetime) -> timedelta:
    """Return how far the service's clock is ahead of ours, by the Date header of its answer."""
    try:
        return parsedate_to_datetime(date or "") - now
    except (TypeError, ValueError):
        return timedelta()


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ThrottledError) and error.retry_after is not None:
        return min(error.retry_after, _WAIT_MOST)
    return tenacity.wait_random_exponential(multiplier=_WAIT_FIRST, max=_WAIT_MOST)(state)


def session_of(config: ClientConfig) -> requests.Session:
    """Return a session that pools its connections, keeps no cookies, and uses no proxy for this machine."""
    session = requests.Session()
    session.headers["User-Agent"] = USER_AGENT
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if is_loopback(config.endpoint or ""):
        # A proxy that the environment names can't reach this machine's loopback.
        session.trust_env = False
    adapter = HTTPAdapter(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the connection was never made, so that the service can't have seen the request."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.exceptions.SSLError):
        # A refused certificate ends the handshake; any other TLS error may come after the request was read.
        return isinstance(getattr(reason, "args", [None])[0], ssl.SSLCertVerificationError)
    if isinstance(error, requests.ConnectTimeout):
        return True
    return isinstance(error, requests.ConnectionError) and isinstance(reason, NewConnectionError)
