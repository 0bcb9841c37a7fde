"""A task that is cancelled ends, on each Python that the package runs on."""

from __future__ import annotations

import ast
from pathlib import Path

import airflow_provider_pai

PACKAGE = Path(airflow_provider_pai.__file__).parent


def test_no_wait_loses_a_cancellation() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.alias) and node.name == "wait_for")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "asyncio.wait_for")
    ]
    assert found == [], "asyncio.wait_for loses a cancellation before Python 3.12; see client/polling/event_wait.py"
