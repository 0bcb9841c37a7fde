"""Airflow's public REST API (``/api/v2`` of Airflow 3), as far as tests and demonstrations ask it.

Paths and bodies as in Airflow 3.3.2.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import requests

from devtools.runs import RUN_ENDED, TASK_ENDED, DagRun, TaskInstance, TaskRef, dag_path, segment
from devtools.waits import PATIENCE, WaitTimeoutError, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_SHOWN = 2000


class AirflowAPIError(Exception):
    """Airflow refused a request.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, what: str, status: int, body: str) -> None:
        super().__init__(f"{what}: HTTP {status}: {body[:_SHOWN]}")
        self.status = status


class DagImportError(Exception):
    """A DAG isn't there, and DAG files can't be imported; the message holds their stack traces."""


class AirflowAPI:
    """A client of an Airflow; without a login, of one that lets everyone in as an admin.

    Every method raises :class:`AirflowAPIError` when Airflow refuses, and ``requests.RequestException`` when it
    doesn't answer.

    Args:
        url: where the API server is, without a path.
        timeout: seconds that Airflow may be silent.
        login: name and password of a user.
    """

    def __init__(self, url: str, *, timeout: float = PATIENCE, login: tuple[str, str] | None = None) -> None:
        self.url = url
        self._login = login
        self._timeout = timeout
        self._session = requests.Session()
        # A proxy of the environment has no business with this machine's own addresses.
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def is_up(self) -> bool:
        """Whether the API server takes requests, those of tasks too.

        Airflow 3.3 builds the tasks' own API at the first request to it, for about six seconds: better that it is
        this one than the first task's.
        """
        try:
            self._ask("GET", "/execution/health")
        except (requests.ConnectionError, requests.Timeout):
            return False
        return True

    def live_jobs(self, job_type: str, since: datetime) -> list[int]:
        """Return the ids, in order, of the running components of a type (``SchedulerJob``) that began since then."""
        query = {"job_type": job_type, "job_state": "running", "is_alive": "true", "start_date_gte": since.isoformat()}
        return sorted(int(job["id"]) for job in self._get("/jobs", query)["jobs"])

    def import_errors(self) -> dict[str, str]:
        """Return the stack trace of each DAG file that can't be imported."""
        return {error["filename"]: error["stack_trace"] for error in self._get("/importErrors")["import_errors"]}

    def wait_parsed(self, dag_id: str, *, timeout: float = PATIENCE, grace: float = 5.0) -> None:
        """Wait until a DAG can be triggered.

        Args:
            dag_id: the DAG.
            timeout: seconds to wait at most.
            grace: seconds that it may still come out of another file, once a file could not be imported.

        Raises:
            DagImportError: it isn't there, and DAG files can't be imported.
            WaitTimeoutError: it isn't there after the timeout.
        """
        wait_for(
            lambda: self._is_parsed(dag_id) or self.import_errors(), bool, f"DAG {dag_id} to be parsed", timeout=timeout
        )
        late = time.monotonic() + grace
        while not self._is_parsed(dag_id):
            if time.monotonic() >= late:
                traces = "".join(f"\n{file}:\n{trace}" for file, trace in self.import_errors().items())
                raise DagImportError(f"there is no DAG {dag_id}, and these files can't be imported:{traces}")
            time.sleep(0.2)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, logical_date: str | None = None) -> DagRun:
        """Start a run of a DAG.

        Args:
            dag_id: the DAG.
            conf: its parameters.
            logical_date: the date it is for, ISO 8601; without one it has no data interval.
        """
        body = {"logical_date": logical_date, "conf": dict(conf or {})}
        return DagRun.read(self._send("POST", f"{dag_path(dag_id)}/dagRuns", body))

    def add_connection(self, conn_id: str, login: str, password: str, extra: Mapping[str, Any]) -> None:
        """Keep a connection of type ``pai`` in Airflow's database, as a person does in its form."""
        body = {"connection_id": conn_id, "conn_type": "pai", "login": login, "password": password}
        self._send("POST", "/connections", {**body, "extra": json.dumps(dict(extra))})

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's schedule begin."""
        self._send("PATCH", dag_path(dag_id), {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Keep a DAG's schedule, or what it waits for, from starting a run."""
        self._send("PATCH", dag_path(dag_id), {"is_paused": True})

    def dag_runs(self, dag_id: str) -> list[DagRun]:
        """Return the runs of a DAG, the newest first, at most a hundred."""
        found = self._get(f"{dag_path(dag_id)}/dagRuns", {"order_by": "-run_after", "limit": "100"})
        return [DagRun.read(body) for body in found["dag_runs"]]

    def dag_run(self, run: DagRun) -> DagRun:
        """Return a run as it is now."""
        return DagRun.read(self._get(run.path))

    def wait_run(self, run: DagRun, *, timeout: float = 2 * PATIENCE) -> DagRun:
        """Wait until a run has ended, well or badly, and return it.

        Raises:
            WaitTimeoutError: it has not; the message says how its tasks are.
        """
        what = f"the end of run {run.run_id} of DAG {run.dag_id}"
        try:
            return wait_for(lambda: self.dag_run(run), lambda seen: seen.state in RUN_ENDED, what, timeout=timeout)
        except WaitTimeoutError as error:
            states = {task.ref.task_id: task.state for task in self.task_instances(run)}
            raise WaitTimeoutError(f"{error}; its tasks: {states}") from error

    def asset_events(self) -> list[dict[str, Any]]:
        """Return the events of all assets, the oldest first, at most a hundred; a watcher's payload is in ``extra``."""
        found = self._get("/assets/events", {"order_by": "timestamp", "limit": "100"})
        return list(found["asset_events"])

    def task_instances(self, run: DagRun) -> list[TaskInstance]:
        """Return the task instances of a run, at most a hundred."""
        found = self._get(f"{run.path}/taskInstances", {"limit": "100"})
        return [TaskInstance.read(body) for body in found["task_instances"]]

    def task_instance(self, ref: TaskRef) -> TaskInstance:
        """Return a task instance as it is now."""
        return TaskInstance.read(self._get(ref.indexed_path))

    def shown_index(self, ref: TaskRef) -> str | None:
        """Return what Airflow's pages call a mapped task instance (``map_index_template``); None for its number."""
        found: str | None = self._get(ref.indexed_path)["rendered_map_index"]
        return found

    def wait_task(
        self, ref: TaskRef, states: frozenset[str] = TASK_ENDED, *, try_number: int = 0, timeout: float = PATIENCE
    ) -> TaskInstance:
        """Wait until a task instance is in one of these states, at this try or a later one, and return it.

        Raises:
            WaitTimeoutError: it is not; the message says how it was last.
        """
        return wait_for(
            lambda: self.task_instance(ref),
            lambda seen: seen.state in states and seen.try_number >= try_number,
            f"task {ref.task_id} to be {' or '.join(sorted(states))}",
            timeout=timeout,
        )

    def xcom(self, ref: TaskRef, key: str = "return_value") -> Any:
        """Return the value of an XCom entry."""
        return self._get(f"{ref.path}/xcomEntries/{segment(key)}", {"map_index": str(ref.map_index)})["value"]

    def xcom_keys(self, ref: TaskRef) -> list[str]:
        """Return the keys of all XCom entries of a task instance."""
        found = self._get(f"{ref.path}/xcomEntries", {"map_index": str(ref.map_index)})
        return [entry["key"] for entry in found["xcom_entries"]]

    def links(self, ref: TaskRef) -> dict[str, str | None]:
        """Return the URL of each extra link by its name; None while the task hasn't pushed it."""
        return dict(self._get(f"{ref.path}/links", {"map_index": str(ref.map_index)})["extra_links"])

    def log(self, ref: TaskRef, try_number: int = 1, *, logger: str = "") -> str:
        """Return the log of one try, a message a line; only of loggers with ``logger`` in their name."""
        query = {"map_index": str(ref.map_index), "full_content": "true"}
        lines = self._get(f"{ref.path}/logs/{try_number}", query)["content"]
        return "\n".join(_text(line) for line in lines if not logger or logger in _logger(line))

    def question(self, ref: TaskRef) -> dict[str, Any]:
        """Return what a task asks a person: ``subject``, ``body``, ``options`` and so on; Airflow 3.1 and newer."""
        return self._get(f"{ref.path}/{ref.map_index}/hitlDetails")

    def answer(self, ref: TaskRef, *options: str, **params: str) -> None:
        """Answer what a task asks, as a person does on its page.

        Args:
            ref: the task instance.
            options: those that are chosen.
            params: what is typed into the form's fields, each of them.
        """
        body = {"chosen_options": list(options), "params_input": params}
        self._send("PATCH", f"{ref.path}/{ref.map_index}/hitlDetails", body)

    def set_state(self, ref: TaskRef, state: str) -> None:
        """Mark a task instance ``success``, ``failed`` or ``skipped``, as a person does."""
        self._send("PATCH", ref.indexed_path, {"new_state": state})

    def set_run_state(self, run: DagRun, state: str) -> None:
        """Mark a whole run ``success`` or ``failed``, as a person does."""
        self._send("PATCH", run.path, {"state": state})

    def clear(self, ref: TaskRef) -> None:
        """Clear a task instance, whatever its state, so that it runs again.

        If that ended its run, wait for the run's end first: on SQLite a scheduler that is about to mark the run takes
        the clearing back (seen with 3.3.2), and the task stays without a state.
        """
        task = ref.task_id if ref.map_index < 0 else [ref.task_id, ref.map_index]
        body = {"dry_run": False, "only_failed": False, "dag_run_id": ref.run_id, "task_ids": [task]}
        self._send("POST", f"{dag_path(ref.dag_id)}/clearTaskInstances", body)

    def _is_parsed(self, dag_id: str) -> bool:
        try:
            self._get(f"{dag_path(dag_id)}/details")
        except AirflowAPIError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._authorized("GET", path, query=query)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._authorized(method, path, body=body)

    def _authorized(self, method: str, path: str, **request: Mapping[str, Any] | None) -> dict[str, Any]:
        if "Authorization" not in self._session.headers:
            self._session.headers["Authorization"] = f"Bearer {self._token()}"
        return self._ask(method, f"/api/v2{path}", **request)

    def _token(self) -> str:
        if self._login is None:
            return str(self._ask("GET", "/auth/token")["access_token"])
        name, password = self._login
        return str(self._ask("POST", "/auth/token", body={"username": name, "password": password})["access_token"])

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        answer = self._session.request(method, self.url + path, params=query, json=body, timeout=self._timeout)
        if not answer.ok:
            raise AirflowAPIError(f"{method} {path}", answer.status_code, answer.text)
        content = answer.json()
        if not isinstance(content, dict):
            raise AirflowAPIError(f"{method} {path}", answer.status_code, answer.text)
        return content


def _logger(line: Mapping[str, Any] | str) -> str:
    return "" if isinstance(line, str) else str(line.get("logger") or "")


def _text(line: Mapping[str, Any] | str) -> str:
    """Return a log line as a person reads it; a structured one may carry an exception beside its message."""
    if isinstance(line, str):
        return line
    details = "".join(
        f"\n{error.get('exc_type')}: {error.get('exc_value')}" for error in line.get("error_detail") or ()
    )
    return f"{line['event']}{details}"
