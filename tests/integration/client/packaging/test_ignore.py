from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.client.packaging.ignore import NO_SOURCE_CODE, IgnoreRules
from airflow_provider_pai.client.packaging.source import read_source, source_problems
from tests.support.machine import missing

TREE = (
    "#x",
    "!y",
    "a.py",
    "b.txt",
    "sp ace",
    "a/a.py",
    "a/b.txt",
    "a/b/a.py",
    "a/b/b.txt",
    "a/b/c/a.py",
    "ab/a.py",
    "ab/a/b/b.txt",
    "b/ab",
    "b/b.txt",
    "b/a/a.py",
    "b/sp ace",
)


def fill(folder: Path, names: tuple[str, ...] = TREE) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.fsencode(name))
    return folder


def ignoring(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / ".paiignore").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def included(folder: Path) -> list[str]:
    with read_source(str(folder)).packed() as (content, _), tarfile.open(fileobj=content, mode="r:gz") as files:
        # git knows no empty folders.
        return [member.name for member in files.getmembers() if not member.isdir()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as a git repository, where git can say what it would include."""
    folder = fill(tmp_path_factory.mktemp("checkout"))
    if shutil.which("git") is None:
        missing("git", "there is no git on this machine")
    git(folder, "init", "--quiet")
    return folder


def git(folder: Path, *arguments: str) -> str:
    # What this user tells git to ignore everywhere is not part of the question.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    call = ["git", "-C", str(folder), *arguments]
    return subprocess.run(call, capture_output=True, check=True, text=True, env=environment).stdout


def as_git_has_it(folder: Path) -> list[str]:
    names = git(folder, "ls-files", "--others", "--exclude-from=.paiignore", "-z").split("\0")
    return sorted(name for name in names if name not in ("", ".paiignore"))


WHOLE = set(TREE)


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ("", set()),
        ("# a.py\n\n   \n", set()),
        ("*.py\n", {name for name in WHOLE if name.endswith(".py")}),
        ("*.py\n!a.py\n", set()),
        ("*.py\n!/a.py\n", {name for name in WHOLE if name.endswith("/a.py")}),
        ("/a\n", {name for name in WHOLE if name.startswith("a/")}),
        ("b/\n", {name for name in WHOLE if "b/" in name.replace("ab/", "x/")}),
        ("ab/\n", {"ab/a.py", "ab/a/b/b.txt"}),
        ("a/\n!a/b/c/a.py\n", {name for name in WHOLE if "a/" in name.replace("a.py", "")}),
        ("/a/*\n!/a/b/\n", {"a/a.py", "a/b.txt"}),
        ("/a/**\n!/a/b.txt\n", {"a/a.py", "a/b/a.py", "a/b/b.txt", "a/b/c/a.py"}),
        ("/a/b/c/\n/a/\n!/a/\n", {"a/b/c/a.py"}),
        ("c\n!/a/b/\n", {"a/b/c/a.py"}),
        ("*\n!*/\n!*.txt\n", {name for name in WHOLE if not name.endswith(".txt")}),
        ("**/b/*.py\n", {"a/b/a.py"}),
        ("a/**/a.py\n", {"a/a.py", "a/b/a.py", "a/b/c/a.py"}),
        ("\\#x\n\\!y\n", {"#x", "!y"}),
        ("sp ace   \n", {"sp ace", "b/sp ace"}),
        ("/sp\\ ace\r\n", {"sp ace"}),
        ("[!b].py\n", {name for name in WHOLE if name.endswith("a.py")}),
        ("/a.p?\n", {"a.py"}),
    ],
)
def test_patterns_leave_out_what_git_leaves_out(checkout: Path, patterns: str, left_out: set[str]) -> None:
    ignoring(checkout, patterns)
    assert set(included(checkout)) == WHOLE - left_out
    assert as_git_has_it(checkout) == sorted(WHOLE - left_out)


SEGMENTS = st.sampled_from(["a", "b", "ab", "a.py", "b.txt", "*", "**", "a*", "*.py", "?", "[ab]", "[!a]", "c", "sp*"])
PATTERNS = st.builds(
    lambda back, top, segments, folder: f"{back}{top}{'/'.join(segments)}{folder}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)


@settings(deadline=None)
@given(lines=st.lists(PATTERNS, max_size=5))
def test_an_archive_holds_what_git_would_include(checkout: Path, lines: list[str]) -> None:
    ignoring(checkout, "\n".join(lines))
    # A pattern such as "!*" takes back the folder that git itself never looks into.
    assert sorted(name for name in included(checkout) if not name.startswith(".git/")) == as_git_has_it(checkout)


@pytest.mark.parametrize("name", [*NO_SOURCE_CODE[:4], "train.pyc", "train.pyo", *NO_SOURCE_CODE[5:]])
def test_what_is_no_source_code_is_left_out_everywhere(tmp_path: Path, name: str) -> None:
    fill(tmp_path, ("train.py", f"{name}/x", f"package/{name}/deeper/x"))
    assert included(tmp_path) == ["train.py"]


@pytest.mark.parametrize("name", ["python3.12", ".env", "tools/my env"])
def test_a_virtual_environment_of_any_name_is_left_out(tmp_path: Path, name: str) -> None:
    fill(tmp_path, ("train.py", f"{name}/pyvenv.cfg", f"{name}/lib/site-packages/torch/__init__.py"))
    (tmp_path / name / "python").symlink_to("/usr/bin/env")
    assert included(tmp_path) == ["train.py"]
    assert source_problems(str(tmp_path)) == []


def test_a_folder_in_an_environment_of_its_own_is_source_code(tmp_path: Path) -> None:
    fill(tmp_path, ("train.py", "pyvenv.cfg"))
    assert included(tmp_path) == ["pyvenv.cfg", "train.py"]


@pytest.mark.parametrize("name", [".git", "venv", "my env", "__pycache__"])
def test_a_pattern_takes_a_built_in_one_back(tmp_path: Path, name: str) -> None:
    fill(tmp_path, (f"{name}/pyvenv.cfg", f"package/{name}/pyvenv.cfg"))
    ignoring(tmp_path, f"!/{name}/\n")
    assert included(tmp_path) == [f"{name}/pyvenv.cfg"]


def test_the_file_itself_is_left_out_but_not_one_of_its_name_further_down(tmp_path: Path) -> None:
    fill(tmp_path, ("train.py", "package/.paiignore"))
    ignoring(tmp_path, "!.paiignore\n")
    assert included(tmp_path) == ["package/.paiignore", "train.py"]


def test_a_link_that_leads_out_may_be_left_out(tmp_path: Path) -> None:
    fill(tmp_path, ("train.py",))
    (tmp_path / "data").symlink_to("/var")
    assert "leads out" in str(source_problems(str(tmp_path))[0])
    ignoring(tmp_path, "/data/\n")
    assert included(tmp_path) == ["train.py"]


def test_a_file_as_windows_writes_it_is_read(tmp_path: Path) -> None:
    fill(tmp_path, ("train.py", "a.csv", "b.csv"))
    ignoring(tmp_path, b"\xef\xbb\xbfa.csv\r\nb.csv\r\n")
    assert included(tmp_path) == ["train.py"]


def test_names_that_are_no_text_can_be_left_out(tmp_path: Path) -> None:
    fill(tmp_path, ("train.py", os.fsdecode(b"caf\xe9.txt")))
    ignoring(tmp_path, b"caf\xe9.*\n")
    assert included(tmp_path) == ["train.py"]


@pytest.mark.parametrize("line", ["!", "a\\", "[[:alpha:]]*"])
def test_a_line_that_is_no_pattern_is_named(tmp_path: Path, line: str) -> None:
    fill(tmp_path, ("train.py",))
    ignoring(tmp_path, f"*.csv\n{line}\n")
    (problem,) = map(str, source_problems(str(tmp_path)))
    assert problem.endswith(f": .paiignore line 2 is no pattern in gitignore syntax: {line!r}")


def test_a_pipe_of_that_name_does_not_hang(tmp_path: Path) -> None:
    fill(tmp_path, ("train.py",))
    os.mkfifo(tmp_path / ".paiignore")
    assert IgnoreRules.of(tmp_path).ignores("train.py", None) is False
    assert included(tmp_path) == ["train.py"]
