"""Python environments of jobs: requirements are installed once for each content.

The packages of one content lie in one environment that jobs share and only read. On top of it every job has a small one
of its own, so that ``pip install`` in a job's command works and changes nothing for others.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pai.local.running import shim

_WAIT_SECONDS = 0.1
_SHOWN_LINES = 5
_COMPLETE = ".complete"
_FACTS = (
    "import json,sys,sysconfig,importlib.util as u;s=u.find_spec('pip');"
    "print(json.dumps([sys.version.split()[0],sysconfig.get_platform(),sys.base_prefix,s.origin if s else '']))"
)
_JOB_PIP = '#!/bin/sh\nexec {python} -m pip "$@"\n'


_KEPT = frozenset(
    {"PATH", "HOME", "LANG", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)
_KEPT_IN_ANY_CASE = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_KEPT_PREFIXES = ("PIP_", "LC_")
_MISLEADING = frozenset({"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"})
"""Variables that would make pip install elsewhere."""
_INDEX = frozenset(
    {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_NO_INDEX"}
    | {"PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_PRE"}
)
"""What holds for another machine's pip as well: no paths of this one."""
_PIP_SETTINGS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    # Airflow's container image sets this to true, which pip refuses in an environment.
    "PIP_USER": "0",
    "PYTHONNOUSERSITE": "1",
}


class EnvironmentFailed(Exception):
    """A Python environment can't be made; the text says why, with the last lines of what was tried."""


@dataclass(frozen=True)
class Interpreter:
    """The Python that jobs run.

    Attributes:
        path: the executable.
        version: such as ``3.12.1``.
        platform: such as ``linux-x86_64``.
        prefix: the folder it is installed in.
        pip: folder of its own pip; None when it has none, or it was not looked for yet.
        to_ask: the executable that knows where its pip is; None when that is known.
    """

    path: Path
    version: str
    platform: str
    prefix: Path
    pip: Path | None = None
    to_ask: Path | None = None

    @classmethod
    def at(cls, path: Path | None = None) -> Interpreter:
        """Return what is to be known about an interpreter, another one than this process' is asked itself.

        Args:
            path: the executable; the one below this process' own environment when it is None.

        Raises:
            EnvironmentFailed: it can't be run.
        """
        own = Path(getattr(sys, "_base_executable", sys.executable))
        if path is None and _runs_this_process(own):
            return cls(
                own.absolute(), sys.version.split()[0], sysconfig.get_platform(), Path(sys.base_prefix), to_ask=own
            )
        executable = path or own
        version, platform, prefix, pip = _ask(executable, _FACTS)
        return cls(executable.absolute(), version, platform, Path(prefix), _folder(pip))

    def find_pip(self) -> Path | None:
        """Return the folder of its own pip; None when it has none.

        Raises:
            EnvironmentFailed: it can't be run.
        """
        return self.pip if self.to_ask is None else _folder(_ask(self.to_ask, _FACTS)[-1])


def _runs_this_process(executable: Path) -> bool:
    """Tell whether a program is the one of this process, so that what holds here holds for it."""
    try:
        return executable.samefile("/proc/self/exe")
    except OSError:
        return False


def _folder(module: str) -> Path | None:
    return Path(module).parent if module else None


