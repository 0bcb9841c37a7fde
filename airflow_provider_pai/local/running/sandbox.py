"""A folder that a job sees as ``/ml``, and what it sees of the rest of this machine."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.running.lingering import LINGER
from airflow_provider_pai.model.contract import ROOT

logger = logging.getLogger(__name__)

_PROBE_SECONDS = 10
_REPLACED = frozenset({"proc", "dev", "tmp", "run", ROOT.strip("/")})
_RUN_SHOWN = ("systemd/resolve", "NetworkManager", "resolvconf", "nvidia-persistenced")
"""What jobs need of ``/run``: names of hosts, and GPUs. Its sockets would let a job ask the machine's services."""
_GPU_DEVICES = ("nvidia*", "dri", "kfd")
_RUN = f"""
cd "$1" && shift || exit
trap : TERM
exec 3>&2 2>/dev/null
(exec 2>&3 3>&-; exec "$@")
{LINGER}
"""
"""Runs the command as a child: a first process of a pid namespace would not get SIGTERM."""


_INSTALL = "Install bubblewrap (apt-get install bubblewrap) to keep jobs apart"


class Mode(StrEnum):
    """How a job gets its own ``/ml``."""

    BUBBLEWRAP = "bubblewrap"
    UNSHARE = "unshare"
    PLAIN = "plain"


