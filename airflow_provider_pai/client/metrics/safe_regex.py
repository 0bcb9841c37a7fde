"""Regular expressions of others, matched where they can do no harm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from airflow_provider_pai.model.training.metric_text import SHORTEST_SEARCHED, searched_texts

_MATCH_SECONDS = 2.0
_MATCHER = """\
import json, re, signal, sys
number = re.compile(r"[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)")
exponent = re.compile(r"[eE][+-]?[0-9]+")
thousands = re.compile(r"(?:,[0-9]{3})+(?:\\.[0-9]+)?(?![0-9,])")
def last(regex, texts):
    for text in reversed(texts):
        found = None
        for found in regex.finditer(text):
            pass
        if found:
            value = " ".join(each or "" for each in found.groups()) if regex.groups else found[0]
            return [value, value + rest(value, text, found)]
def rest(value, text, found):
    if found.end() != found.end(found.re.groups) or not number.fullmatch(value):
        return ""
    is_short = value.lstrip("+-").isdigit() and len(value.lstrip("+-")) <= 3
    more = exponent.match(text, found.end()) or (is_short and thousands.match(text, found.end()))
    return more[0] if more else ""
signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
regexes, texts = json.load(sys.stdin)
for text in regexes:
    signal.setitimer(signal.ITIMER_VIRTUAL, float(sys.argv[1]))
    try:
        found = last(re.compile(text), texts)
    except re.error:
        found = None
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    print(json.dumps(found), flush=True)
"""
"""Nothing can interrupt Python's ``re``, not even a task's timeout. So it has a process of its own, which the system
ends when one expression takes too much of the processor's time."""


class FoundText(NamedTuple):
    """What a regular expression has found.

    Attributes:
        text: what its group has.
        whole: the number that this is the beginning of, as the line has it; the same where it is not cut.
    """

    text: str
    whole: str


def last_texts(
    regexes: Mapping[str, str], lines: Sequence[str], give_up: Callable[[str], None], seconds: float = _MATCH_SECONDS
) -> dict[str, FoundText]:
    """Return the last text that each regular expression finds, be it a number or not; without those that find none.

    Lines are searched as local PAI searches them: segment by segment, and of a long one the end where all of it takes
    too long.

    Args:
        regexes: by name; the one group of each is the value.
        lines: where to look, oldest first.
        give_up: is given the name of each regular expression that takes too long.
        seconds: of processor time that one may take for all lines, and once more for the ends of long ones.

    Raises:
        OSError: there can't be a process now.
    """
    found: dict[str, FoundText] = {}
    texts = [text for line in lines for text in searched_texts(line)]
    ends = [text[-SHORTEST_SEARCHED:] for text in texts]
    waiting = list(regexes)
    while waiting:
        answers = _matched([regexes[name] for name in waiting], texts, seconds)
        slow = waiting[len(answers) :][:1]
        if slow and ends != texts:
            answers += _matched([regexes[slow[0]]], ends, seconds)
        pairs = zip(waiting, answers, strict=False)
        found.update((name, FoundText(*texts_of)) for name, texts_of in pairs if texts_of is not None)
        waiting = waiting[len(answers) :]
        if waiting[:1] == slow and slow:
            give_up(waiting.pop(0))
    return found


def _matched(regexes: Sequence[str], texts: Sequence[str], seconds: float) -> list[Sequence[str] | None]:
    """Return the answers of the regular expressions up to the first one that takes too long."""
    matcher = subprocess.run(
        [sys.executable, "-I", "-c", _MATCHER, str(seconds)],
        input=json.dumps([regexes, texts]).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return [json.loads(line) for line in matcher.stdout.splitlines()]
