"""Values of a request's query, or of a body's members, that must be one of a few."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_pai.local.http.response import ErrorResponse


def one_of(values: Mapping[str, Any], name: str, allowed: Collection[str], default: str = "") -> str:
    """Return a value that must be one of a few; the default when it is absent or empty.

    Raises:
        ErrorResponse: 400 InvalidParameter, it is none of them.
    """
    value = str(values.get(name) or default)
    if value != default and value not in allowed:
        raise invalid(name, f"it must be one of {', '.join(allowed)}")
    return value


def some_of(values: Mapping[str, Any], name: str, allowed: Collection[str] = ()) -> set[str]:
    """Return values that are joined by commas; empty when there are none.

    Args:
        values: the query.
        name: the parameter.
        allowed: what each must be one of; anything when empty.

    Raises:
        ErrorResponse: 400 InvalidParameter, one is none of the allowed values.
    """
    found = {value for value in str(values.get(name) or "").split(",") if value}
    if allowed and not found <= set(allowed):
        raise invalid(name, f"it must be some of {', '.join(allowed)}, joined by commas")
    return found


def flag(values: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return whether a parameter is ``true``, in any case.

    Raises:
        ErrorResponse: 400 InvalidParameter, it is neither true nor false.
    """
    text = str(values.get(name) or default).lower()
    if text not in ("true", "false"):
        raise invalid(name, "it must be true or false")
    return text == "true"


def refuse(values: Mapping[str, Any], names: Collection[str]) -> None:
    """Refuse parameters that mean something local PAI does not have; empty ones mean nothing.

    Raises:
        ErrorResponse: 400 InvalidParameter, one of them has a value.
    """
    for name in names:
        if values.get(name):
            raise invalid(name, "it is not supported by local PAI")


def invalid(name: str, what: str) -> ErrorResponse:
    """Return the error of a parameter's value."""
    return ErrorResponse(400, "InvalidParameter", f"The parameter {name} is invalid: {what}.")
