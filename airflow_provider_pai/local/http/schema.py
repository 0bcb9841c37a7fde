"""JSON bodies: read, and compared with the form that an operation's body must have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from anyio import from_thread

from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.parsing import read_json

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True)
class MapOf:
    """An object with any names, all its values of one type."""

    value: type


class Unsupported:
    """A member that means something local PAI does not have: its value must be empty, false or zero."""


Schema: TypeAlias = "type | MapOf | Unsupported | dict[str, Any] | list[Any]"
"""A type; an object's members; a list's only item stands for all of them. ``object`` is any value."""
_WORDS = {str: "a string", int: "an integer", bool: "true or false", float: "a number"}


def json_body(request: Request) -> Any:
    """Return the JSON value of a request's body, without members that are null: PAI takes them as absent.

    Only handlers in worker threads may call it.

    Raises:
        ErrorResponse: 400 InvalidParameter, it is no JSON that could be written down again.
    """
    content = from_thread.run(request.body)
    try:
        return without_nulls(read_json(content))
    except ValueError as error:
        raise ErrorResponse(400, "InvalidParameter", "The body is invalid: it must be JSON.") from error


def checked_body(request: Request, schema: Schema, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON object of a request's body, which has the operation's schema.

    Args:
        request: the request.
        schema: names and types of the members.
        required: members that must be there and not be empty.

    Raises:
        ErrorResponse: 400 InvalidParameter or MissingParameter; the message names the member.
    """
    value: Any = json_body(request)
    for problem in schema_problems(value, schema):
        raise ErrorResponse(400, "InvalidParameter", f"{problem}.")
    for name in required:
        if not value.get(name):
            raise ErrorResponse(400, "MissingParameter", f"{name} is required.")
    return dict(value)


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the members that are null."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def schema_problems(value: object, schema: Schema, path: str = "") -> Iterator[str]:
    """Yield what is wrong with the names and types of a value.

    Args:
        value: a JSON value.
        schema: what it should be.
        path: how it is called; empty for the whole body.
    """
    if isinstance(schema, list):
        yield from _list_problems(value, schema[0], path)
    elif isinstance(schema, dict):
        yield from _object_problems(value, schema, path)
    elif isinstance(schema, MapOf):
        yield from _map_problems(value, schema, path)
    elif isinstance(schema, Unsupported):
        if means_something(value):
            yield f"{path} is not supported: local PAI has nothing like it"
    elif not _is(value, schema):
        yield f"{path} must be {_WORDS[schema]}"


def means_something(value: Any) -> bool:
    """Tell whether a value, or a value in it, is neither empty nor false nor zero."""
    if isinstance(value, Mapping):
        return any(map(means_something, value.values()))
    return any(map(means_something, value)) if isinstance(value, list) else bool(value)


def _list_problems(value: object, item_schema: Schema, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} must be a list"
        return
    for index, item in enumerate(value):
        yield from schema_problems(item, item_schema, f"{path}[{index}]")


def _object_problems(value: object, schema: Mapping[str, Schema], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path or 'The body'} must be an object"
        return
    for name, item in value.items():
        member = f"{path}.{name}" if path else name
        if name in schema:
            yield from schema_problems(item, schema[name], member)
        else:
            yield f"{member} is no member that local PAI knows"


def _map_problems(value: object, schema: MapOf, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} must be an object"
        return
    for name, item in value.items():
        yield from schema_problems(item, schema.value, f"{path}.{name}")


def _is(value: object, kind: type) -> bool:
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)
