"""Files beside a job's source code that its author did not write: a function's module, what lets a job report back."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_pai.client.packaging.files import local_files
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import shown

_origins: dict[str, str] = {}
"""What each folder that is there now was made of."""


def origin(folder: str) -> str:
    """Return what a folder of source code was made of, as its author knows it; of any other path the path itself."""
    return _origins.get(folder, folder)


@contextmanager
def overlaid(source_dir: str | None, files: Mapping[str, str]) -> Iterator[str]:
    """Make a folder of source code and further files; it is gone after the block.

    Args:
        source_dir: local folder or file; None for none. Links inside it count as what they point to.
        files: text of each further file, by name.

    Returns:
        The folder's path.

    Raises:
        SpecError: the source code is in OSS, or has a file of one of the names; it can't be read.
    """
    if source_dir and source_dir.startswith("oss://"):
        text = "must be a local folder: files of the task are put beside the code"
        raise SpecError([Problem("source_dir", f"{shown(source_dir)} {text}")])
    with tempfile.TemporaryDirectory(prefix="pai-source-") as made:
        folder = Path(made)
        if source_dir:
            _copy(source_dir, folder)
        for name, text in files.items():
            target = folder / name
            if target.exists() and name != _REPORTER:
                raise SpecError([Problem("source_dir", f"has a file {name!r}, which the task needs itself; rename it")])
            if not target.exists():
                target.write_text(text, "utf-8")
        _origins[made] = source_dir or "the task's function"
        try:
            yield made
        finally:
            del _origins[made]


_REPORTER = "pai_report.py"
"""Authors may have a copy of it beside their script, to run it by hand; theirs is kept."""


def _copy(source_dir: str, folder: Path) -> None:
    try:
        found = local_files(Path(source_dir), source_code=True)
        for file in found.files:
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(file.path, target)
        for name in found.empty_folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        raise SpecError([Problem("source_dir", f"{shown(source_dir)}: {error}")]) from error
    except OSError as error:
        # Its own text names the path with all that is in it.
        raise SpecError([Problem("source_dir", f"{shown(source_dir)}: {error.strerror}")]) from None


def _link_or_copy(source: Path, target: Path) -> None:
    """Avoid a copy where the file system can have one file under two names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
