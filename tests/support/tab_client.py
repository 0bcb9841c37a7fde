"""Asks the app behind the Training tab as a user of Airflow does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from devtools.runs import TaskRef
from tests.support.waits import PATIENCE

APP = "/pai-training"


class TabClient:
    """A user who is logged in, or a visitor who is not.

    Args:
        url: where Airflow is.
        login: name and password; None for Airflow's admin without a password.
        visitor: do not log in at all.
    """

    def __init__(self, url: str, login: tuple[str, str] | None = None, *, visitor: bool = False) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self.token = ""
        if not visitor:
            self.token = self._token(login)
            self._session.headers["Authorization"] = f"Bearer {self.token}"

    def get(self, path: str, task: TaskRef, **changed: str) -> requests.Response:
        """Ask for the page itself (an empty path) or for ``state``."""
        return self._session.get(f"{self._url}{APP}/{path}", params={**query(task), **changed}, timeout=PATIENCE)

    def stop(self, task: TaskRef, job_id: str, **headers: str) -> requests.Response:
        """Ask to stop the job."""
        sent = {"x-pai-training": "stop", **headers}
        url = f"{self._url}{APP}/stop"
        return self._session.post(url, params=query(task), json={"job_id": job_id}, headers=sent, timeout=PATIENCE)

    def state(self, task: TaskRef, **changed: str) -> dict[str, Any]:
        """Return what the page shows."""
        answer = self.get("state", task, **changed)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def watch(
        self, task: TaskRef, is_there: Callable[[dict[str, Any]], bool], *, timeout: float = PATIENCE, **changed: str
    ) -> dict[str, Any]:
        """Ask as often as the page does, and return what it shows when it shows what is wanted.

        Raises:
            AssertionError: it does not, or stops asking before.
        """
        deadline = time.monotonic() + timeout
        while not is_there(seen := self.state(task, **changed)):
            wait_s = seen["next_s"]
            assert wait_s is not None, f"the page asks no more, and shows: {seen}"
            assert time.monotonic() < deadline, f"the page shows: {seen}"
            time.sleep(wait_s)
        return seen

    def _token(self, login: tuple[str, str] | None) -> str:
        address = f"{self._url}/auth/token"
        if login is None:
            return str(self._session.get(address).json()["access_token"])
        name, password = login
        return str(self._session.post(address, json={"username": name, "password": password}).json()["access_token"])


def query(task: TaskRef) -> dict[str, str]:
    """Return the query of the page as Airflow's pages fill it in: the index of an unmapped task stays as it is."""
    index = "{MAP_INDEX}" if task.map_index < 0 else str(task.map_index)
    return {"dag_id": task.dag_id, "run_id": task.run_id, "task_id": task.task_id, "map_index": index}
