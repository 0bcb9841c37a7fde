"""The members of the vendor's request models: what each operation of PAI can be sent, as its official SDKs have it."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

_MODULES = {
    "2022-01-12": "alibabacloud_paistudio20220112",
    "2021-02-04": "alibabacloud_aiworkspace20210204",
    "2021-07-01": "alibabacloud_eas20210701",
    "2020-12-03": "alibabacloud_pai_dlc20201203",
}
VERSIONS = tuple(_MODULES)
"""API versions of the SDKs that are read."""


@dataclass(frozen=True)
class Member:
    """A parameter of a request's query, or a member of its body.

    Attributes:
        path: its name; of a member of a member the names, joined by dots; ``[]`` stands for the items of a list, and
            ``{}`` for the values of an object with any names.
        kind: the type of its value: ``str``, ``int``, ``float``, ``bool``, ``object``.
    """

    path: str
    kind: str


def package(version: str) -> str:
    """Return the name of the SDK of an API version, as package indexes have it."""
    return _MODULES[version].replace("_", "-")


@cache
def request_members(version: str, action: str) -> tuple[Member, ...]:
    """Return what can be sent to an operation.

    Args:
        version: the product's API version.
        action: the operation's name.

    Raises:
        KeyError: there is no SDK of the version here.
    """
    name = _MODULES[version]
    models = importlib.import_module(f"{name}.models")
    # Lists and objects of a query travel as JSON texts: the SDK calls such a model a shrunk one.
    model = getattr(models, f"{action}ShrinkRequest", None) or getattr(models, f"{action}Request", None)
    return tuple(_members(model, models, "", ())) if model else ()


def _members(model: type, models: ModuleType, path: str, above: tuple[type, ...]) -> Iterator[Member]:
    module = importlib.import_module(model.__module__)
    hints = typing.get_type_hints(vars(model)["__init__"], {**vars(module), "main_models": models})
    for attribute, name in _wire_names(model).items():
        yield from _of_type(hints.get(attribute, object), models, f"{path}.{name}" if path else name, (*above, model))


def _of_type(kind: typing.Any, models: ModuleType, path: str, above: tuple[type, ...]) -> Iterator[Member]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        yield from _of_type(arguments[0], models, path, above)
    elif origin is list:
        yield from _of_type(arguments[0], models, f"{path}[]", above)
    elif origin is dict:
        yield from _of_type(arguments[1], models, f"{path}{{}}", above)
    elif isinstance(kind, type) and hasattr(kind, "to_map") and kind not in above:
        yield from _members(kind, models, path, above)
    else:
        yield Member(path, kind.__name__ if isinstance(kind, type) and not hasattr(kind, "to_map") else "object")


def _wire_names(model: typing.Any) -> dict[str, str]:
    """Return the names on the wire by attribute, as the model's ``from_map`` reads them."""
    source = inspect.getsource(model.from_map)
    names: dict[str, str] = {}
    for name, block in re.findall(
        r"if m\.get\('([^']+)'\) is not None:\n((?:(?!\n        if m\.get).)*)", source, re.DOTALL
    ):
        if found := re.search(r"self\.(\w+)", block):
            names[found[1]] = name
    return names
