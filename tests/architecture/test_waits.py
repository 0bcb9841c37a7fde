"""Tests wait for things, not for time: what a slow or busy machine would make fail is refused among them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.waits import PATIENCE

TESTS = Path(__file__).parents[1]
CLOCKS = ("monotonic", "perf_counter", "time")
WAITS = (
    *("get", "post", "put", "delete", "head", "request", "urlopen", "open", "create_connection", "HTTPConnection"),
    *("communicate", "run", "wait", "join", "Barrier", "wait_for", "wait_run", "wait_task", "wait_parsed"),
)
"""Calls whose ``timeout`` is an end for what never comes; that of an operator is what its test is about."""


def claims_about_speed(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the upper limits of measured time that are asserted: ``assert time.monotonic() - begun < 5``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            for part in ast.walk(node.test):
                if isinstance(part, ast.Compare) and isinstance(part.ops[0], ast.Lt | ast.LtE):
                    left = part.left
                    if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Sub) and _reads_a_clock(left.left):
                        yield part


def short_ends(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the calls that give up after less than the patience of all tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in WAITS and ast.unparse(node.func) != "asyncio.wait":
            limits = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
            if _name(node.func) in ("wait", "join"):
                limits += node.args[:1]
            for limit in limits:
                if isinstance(limit, ast.Constant) and isinstance(limit.value, int | float) and limit.value < PATIENCE:
                    yield node


def naps(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the pauses that hope that something has happened after them: those outside of a loop that looks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield from _pauses(node)


def _pauses(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.While | ast.For | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Call) and ast.unparse(child.func) == "time.sleep":
            yield child
        yield from _pauses(child)


def _reads_a_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in CLOCKS and ast.unparse(node.func).startswith("time.")


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


FINDERS = {"a claim about speed": claims_about_speed, "an end that is too short": short_ends, "a nap": naps}
MAY_NAP = {
    # That nothing happens can be seen only by waiting; Airflow's own races are not ours to wait for.
    "faults/test_cloud.py",
    "faults/test_people.py",
    "faults/test_scheduler.py",
    "faults/test_triggerers.py",
    "dags/test_examples.py",
}


@pytest.mark.parametrize("what", FINDERS)
def test_no_test_depends_on_the_speed_of_the_machine(what: str) -> None:
    found = [
        f"{name}:{node.lineno}: {ast.unparse(node)[:100]}"
        for path in sorted(TESTS.rglob("*.py"))
        if (name := str(path.relative_to(TESTS))) not in (MAY_NAP if what == "a nap" else ())
        for node in FINDERS[what](ast.parse(path.read_text()))
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("a claim about speed", "assert time.monotonic() - begun < 5"),
        ("a claim about speed", "assert done and time.perf_counter() - begun <= 0.1"),
        ("an end that is too short", "requests.get(url, timeout=5)"),
        ("an end that is too short", "thread.join(1)"),
        ("an end that is too short", "assert event.wait(10)"),
        ("a nap", "def test_it():\n    with a:\n        time.sleep(0.5)\n    assert b"),
    ],
)
def test_what_depends_on_speed_is_found(what: str, code: str) -> None:
    assert len(list(FINDERS[what](ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "assert time.monotonic() < deadline",
        "assert time.monotonic() - begun >= 0.2",
        "requests.get(url, timeout=PATIENCE)",
        "sensor(timeout=1)",
        "def test_it():\n    while not b():\n        time.sleep(0.5)",
        "assert time.process_time() - begun < 2",
    ],
)
def test_what_does_not_is_not(code: str) -> None:
    assert [node for find in FINDERS.values() for node in find(ast.parse(code))] == []
