"""A folder of source code, and what becomes of it."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from airflow_provider_pai.client.packaging.source import read_source, source_problems


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def archive(folder: Path) -> bytes:
    source = read_source(str(folder))
    with source.packed() as (packed, size):
        content = packed.read()
    assert size == len(content)
    assert source.digest == hashlib.sha256(gzip.decompress(content)).hexdigest()
    assert source.archived == len(gzip.decompress(content))
    return content


def digest(folder: Path) -> str:
    return read_source(str(folder)).digest


def only_problem(folder: Path | str) -> str:
    (problem,) = map(str, source_problems(str(folder)))
    assert problem.startswith("source_dir ")
    # A long one is shown by its beginning.
    assert repr(str(folder))[:50] in problem
    return problem
