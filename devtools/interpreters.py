"""Interpreters by their version: those on PATH, and those that pyenv keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def find_interpreter(version: str) -> str | None:
    """Return an interpreter of a version such as ``3.12``, or None where the machine has none."""
    return next(filter(None, (_real_path(path, version) for path in _candidates(f"python{version}", version))), None)


def _candidates(name: str, version: str) -> Iterator[str]:
    for folder in os.get_exec_path():
        # A folder at a time: pyenv puts stand-ins before the real ones, which work for one version only.
        if found := shutil.which(name, path=folder):
            yield found
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from (str(path) for path in sorted(kept.glob(f"{version}.*/bin/{name}"), reverse=True))


def _real_path(path: str, version: str) -> str | None:
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
    answer = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
    found, _, executable = answer.stdout.strip().partition(" ")
    return executable if answer.returncode == 0 and found == version else None
