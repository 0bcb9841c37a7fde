"""What the pages say can be done as they say it: their code runs, their links lead somewhere, their tables are true."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.provider_info import get_provider_info
from airflow_provider_pai.testing.local_pai import PAITestServer
from devtools.screenshots import LARGEST
from tests.support.pages import REPOSITORY, Block, blocks, broken_links, pages

PYTHON = [block for page in pages() for block in blocks(page, "python")]
DAGS = [block for block in PYTHON if "DAG(" in block.code]
TESTS = [block for block in PYTHON if "(local_pai)" in block.code]
TRANSLATED = {"README.md": "README.zh-CN.md", "docs/laptop.md": "docs/zh/getting-started.md"}
URI = re.compile(r"pai://[^\s'\"`.]*\?region_id[^\s'\"`]+&[^\s'\"`]+")
CONNECTIONS = sorted({uri for page in pages() for uri in URI.findall(page.read_text())})
LAYERS = ("operators", "sensors", "hooks", "triggers")


@pytest.mark.parametrize("block", DAGS, ids=str)
def test_a_dag_of_a_page_can_be_read_as_it_stands(block: Block, tmp_path: Path) -> None:
    names: dict[str, object] = {"__name__": "page"}
    # In a file: the source of a decorated function travels.
    (tmp_path / "page.py").write_text(block.code)
    exec(compile(block.code, str(tmp_path / "page.py"), "exec"), names)
    from airflow.sdk import DAG

    assert "import DAG" in block.code
    assert isinstance(names.get("dag"), DAG) or "with DAG(" in block.code


def test_each_block_of_python_is_a_dag_or_a_test() -> None:
    assert [str(block) for block in PYTHON if block not in DAGS and block not in TESTS] == []


@pytest.mark.parametrize("page", ["README.md", "docs/laptop.md"])
def test_the_first_dag_of_a_page_runs_as_it_stands(page: str, pai: LocalPAI, tmp_path: Path) -> None:
    block = next(block for block in DAGS if block.page == page)
    (tmp_path / "page.py").write_text(block.code)
    run = PAITestServer(pai, "pai_default").run_dag(tmp_path / "page.py")
    assert run.state == "success", run.output
    assert run.xcom("train", "metrics") == {"accuracy": 0.93}


def test_the_tests_of_the_page_on_tests_pass(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    laptop = next(block for block in DAGS if block.page == "docs/laptop.md")
    code = laptop.code.replace("hello_pai", "churn").replace("accuracy", "auc")
    (tmp_path / "dags" / "churn.py").write_text(code)
    (tmp_path / "test_dags.py").write_text("\n\n".join(block.code for block in TESTS))
    command = [sys.executable, "-W", "error", "-m", "pytest", "-W", "error", "-q", "-p", "no:asyncio"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("english", "translated"), TRANSLATED.items())
def test_a_translation_has_the_same_code(english: str, translated: str) -> None:
    assert [block.code for block in blocks(translated)] == [block.code for block in blocks(english)]


@pytest.mark.parametrize("block", [block for page in pages() for block in blocks(page, "yaml")], ids=str)
def test_yaml_of_a_page_can_be_read(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.code), dict)


@pytest.mark.parametrize("uri", CONNECTIONS)
def test_a_connection_of_a_page_can_be_read(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE"):
        monkeypatch.setenv(f"ALIBABA_CLOUD_{name}", f"/what/a/pod/has/{name}")
    fields = ConnectionFields.of("pai_default", Connection.from_uri(uri, "pai_default"))
    assert fields.unknown() == []
    assert read_config(fields).region_id == "cn-hangzhou"


def test_each_picture_is_small_and_shown() -> None:
    pictures = list((REPOSITORY / "docs" / "images").rglob("*.png"))
    shown = {name for page in pages() for name in re.findall(r"images/([\w/-]+\.png)\)", page.read_text())}
    assert {str(picture.relative_to(REPOSITORY / "docs" / "images")) for picture in pictures} <= shown
    assert [picture.name for picture in pictures if picture.stat().st_size > LARGEST] == []


def test_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files(page: Path) -> None:
    assert broken_links(page) == []


def test_each_row_on_what_happens_is_a_fault_test_of_that_name() -> None:
    table = (REPOSITORY / "docs" / "what-happens.md").read_text().partition("Each row is a test")[0]
    first = re.findall(r"^\| ([a-z][^|]*?) \|", table, re.MULTILINE)
    rows = {re.sub(r"\W+", "_", row) for row in first}
    names = set()
    for path in (REPOSITORY / "tests" / "faults").glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                names.add(node.name.removeprefix("test_"))
    assert len(rows) > 30
    assert {row for row in rows if not any(name.startswith(row) or row.startswith(name) for name in names)} == set()


def test_a_guide_says_what_each_argument_is_for() -> None:
    guides = "".join(page.read_text() for page in pages())
    missing = []
    for layer in ("operators", "sensors"):
        for path in (REPOSITORY / "airflow_provider_pai" / layer).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
                    missing += [name for name in names if name != "self" and not re.search(rf"\b{name}\b", guides)]
    assert missing == []


def test_each_public_class_is_in_the_reference() -> None:
    reference = (REPOSITORY / "docs" / "reference.md").read_text()
    missing = []
    for layer in LAYERS:
        for group in get_provider_info()[layer]:
            for name in group["python-modules"]:
                module = importlib.import_module(name)
                missing += [
                    f"{name}.{class_name}"
                    for class_name, found in inspect.getmembers(module, inspect.isclass)
                    if found.__module__ == name and class_name.startswith("PAI")
                    if f"{name}.{class_name}" not in reference and f"::: {name}\n" not in reference
                ]
    assert missing == []
