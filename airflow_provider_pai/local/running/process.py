"""Jobs as processes of this machine."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.running import processes, shim
from airflow_provider_pai.local.running.environments import EnvironmentFailed, Environments
from airflow_provider_pai.local.running.output import each_line
from airflow_provider_pai.local.running.runtime import CODE_REQUIREMENTS, Identity, ImageFailed, LineSink, PreparedJob
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox, job_view
from airflow_provider_pai.model.requirement import read_lines, requirement_problem
from airflow_provider_pai.model.training.container import RunPlan

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAST_LINES_SECONDS = 2.0
_PIPE_BYTES = 64 * 1024
"""What a pipe holds."""
_RELEASE_MILLISECONDS = 200


class ProcessRuntime:
    """Runs instances as processes of this machine, with its Python instead of the job's image.

    See :class:`Sandbox` for what they see of it.

    Args:
        sandbox: gives each job its own ``/ml``.
        environments: the Python environments of jobs.
        reason: why a job's image is not used; empty when there is nothing to explain.
        image_exists: tells whether the image of a job could be had; a job with another one fails.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        environments: Environments,
        reason: str = "",
        image_exists: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._image_exists = image_exists
        self._sandbox = sandbox
        self._environments = environments
        self._reason = reason

    @property
    def mode(self) -> Mode:
        """How jobs are kept apart."""
        return self._sandbox.mode

    @property
    def note(self) -> str:
        """What a job's author must know about this mode; empty when there is nothing."""
        return self._sandbox.note()

    def root(self, work: WorkFolder) -> str:
        """Return the path under which a job finds its root folder."""
        return self._sandbox.root(work)

    def prepare(self, job: PreparedJob, say: LineSink, cancelled: threading.Event) -> ProcessWorkspace | None:
        """Make the job's Python environment. See :meth:`Runtime.prepare`."""
        if not self._image_exists(job.image_uri):
            raise ImageFailed(f"The image {job.image_uri} can't be pulled: there is no such image in PAI's registry")
        environment = self._environments.ready(_requirements(job, say), say, cancelled)
        if environment is None:
            return None
        self._environments.for_job(environment, job.work.python)
        version = self._environments.interpreter.version
        image = f"Image {job.image_uri} is not pulled" if job.image_uri else "No image is needed"
        reason = f" ({self._reason})" if self._reason else ""
        say(f"{image}: the command runs with this machine's Python {version}{reason}")
        return ProcessWorkspace(self._sandbox, environment, job)

    def end_survivors(self, job_id: str, recorded: Sequence[Identity]) -> int:
        """Kill processes that left their session, or that an earlier run of the server left."""
        leaders = [(int(pid), str(started)) for pid, started in recorded]
        return processes.kill_survivors(leaders, f"PAI_TRAINING_JOB_ID={job_id}")

    def sweep(self) -> None:
        """Nothing is left but processes, and jobs' records tell of them."""

    def close(self) -> None:
        """Nothing was held."""


def _requirements(job: PreparedJob, say: LineSink) -> list[str]:
    """Return all that is installed for a job: its own lines, and those of its source code that are not among them.

    Raises:
        EnvironmentFailed: a line of its source code can't be taken.
    """
    lines = list(job.plan.requirements)
    if job.code_requirements is None:
        return lines
    found = read_lines(job.code_requirements.read_text(encoding="utf-8", errors="replace"))
    for line in found:
        if problem := requirement_problem(line):
            raise EnvironmentFailed(f"requirements.txt of the source code: {line!r} {problem}")
    added = [line for line in dict.fromkeys(found) if line not in lines]
    say(f"Installing {len(added)} more dependencies from {job.plan.root}/{CODE_REQUIREMENTS}")
    return [*lines, *added]


