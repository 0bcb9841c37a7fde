"""The page itself, one document: style and scripts are written into it, so that it is there after one request.

What belongs here: how things are drawn. What does not: what is said of a job (``model/monitor``).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_PART = re.compile(r"/\*([\w.]+)\*/")
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True)
class TrainingPage:
    """The document, and what it needs of a browser.

    Attributes:
        html: the document.
        policy: its Content-Security-Policy: nothing comes from elsewhere, and nothing else than its own scripts runs,
            whatever a job prints.
    """

    html: str
    policy: str


@cache
def training_page() -> TrainingPage:
    """Return the page, which is read once."""
    html = _PART.sub(lambda part: _file(part[1]), _file("training.html"))
    digests: dict[str, list[str]] = {"style": [], "script": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        digests[kind].append(f"'sha256-{digest}'")
    policy = (
        f"default-src 'none'; script-src {' '.join(digests['script'])}; style-src {' '.join(digests['style'])}; "
        "connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    )
    return TrainingPage(html, policy)


def _file(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
