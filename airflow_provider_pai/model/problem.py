"""What is wrong with an argument, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MEMBER = re.compile(r"""\[b?(['"])(.{1,200}?)\1\]""")
_QUOTED = re.compile(r"""b?'[^']*'|b?"[^"]*\"""")
_LONGEST = 1000
_END = 300


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an argument; as a text it is a sentence that begins with the argument's name.

    Attributes:
        argument: name of the argument of an operator or a hook, or of the field of a connection.
        text: the rest of the sentence, and what to do: ``is missing: say what the job runs``. A text that begins with
            ``[`` names a member first, one that begins with ``:`` follows the name at once.
        of: what the argument belongs to when that is not the operator or hook itself: ``connection 'mine'``.
    """

    argument: str
    text: str
    of: str = ""

    def __str__(self) -> str:
        """Return the sentence, without a secret that a value in it may be."""
        # Loaded where it is first used: reading a DAG file makes no sentences.
        from airflow_provider_pai.model.masking import MASK, looks_secret, masked_text

        owner = f"{self.of}: " if self.of else ""
        text = masked_text(self.text)
        if (member := _MEMBER.match(text)) and looks_secret(member[2]):
            # What a member of such a name holds is not shown in whatever form a message has.
            text = member[0] + _QUOTED.sub(MASK, text[member.end() :])
        if len(text) > _LONGEST:
            # The middle goes: a sentence ends with what is wrong and what to do.
            text = f"{text[: _LONGEST - _END]}...{text[-_END:]}"
        text = " ".join(text.splitlines())
        return f"{owner}{self.argument}{'' if text.startswith((':', '[')) else ' '}{text}"
