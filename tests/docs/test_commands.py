"""Each block of code is of a kind that a test tries, and each command of a page exists as it is written there."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest
from airflow.cli.cli_parser import get_parser

from airflow_provider_pai.local.__main__ import _parser as pai_local_parser
from airflow_provider_pai.provider_info import get_provider_info
from tests.support.pages import REPOSITORY, blocks, pages

ALL = [block for page in pages() for block in blocks(page)]
TRIED = {"python", "yaml", "console", "bash", "ini", "text"}
"""Languages of blocks that tests try here or in ``test_pages.py``; a text is not run."""
ELSEWHERE = {"dockerfile": "docs/production.md"}
"""Blocks that need what no machine of tests has, by the page that says so."""
SHELL = {".", "eval", "export", "kill", "python3"}


def commands(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line, and those of which another one takes the output."""
    command: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if inner := re.search(r"\$\((.*)\)", word):
            yield from commands(inner[1])
        if word in ("&&", "&"):
            yield from [command] if command else []
            command = []
        else:
            command.append(word)


COMMANDS = [
    pytest.param(words, id=f"{block}: {shlex.join(words)}")
    for block in ALL
    if block.language == "console"
    for line in re.findall(r"^\$ (.*)$", block.code, re.MULTILINE)
    for words in commands(line)
    if words[0] not in SHELL
]


def test_each_block_is_of_a_kind_that_is_tried() -> None:
    assert [str(block) for block in ALL if block.language not in TRIED and block.language not in ELSEWHERE] == []
    for language, page in ELSEWHERE.items():
        assert {block.page for block in ALL if block.language == language} == {page}


def test_no_block_is_hidden_in_a_list() -> None:
    assert [str(page) for page in pages() if re.search(r"^ +```", page.read_text(), re.MULTILINE)] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_a_page_exists_as_it_is_written(words: list[str]) -> None:
    program, *rest = words
    if program == "make":
        (phony,) = re.findall(r"^\.PHONY: (.*(?:\\\n.*)*)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        assert set(rest) <= set(phony.replace("\\", "").split())
    elif program == "pai-local":
        pai_local_parser().parse_args(rest)
    elif program == "airflow":
        get_parser().parse_args(rest)
    else:
        assert words[:2] == ["pip", "install"]
        extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for name, wanted in re.findall(r"^([\w-]+)(?:\[(\w+)\])?$", "\n".join(rest[1:]), re.MULTILINE):
            assert name in ("airflow-provider-pai", "apache-airflow")
            assert not wanted or wanted in extras


def test_each_option_that_bash_sets_is_one_of_the_provider() -> None:
    options = get_provider_info()["config"]["pai"]["options"]
    lines = [line for block in ALL if block.language == "bash" for line in block.code.splitlines()]
    found = [re.fullmatch(r"export AIRFLOW__PAI__(\w+)=.+", line) for line in lines]
    assert found
    assert [
        line for line, match in zip(lines, found, strict=True) if not match or match[1].lower() not in options
    ] == []


def test_each_option_of_pytest_is_one_of_the_plugin() -> None:
    plugin = (REPOSITORY / "airflow_provider_pai" / "testing" / "plugin.py").read_text()
    known = {node.value for node in ast.walk(ast.parse(plugin)) if isinstance(node, ast.Constant)}
    for block in ALL:
        if block.language == "ini":
            parser = configparser.ConfigParser()
            parser.read_string(block.code)
            assert set(parser["pytest"]) <= known


def test_each_operation_that_is_sent_has_its_right() -> None:
    page = (REPOSITORY / "docs" / "account.md").read_text()
    named = set(re.findall(r"[:`]([A-Z]\w+)`", page))
    sent = set()
    for path in (REPOSITORY / "airflow_provider_pai" / "api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
                names = [each for each in texts if isinstance(each, str) and re.fullmatch(r"[A-Z][a-z]+[A-Z]\w+", each)]
                is_call = getattr(node.func, "id", None) in {"Call", "_put", "_lines"}
                sent |= set(names) if is_call else set()
    assert len(sent) > 30
    assert sent - named == set()
