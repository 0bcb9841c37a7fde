from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.client.packaging.source import (
    source_problems,
    source_requirements,
)
from tests.support.source_code import only_problem, write

ELSEWHERE = "name a package of another index by its address (name @ https://...)"
"""A package of the same name from another index would be another one."""


def requirements(folder: Path, text: str | bytes, name: str = "requirements.txt") -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return source_requirements(str(folder))


def test_without_a_file_there_are_no_requirements(folder: Path) -> None:
    assert source_requirements(str(folder)) == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ()),
        ("numpy==2.1.0\ntorch>=2", ("numpy==2.1.0", "torch>=2")),
        ("numpy\n\n  \n# all of it\n   # indented\ntorch # why\npandas\t# tab\n", ("numpy", "torch", "pandas")),
        ("pkg @ https://x.y/z.whl#sha256=0123 # why\n", ("pkg @ https://x.y/z.whl#sha256=0123",)),
        ("torch>=2; python_version < '3.13'\n", ("torch>=2; python_version < '3.13'",)),
        ("numpy \\\n  --hash=sha256:01 \\\n  --hash=x\ntorch", ("numpy   --hash=sha256:01   --hash=x", "torch")),
        ("num\\\npy\n", ("numpy",)),
        ("numpy \\", ("numpy",)),
        ("# old: \\\nnumpy\n", ("numpy",)),
        ("numpy \\\n# not torch\npandas\n", ("numpy", "pandas")),
        ("numpy\r\ntorch \\\r\n  >=2\r\n", ("numpy", "torch   >=2")),
        ("\ufeffnumpy\n", ("numpy",)),
        ("名前 @ file:///x\n", ("名前 @ file:///x",)),
    ],
)
def test_requirements_are_read_as_pip_reads_them(tmp_path: Path, text: str, lines: tuple[str, ...]) -> None:
    assert requirements(tmp_path / "source", text) == lines
    assert source_problems(str(tmp_path / "source")) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_that_powershell_wrote_is_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    assert requirements(tmp_path, f"{mark}numpy\r\ntorch\r\n".encode(encoding)) == ("numpy", "torch")


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    requirements(tmp_path, "numpy # für alle\n".encode("latin-1"))
    assert only_problem(tmp_path).endswith(": requirements.txt is no text in UTF-8; save it as such")


@pytest.mark.parametrize("option", ["-r ", "-r", "--requirement ", "--requirement="])
def test_an_included_file_counts_in_its_place(tmp_path: Path, option: str) -> None:
    write(tmp_path / "more" / "base.txt", "numpy\n-r deeper.txt\n")
    write(tmp_path / "more" / "deeper.txt", "pandas\n")
    assert requirements(tmp_path, f"torch\n{option}more/base.txt # why\nscipy\n") == (
        "torch",
        "numpy",
        "pandas",
        "scipy",
    )
    assert source_problems(str(tmp_path)) == []


def test_a_file_that_is_included_twice_or_by_itself_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "numpy\n-r b.txt\n")
    write(tmp_path / "b.txt", "pandas\n-r a.txt\n-r requirements.txt\n")
    assert requirements(tmp_path, "-r a.txt\n-r b.txt\n-r ./a.txt\ntorch\n") == ("numpy", "pandas", "torch")
    assert source_problems(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("-r ../other.txt", "requirements.txt line 2 includes a file outside the folder; copy it in"),
        ("-r /etc/hostname", "requirements.txt line 2 includes a file outside the folder; copy it in"),
        ("-r missing.txt", "requirements.txt line 2 includes missing.txt, which does not exist; create it"),
        ("-e .", "requirements.txt line 2: PAI takes requirement lines, not pip's option -e; remove it"),
        ("-c constraints.txt", "requirements.txt line 2: PAI takes requirement lines, not pip's option -c; remove it"),
        ("--pre", "requirements.txt line 2: PAI takes requirement lines, not pip's option --pre; remove it"),
        *(
            (line, f"requirements.txt line 2: PAI takes requirement lines, not pip's option {option}; {ELSEWHERE}")
            for line, option in (
                ("-i https://index/simple", "-i"),
                ("--index-url=https://index", "--index-url"),
                ("--extra-index-url https://x", "--extra-index-url"),
                ("--trusted-host x", "--trusted-host"),
            )
        ),
        ("--no-index", "requirements.txt line 2: PAI takes requirement lines, not pip's option --no-index; remove it"),
        ("--prefix x", "requirements.txt line 2: PAI takes requirement lines, not pip's option --prefix; remove it"),
    ],
)
def test_a_line_that_pai_cannot_take_is_named(tmp_path: Path, line: str, problem: str) -> None:
    assert requirements(tmp_path, f"numpy\n{line}\n") == ("numpy",)
    assert only_problem(tmp_path).endswith(f": {problem}")


def test_all_lines_that_pai_cannot_take_are_found_at_once(tmp_path: Path) -> None:
    write(tmp_path / "more" / "base.txt", "numpy \\\n  >2\n-e .\n")
    requirements(tmp_path, "-c x\n-r more/base.txt\n-r none.txt\n")
    assert [str(problem).split(": ", 1)[1].split(":")[0] for problem in source_problems(str(tmp_path))] == [
        "requirements.txt line 1",
        "more/base.txt line 3",
        "requirements.txt line 3 includes none.txt, which does not exist; create it",
    ]


@pytest.mark.parametrize("option", ["--find-links ", "--find-links=", "-f ", "-f", "--something="])
def test_a_password_in_an_option_is_not_shown(tmp_path: Path, option: str) -> None:
    requirements(tmp_path, f"{option}https://me:hunter2@host/\n")
    assert "hunter2" not in only_problem(tmp_path)


def test_requirements_behind_a_link_that_leads_out_are_refused(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "requirements.txt", "numpy\n")
    (folder / "requirements.txt").symlink_to("../requirements.txt")
    assert "leads out" in only_problem(folder)


LINES = st.lists(st.from_regex(r"[a-z]{1,5}([=<>]=[0-9.]{1,3})?", fullmatch=True), max_size=5)


@settings(deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " # why", "\t# why"]), st.booleans())
def test_plain_lines_arrive_unchanged(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, comment: str, last: bool
) -> None:
    text = end.join(line + comment for line in lines) + (end if last else "")
    assert requirements(tmp_path_factory.mktemp("source"), text) == tuple(lines)
