"""Source code to pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.source_code import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    write(source / "train.py", "print('training')\n")
    write(source / "package" / "__init__.py", "")
    write(source / "package" / "model.py", "x = 1\n")
    return source
