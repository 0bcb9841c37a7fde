"""Regular expressions of others, matched where they can do no harm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

LONGEST_MATCHED = 4096
"""Characters of a line that are looked at: what a regular expression costs may grow with their square."""
_MATCH_SECONDS = 2.0
_MATCHER = """\
import json, math, re, signal, sys
def value(regex, lines):
    for line in reversed(lines):
        for text in reversed(regex.findall(line)):
            try:
                number = float(text)
            except (TypeError, ValueError):
                continue
            if math.isfinite(number):
                return number
signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
regexes, lines = json.load(sys.stdin)
for text in regexes:
    signal.setitimer(signal.ITIMER_VIRTUAL, float(sys.argv[1]))
    try:
        found = value(re.compile(text), lines)
    except re.error:
        found = None
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    print(json.dumps(found), flush=True)
"""
"""Nothing can interrupt Python's ``re``, not even a task's timeout. So it has a process of its own, which the system
ends when one expression takes too much of the processor's time."""


def last_values(
    regexes: Mapping[str, str], lines: Sequence[str], give_up: Callable[[str], None], seconds: float = _MATCH_SECONDS
) -> dict[str, float]:
    """Return the last number that each regular expression finds; without those that find none.

    Args:
        regexes: by name; the one group of each is the number.
        lines: where to look, oldest first.
        give_up: is given the name of each regular expression that takes too long.
        seconds: of processor time that one may take for all lines.

    Raises:
        OSError: there can't be a process now.
    """
    found: dict[str, float] = {}
    waiting = list(regexes)
    while waiting:
        answers = _matched([regexes[name] for name in waiting], lines, seconds)
        found.update((name, value) for name, value in zip(waiting, answers, strict=False) if value is not None)
        waiting = waiting[len(answers) :]
        if waiting:
            give_up(waiting.pop(0))
    return found


def _matched(regexes: Sequence[str], lines: Sequence[str], seconds: float) -> list[float | None]:
    """Return the answers of the regular expressions up to the first one that takes too long."""
    matcher = subprocess.run(
        [sys.executable, "-I", "-c", _MATCHER, str(seconds)],
        input=json.dumps([regexes, [line[:LONGEST_MATCHED] for line in lines]]).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return [json.loads(line) for line in matcher.stdout.splitlines()]
