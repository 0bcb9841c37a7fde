"""What is wrong with an argument, as data."""

from __future__ import annotations

from dataclasses import dataclass


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
        from airflow_provider_pai.model.masking import masked_text

        owner = f"{self.of}: " if self.of else ""
        return masked_text(f"{owner}{self.argument}{'' if self.text.startswith((':', '[')) else ' '}{self.text}")
