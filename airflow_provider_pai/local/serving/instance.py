"""One running copy of a service."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from airflow_provider_pai.local.eas.fleet import Instance
from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.jobs.transitions import wire_time
from airflow_provider_pai.local.running import processes
from airflow_provider_pai.local.running.environments import Environments
from airflow_provider_pai.local.running.ports import Ports
from airflow_provider_pai.local.running.process import SYSTEM_PATH, ProcessInstance
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.local.running.view import Shown, View
from airflow_provider_pai.local.serving import relay
from airflow_provider_pai.local.serving.health import Check, Watch
from airflow_provider_pai.local.serving.plan import Plan
from airflow_provider_pai.local.serving.preparation import Prepared
from airflow_provider_pai.local.serving.reach import PortReach, Reach, RelayReach
from airflow_provider_pai.local.serving.upstreams import Upstream, Upstreams

INSTANCE_VARIABLE, SERVICE_VARIABLE = "LOCAL_PAI_INSTANCE", "LOCAL_PAI_SERVICE"
"""Variables that find the processes of an instance, and of a service."""
_IDENTITY = "identity.json"


@dataclass(frozen=True)
class Pace:
    """How patient local EAS is, in seconds unless said otherwise; all [inferred].

    Attributes:
        look: from one look at a service to the next.
        backoff: before an instance that ended is started again; doubled each time.
        longest_backoff: what that ends at.
        failed_starts: how often an instance of a version that never answered may end until the version has failed.
        startup: until an instance without a startup check must have answered.
        drain: until requests under way on an instance that is to end are broken off.
        grace: from SIGTERM to SIGKILL.
    """

    look: float = 0.05
    backoff: float = 0.25
    longest_backoff: float = 10.0
    failed_starts: int = 3
    startup: float = 600.0
    drain: float = 30.0
    grace: float = 5.0


@dataclass(frozen=True)
class Ground:
    """What all instances of a server stand on.

    Attributes:
        sandbox: keeps them apart.
        environments: Python environments.
        upstreams: where requests can go.
        now: the server's time, in UTC.
        pace: how patient it is.
        ports: ports for instances without a network of their own.
    """

    sandbox: Sandbox
    environments: Environments
    upstreams: Upstreams
    now: Callable[[], datetime]
    pace: Pace = Pace()
    ports: Ports = field(default_factory=Ports)

    @property
    def network_note(self) -> str:
        """What the author of a service must know that never answers; empty when there is nothing."""
        if self.sandbox.mode is not Mode.PLAIN:
            return ""
        return (
            " (this machine can't give an instance a network of its own: it must serve on the port of the variable "
            "PORT, and of a script that hard-codes its port there can be one instance at a time)"
        )


@dataclass(frozen=True)
class Listener:
    """Who is told of an instance.

    Attributes:
        line: gets each line of its output.
        normal: gets reason and text of what went as it should.
        warning: gets those of what did not.
    """

    line: Callable[[str], None]
    normal: Callable[[str, str], None]
    warning: Callable[[str, str], None]


class ServiceInstance:
    """An instance: started, watched, started again when it ends, until it is to end itself.

    The thread that calls it must live as long as the instance: bubblewrap kills what its starter leaves behind.

    Args:
        name: its name.
        service_uid: its service's id.
        plan: what it is to be.
        prepared: what it shares.
        folder: its folder.
        ground: what it stands on.
        listener: who is told.

    Attributes:
        upstream: where requests to it go.
        failed_starts: how often in a row it ended before it could have requests.
        restarts: how often it was started again.
    """

    def __init__(
        self,
        name: str,
        service_uid: str,
        plan: Plan,
        prepared: Prepared,
        folder: Path,
        ground: Ground,
        listener: Listener,
    ) -> None:
        self.name = name
        self.failed_starts = self.restarts = 0
        self._uid = service_uid
        self._plan = plan
        self._prepared = prepared
        self._ground = ground
        self._listener = listener
        self._work = WorkFolder(folder)
        folder.mkdir(parents=True, mode=0o700)
        self._own_network = ground.sandbox.mode is not Mode.PLAIN
        self._port = plan.port if self._own_network else ground.ports.take(plan.port, reuse=True)
        self._reach: Reach = RelayReach(folder, plan.port) if self._own_network else PortReach(plan.port, self._port)
        self.upstream = Upstream(name, self._reach)
        self._process: ProcessInstance | None = None
        self._watch: Watch | None = None
        self._start_at = self._begun = time.monotonic()
        self._started = ""
        self._answered = False
        self._fading_since: float | None = None
        self._asked = self._hurried = False

    @property
    def is_ready(self) -> bool:
        """Whether it can have requests."""
        return self._process is not None and self._watch is not None and self._watch.ready

    @property
    def is_overdue(self) -> bool:
        """Whether it should have answered by now."""
        limit = self._plan.startup.limit if self._plan.startup else self._ground.pace.startup
        started = self._watch is not None and self._watch.started and self._plan.startup
        return not self._answered and not started and time.monotonic() - self._begun > limit

    def shown(self, version: int) -> Instance:
        """Return what is told about it.

        Args:
            version: the version it counts as.
        """
        if self._process is None and self.restarts:
            status, reason = "CrashLoopBackOff", "CrashLoopBackOff"
        else:
            status, reason = ("Running", "") if self._answered else ("Pending", "ContainerCreating")
        return Instance(self.name, version, status, reason, self.is_ready, self.restarts, self._started)

    def look(self) -> None:
        """See to it that it runs."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._start()
            return
        code = self._process.exit_code()
        if code is not None:
            self._ended(code)
        elif self._watch and self._watch.dead:
            self._watch.dead = False
            self._listener.warning("Unhealthy", f"Liveness probe failed: instance {self.name} will be restarted")
            self._process.kill()
        elif self.is_ready:
            self._answered, self.failed_starts = True, 0

    def has_faded(self) -> bool:
        """Do the next step towards its end; True when it has ended. It must not be offered requests any more."""
        if self._process is None:
            self._leave()
            return True
        now, pace = time.monotonic(), self._ground.pace
        if self._fading_since is None:
            self._fading_since = now
        waited = now - self._fading_since
        if not self._asked:
            if self._hurried or waited > pace.drain or self._ground.upstreams.is_idle(self.upstream):
                self._process.terminate()
                self._asked, self._fading_since = True, now
        elif waited > pace.grace:
            self._process.kill()
        if self._process.exit_code() is None:
            return False
        self._stop_watching()
        self._leave()
        self._listener.normal("Killing", f"Instance {self.name} has ended")
        return True

    def hurry(self) -> None:
        """Wait for no requests when it ends."""
        self._hurried = True

    def _start(self) -> None:
        for path in self._work.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._work.create()
        self._ground.environments.for_job(self._prepared.environment, self._work.python)
        view, sandbox = self._view(), self._ground.sandbox
        directory = self._located(self._plan.directory) or str(self._work.home.absolute())
        try:
            process = subprocess.Popen(
                sandbox.wrap(self._command(), view, directory),
                env=self._environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._listener.warning("Failed", f"Instance {self.name} can't be started: {error}")
            self._wait()
            return
        self._process = ProcessInstance(process, self._listener.line, wrapped=self._own_network)
        (self._work.path / _IDENTITY).write_text(json.dumps(self._process.identity))
        self._started = wire_time(self._ground.now())
        health = self._plan.health or Check.of_port(self._plan.port)
        self._watch = Watch(self._reach, self._plan.startup, self._plan.liveness, health)
        self._listener.normal("Started", f"Instance {self.name} was started")

    def _ended(self, code: int) -> None:
        self._stop_watching()
        self._listener.line(f"[instance ended with exit code {code}]")
        self._wait()
        text = f"Back-off restarting failed container: instance {self.name} ended with exit code {code}"
        self._listener.warning("BackOff", text)

    def _wait(self) -> None:
        """Have it started again a little later."""
        pace = self._ground.pace
        self._start_at = time.monotonic() + min(pace.backoff * 2**self.failed_starts, pace.longest_backoff)
        self.failed_starts += 1
        self.restarts += 1

    def _stop_watching(self) -> None:
        if self._watch:
            self._watch.end()
        if self._process:
            processes.kill_survivors((), f"{INSTANCE_VARIABLE}={self.name}")
            self._process.close()
        self._watch = self._process = None

    def _leave(self) -> None:
        self._reach.close()
        if not self._own_network:
            self._ground.ports.give_back(self._port)
        shutil.rmtree(self._work.path, ignore_errors=True)

    def _command(self) -> list[str]:
        if not self._own_network:
            return list(self._plan.command)
        script = self._work.path.absolute() / "relay.py"
        shutil.copy(relay.__file__, script)
        python = str(self._ground.environments.interpreter.path)
        return [python, "-I", "-S", str(script), str(self._work.path.absolute()), *self._plan.command]

    def _view(self) -> View:
        shown = {path.rstrip("/"): Shown(source) for path, source in self._prepared.mounts.items()}
        for number, path in enumerate(self._plan.scratch):
            shown[path.rstrip("/")] = Shown(self._scratch(number), writable=True)
            self._scratch(number).mkdir(parents=True)
        return View(self._work.path, dict(sorted(shown.items())), (self._prepared.folder,), self._own_network)

    def _scratch(self, number: int) -> Path:
        return self._work.path / "scratch" / str(number)

    def _located(self, path: str) -> str:
        """Return where something lies that the instance sees at a path; the path itself unless plain."""
        if self._own_network:
            return path
        places = {**self._prepared.mounts, **{p: self._scratch(n) for n, p in enumerate(self._plan.scratch)}}
        return str(places[path].absolute()) if path in places else path

    def _environment(self) -> dict[str, str]:
        work, own = self._work, self._plan.environment
        ports = {} if self._own_network else {"PORT": str(self._port), "LISTENING_PORT": str(self._port)}
        return {
            "PATH": f"{work.python.absolute() / 'bin'}:{self._prepared.environment / 'bin'}:{SYSTEM_PATH}",
            "HOME": str(work.home.absolute()),
            "LANG": "C.UTF-8",
            "TMPDIR": self._ground.sandbox.temporary(work),
            # So that a line can be read when it is printed.
            "PYTHONUNBUFFERED": "1",
            **{name: self._located(value) for name, value in own.items()},
            **ports,
            INSTANCE_VARIABLE: self.name,
            SERVICE_VARIABLE: self._uid,
        }


def end_survivors(folder: Path, service_uid: str) -> int:
    """End what a server that was killed left of a service's instances, and return how many processes that were.

    Args:
        folder: where the instances' folders are; removed.
        service_uid: the service's id.
    """
    recorded = []
    for path in folder.glob(f"*/{_IDENTITY}"):
        try:
            pid, started = json.loads(path.read_text())
        except ValueError:
            # Cut short by the kill; the variable finds the process.
            continue
        recorded.append((int(pid), str(started)))
    ended = processes.kill_survivors(recorded, f"{SERVICE_VARIABLE}={service_uid}")
    shutil.rmtree(folder, ignore_errors=True)
    return ended
