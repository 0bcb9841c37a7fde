"""What ARCHITECTURE.md and CONTRIBUTING.md point at is there; each reference is ``file.py:name``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "airflow_provider_pai"
REFERENCE = re.compile(r"`([\w/]+\.py)(?::([\w.]+))?`")
FOLDER = re.compile(r"`([\w/]+/)`")
DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md")


def found(path: str) -> Path:
    """Return the file that a reference means: below the package or below the repository."""
    return next((folder / path for folder in (PACKAGE, REPOSITORY) if (folder / path).exists()), PACKAGE / path)


def line_of(path: Path, name: str) -> int | None:
    """Return the line where a class, function or method is defined."""
    body: list[ast.stmt] = ast.parse(path.read_text()).body
    line = None
    for part in name.split("."):
        named = [
            node
            for node in body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part
        ]
        if not named:
            return None
        line, body = named[0].lineno, named[0].body
    return line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_reference_leads_to_a_line(document: str) -> None:
    references = REFERENCE.findall((REPOSITORY / document).read_text())
    assert len(references) > 5
    lost = [f"{path}:{name}" for path, name in references if not found(path).is_file()]
    lost += [
        f"{path}:{name}"
        for path, name in references
        if found(path).is_file() and name and line_of(found(path), name) is None
    ]
    assert lost == []


def test_each_folder_of_the_map_exists_and_each_layer_is_on_it() -> None:
    folders = FOLDER.findall((REPOSITORY / "ARCHITECTURE.md").read_text())
    assert [folder for folder in folders if not found(folder).is_dir()] == []
    on_map = {folder.split("/")[1] for folder in folders if folder.startswith("airflow_provider_pai/")}
    layers = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert layers - on_map - {"assets"} == set()
