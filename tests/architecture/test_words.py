"""One term per thing, and it is the field's: what is out, in names and in what users read."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import REPOSITORY, pages

PACKAGE = REPOSITORY / "airflow_provider_pai"
CODE = sorted(PACKAGE.rglob("*.py"))
ROOMS = (PACKAGE, *(REPOSITORY / name for name in ("tests", "devtools", "benchmarks", "example_dags")))
FILES = sorted(path for room in ROOMS for path in room.rglob("*.py"))
CLASSES = (
    "Round", "Desk", "Pace", "Patience", "Watch", "Budget", "Metered", "Crew", "JobStory", "Keys", "Lease", "Slots",
    "Wishes", "Awaited", "Verdict", "Move", "Undo", "Undoing", "Withdrawal", "Traffic", "Release", "Here", "Begun",
    "Refusal", "Office", "Door", "Fleet", "Life", "Workshop", "Halt", "House", "Stage", "Weather", "Crowd",
)  # fmt: skip
MODULES = (
    "round", "desk", "pace", "patience", "watch", "budget", "crew", "story", "slots", "twin", "news",
    "gate_arguments", "form", "refusal", "refusals", "reply", "replies", "incoming", "documents", "verifying",
    "caretaker", "keeper", "door", "ground", "reach", "place", "fleet", "life", "shelf", "journal", "demand",
    "house", "stage", "weather", "crowd", "bookmark", "matching", "utils", "common", "helpers",
)  # fmt: skip
IN_NAMES = (
    "nobody", "somebody", "somebodys", "whoever", "whose", "all_the_same", "no_good", "goes_on", "go_on", "way_back",
    "go_back", "goes_back", "gone_back", "come_to_an_end", "looked_at", "round", "rounds", "pace", "paces", "paced",
    "told", "tell", "tells", "news",
)  # fmt: skip
PHRASES = (
    *("no good", "way back", "go back", "goes back", "go on", "goes on", "come to an end", "this attempt is over"),
    *("nobody", "somebody", "whoever", "all the same", "is told", "are told", "is looked at"),
)
READ_BY_USERS = [*pages(), *CODE]
MOST_LINES = 400
_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what users read of a file: a page's lines without code, a module's texts without docstrings."""
    if path.suffix == ".md":
        without_blocks = _BLOCK.sub(lambda found: "\n" * found[0].count("\n"), path.read_text())
        plain = re.sub(r"`[^`]*`", "", without_blocks)
        yield from enumerate(plain.splitlines(), start=1)
        return
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | statements:
            yield node.lineno, node.value


def test_texts_that_users_read_have_none_of_the_phrases_that_are_out() -> None:
    pattern = re.compile(rf"\b({'|'.join(PHRASES)})\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {match[0]!r} in {text.strip()[:80]!r}"
        for path in READ_BY_USERS
        for line, text in texts(path)
        if (match := pattern.search(text))
    ]
    assert found == [], "\n".join(found)


def test_docstrings_and_comments_have_none_of_the_phrases_either() -> None:
    """Docstrings are pages of the reference, and comments are read by those who change the code."""
    pattern = re.compile(rf"\b({'|'.join(PHRASES)})\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {match[0]!r}"
        for path in FILES
        if path != Path(__file__)
        for line, text in enumerate(path.read_text().splitlines(), start=1)
        if (match := pattern.search(text))
    ]
    assert found == [], "\n".join(found)


def test_classes_and_modules_have_the_names_of_the_field() -> None:
    found = [str(path.relative_to(REPOSITORY)) for path in FILES if path.stem in MODULES]
    for path in FILES:
        names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
        found += [f"{path.relative_to(REPOSITORY)}: {name}" for name in sorted(names) if name.lstrip("_") in CLASSES]
    assert found == []


def names(path: Path) -> Iterator[str]:
    """Yield the names that a file gives: its own, and those of functions, classes, arguments and variables."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def in_words(name: str) -> str:
    """Return a name's words in lower case with "_" before, between and behind them."""
    return f"_{re.sub('(?<=[a-z0-9])(?=[A-Z])', '_', name).strip('_').lower()}_"


def test_names_have_none_of_the_words_that_are_out() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)}: {name}: {word!r}"
        for path in FILES
        for name in names(path)
        for word in IN_NAMES
        if f"_{word}_" in in_words(name)
    }
    assert found == set(), "\n".join(sorted(found))


@pytest.mark.parametrize("name", ["goes_on", "test_a_job_goes_on", "_goes_on_", "GoesOn", "TheJobGoesOn", "GOES_ON"])
def test_a_word_that_is_out_is_found_anywhere_in_a_name(name: str) -> None:
    assert "_goes_on_" in in_words(name)


def test_no_class_name_is_defined_twice_in_the_package() -> None:
    where = defaultdict(list)
    for path in CODE:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                where[node.name.lstrip("_")].append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_no_file_is_long() -> None:
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length >= MOST_LINES} == {}


def test_the_rooms_of_client_and_model_are_few() -> None:
    for room in ("client", "model"):
        assert len(list((PACKAGE / room).glob("*.py"))) <= 8, room
