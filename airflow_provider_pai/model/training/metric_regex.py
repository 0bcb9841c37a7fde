"""Regular expressions of metrics that take a part of a number for all of it.

``loss=([0-9.]+)`` reads 9.8 where a line says 9.8e-05, and nothing shows it.
"""

from __future__ import annotations

import re

_SHORT, _LONG = "9.8", "9.8e-05"


def may_cut(regex: str) -> bool:
    """Whether a regular expression reads the beginning of a number with an exponent as its value.

    Args:
        regex: a valid regular expression with one group, the value.
    """
    begin, end = _group(regex)
    if begin < 0 or regex[end + 1 :]:
        # What comes after the value keeps a part of one from being found.
        return False
    try:
        value = re.compile(regex[begin:end])
    except re.error:
        # It refers to something outside of itself.
        return False
    found = value.match(_LONG)
    return bool(value.fullmatch(_SHORT)) and found is not None and 0 < found.end() < len(_LONG)


def _group(regex: str) -> tuple[int, int]:
    """Return where the content of the first group that captures begins and ends; -1 for both when there is none."""
    open_groups: list[int] = []
    found, position, in_set = -1, 0, False
    while position < len(regex):
        letter = regex[position]
        if letter == "\\":
            position += 1
        elif in_set:
            in_set = letter != "]"
        elif letter == "[":
            in_set = True
            # A bracket that closes is one of the characters where it comes first.
            position += len(re.match(r"\^?\]?", regex[position + 1 :])[0])  # type: ignore[index]
        elif letter == "(":
            name = re.match(r"\((?:\?P<\w+>|(?!\?))", regex[position:])
            open_groups.append(position + len(name[0]) if name else -1)
            found = open_groups[-1] if found < 0 else found
        elif letter == ")" and open_groups.pop() == found >= 0:
            return found, position
        position += 1
    return -1, -1
