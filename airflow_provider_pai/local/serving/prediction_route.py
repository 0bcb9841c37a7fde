"""The route to the services' endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Match

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/api/predict"


class PredictionRoute(BaseRoute):
    """Route to everything below ``/api/predict``, by the path as it was on the wire.

    Routes of Starlette match the decoded path, in which a line break (``%0a``) or a slash (``%2f``) is another path.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for a service."""
        is_below = scope["type"] == "http" and scope["raw_path"].startswith(PATH.encode() + b"/")
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)
