"""The Chromium of this machine, steered by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.machine import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, LocatorAssertions

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync")  # fmt: skip
_PATIENCE_MS = 90_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it; a test that needs it is skipped where there is none."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        missing("chromium", "no Chromium is installed")
    # Loaded here: an environment of before it was needed can still collect the tests.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(_FLAGS))
        yield browser
        browser.close()


def expect(locator: Locator) -> LocatorAssertions:
    """Return what waits until an element is as it should be, as long as a busy machine may take."""
    from playwright.sync_api import expect

    expect.set_options(timeout=_PATIENCE_MS)
    return expect(locator)
