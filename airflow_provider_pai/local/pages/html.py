"""HTML with any texts in it: what jobs print is shown as it is, and never becomes markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from starlette.responses import HTMLResponse

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.25rem .8rem;text-align:left;"
    "border-bottom:1px solid #ddd;vertical-align:top}pre{background:#f6f6f6;padding:1rem;overflow:auto;"
    "max-height:40rem}h1 small{font-weight:normal;color:#666}.Succeed,.Running,.Approved{color:#176b2c}"
    ".Failed,.InitializeFailed,.CreateFailed,.Terminated,.Rejected{color:#a11}svg{border:1px solid #ddd}"
)
_HEADERS = {
    # Nothing of a page comes from elsewhere or runs, whatever a job prints.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    # A form of this server's own says where it comes from; no other site learns of it.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_WITHOUT_END = frozenset({"input"})
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Return a value as HTML: escaped, without what a terminal would obey, unless it is markup."""
    if isinstance(value, Markup):
        return value
    plain = _CONTROLS.sub("\ufffd", _ESCAPES.sub("", str(value)))
    return Markup(html.escape(plain, quote=True))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element; attributes named like a Python keyword end in an underscore."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items())
    end = "" if name in _WITHOUT_END else f"</{name}>"
    return Markup(f"<{name}{given}>{''.join(map(text, children))}{end}")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table; a word instead of one without rows."""
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    if not body:
        return tag("p", "none")
    return tag("table", tag("tr", *(tag("th", name) for name in head)), *body)


def facts(values: Mapping[str, object]) -> Markup:
    """Return a table of names and values; those without a value are left out."""
    rows = [tag("tr", tag("th", name), tag("td", value)) for name, value in values.items() if value not in (None, "")]
    return tag("table", *rows)


def page(title: str, *content: object, refresh_s: int | None = None, status: int = 200) -> HTMLResponse:
    """Return a whole page.

    Args:
        title: what it is about.
        content: its elements.
        refresh_s: seconds after which the browser loads it again; None for never.
        status: HTTP status.
    """
    refresh = Markup(f'<meta http-equiv="refresh" content="{refresh_s:d}">') if refresh_s else ""
    charset, style = Markup('<meta charset="utf-8">'), Markup(f"<style>{_STYLE}</style>")
    head = tag("head", charset, refresh, tag("title", title), style)
    links = tag("p", tag("a", "local PAI", href="/pages/"))
    body = tag("body", links, *content)
    return HTMLResponse(f"<!doctype html>{tag('html', head, body, lang='en')}", status, _HEADERS)
