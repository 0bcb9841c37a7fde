"""Put the clients of others through one list of cases on local OSS, and compare each with the class expected of it.

They get what they need in the cloud and the endpoint, nothing else. Each case of each client is in one class:

* ``passes``
* ``lacks``: the client has no such operation
* ``elsewhere``: it fails for a reason that is the client's own, which a person has found and written beside it

Another class than expected, or none, fails the run. ``--write`` writes the classes that were found; what fails without
a reason is written as ``wrong``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devtools.judges.cases import Case, Lacking, Refused, cases
from devtools.judges.classes import (
    ELSEWHERE,
    LACKS,
    PASSES,
    WRONG,
    Class,
    counted,
    read_classes,
    unexpected,
    write_classes,
)
from devtools.judges.servers import KEY_ID, SECRET, local_oss

HERE = Path(__file__).parent
EXPECTED = HERE / "clients.tsv"
ENVIRONMENT = Path(".venv-clients")
_PYTHON = ENVIRONMENT / "bin" / "python"
_NODE_MODULES = ENVIRONMENT / "node"
_REGION = "cn-hangzhou"
_CLIENTS = {
    "oss2 V1": ("with_oss2.py", "v1"),
    "oss2 V4": ("with_oss2.py", "v4"),
    "alibabacloud-oss-v2": ("with_oss_v2.py", ""),
    "ossfs": ("with_ossfs.py", ""),
    "opendal": ("with_opendal.py", ""),
    "ali-oss": ("with_ali_oss.mjs", ""),
}
"""Driver and flavour of each client."""


class Driven:
    """A client, driven by a program of its own.

    Attributes:
        folder: a folder for files of this machine.
        bucket: the name of its bucket.
    """

    def __init__(self, name: str, endpoint: str, folder: Path) -> None:
        """Start the driver; its bucket is there when this returns."""
        program, flavour = _CLIENTS[name]
        self.folder, self.bucket = folder, f"judged-by-{''.join(filter(str.isalnum, name.lower()))}"
        address = {"endpoint": endpoint, "region": _REGION, "bucket": self.bucket, "key_id": KEY_ID, "secret": SECRET}
        command = [
            str(_PYTHON.absolute()),
            str(HERE / "drivers" / program),
            json.dumps({**address, "flavour": flavour}),
        ]
        if program.endswith(".mjs"):
            command = ["node", *command[1:], str(_NODE_MODULES.absolute())]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
        self._errors = (folder / "errors").open("w")
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, operation: str, **asked: Any) -> Any:
        """Return what an operation gave. See :class:`devtools.judges.cases.Client`."""
        assert self._process.stdin
        assert self._process.stdout
        line = json.dumps({"do": operation, **{name.rstrip("_"): value for name, value in asked.items()}})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        read = self._process.stdout.readline()
        if not read:
            raise RuntimeError(f"the driver ended: {Path(self._errors.name).read_text()[-500:]}")
        answer = json.loads(read)
        if answer.get("lacks"):
            raise Lacking
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["ok"]

    def close(self) -> None:
        """End the driver."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Put the clients through the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="write the classes that were found")
    parser.add_argument(
        "clients", nargs="*", choices=[[], *_CLIENTS], help="which clients (default: all that are here)"
    )
    chosen = parser.parse_args(arguments)
    began, expected = time.monotonic(), read_classes(EXPECTED)
    names = chosen.clients or [name for name in _CLIENTS if _is_here(name)]
    found = judge(names, expected)
    if chosen.write:
        write_classes(EXPECTED, "case, client, class, and why; see clients.py", {**expected, **found})
    problems = unexpected({case: kind for case, kind in expected.items() if case.partition(" | ")[0] in names}, found)
    if problems:
        print(*problems, sep="\n")
    print(
        f"{len(names)} clients: {counted(found.values())}; {time.monotonic() - began:.0f} s; {len(problems)} unexpected"
    )
    return 1 if problems or not found else 0


def judge(names: Sequence[str], expected: dict[str, Class]) -> dict[str, Class]:
    """Return the class of each case of each client; clients run at the same time."""
    with tempfile.TemporaryDirectory(prefix="clients-") as name, local_oss(Path(name) / "homes", [_REGION]) as ports:
        endpoint = f"http://127.0.0.1:{next(iter(ports.values()))}"
        with ThreadPoolExecutor(len(names)) as pool:
            found = pool.map(lambda client: _judged(client, endpoint, Path(name) / client, expected), names)
            return {case: kind for each in found for case, kind in each.items()}


def _judged(name: str, endpoint: str, folder: Path, expected: dict[str, Class]) -> dict[str, Class]:
    folder.mkdir()
    with _driven(name, endpoint, folder) as client:
        return {
            f"{name} | {case}": _class_of(client, run, expected.get(f"{name} | {case}", (WRONG, "")))
            for case, run in cases().items()
        }


@contextmanager
def _driven(name: str, endpoint: str, folder: Path) -> Iterator[Driven]:
    client = Driven(name, endpoint, folder)
    try:
        make_bucket(endpoint, client.bucket)
        yield client
    finally:
        client.close()


def make_bucket(endpoint: str, name: str) -> None:
    """Make a bucket, as a person does before."""
    import oss2

    oss2.Bucket(oss2.Auth(KEY_ID, SECRET), endpoint, name).create_bucket()


def _class_of(client: Driven, case: Case, expected: Class) -> Class:
    try:
        case(client)
    except Lacking:
        return LACKS, ""
    except (AssertionError, Refused) as error:
        return expected if expected[0] == ELSEWHERE else (WRONG, " ".join(str(error).split())[:200])
    return PASSES, ""


def _is_here(name: str) -> bool:
    """Whether a client is installed; what a run must not lack is in ``PAI_TESTS_REQUIRE``."""
    if name != "ali-oss" or (_NODE_MODULES / "node_modules" / "ali-oss").exists():
        return True
    if "node" in os.environ.get("PAI_TESTS_REQUIRE", "").split(","):
        raise SystemExit(f"{name} is not in {_NODE_MODULES}: Node.js and npm are needed")
    print(f"{name}: not judged, because there is no Node.js here")
    return False


if __name__ == "__main__":
    sys.exit(main())
