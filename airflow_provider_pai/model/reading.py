"""Reading an author's arguments: what they are meant to be, and one sentence on each that can't be read.

Values come as they are written in a DAG file, and as templates, parameters, variables and other tasks leave them: a
number where a text is meant, JSON in a text where a dict is meant, a path object, ``"None"`` for a value that was not
there. What is meant beyond doubt is read; the rest is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from decimal import Decimal
from numbers import Number
from typing import Any, TypeVar

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import is_number, kind, number, plain_value, shown, truth, whole

T = TypeVar("T")

_NOTHING = frozenset(("None", "none", "null", "nan", "NaN", "{}", "[]", "()", "undefined", "Undefined"))
"""What templates leave of a value that is not there."""
_GAVE_NOTHING = "the template or task that it comes from gave nothing; give it, or leave it out"
_LONGEST_WAIT = 10 * 365 * 24 * 3600
"""Seconds; no clock and no calendar can add very much more."""
_NATIVE = "a template gives a text: write JSON, or set render_template_as_native_obj=True on the DAG"


def seconds_problems(name: str, value: object, *, zero: bool = False) -> list[Problem]:
    """Return what is wrong with a time that is waited; a wrong one would end the waits of a whole triggerer.

    Args:
        name: the argument.
        value: its value.
        zero: whether 0 will do.
    """
    if is_number(value) and (value > 0 or (zero and value == 0)) and value <= _LONGEST_WAIT:
        return []
    least = ", at least 0" if zero else " above 0"
    most = f", at most {_LONGEST_WAIT}" if is_number(value) and value > _LONGEST_WAIT else ""
    return [Problem(name, f"must be a number of seconds{least}{most}, not {shown(value)}")]


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

    def text(self, name: str, *, digits: bool = False) -> str | None:
        """Read a text, or a path object as one.

        Args:
            name: the argument.
            digits: take a whole number for a text that a template has left of digits, such as ``{{ ds_nodash }}``.
        """
        value = self.value(name)
        if value is None:
            return None
        text = as_text(value) if digits or not isinstance(plain_value(value), int) else None
        if text is None:
            advice = "; put it in quotes" if number(value) is not None else ""
            self.wrong(name, f"must be a text, not {kind(value, name)}{advice}")
        elif text.strip() in _NOTHING:
            self.wrong(name, f"is {text.strip()!r}: {_GAVE_NOTHING}")
            return None
        return text

    def whole(self, name: str) -> int | None:
        """Read a whole number; a templated argument arrives as text."""
        return self._read(name, whole, "a whole number")

    def number(self, name: str) -> float | None:
        """Read a number; a templated argument arrives as text."""
        return self._read(name, number, "a number")

    def truth(self, name: str) -> bool | None:
        """Read a flag; a templated argument arrives as text."""
        return self._read(name, truth, "True or False")

    def seconds(self, name: str) -> int | None:
        """Read a whole number of seconds, or a ``timedelta``."""
        value = self.value(name)
        read = int(value.total_seconds()) if isinstance(value, timedelta) else self._read(name, whole, "a whole number")
        if read is not None and read > _LONGEST_WAIT:
            self.wrong(name, f"must be at most {_LONGEST_WAIT} seconds, not {shown(value)}")
            return None
        return read

    def texts(self, name: str) -> dict[str, str]:
        """Read a dict of texts, numbers and booleans; all become texts."""
        items = {key: self._item(name, key, item) for key, item in self.mapping(name, "a dict").items()}
        return {str.__str__(key): text for key, text in items.items() if text is not None}

    def lines(self, name: str) -> tuple[str, ...]:
        """Read a list of texts."""
        value = self.value(name)
        if isinstance(value, str):
            value = _json(value, list)
        if value is None and self.value(name) is None:
            return ()
        if not _is_list_of_texts(value):
            given = self.value(name)
            advice = f"; {_NATIVE}" if isinstance(given, str) else ""
            self.wrong(name, f"must be a list of texts, not {kind(given, name)}{advice}")
            return ()
        return tuple(str.__str__(item) for item in value)

    def json(self, name: str) -> dict[str, Any]:
        """Read a dict of JSON values."""
        value = self.mapping(name, "a dict of JSON values")
        try:
            written = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
            read = json.loads(written)
            fits = bool(read == value)
        except (TypeError, ValueError, RecursionError):
            fits = False
        if not fits:
            # JSON would turn other names than texts into texts.
            what = "must be a dict of JSON values (texts, numbers, booleans, lists, dicts)"
            self.wrong(name, f"{what}, not {kind(value, name)}")
            return {}
        return dict(value)

    def record(self, name: str, made: type[T]) -> T | None:
        """Read a dict with the members of a frozen dataclass.

        Args:
            name: the argument.
            made: the dataclass; its members are texts, numbers or tuples of texts.
        """
        if self.value(name) is None:
            return None
        members = fields(made)  # type: ignore[arg-type]
        known = ", ".join(member.name for member in members)
        before = len(self.problems)
        value = self.mapping(name, f"a dict with {known}")
        if len(self.problems) != before:
            return None
        names = {member.name for member in members}
        if unknown := sorted(shown(key).strip("'") for key in value if key not in names):
            self.wrong(name, f"has unknown members {', '.join(unknown)}; it may have {known}")
        read = {member.name: self._member(name, member, value.get(member.name)) for member in members}
        present = {key: item for key, item in read.items() if item is not None}
        return made(**present) if len(self.problems) == before else None

    def records(self, name: str, what: str) -> list[Mapping[str, Any]] | None:
        """Read a list of dicts; None when it can't be read. ``what`` says in a message what it must be."""
        value = self.value(name)
        if isinstance(value, str):
            value = _json(value, list)
        if self.value(name) is None:
            return []
        if (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and all(isinstance(one, Mapping) for one in value)
        ):
            return list(value)
        advice = f"; {_NATIVE}" if isinstance(self.value(name), str) else ""
        self.wrong(name, f"must be {what}, not {kind(self.value(name), name)}{advice}")
        return None

    def mapping(self, name: str, what: str) -> Mapping[Any, Any]:
        """Read a dict, which may be written as JSON; ``what`` says in a message what it must be."""
        value = self.value(name)
        if value is None:
            return {}
        read = _json(value, dict) if isinstance(value, str) else value
        if isinstance(read, Mapping):
            return read
        if not isinstance(value, str):
            advice = ""
        elif value.strip() in _NOTHING or not value.strip():
            advice = f": {_GAVE_NOTHING}"
        else:
            advice = f"; {_NATIVE}"
        self.wrong(name, f"must be {what}, not {kind(value, name)}{advice}")
        return {}

    def wrong(self, name: str, what: str) -> None:
        """Take note of an argument that can't be read; ``what`` is as in :class:`Problem`."""
        self.problems.append(Problem(name, what))
        self.unread.add(name)

    def _read(self, name: str, read: Callable[[Any], T | None], what: str) -> T | None:
        value = self.value(name)
        if value is None:
            return None
        if (found := read(value)) is None:
            nothing = isinstance(value, str) and (value.strip() in _NOTHING or not value.strip())
            self.wrong(name, f"must be {what}, not {shown(value)}" + (f": {_GAVE_NOTHING}" if nothing else ""))
        return found

    def _member(self, name: str, member: Field[Any], value: object) -> Any:
        if value is None or (isinstance(value, str) and value == ""):
            if member.default is MISSING:
                self.wrong(name, f"lacks {member.name}")
            return None
        where = f"[{member.name!r}]"
        if member.type == "tuple[str, ...]":
            read: Any = tuple(value) if isinstance(value, Iterable) and _is_list_of_texts(value) else None
            what = "a list of texts"
        elif member.type == "float | None":
            read, what = None if (found := number(value)) is None else float(found), "a number"
        else:
            read, what = _number_text(value), "a text or a number"
        if read is None:
            self.wrong(name, f"{where} must be {what}, not {kind(value, member.name)}")
        return read

    def _item(self, name: str, key: object, value: object) -> str | None:
        if not isinstance(key, str):
            self.wrong(name, f": the name {shown(key)} must be a text, not {kind(key)}")
            return None
        value = plain_value(value)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, str):
            return str.__str__(value)
        try:
            # str() is what the PAI SDK does to every hyperparameter, so True arrives as 'True'.
            if isinstance(value, Number):
                return str(value)
        except ValueError:
            self.problems.append(Problem(name, f"[{shown(key)}] is a number of too many digits; give it as a text"))
            return None
        advice = "; pass json.dumps(...) of it" if isinstance(value, list | tuple | dict) else ""
        # Asked of the class: an undefined value of a template has every attribute, and raises for each.
        if hasattr(type(value), "tolist"):
            advice = "; pass json.dumps(....tolist()) of it"
        text = f"[{shown(key)}] must be a text, a number or a boolean, not {kind(value, key)}{advice}"
        self.problems.append(Problem(name, text))
        return None


def as_text(value: object) -> str | None:
    """Return what is meant to be a text: one, a path, or a whole number that a template has made of digits."""
    value = plain_value(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        # The text itself, also of an enum's member.
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return None if (found := whole(value)) is None else str(found)
    return None


def _number_text(value: object) -> str | None:
    """Return a text, or a number as one."""
    if (text := as_text(value)) is not None:
        return text
    read = plain_value(value)
    return str(read) if isinstance(read, float | Decimal) and number(read) is not None else None


def _json(text: str, kind_of: type) -> Any:
    """Return the object or list that a text is JSON of; None for any other text."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, kind_of) else None


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value)
