"""A folder that a job sees as ``/ml``, and what it sees of the rest of this machine."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.running.pid_namespace import LINGER
from airflow_provider_pai.local.running.view import Shown, View, covers
from airflow_provider_pai.model.training.container import ROOT

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
                f"hard-code {ROOT} are not there. Jobs can read all that the server can, its key included. {_INSTALL}"
            )
        if self.mode is Mode.UNSHARE:
            return (
                "Jobs run as root and can write to all of this machine; the server's folder is hidden from them, but "
                f"a job that means to can read it, the server's key included. {_INSTALL}"
            )
        return ""

    def wrap(self, command: Sequence[str], view: View, directory: str) -> list[str]:
        """Return the command line that runs a command.

        Args:
            command: what to run.
            view: what it sees of its own; plain, that is where it lies on this machine and nowhere else.
            directory: folder to run it in, as the command sees it.
        """
        if self.mode is Mode.BUBBLEWRAP:
            run = ["/bin/sh", "-c", _RUN, "sh", directory]
            return [*_program("bwrap"), *self._view(view), "--", *run, *command]
        if self.mode is Mode.UNSHARE:
            unshare = [*_program("unshare"), "--mount", "--propagation", "private"]
            unshare += ["--pid", "--fork", "--kill-child", "--mount-proc"]
            unshare += ["--net"] if view.own_network else []
            script = "\n".join(["set -e", *self._mounts(view), "set +e", _RUN])
            return [*unshare, "/bin/sh", "-c", script, "sh", directory, *command]
        return ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", directory, *command]

    def _view(self, view: View) -> Iterator[str]:
        yield from ("--unshare-pid", "--die-with-parent", "--cap-drop", "ALL")
        yield from ("--unshare-net",) if view.own_network else ()
        yield from _bind_machine()
        covered = covers(view.shown, _REPLACED)
        for cover in covered:
            yield from ("--tmpfs", str(cover.folder))
            for path in cover.kept:
                yield from _bind_read_only(path)
        yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run")  # noqa: S108
        for name in _RUN_SHOWN:
            yield from ("--ro-bind-try", f"/run/{name}", f"/run/{name}")
        for pattern in _GPU_DEVICES:
            for device in sorted(Path("/dev").glob(pattern)):
                yield from ("--dev-bind-try", str(device), str(device))
        yield from ("--tmpfs", str(self._hidden))
        for path in (*self._visible, *view.readable):
            yield from ("--ro-bind-try", str(path), str(path))
        folder = str(view.folder.absolute())
        yield from ("--bind", folder, folder)
        for target, shown in view.shown.items():
            yield from ("--bind" if shown.writable else "--ro-bind", str(shown.source.absolute()), target)
        for cover in covered:
            yield from ("--remount-ro", str(cover.folder))

    def _mounts(self, view: View) -> Iterator[str]:
        """Yield shell commands that hide the server's folder, but for what is to be seen of it."""
        own = (view.folder.absolute(), *(path.absolute() for path in view.readable))
        within = (path for path in self._visible if path.is_relative_to(self._hidden) and path.exists())
        # Once hidden it can't be named any more, so it waits under the root folder.
        kept = {f"{ROOT}/{number}": str(path) for number, path in enumerate((*own, *within))}
        yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", ROOT])
        for waiting, path in kept.items():
            yield shlex.join(["mkdir", waiting])
            yield shlex.join(["mount", "--bind", path, waiting])
        yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", str(self._hidden)])
        for waiting, path in kept.items():
            yield shlex.join(["mkdir", "-p", path])
            yield shlex.join(["mount", "--bind", waiting, path])
        yield from _make_mount_points(view.shown)
        yield shlex.join(["umount", "-R", ROOT])
        if ROOT not in view.shown and any(PurePosixPath(target).is_relative_to(ROOT) for target in view.shown):
            yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", ROOT])
        for target, shown in view.shown.items():
            yield _make_mount_point(target, shown)
            yield shlex.join(["mount", "--bind", str(shown.source.absolute()), target])
            if not shown.writable:
                yield shlex.join(["mount", "-o", "remount,bind,ro", target])

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
                view = job_view(work, {})
                command = self.wrap(["/bin/sh", "-c", f"echo ok > {ROOT}/probe"], view, ROOT)
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


def job_view(work: WorkFolder, shown: Mapping[str, Path]) -> View:
    """Return what a job sees of its own.

    Args:
        work: its folder.
        shown: files and folders of this machine that it sees read-only, by path below ``/ml``; not plain.
    """
    others = {f"{ROOT}/{target}": Shown(source) for target, source in shown.items()}
    return View(work.path, {ROOT: Shown(work.ml, writable=True), **others})


def _bind_machine() -> Iterator[str]:
    """Show everything of this machine's root read-only, but for what the job gets its own of."""
    for entry in sorted(Path("/").iterdir()):
        if entry.name not in _REPLACED:
            yield from _bind_read_only(entry)


def _bind_read_only(path: Path) -> tuple[str, str, str]:
    if path.is_symlink():
        return "--symlink", str(path.readlink()), str(path)
    return "--ro-bind-try", str(path), str(path)


def _make_mount_points(targets: Iterable[str]) -> Iterator[str]:
    """Yield shell commands that make it possible to make places in folders of this machine, and change none of them.

    Only where a folder of the root is missing it is made, as the root folder of jobs is.
    """
    outside = [target for target in targets if not PurePosixPath(target).is_relative_to(ROOT)]
    for first in sorted({f"/{PurePosixPath(target).parts[1]}" for target in outside}):
        if not Path(first).exists():
            yield shlex.join(["mkdir", "-p", first])
            yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", first])
    for cover in covers(outside, ()):
        held = f"{ROOT}/held"
        yield shlex.join(["mkdir", "-p", held])
        yield shlex.join(["mount", "--rbind", str(cover.folder), held])
        yield shlex.join(["mount", "-t", "tmpfs", "tmpfs", str(cover.folder)])
        for path in cover.kept:
            if path.is_symlink():
                yield shlex.join(["cp", "-P", f"{held}/{path.name}", str(path)])
                continue
            yield shlex.join(["mkdir" if path.is_dir() else "touch", str(path)])
            yield shlex.join(["mount", "--rbind", f"{held}/{path.name}", str(path)])
        yield shlex.join(["umount", "-R", "-l", held])


def _make_mount_point(target: str, shown: Shown) -> str:
    """Return the shell command that makes the place that something is then mounted on."""
    if shown.source.is_dir():
        return shlex.join(["mkdir", "-p", target])
    return f"{shlex.join(['mkdir', '-p', str(PurePosixPath(target).parent)])} && {shlex.join(['touch', target])}"


def _program(name: str) -> list[str]:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed")
    return [found]
