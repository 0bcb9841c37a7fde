"""Where one instance of a service runs: its folder, its view of this machine, its way to its port."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.running import processes
from airflow_provider_pai.local.running.process import SYSTEM_PATH, ProcessInstance, start_instance
from airflow_provider_pai.local.running.runtime import LineSink
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.running.view import Shown, View
from airflow_provider_pai.local.serving import relay
from airflow_provider_pai.local.serving.connector import Connector, PortConnector, RelayConnector
from airflow_provider_pai.local.serving.host_resources import HostResources
from airflow_provider_pai.local.serving.preparation import PreparedVersion
from airflow_provider_pai.local.serving.replica_spec import ReplicaSpec

_INSTANCE_VARIABLE, _SERVICE_VARIABLE = "LOCAL_PAI_INSTANCE", "LOCAL_PAI_SERVICE"
"""Variables that find the processes of an instance, and of a service."""
_IDENTITY = "identity.json"


class InstanceWorkspace:
    """A place for one instance, for all its starts.

    Args:
        name: the instance's name.
        service_uid: its service's id.
        spec: what it is to be.
        prepared: what it shares.
        folder: its folder; made.
        host: what it stands on.

    Attributes:
        connector: how its ports are reached.
    """

    def __init__(
        self,
        name: str,
        service_uid: str,
        spec: ReplicaSpec,
        prepared: PreparedVersion,
        folder: Path,
        host: HostResources,
    ) -> None:
        self._name = name
        self._uid = service_uid
        self._spec = spec
        self._prepared = prepared
        self._host = host
        self._work = WorkFolder(folder.absolute())
        folder.mkdir(parents=True, mode=0o700)
        self._own_network = host.sandbox.mode is not Mode.PLAIN
        self._port = spec.port if self._own_network else host.ports.take(spec.port, reuse=True)
        self.connector: Connector = (
            RelayConnector(folder, spec.port) if self._own_network else PortConnector(spec.port, self._port)
        )
        self._copies = {
            mount.path: self._work.path / "mounts" / str(number)
            for number, mount in enumerate(spec.objects)
            if mount.writable
        }
        self._scratch = {path: self._work.path / "scratch" / str(number) for number, path in enumerate(spec.scratch)}

    def start(self, line: LineSink) -> ProcessInstance:
        """Start the command, in a folder without anything that an earlier start left.

        Args:
            line: gets each line of the output.

        Raises:
            OSError: it can't be started.
        """
        work = self._work
        for path in work.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        work.create()
        for path in self._scratch.values():
            path.mkdir(parents=True)
        for target, copy in self._copies.items():
            shutil.copytree(self._prepared.mounts[target], copy, symlinks=True)
        self._host.environments.for_job(self._prepared.environment, work.python)
        directory = self._located(self._spec.directory) or str(work.home)
        sandbox = self._host.sandbox
        command = sandbox.wrap(self._command(), self._view(), directory)
        started = start_instance(command, self._environment(), line, sandbox.mode)
        (work.path / _IDENTITY).write_text(json.dumps(started.identity))
        return started

    def sweep(self) -> None:
        """End processes that left the session of an instance that has ended."""
        processes.kill_survivors((), f"{_INSTANCE_VARIABLE}={self._name}")

    def close(self) -> None:
        """Free all; the instance has ended."""
        self.connector.close()
        if not self._own_network:
            self._host.ports.give_back(self._port)
        shutil.rmtree(self._work.path, ignore_errors=True)

    def _command(self) -> list[str]:
        if not self._own_network:
            return list(self._spec.command)
        # A copy, because this package may lie where an instance sees something else.
        script = self._work.path / "relay.py"
        shutil.copy(relay.__file__, script)
        python = str(self._host.environments.interpreter.path)
        return [python, "-I", "-S", str(script), str(self._work.path), *self._spec.command]

    def _view(self) -> View:
        copies = {path.rstrip("/"): Shown(source) for path, source in self._prepared.mounts.items()}
        mine = {**self._copies, **self._scratch}
        own = {path.rstrip("/"): Shown(source, writable=True) for path, source in mine.items()}
        shown = dict(sorted({**copies, **own}.items()))
        return View(self._work.path, shown, (self._prepared.folder,), self._own_network)

    def _located(self, path: str) -> str:
        """Return where something lies that the instance sees at a path; the path itself unless plain."""
        places = {} if self._own_network else {**self._prepared.mounts, **self._copies, **self._scratch}
        return str(places[path].absolute()) if path in places else path

    def _environment(self) -> dict[str, str]:
        work = self._work
        ports = {} if self._own_network else {"PORT": str(self._port), "LISTENING_PORT": str(self._port)}
        return {
            "PATH": f"{work.python / 'bin'}:{self._prepared.environment / 'bin'}:{SYSTEM_PATH}",
            "HOME": str(work.home),
            "LANG": "C.UTF-8",
            "TMPDIR": self._host.sandbox.temporary(work),
            # So that a line can be read when it is printed.
            "PYTHONUNBUFFERED": "1",
            **{name: self._located(value) for name, value in self._spec.environment.items()},
            **ports,
            _INSTANCE_VARIABLE: self._name,
            _SERVICE_VARIABLE: self._uid,
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
    ended = processes.kill_survivors(recorded, f"{_SERVICE_VARIABLE}={service_uid}")
    shutil.rmtree(folder, ignore_errors=True)
    return ended