def _ask(executable: Path, program: str) -> list[str]:
    """Return what a program prints that an interpreter runs: a JSON list of texts."""
    try:
        answer = subprocess.run([executable, "-I", "-c", program], capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EnvironmentFailed(f"{executable} is no Python that can be run: {error}") from error
    return list(json.loads(answer.stdout))


class Environments:
    """Python environments by content.

    Args:
        cache: folder they lie in; may be shared by several servers of this machine.
        interpreter: the Python they are made of.
        environment: the server's variables. The installing pip gets its settings, proxies and certificates from them
            and nothing else: what it builds is code of the job.
    """

    def __init__(self, cache: Path, interpreter: Interpreter, environment: Mapping[str, str]) -> None:
        self._cache = cache.absolute()
        self._cache.mkdir(parents=True, exist_ok=True)
        self.interpreter = interpreter
        kept = {name: value for name, value in environment.items() if _is_for_pip(name)}
        self._environment = {**kept, **_PIP_SETTINGS}

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders that a job must be able to read to use an environment."""
        return (self._cache, self.interpreter.prefix, self.interpreter.path.resolve().parent.parent)

    def ready(self, requirements: Sequence[str], log: Callable[[str], None], cancelled: threading.Event) -> Path | None:
        """Return the environment of some requirements, made now unless it is there.

        Args:
            requirements: lines for pip.
            log: gets what pip prints, or one line saying that the environment is there already.
            cancelled: gives up when it is set.

        Returns:
            The environment's folder; None when the work was given up.

        Raises:
            EnvironmentFailed: the requirements can't be installed.
        """
        content = [self.interpreter.version, self.interpreter.platform, str(self.interpreter.path)]
        key = hashlib.sha256(json.dumps([*content, *sorted(requirements)]).encode()).hexdigest()
        folder = self._cache / key
        with _locked(self._cache / f"{key}.lock", cancelled) as locked:
            if not locked:
                return None
            if (folder / _COMPLETE).exists():
                if requirements:
                    log(f"Requirements already installed: using the environment {key[:12]}")
                return folder
            return self._build(folder, requirements, log, cancelled)

    def for_job(self, environment: Path, folder: Path) -> None:
        """Make a job's own environment on top of a shared one.

        Args:
            environment: what :meth:`ready` returned.
            folder: where to make it; must not exist.
        """
        packages = _site_packages(environment)
        own = folder / packages.relative_to(environment)
        own.mkdir(parents=True)
        # A .pth line that begins with "import" is run; addsitedir also honours the .pth files of the packages.
        (own / "shared.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n", encoding="utf-8")
        shutil.copy(environment / "pyvenv.cfg", folder)
        (folder / "bin").mkdir()
        for python in (environment / "bin").glob("python*"):
            shutil.copy(python, folder / "bin", follow_symlinks=False)
        pip = folder / "bin" / "pip"
        pip.write_text(_JOB_PIP.format(python=folder / "bin" / "python"), encoding="utf-8")
        pip.chmod(0o755)

    def _build(
        self, folder: Path, requirements: Sequence[str], log: Callable[[str], None], cancelled: threading.Event
    ) -> Path | None:
        # Environments can't be moved, so it is built where it stays, and counts only with its mark.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._create(folder, log, cancelled)
        if requirements and not cancelled.is_set():
            lines = folder / "requirements.txt"
            lines.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
            install = ["-m", "pip", "install", "--no-input", "--progress-bar", "off", "-r", str(lines)]
            python = str(folder / "bin" / "python")
            self._run([python, *install], folder, log, cancelled, "pip could not install the requirements")
        if cancelled.is_set():
            shutil.rmtree(folder, ignore_errors=True)
            return None
        (folder / _COMPLETE).touch()
        return folder

    def _create(self, folder: Path, log: Callable[[str], None], cancelled: threading.Event) -> None:
        python = str(self.interpreter.path)
        failure = f"{python} could not make an environment"
        pip = self.interpreter.find_pip()
        if pip is None:
            self._run([python, "-m", "venv", str(folder)], folder, log, cancelled, failure)
            return
        # Copying a pip that is there takes a tenth of the time of installing the bundled one.
        self._run([python, "-m", "venv", "--without-pip", str(folder)], folder, log, cancelled, failure)
        if cancelled.is_set():
            # Cut short, it may have made anything or nothing.
            return
        for source in (pip, *pip.parent.glob("pip-*.dist-info")):
            shutil.copytree(source, _site_packages(folder) / source.name)

    def _run(
        self,
        command: Sequence[str],
        folder: Path,
        log: Callable[[str], None],
        cancelled: threading.Event,
        failure: str,
    ) -> None:
        # An installation that outlived a killed server would write into what the next one makes in its place.
        process = subprocess.Popen(
            shim.command_line(command, wrapped=False),
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = threading.Thread(target=_kill_when_cancelled, args=(process, cancelled), daemon=True)
        watch.start()
        last: deque[str] = deque(maxlen=_SHOWN_LINES)
        with process:
            for raw in process.stdout or ():
                line = raw.decode("utf-8", "replace").rstrip()
                last.append(line)
                log(line)
        watch.join()
        if process.returncode and not cancelled.is_set():
            raise EnvironmentFailed(f"{failure}: " + " | ".join(last))


def index_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a pip in a container needs of this machine's variables: its index and its proxies."""
    kept = {name: value for name, value in environment.items() if name in _INDEX or name.upper() in _KEPT_IN_ANY_CASE}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def _is_for_pip(name: str) -> bool:
    if name in _KEPT or name.upper() in _KEPT_IN_ANY_CASE:
        return True
    return name.startswith(_KEPT_PREFIXES) and name not in _MISLEADING


def _kill_when_cancelled(process: subprocess.Popen[bytes], cancelled: threading.Event) -> None:
    while process.poll() is None:
        if cancelled.wait(_WAIT_SECONDS):
            process.send_signal(shim.END_ALL)
            process.wait()


@contextlib.contextmanager
def _locked(path: Path, cancelled: threading.Event) -> Iterator[bool]:
    """Hold a lock among threads and processes; tells False when ``cancelled`` was set before it was free."""
    with path.open("wb") as file:
        while not cancelled.is_set():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                cancelled.wait(_WAIT_SECONDS)
            else:
                yield True
                return
        yield False


def _site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))
