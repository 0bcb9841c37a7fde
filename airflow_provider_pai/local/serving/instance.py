"""One running copy of a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.eas.service_runtime import Instance
from airflow_provider_pai.local.running.process import ProcessInstance
from airflow_provider_pai.local.serving.health import HealthCheck, HealthMonitor, explain_unready
from airflow_provider_pai.local.serving.host_resources import HostResources
from airflow_provider_pai.local.serving.instance_workspace import InstanceWorkspace
from airflow_provider_pai.local.serving.preparation import PreparedVersion
from airflow_provider_pai.local.serving.replica_spec import ReplicaSpec
from airflow_provider_pai.local.serving.upstreams import Upstream


@dataclass(frozen=True)
class InstanceListener:
    """Receivers of what happens to an instance.

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

    Args:
        name: its name.
        service_uid: its service's id.
        spec: what it is to be.
        prepared: what it shares.
        folder: its folder.
        host: what it stands on.
        listener: receives what happens.

    Attributes:
        upstream: where requests to it go.
        failed_starts: how often in a row it ended before it could have requests.
        restarts: how often it was started again.
        is_ready: whether the last look saw that it can have requests. Between two looks it stays: what is published and
            what is reported must be the same.
    """

    def __init__(
        self,
        name: str,
        service_uid: str,
        spec: ReplicaSpec,
        prepared: PreparedVersion,
        folder: Path,
        host: HostResources,
        listener: InstanceListener,
    ) -> None:
        self.name = name
        self.failed_starts = self.restarts = 0
        self.is_ready = False
        self._spec = spec
        self._host = host
        self._listener = listener
        self._workspace = InstanceWorkspace(name, service_uid, spec, prepared, folder, host)
        self.upstream = Upstream(name, self._workspace.connector)
        self._process: ProcessInstance | None = None
        self._watch: HealthMonitor | None = None
        self._start_at = self._begun = self._host.monotonic()
        self._started = ""
        self._answered = False
        self._draining_since: float | None = None
        self._asked = self._drain_skipped = False
        self._explained_at = self._begun
        self._unready = ""

    @property
    def is_overdue(self) -> bool:
        """Whether it should have answered by now."""
        if self._answered:
            return False
        waited, startup, patience = self._host.monotonic() - self._begun, self._spec.startup, self._host.timings.startup
        if startup is None:
            return waited > patience
        started = self._watch is not None and self._watch.started
        return waited > startup.limit + (patience if started else 0)

    def shown(self, version: int) -> Instance:
        """Return what the API shows of it.

        Args:
            version: the version it counts as.
        """
        if self._process is None and self.restarts:
            status, reason = "CrashLoopBackOff", "CrashLoopBackOff"
        else:
            status, reason = ("Running", "") if self._answered else ("Pending", "ContainerCreating")
        return Instance(self.name, version, status, reason, self.is_ready, self.restarts, self._started)

    @property
    def _health(self) -> HealthCheck:
        return self._spec.health or HealthCheck.of_port(self._spec.port)

    def look(self) -> None:
        """See to it that it runs."""
        self.is_ready = self._watch is not None and self._watch.ready
        if self._process is None:
            if self._host.monotonic() >= self._start_at:
                self._start()
            return
        code = self._process.exit_code()
        if code is not None:
            self._handle_exit(code)
        elif self._watch and (failed := self._watch.failed):
            self._watch.failed = ""
            self._listener.warning("Unhealthy", f"{failed} probe failed: instance {self.name} will be restarted")
            self._process.kill()
        elif self.is_ready:
            self._answered, self.failed_starts = True, 0
        elif self._host.monotonic() - self._explained_at >= self._host.timings.unhealthy:
            self._explained_at = self._host.monotonic()
            self._warn_unready()

    @property
    def unready_reason(self) -> str:
        """Why it runs and still can't have requests, as a clause; empty when that is not known."""
        return "" if self.is_ready else self._unready

    def has_drained(self) -> bool:
        """Do the next step towards its end; True when it has ended. It must not be offered requests any more."""
        if self._process is None:
            self._workspace.close()
            return True
        now, timings = self._host.monotonic(), self._host.timings
        if self._draining_since is None:
            self._draining_since = now
        waited = now - self._draining_since
        if not self._asked:
            if self._drain_skipped or waited > timings.drain or self._host.upstreams.is_idle(self.upstream):
                self._process.terminate()
                self._asked, self._draining_since = True, now
        elif waited > timings.grace:
            self._process.kill()
        if self._process.exit_code() is None:
            return False
        self._release_process()
        self._workspace.close()
        self._listener.normal("Killing", f"Instance {self.name} has ended")
        return True

    def _warn_unready(self) -> None:
        """Say why it does not answer, once for each reason."""
        reason = explain_unready(self._workspace.connector, self._health)
        if reason != self._unready:
            self._unready = reason
            self._listener.warning("Unhealthy", f"Readiness probe failed: instance {self.name} runs, but {reason}")

    def skip_drain(self) -> None:
        """Wait for no requests when it ends."""
        self._drain_skipped = True

    def _start(self) -> None:
        try:
            self._process = self._workspace.start(self._listener.line)
        except OSError as error:
            self._listener.warning("Failed", f"Instance {self.name} can't be started: {error}")
            self._schedule_restart()
            return
        self._started = wire_time(self._host.now())
        self._watch = HealthMonitor(self._workspace.connector, self._spec.startup, self._spec.liveness, self._health)
        self._explained_at, self._unready = self._host.monotonic(), ""
        self._listener.normal("Started", f"Instance {self.name} was started")

    def _handle_exit(self, code: int) -> None:
        self._release_process()
        self._listener.line(f"[instance ended with exit code {code}]")
        self._schedule_restart()
        text = f"Back-off restarting failed container: instance {self.name} ended with exit code {code}"
        self._listener.warning("BackOff", text)

    def _schedule_restart(self) -> None:
        """Have it started again a little later."""
        timings = self._host.timings
        self._start_at = self._host.monotonic() + min(timings.backoff * 2**self.failed_starts, timings.longest_backoff)
        self.failed_starts += 1
        self.restarts += 1

    def _release_process(self) -> None:
        """Forget the processes, which have ended."""
        if self._watch:
            self._watch.end()
        if self._process:
            self._workspace.sweep()
            self._process.close()
        self._watch = self._process = None
        self.is_ready = False
