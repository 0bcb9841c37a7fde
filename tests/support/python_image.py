"""A container image made of this machine's Python, for engines that can pull none."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

IMAGE = "airflow-provider-pai-tests/python:1"
"""Name of the image while the tests run."""
_TOOLS = (
    "sh",
    "env",
    "cat",
    "ls",
    "id",
    "sleep",
    "mkdir",
    "touch",
    "rm",
    "chmod",
    "stat",
    "ps",
    "kill",
    "hostname",
    "mkfifo",
)
_LEFT_OUT = re.compile(r"/(test|tests|idlelib|lib2to3|ensurepip|turtledemo|site-packages|dist-packages|config-\w.*)$")
_LIBRARY = re.compile(r"(/\S+) \(0x")
_LAYOUT = "import json, sysconfig; print(json.dumps([sysconfig.get_path('stdlib'), sysconfig.get_path('purelib')]))"
_PIP = '#!/bin/sh\nexec python3 -m pip "$@"\n'
_USERS = "root:x:0:0:root:/root:/bin/sh\n"


@contextmanager
def python_image(address: str, folder: Path, python: str = "", name: str = IMAGE) -> Iterator[str]:
    """Import the image into an engine, yield its name, and remove it again.

    Args:
        address: of the engine.
        folder: where it is made.
        python: the interpreter that it has. Default: the one of the tests.
        name: what the image is called.
    """
    tar = folder / "image.tar"
    _write(tar, Path(python or getattr(sys, "_base_executable", sys.executable)).resolve())
    client = docker.DockerClient(address)
    try:
        repository, _, tag = name.rpartition(":")
        client.api.import_image(str(tar), repository=repository, tag=tag)
        yield name
        client.images.remove(name, force=True)
    finally:
        client.close()
        tar.unlink()


def write_shell(path: Path) -> None:
    """Write the files of an image that has a shell and nothing else."""
    shell = Path(str(shutil.which("sh")))
    with tarfile.open(path, "w") as tar:
        for file in {shell, *_libraries([shell])}:
            tar.add(file.resolve(), str(file))
        _link(tar, "/bin/sh", shell)


def _write(path: Path, python: Path) -> None:
    answer = subprocess.run([python, "-I", "-c", _LAYOUT], capture_output=True, check=True, text=True)
    standard, packages = map(Path, json.loads(answer.stdout))
    programs = [python, *(Path(found) for name in _TOOLS if (found := shutil.which(name)))]
    libraries = _libraries([*programs, *(standard / "lib-dynload").glob("*.so")])
    with tarfile.open(path, "w") as tar:
        tar.add(standard, str(standard), filter=_wanted)
        for file in {*programs, *libraries}:
            tar.add(file.resolve(), str(file))
        for name in ("python", "python3"):
            _link(tar, f"/usr/local/bin/{name}", python)
        _link(tar, "/bin/sh", Path(str(shutil.which("sh"))))
        _file(tar, "/usr/local/bin/pip", _PIP, 0o755)
        _file(tar, "/etc/passwd", _USERS)
        _folder(tar, "/tmp", 0o1777)
        _folder(tar, "/root", 0o755)
        tar.add(_pip(), str(packages / "pip"), filter=_wanted)


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _LEFT_OUT.search(f"/{member.name}") or member.name.endswith("EXTERNALLY-MANAGED") else member


def _pip() -> Path:
    """Pip of the tests' own environment."""
    found = importlib.util.find_spec("pip")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    """What the binaries load, by the names they load it by."""
    lines = subprocess.run(["ldd", *binaries], capture_output=True, check=False, text=True).stdout
    return {Path(found) for found in _LIBRARY.findall(lines)}


def _link(tar: tarfile.TarFile, path: str, target: Path) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.SYMTYPE, str(target)
    if path != str(target):
        tar.addfile(member)


def _file(tar: tarfile.TarFile, path: str, text: str, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(text), mode
    tar.addfile(member, io.BytesIO(text.encode()))


def _folder(tar: tarfile.TarFile, path: str, mode: int) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.mode = tarfile.DIRTYPE, mode
    tar.addfile(member)
