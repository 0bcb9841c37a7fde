"""What a machine may lack: locally such a test is skipped with a word, in CI it must run."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRED = "PAI_TESTS_REQUIRE"
"""Environment variable: names, separated by commas, of what must be there. CI sets it."""


def missing(name: str, why: str) -> NoReturn:
    """Skip the test, or fail it where ``name`` is required."""
    if name in os.environ.get(REQUIRED, "").split(","):
        pytest.fail(f"{name} is required here ({REQUIRED}): {why}")
    pytest.skip(why)
