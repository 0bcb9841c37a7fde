"""``make release``: build what would be published, check it, and say what is left for a person to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from airflow_provider_pai import __version__

REPOSITORY = Path(__file__).resolve().parent.parent
DIST = REPOSITORY / "dist"
TESTS = ("tests/unit/api", "tests/unit/test_errors.py")
"""What runs from the unpacked source distribution: quick, and in need of nothing."""
LEFT = """
Built and checked, in {dist}. What is left for a person:

  1. CHANGELOG.md: give {version} its date, and commit.
  2. pyproject.toml [project.urls]: the addresses must be those of the public repository.
  3. git tag v{version} && git push --tags
  4. {python} -m twine upload dist/*        (with a token of the project on PyPI)
  5. airflow_provider_pai/__init__.py: the next version. It is written there only.
"""


def main() -> int:
    """Build and check; 0 when all of it holds."""
    shutil.rmtree(DIST, ignore_errors=True)
    run("-m", "build", "--outdir", str(DIST), str(REPOSITORY))
    (wheel,) = DIST.glob("*.whl")
    (sdist,) = DIST.glob("*.tar.gz")
    run("-m", "twine", "check", "--strict", str(wheel), str(sdist))
    run("-m", "check_wheel_contents", str(wheel))
    test_source_distribution(sdist)
    changes = (REPOSITORY / "CHANGELOG.md").read_text()
    if f"## {__version__}" not in changes:
        sys.stdout.write(f"CHANGELOG.md says nothing about {__version__}\n")
        return 1
    sys.stdout.write(LEFT.format(dist=DIST, version=__version__, python=sys.executable))
    return 0


def test_source_distribution(sdist: Path) -> None:
    """Run tests from the unpacked source distribution."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder)
        (root,) = Path(folder).iterdir()
        run("-m", "pytest", "-q", *TESTS, folder=root)


def run(*arguments: str, folder: Path = REPOSITORY) -> None:
    """Run Python; its failure is ours."""
    subprocess.run([sys.executable, *arguments], check=True, cwd=folder)


if __name__ == "__main__":
    sys.exit(main())
