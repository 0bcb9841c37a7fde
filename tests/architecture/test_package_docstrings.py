"""Each package says what belongs in it and what does not; the import contracts hold what can be held."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_provider_pai

ROOT = Path(airflow_provider_pai.__file__).parent
PACKAGES = sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.rglob("__init__.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_belongs_in_it_and_what_does_not(package: str) -> None:
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or ""
    assert "What belongs here" in text
    assert "What does not" in text or package == "."
