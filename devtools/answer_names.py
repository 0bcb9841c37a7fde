"""The names of all members that the vendor's models have: ``python -m devtools.answer_names`` writes them down.

``pai-local verify`` shows no other names of what an endpoint answers, and is installed without the vendor's SDKs.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from devtools.sdk_members import _MODULES

FILE = Path(__file__).parents[1] / "airflow_provider_pai" / "local" / "verify" / "member_names.py"
_WIDTH = 116


def names() -> list[str]:
    """Return the names of all members that answers can have, sorted."""
    found: set[str] = {"Code", "HostId", "Message", "Recommend", "RequestId"}
    for package in _MODULES.values():
        models = importlib.import_module(f"{package}.models")
        for name, model in inspect.getmembers(models, inspect.isclass):
            if hasattr(model, "from_map") and not name.endswith("Request"):
                found.update(re.findall(r"m\.get\('([A-Za-z0-9_]+)'\)", inspect.getsource(model.from_map)))
    return sorted(found - {"body", "headers", "statusCode"})


def text() -> str:
    """Return the module."""
    lines, line = [], "   "
    for name in names():
        if len(line) + len(name) + 1 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {name}"
    body = "\n".join([*lines, line])
    return f'''"""The names of members in the vendor's models; written by ``python -m devtools.answer_names``."""

MEMBER_NAMES = frozenset(
    """
{body}
    """.split()  # noqa: SIM905 - a list would be four times as long
)
'''


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
