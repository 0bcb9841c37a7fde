"""Run the vendor's own OSS test suite against local OSS, and compare each test with the class that is expected of it.

The suite is in the source package of ``oss2``. It is fetched when it is run and never kept in this repository. Each of
its tests is in one class:

* ``passes``
* ``refused``: it needs what local OSS does not have, and was refused that by name (the column beside says what)
* ``elsewhere``: it can't pass on one machine without an account (the column beside says what it lacks)

A test in another class than expected, or in none, fails the run. ``--write`` writes the classes that were found; a
test that fails without a refusal is written as ``wrong``, which nothing but a change of local OSS, or a reason found
and written down by a person, makes good.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools.judges.classes import ELSEWHERE, PASSES, REFUSED, WRONG, counted, read_classes, unexpected, write_classes
from devtools.judges.servers import KEY_ID, SECRET, local_oss

HERE = Path(__file__).parent
EXPECTED = HERE / "oss2_suite.tsv"
PYTHON = Path(".venv-judges/bin/python")
SUITE = "oss2==2.19.1"
_REGIONS = ("cn-hangzhou", "cn-shanghai", "ap-south-1")
_WORKERS = 8
_TEST_SECONDS = 900
_KMS = "HTTPSConnectionPool(host='kms."
# Before each test the suite asks for an encryption key of KMS and runs without one.
_ASKED_BEFORE = "the header x-oss-server-side-encryption of PutObject"


@dataclass
class Result:
    """What became of one test.

    Attributes:
        failed: the first error; empty when there was none.
        refused: what local OSS does not implement, in the order in which it was asked for.
        seconds: how long it took.
    """

    failed: str = ""
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def judged(self, expected: tuple[str, str]) -> tuple[str, str]:
        """Return the class of the test and what it was refused, or lacks as a person wrote down."""
        if not self.failed:
            return PASSES, ""
        refused = list(self.refused)
        if _ASKED_BEFORE in refused:
            refused.remove(_ASKED_BEFORE)
        if refused:
            return REFUSED, refused[0]
        if _KMS in self.failed:
            return ELSEWHERE, "a key of KMS"
        return expected if expected[0] == ELSEWHERE else (WRONG, " ".join(self.failed.split())[:200])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="write the classes that were found")
    parser.add_argument("tests", nargs="*", default=["tests"], help="what of the suite to run (default: all)")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oss2-suite-") as name:
        results = _run(Path(name), chosen.tests)
    expected = read_classes(EXPECTED)
    found = {test: result.judged(expected.get(test, (WRONG, ""))) for test, result in results.items()}
    if chosen.write:
        write_classes(
            EXPECTED, "test, class, and what it was refused or lacks; see oss2_suite.py", {**expected, **found}
        )
    whole = chosen.tests == ["tests"]
    problems = unexpected(expected if whole else {test: expected.get(test, ("", "")) for test in found}, found)
    print(*problems, sep="\n")
    took, counts = time.monotonic() - began, counted(found.values())
    print(f"{SUITE}: {len(found)} tests: {counts}; {took:.0f} s; {len(problems)} unexpected")
    return 1 if problems or not found else 0


def _run(folder: Path, tests: Sequence[str]) -> dict[str, Result]:
    """Fetch the suite, run it against local OSS, and return what became of each test."""
    suite, results = _fetch(folder), folder / "results"
    results.mkdir()
    with local_oss(folder / "homes", _REGIONS) as ports:
        environment = {
            "HOME": str(folder),
            "LOCAL_OSS_PORTS": json.dumps(ports),
            "OSS_TEST_ACCESS_KEY_ID": KEY_ID,
            "OSS_TEST_ACCESS_KEY_SECRET": SECRET,
            "OSS_TEST_AUTH_VERSION": "v1",
            "OSS_TEST_BUCKET": "suite",
            "OSS_TEST_ENDPOINT": f"http://{next(iter(ports))}",
            "OSS_TEST_PAYER_UID": "1",
            "OSS_TEST_RAM_ROLE_ARN": "acs:ram::1:role/judge",
            "OSS_TEST_RAM_UID": "1",
            "OSS_TEST_REGION": _REGIONS[0],
            "OSS_TEST_UID": "1",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(HERE.resolve()),
            "SUITE_RESULTS": str(results),
        }
        command = [str(PYTHON.absolute()), "-m", "pytest", "-p", "oss2_plugin", "-q", "--tb=no"]
        command += ["-p", "no:cacheprovider", "--show-capture=no", "-n", str(_WORKERS), "--timeout", str(_TEST_SECONDS)]
        subprocess.run([*command, *tests], cwd=suite, env=environment, check=False, stdout=subprocess.DEVNULL)
    return _collected(line for file in sorted(results.iterdir()) for line in file.read_text().splitlines())


def _fetch(folder: Path) -> Path:
    """Fetch the source package and return the folder it unpacks into."""
    command = [str(PYTHON), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-binary", ":all:", "--dest", str(folder), SUITE], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    return folder / archive.name.removesuffix(".tar.gz")


def _collected(lines: Iterable[str]) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for line in lines:
        phase = json.loads(line)
        result = results.setdefault(phase["test"], Result())
        result.seconds += phase["seconds"]
        result.refused = phase["refused"]
        if phase["outcome"] == "failed":
            result.failed = result.failed or phase["error"] or "failed"
    return results


if __name__ == "__main__":
    sys.exit(main())
