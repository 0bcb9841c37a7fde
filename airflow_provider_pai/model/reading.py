"""Reading an author's values: what they should be, and one sentence on each that is not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from numbers import Number
from typing import Any, TypeVar

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import kind

T = TypeVar("T")

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Reader:
    """Reads one argument after the other and collects what is wrong with their types.

    Args:
        arguments: values by name; None stands for "not given".

    Attributes:
        problems: what is wrong.
        unread: arguments that could not be read; they are "missing" only to the reader, not to their author.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self.problems: list[Problem] = []
        self.unread: set[str] = set()

    def value(self, name: str) -> Any:
        """Return an argument as it was given."""
        return self._arguments.get(name)

    def text(self, name: str) -> str | None:
        """Read a text."""
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, str):
            # The text itself, also of an enum's member.
            return str.__str__(value)
        self.wrong(name, f"must be a text, not {kind(value)}")
        return None

    def whole(self, name: str) -> int | None:
        """Read a whole number; a templated argument arrives as text."""
        value = self.value(name)
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self.wrong(name, f"must be a whole number, not {value!r:.60}")
        return None

    def number(self, name: str) -> float | None:
        """Read a number; a templated argument arrives as text."""
        value = self.value(name)
        if value is None:
            return None
        if not _is_number(value):
            self.wrong(name, f"must be a number, not {value!r:.60}")
            return None
        read = float(value)
        return int(read) if read.is_integer() else read

    def texts(self, name: str) -> dict[str, str]:
        """Read a dict of texts, numbers and booleans; all become texts."""
        value = self.value(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.wrong(name, f"must be a dict, not {kind(value)}")
            return {}
        items = {key: self._item(name, key, item) for key, item in value.items()}
        return {str.__str__(key): text for key, text in items.items() if text is not None}

    def lines(self, name: str) -> tuple[str, ...]:
        """Read a list of texts."""
        value = self.value(name)
        if value is None:
            return ()
        if not _is_list_of_texts(value):
            self.wrong(name, f"must be a list of texts, not {kind(value)}")
            return ()
        return tuple(value)

    def json(self, name: str) -> dict[str, Any]:
        """Read a dict of JSON values."""
        value = self.value(name)
        if value is None:
            return {}
        try:
            read = json.loads(json.dumps(value, allow_nan=False)) if isinstance(value, Mapping) else None
        except (TypeError, ValueError, RecursionError):
            read = None
        if read != value:
            # JSON would turn other names than texts into texts.
            self.wrong(
                name, f"must be a dict of JSON values (texts, numbers, booleans, lists, dicts), not {kind(value)}"
            )
            return {}
        return dict(value)

    def record(self, name: str, made: type[T]) -> T | None:
        """Read a dict with the members of a frozen dataclass.

        Args:
            name: the argument.
            made: the dataclass; its members are texts, numbers or tuples of texts.
        """
        value = self.value(name)
        if value is None:
            return None
        members = fields(made)  # type: ignore[arg-type]
        known = ", ".join(member.name for member in members)
        if not isinstance(value, Mapping):
            self.wrong(name, f"must be a dict with {known}, not {kind(value)}")
            return None
        before = len(self.problems)
        if unknown := sorted({str(key) for key in value} - {member.name for member in members}):
            self.wrong(name, f"has unknown members {', '.join(unknown)}; it may have {known}")
        read = {member.name: self._member(name, member, value.get(member.name)) for member in members}
        present = {key: item for key, item in read.items() if item is not None}
        return made(**present) if len(self.problems) == before else None

    def wrong(self, name: str, what: str) -> None:
        """Take note of an argument that can't be read; ``what`` is as in :class:`Problem`."""
        self.problems.append(Problem(name, what))
        self.unread.add(name)

    def _member(self, name: str, member: Field[Any], value: object) -> Any:
        if value is None or value == "":
            if member.default is MISSING:
                self.wrong(name, f"lacks {member.name}")
            return None
        where = f"[{member.name!r}]"
        if member.type == "tuple[str, ...]":
            return self._checked(name, where, value, "a list of texts", _is_list_of_texts, tuple)
        if member.type == "float | None":
            return self._checked(name, where, value, "a number", _is_number, float)
        return self._checked(name, where, value, "a text or a number", _is_text, str)

    def _checked(self, name: str, where: str, value: Any, what: str, fits: Any, made: Any) -> Any:
        if not fits(value):
            self.wrong(name, f"{where} must be {what}, not {kind(value)}")
            return None
        return str.__str__(value) if isinstance(value, str) and made is str else made(value)

    def _item(self, name: str, key: object, value: object) -> str | None:
        if not isinstance(key, str):
            self.problems.append(Problem(name, f": the name {key!r} must be a text, not {kind(key)}"))
            return None
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, Number):
            # str() is what the PAI SDK does to every hyperparameter, so True arrives as 'True'.
            return str(value)
        advice = "; pass json.dumps(...) of it" if isinstance(value, list | tuple | dict) else ""
        text = f"[{key!r}] must be a text, a number or a boolean, not {kind(value)}{advice}"
        self.problems.append(Problem(name, text))
        return None


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value)


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
