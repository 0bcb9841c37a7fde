"""Names of registered models and of their versions, as an author gives them."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import shown

_LONGEST = 127


def name_problems(argument: str, name: object, what: str = "a model") -> Iterator[Problem]:
    """Yield what is wrong with a name; nothing could be found, or made, under such a one.

    Args:
        argument: the argument that has the name.
        name: what the author gave.
        what: what it names.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST or not name.isprintable():
        yield Problem(argument, f"must be the name of {what}, of 1 to {_LONGEST} characters, not {shown(name)}")