class Sandbox:
    """Wraps the command lines of jobs.

    With bubblewrap a job has its own ``/ml``, ``/tmp`` and process ids, sees the machine read-only and the server's
    folder not at all. With unshare (needs root) it has its own ``/ml`` and process ids and doesn't see the server's
    folder, but as root it can undo that. Plain, there is no ``/ml``: its folder stands for it in every variable, and
    a script that hard-codes ``/ml`` fails.

    Args:
        hidden: the server's folder.
        visible: folders that jobs read although they may lie in a hidden place: interpreters, environments.
        mode: a mode to insist on; None for the best one that works here.

    Attributes:
        mode: the mode in use.

    Raises:
        RuntimeError: the mode insisted on does not work on this machine.
    """

    def __init__(self, hidden: Path, visible: Sequence[Path], mode: Mode | None = None) -> None:
        self._hidden = hidden.resolve()
        self._hidden.mkdir(parents=True, exist_ok=True)
        self._visible = tuple(dict.fromkeys(path.absolute() for path in visible))
        self.mode = mode or Mode.PLAIN
        for candidate in (mode,) if mode else (Mode.BUBBLEWRAP, Mode.UNSHARE):
            self.mode = candidate
            if self._works():
                break
            if mode:
                raise RuntimeError(f"jobs can't be run with {mode} on this machine")
        else:
            self.mode = Mode.PLAIN
        if self.note():
            logger.warning("%s", self.note())

    def root(self, work: WorkFolder) -> str:
        """Return the path under which a job finds its root folder."""
        return str(work.ml.absolute()) if self.mode is Mode.PLAIN else ROOT

    def temporary(self, work: WorkFolder) -> str:
        """Return the path under which a job finds its folder for temporary files."""
        return "/tmp" if self.mode is Mode.BUBBLEWRAP else str(work.temporary.absolute())  # noqa: S108

    def note(self) -> str:
        """Return what the author of a job must know about this mode; empty when there is nothing."""
        if self.mode is Mode.PLAIN:
            return (
                f"This machine can't give a job its own {ROOT}: scripts must use the PAI_* variables, and paths that "
                f"hard-code {ROOT} are not there. Jobs can read all that the server can, its key included, and a "
                f"process that leaves its session may outlive its job. {_INSTALL}"
            )
        if self.mode is Mode.UNSHARE:
            return (
                "Jobs run as root and can write to all of this machine; the server's folder is hidden from them, but "
                f"a job that means to can read it, the server's key included. {_INSTALL}"
            )
        return ""

    def wrap(
        self, command: Sequence[str], work: WorkFolder, directory: str, shown: Mapping[str, Path] | None = None
    ) -> list[str]:
        """Return the command line that runs a command for a job.

        Args:
            command: what to run.
            work: the job's folder.
            directory: folder to run it in, as the job sees it.
            shown: files and folders that it sees read-only, by path below ``/ml``, where something takes their place;
                not plain.
        """
        shown = shown or {}
        if self.mode is Mode.BUBBLEWRAP:
            run = ["/bin/sh", "-c", _RUN, "sh", directory]
            return [*_program("bwrap"), *self._view(work, shown), "--", *run, *command]
        if self.mode is Mode.UNSHARE:
            unshare = [*_program("unshare"), "--mount", "--propagation", "private"]
            unshare += ["--pid", "--fork", "--kill-child", "--mount-proc"]
            script = "\n".join(["set -e", *self._mounts(work, shown), "set +e", _RUN])
            return [*unshare, "/bin/sh", "-c", script, "sh", directory, *command]
        return ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", directory, *command]

    def _view(self, work: WorkFolder, shown: Mapping[str, Path]) -> Iterator[str]:
        yield from ("--unshare-pid", "--die-with-parent", "--cap-drop", "ALL")
        yield from _machine()
        yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run")  # noqa: S108
        for name in _RUN_SHOWN:
            yield from ("--ro-bind-try", f"/run/{name}", f"/run/{name}")
        for pattern in _GPU_DEVICES:
            for device in sorted(Path("/dev").glob(pattern)):
                yield from ("--dev-bind-try", str(device), str(device))
        yield from ("--tmpfs", str(self._hidden))
        for path in self._visible:
            yield from ("--ro-bind-try", str(path), str(path))
        folder = str(work.path.absolute())
        yield from ("--bind", folder, folder, "--bind", str(work.ml.absolute()), ROOT)
        for target, source in shown.items():
            yield from ("--ro-bind", str(source), f"{ROOT}/{target}")

    def _mounts(self, work: WorkFolder, shown: Mapping[str, Path]) -> Iterator[str]:
        """Yield shell commands that hide the server's folder, but for what the job needs of it."""
        within = (path for path in self._visible if path.is_relative_to(self._hidden) and path.exists())
        # Once hidden it can't be named any more, so it waits under the root folder.
        kept = {f"{ROOT}/{number}": str(path) for number, path in enumerate((work.path.absolute(), *within))}
        yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", ROOT])
        for waiting, path in kept.items():
            yield shlex.join(["mkdir", waiting])
            yield shlex.join(["mount", "--bind", path, waiting])
        yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", str(self._hidden)])
        for waiting, path in kept.items():
            yield shlex.join(["mkdir", "-p", path])
            yield shlex.join(["mount", "--bind", waiting, path])
        yield shlex.join(["umount", "-R", ROOT])
        yield shlex.join(["mount", "--bind", str(work.ml.absolute()), ROOT])
        for target, source in shown.items():
            yield shlex.join(["mount", "--bind", str(source), f"{ROOT}/{target}"])
            yield shlex.join(["mount", "-o", "remount,bind,ro", f"{ROOT}/{target}"])

    def _works(self) -> bool:
        """Really run something once: a program that is installed may still be forbidden to do this."""
        if self.mode is Mode.PLAIN:
            return True
        with tempfile.TemporaryDirectory(dir=self._hidden, prefix="probe-") as folder:
            work = WorkFolder(Path(folder))
            work.create()
            try:
                if self.mode is Mode.UNSHARE:
                    Path(ROOT).mkdir(exist_ok=True)
                command = self.wrap(["/bin/sh", "-c", f"echo ok > {ROOT}/probe"], work, ROOT)
                subprocess.run(
                    command,
                    env={"PATH": os.defpath},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_PROBE_SECONDS,
                    check=True,
                )
            except (OSError, subprocess.SubprocessError):
                return False
            return (work.ml / "probe").exists()


def _machine() -> Iterator[str]:
    """Show everything of this machine's root read-only, but for what the job gets its own of."""
    for entry in sorted(Path("/").iterdir()):
        if entry.name in _REPLACED:
            continue
        if entry.is_symlink():
            yield from ("--symlink", str(entry.readlink()), str(entry))
        else:
            yield from ("--ro-bind-try", str(entry), str(entry))


def _program(name: str) -> list[str]:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed")
    return [found]
