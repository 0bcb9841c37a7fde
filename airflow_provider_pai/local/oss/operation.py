"""What an operation of OSS is: what selects it, and all that it reads of a request beside its body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.responses import Response

from airflow_provider_pai.local.oss.copy_routes import SOURCE_HEADER
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.signing import OSSRequest

Handler = Callable[[RequestContext], Awaitable[Response]]


class Level(StrEnum):
    """What a request addresses."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


class PublicAccess(StrEnum):
    """Which right of a public ACL lets a request without a signature pass."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class OssOperation:
    """An operation and all that it reads of a request beside its body.

    Attributes:
        name: its name in OSS's API reference.
        level: what it addresses.
        method: HTTP method.
        handler: carries it out.
        selectors: parameters that a request for it has, with the value they must have; None for any value.
        parameters: further parameters that it reads.
        headers: the ``x-oss-`` headers that it takes beside those of every operation.
        source: whether a request for it has the header ``x-oss-copy-source``.
        conditional: whether it reads ``If-Match`` and its kin.
        public: what lets it pass without a signature.
    """

    name: str
    level: Level
    method: str
    handler: Handler
    selectors: Mapping[str, str | None] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    source: bool = False
    conditional: bool = False
    public: PublicAccess = PublicAccess.NONE

    def is_selected(self, request: OSSRequest) -> bool:
        """Tell whether a request has what selects this operation."""
        if (self.method, self.level) != (request.method, level_of(request)):
            return False
        if self.source and SOURCE_HEADER not in request.headers:
            return False
        return all(
            name in request.query and value in (None, request.query[name]) for name, value in self.selectors.items()
        )


def level_of(request: OSSRequest) -> Level:
    """Return what a request addresses."""
    return Level.OBJECT if request.key else Level.BUCKET if request.bucket else Level.SERVICE
