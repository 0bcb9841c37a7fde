"""Requests to services themselves: their answers are the service's own, and only its token is shown to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests
from requests.auth import AuthBase

from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import session_of
from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest, response_problem

ROUTING_LIMIT = 120.0
"""Seconds that EAS's gateway may take until it leads to a service that runs; ``alipai`` waits as long."""
PROBE_LIMIT = 20.0
"""The same where nothing is expected of the answer: a service may have nothing at its root, and say so itself."""
_PAUSE = 2.0
_TRIES = 3
"""How often a request is sent that gets no answer, or one of a busy server: a good model must not fail for that."""
_WRONG_TRIES = 2
"""How often a request is sent when its answer is wrong: the gateway may route to the previous version for a moment."""
_WRONG_PAUSE = 5.0


class _Token(AuthBase):
    """Shows the token; as a header alone it would give way to what a ``.netrc`` says of the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._token
        return request


class EndpointClient:
    """Calls services. Safe to use from several threads.

    Args:
        config: the configuration of the connections that are used.
        sleep: waits, in seconds.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect_timeout = config.connect_timeout
        self._session = session_of(config)
        self._sleep = sleep
        self._clock = clock

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(self, endpoint: str, token: str, test: SmokeTest) -> Answer:
        """Send one request.

        Args:
            endpoint: where the service or group is called.
            token: what callers show.
            test: the request.

        Raises:
            TransportError: no answer came.
        """
        try:
            response = self._session.request(
                test.method,
                f"{endpoint.rstrip('/')}{test.path}",
                headers=dict(test.headers),
                auth=_Token(token),
                timeout=(self._connect_timeout, test.timeout),
                allow_redirects=False,
                **_body(test),
            )
        except requests.RequestException as error:
            # The error's own text may hold the request; its class tells enough.
            raise TransportError(f"no answer from {endpoint} ({type(error).__name__})", sent=True) from None
        return Answer(response.status_code, response.text)

    def ask_until_routed(
        self, endpoint: str, token: str, test: SmokeTest, *, limit: float | None = None, pause: float = _PAUSE
    ) -> Answer:
        """Send a request until the service itself answers; a service may run before the gateway leads to it.

        An answer that is not as the test wants it is not taken at its word: five seconds later the request is sent
        again, up to twice after a status 429 or from 500 on, once after any other.

        Args:
            endpoint: where the service or group is called.
            token: what callers show.
            test: the request.
            limit: seconds after which the gateway's answer is taken for the service's. Default 120; 20 for an empty
                404 where the test expects nothing of the answer.
            pause: seconds between two requests.

        Raises:
            TransportError: no answer came, and that three times.
        """
        began = self._clock()
        unanswered = wrong = 0
        while True:
            nap = pause
            try:
                answer = self.ask(endpoint, token, test)
            except TransportError:
                unanswered += 1
                if unanswered >= _TRIES:
                    raise
            else:
                if answer.is_routed:
                    wrong += 1
                    believed, nap = wrong >= _tries(test, answer), _WRONG_PAUSE
                else:
                    believed = self._clock() - began >= (_limit(test, answer) if limit is None else limit)
                if believed:
                    return answer
            self._sleep(nap)


def _limit(test: SmokeTest, answer: Answer) -> float:
    return PROBE_LIMIT if test.expects_nothing and answer.status == HTTPStatus.NOT_FOUND else ROUTING_LIMIT


def _tries(test: SmokeTest, answer: Answer) -> int:
    """Return how often a request is sent until an answer such as this one is believed."""
    if not response_problem(test, answer):
        return 1
    may_be_busy = answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return _TRIES if may_be_busy else _WRONG_TRIES


def _body(test: SmokeTest) -> Mapping[str, Any]:
    if test.json is not None:
        return {"json": test.json}
    return {} if test.data is None else {"data": test.data.encode()}
