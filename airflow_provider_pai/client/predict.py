"""Requests to services themselves: their answers are the service's own, and only its token is shown to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.auth import AuthBase

from airflow_provider_pai.client.config import ClientConfig
from airflow_provider_pai.client.http import session_of
from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.model.smoke import Answer, SmokeTest

ROUTING_LIMIT = 120.0
"""Seconds that EAS's gateway may take until it leads to a service that runs; ``alipai`` waits as long."""
_PAUSE = 2.0


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
        config: whose connections are used.
        sleep: waits, in seconds.
        clock: a clock that never goes back, in seconds.
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
        self, endpoint: str, token: str, test: SmokeTest, *, limit: float = ROUTING_LIMIT, pause: float = _PAUSE
    ) -> Answer:
        """Send a request until the service itself answers; a service may run before the gateway leads to it.

        Args:
            endpoint: where the service or group is called.
            token: what callers show.
            test: the request.
            limit: seconds after which the gateway's answer is taken for the service's.
            pause: seconds between two requests.

        Raises:
            TransportError: no answer came.
        """
        began = self._clock()
        while True:
            answer = self.ask(endpoint, token, test)
            if answer.is_routed or self._clock() - began >= limit:
                return answer
            self._sleep(pause)


def _body(test: SmokeTest) -> Mapping[str, Any]:
    if test.json is not None:
        return {"json": test.json}
    return {} if test.data is None else {"data": test.data.encode()}
