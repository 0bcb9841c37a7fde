"""The requirement file of a job's source code."""

from __future__ import annotations

import pytest

from airflow_provider_pai.model.requirement import read_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("# only a comment\n\n  \n", []),
        ("\ufeffnumpy==1.26 # pinned\r\npandas\r\n", ["numpy==1.26", "pandas"]),
        ("a \\\n  --hash=sha256:1 \\\n --hash=sha256:2\nb", ["a   --hash=sha256:1  --hash=sha256:2", "b"]),
        ("pkg @ https://host/x.whl#egg=1\n", ["pkg @ https://host/x.whl#egg=1"]),
    ],
)
def test_comments_and_continued_lines_are_read_as_pip_reads_them(text: str, lines: list[str]) -> None:
    assert read_lines(text) == lines
