"""A job as the pages share it: looked at over the connection of its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow.providers.common.compat.sdk import redact

from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.monitor.observation import JobObservation, is_job_of
from airflow_provider_pai.plugin.task_page import JobAddress


class NotThisTasksJobError(Exception):
    """A task's link leads to a job that is another task's: its page shows nothing of it."""


@dataclass(frozen=True)
class WatchedJob:
    """A job, and where its page in PAI's console is.

    Attributes:
        observation: the job.
        console_url: its page.
        output_pages: the page of each output channel in OSS's console.
    """

    observation: JobObservation
    console_url: str
    output_pages: Mapping[str, str]

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be asked any more."""
        return self.observation.is_settled


class WatchedJobObserver:
    """Looks at a job over a connection of its own.

    Args:
        address: the job.
    """

    def __init__(self, address: JobAddress) -> None:
        self._address = address
        self._hook = PAITrainingHook(**dict(address.connection))  # type: ignore[arg-type]
        self._observer = self._hook.observer(address.job_id)

    def observe(self) -> WatchedJob:
        """Return the job as it is now.

        Raises:
            NotThisTasksJobError: it is another task's.
            PAIError: it can't be read.
        """
        seen = self._observer.observe()
        check_owner(self._address, seen)
        return WatchedJob(seen, self._hook.console_url(self._address.job_id), self._hook.output_pages(seen.job))

    def stop(self, by: str) -> None:
        """Stop the job, once it is certain that it is the task's.

        Args:
            by: name of the user who wants it.

        Raises:
            NotThisTasksJobError: it is another task's.
            PAIError: it can't be stopped.
        """
        self.observe()
        self._hook.stop(self._address.job_id, by=by)

    def close(self) -> None:
        """Close the connections."""
        self._hook.close()


def check_owner(address: JobAddress, seen: JobObservation) -> None:
    """Raise when a job is not the one of the task instance whose page is shown.

    Raises:
        NotThisTasksJobError: it is not.
    """
    place = address.place
    if not is_job_of(seen.job, place.dag_id, place.run_id, place.task_id, place.map_index):
        raise NotThisTasksJobError(f"job {address.job_id} is not one of this task instance")


def said_error(error: Exception) -> str:
    """Return what a page says of a job that can't be read."""
    if isinstance(error, NotThisTasksJobError):
        return f"Nothing is shown: {error}."
    if isinstance(error, NotFoundError):
        return "PAI has no such job any more: it was deleted there."
    if isinstance(error, PAIError):
        return f"PAI can't be asked: {redact(str(error))}"
    # Its text is not ours and may hold anything; the API server's log has it.
    return f"PAI can't be asked ({type(error).__name__}); the log of Airflow's API server says more."
