"""What is loaded when it is first asked for, so that the server's start waits for nothing that few need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Match, Router

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

T = TypeVar("T")


class Late(Generic[T]):
    """A value that is made when it is first asked for, once, whichever thread asks.

    Args:
        make: returns it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """Return the value."""
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    @property
    def is_made(self) -> bool:
        """Whether it was asked for."""
        return bool(self._made)


class LateApp:
    """An ASGI application that is made at its first request, in a thread.

    Args:
        make: returns the application.
    """

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._app = Late(make)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        app = self._app() if self._app.is_made else await run_in_threadpool(self._app)
        await app(scope, receive, send)


class LateRoutes(BaseRoute):
    """Routes that are made at the first request for one of them. None of them may lie outside of the prefix.

    Args:
        prefix: what the path of each begins with, decoded.
        make: returns the routes.
    """

    def __init__(self, prefix: str, make: Callable[[], Sequence[BaseRoute]]) -> None:
        self._prefix = prefix
        self._app = LateApp(lambda: Router(make(), redirect_slashes=False))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request may be for one of them."""
        is_below = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._app(scope, receive, send)
