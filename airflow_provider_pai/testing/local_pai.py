"""What the fixture ``local_pai`` gives to a test: faults by name, objects, jobs, and runs of DAGs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oss2

from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.testing.dag_run import DagRunResult, run_dag

if TYPE_CHECKING:
    from airflow_provider_pai.local.server import LocalPAI


class PAITestServer:
    """Local PAI, for one test.

    Attributes:
        server: the server itself.
        conn_id: id of the Airflow connection that leads to it.
    """

    def __init__(self, server: LocalPAI, conn_id: str) -> None:
        """Wrap a server that is started and as new."""
        self.server = server
        self.conn_id = conn_id

    @property
    def conn_uri(self) -> str:
        """URI of the Airflow connection, for an environment variable ``AIRFLOW_CONN_...``."""
        return self.server.ready.airflow_conn_uri

    @property
    def bucket(self) -> str:
        """Name of the workspace's bucket."""
        return self.server.ready.bucket

    def run_dag(
        self,
        file: str | Path,
        dag_id: str | None = None,
        *,
        conf: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 300,
    ) -> DagRunResult:
        """Run a DAG to its end, as ``dag.test()`` does, in a process and an Airflow home of its own.

        Args:
            file: the DAG file; its folder is the folder of DAGs.
            dag_id: which DAG of the file; may be left out when there is one only.
            conf: the run's configuration.
            env: further environment variables, such as connections and variables.
            timeout: seconds after which the process is ended.

        Raises:
            DagRunError: the file has import errors or no such DAG, or the process did not end in time.
        """
        environment = {f"AIRFLOW_CONN_{self.conn_id.upper()}": self.conn_uri, **(env or {})}
        return run_dag(Path(file), dag_id, conf or {}, environment, timeout)

    def fail(self, operation: str, kind: str, times: int = 1, **details: Any) -> None:
        """Let the next answers of an operation go wrong.

        Args:
            operation: such as ``CreateTrainingJob``; ``oss:GET`` for OSS, ``*`` for any.
            kind: ``throttle``, ``error``, ``html``, ``slow``, ``drop_before`` or ``drop_after``.
            times: how many answers.
            details: ``status``, ``code``, ``retry_after_ms``, ``delay_s``.

        Raises:
            ValueError: there is no such kind.
        """
        self.server.faults.add(Fault(operation, FaultKind(kind), times, **details))

    def calls(self, operation: str) -> int:
        """Return how many requests an operation got in this test."""
        return self.server.faults.counts().get(operation, 0)

    def put(self, key: str, content: bytes | str) -> str:
        """Store an object in the workspace's bucket; return its ``oss://`` URI."""
        data = content.encode() if isinstance(content, str) else content
        self._oss().put_object(key, io.BytesIO(data))
        return f"oss://{self.bucket}/{key}"

    def read(self, uri: str) -> bytes:
        """Return the content of an object.

        Args:
            uri: ``oss://`` URI, or the key of an object in the workspace's bucket.
        """
        return bytes(self._oss().get_object(uri.removeprefix(f"oss://{self.bucket}/")).read())

    def training_hook(self) -> PAITrainingHook:
        """Return a hook to look at jobs with."""
        return PAITrainingHook(self.conn_id)

    def service_hook(self) -> PAIServiceHook:
        """Return a hook to look at services with."""
        return PAIServiceHook(self.conn_id)

    def _oss(self) -> oss2.Bucket:
        ready = self.server.ready
        return oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
