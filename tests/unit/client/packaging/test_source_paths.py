"""Paths that people give as source_dir and that lead to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pai.client.packaging.source import read_source, source_problems


@pytest.mark.parametrize(
    ("source_dir", "words"),
    [
        ("~/code", "~ is not replaced by a home folder"),
        ("s3://bucket/code/", "neither a local path nor an oss:// URI"),
        ("OSS://bucket/code/", "neither a local path nor an oss:// URI"),
        ("file:///tmp/code", "neither a local path nor an oss:// URI"),
        ("git@github.com:a/b.git", "neither a local path nor an oss:// URI"),
        ("no/such/folder", f"in its working folder {Path.cwd()}"),
    ],
)
def test_source_code_that_is_not_there_says_what_is_wrong_with_its_path(source_dir: str, words: str) -> None:
    [problem] = map(str, source_problems(source_dir))
    assert words in problem


@pytest.mark.parametrize("target", ["nothing", "link"])
def test_a_link_that_leads_to_nothing_or_to_itself_is_named_as_such(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / target)
    [problem] = map(str, source_problems(str(tmp_path / "link")))
    assert "symbolic link that leads to nothing, or to itself" in problem


def test_patterns_below_the_top_of_a_folder_are_said_to_have_no_effect(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".paiignore").write_text("*.bin\n")
    assert any("sub/.paiignore" in hint for hint in read_source(str(tmp_path)).hints(0))