class ProcessWorkspace:
    """A job's folder and its Python environment.

    Args:
        sandbox: gives the job its own ``/ml``.
        environment: the shared environment below the job's own.
        job: the job.
    """

    def __init__(self, sandbox: Sandbox, environment: Path, job: PreparedJob) -> None:
        self._sandbox = sandbox
        self._environment = environment
        self._job = job

    def start(self, plan: RunPlan, line: LineSink) -> ProcessInstance:
        """Start the command. See :meth:`JobWorkspace.start`."""
        work, home = self._job.work, str(self._job.work.home.absolute())
        shell, directory = ["/bin/sh", "-c", plan.command], plan.working_dir or home
        command = self._sandbox.wrap(shell, job_view(work, self._job.shown), directory)
        base = {
            "PATH": f"{work.python.absolute() / 'bin'}:{self._environment / 'bin'}:{SYSTEM_PATH}",
            "HOME": home,
            "LANG": "C.UTF-8",
            "TMPDIR": self._sandbox.temporary(work),
        }
        return start_instance(command, {**base, **plan.environment}, line, self._sandbox.mode)

    def close(self) -> None:
        """Nothing was made but what lies in the job's folder."""


def start_instance(
    command: Sequence[str], environment: Mapping[str, str], line: LineSink, mode: Mode
) -> ProcessInstance:
    """Start an instance in a session of its own, below a shim that ends it with this server.

    Args:
        command: the command, in its sandbox.
        environment: its variables.
        line: gets each line of its output.
        mode: how it is kept apart.

    Raises:
        OSError: it can't be started.
    """
    process = subprocess.Popen(
        shim.command_line(command, wrapped=mode is not Mode.PLAIN),
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return ProcessInstance(process, line)


class ProcessInstance:
    """Processes of one instance: those that come of the shim that was started.

    Args:
        process: a shim, its output a pipe.
        line: gets each line of the output.
    """

    def __init__(self, process: subprocess.Popen[bytes], line: LineSink) -> None:
        found = processes.facts(process.pid)
        self._shim = process
        self._started = found.started if found else ""
        self._released = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(line,), daemon=True)
        self._reader.start()

    @property
    def identity(self) -> tuple[int, str]:
        """Process id of the shim and when it was started."""
        return self._shim.pid, self._started

    def exit_code(self) -> int | None:
        """Return the command's exit code; None while it runs, or what was asked to end with it."""
        if self._shim.returncode is None:
            if not _has_ended(self._shim):
                return None
            # A shim that was killed, by a job for instance, leaves its session behind. It is not reaped yet, so its id
            # can't belong to another process.
            processes.signal_session(self._shim.pid, signal.SIGKILL)
            processes.signal_group(self._shim.pid, signal.SIGKILL)
            self._shim.wait()
        code = int(self._shim.returncode)
        return 128 - code if code < 0 else code

    def terminate(self) -> None:
        """Ask all processes of the command to end."""
        self._shim.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all processes at once."""
        self._shim.send_signal(shim.END_ALL)

    def close(self) -> None:
        """Wait for the last log lines, but not for a process that left the session and keeps the pipe open.

        Such a process gets SIGPIPE when it writes on.
        """
        self._shim.wait()
        self._reader.join(_LAST_LINES_SECONDS)
        self._released.set()
        self._reader.join()

    def _read(self, line: LineSink) -> None:
        pipe = self._shim.stdout
        if pipe is None:
            return
        with pipe, io.BufferedReader(_Pipe(pipe.fileno(), self._released)) as output:
            each_line(output, line)


class _Pipe(io.RawIOBase):
    """The read end of a pipe that also ends when it is released: a plain read could not be interrupted."""

    def __init__(self, number: int, released: threading.Event) -> None:
        self._number = number
        self._released = released
        self._left = _PIPE_BYTES
        self._poll = select.poll()
        self._poll.register(number, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._released.is_set():
            if self._poll.poll(_RELEASE_MILLISECONDS):
                return os.readv(self._number, [buffer])
        # What a command has printed by its end is in the pipe, however slowly it is read; what a process that it left
        # behind prints on is not waited for.
        if self._left <= 0 or not self._poll.poll(0):
            return 0
        count = os.readv(self._number, [buffer])
        self._left -= count
        return count


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a child has ended, and leave it to be reaped where the system can (macOS can't)."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None
