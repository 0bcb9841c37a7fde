"""A job as the pages share it: looked at over the connection of its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.relation import JobRelation, relation_of
from airflow_provider_pai.plugin.task_page import JobAddress
from airflow_provider_pai.plugin.trouble import NotThisTasksJobError

_ATTEMPTS, _READ_TIMEOUT = 2, 10.0
"""A page asks again by itself: it is to learn soon that PAI does not answer, and holds a thread until then."""


@dataclass(frozen=True)
class WatchedJob:
    """A job, and where its page in PAI's console is.

    Attributes:
        observation: the job.
        console_url: its page.
        output_pages: the page of each output channel in OSS's console.
        relation: whether it is the task's own.
    """

    observation: JobObservation
    console_url: str
    output_pages: Mapping[str, str]
    relation: JobRelation = JobRelation.OWN

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
        self._hook.config = replace(self._hook.config, attempts=_ATTEMPTS, read_timeout=_READ_TIMEOUT)
        self._observer = self._hook.observer(address.job_id)

    def observe(self) -> WatchedJob:
        """Return the job as it is now.

        Raises:
            NotThisTasksJobError: it is another DAG's.
            PAIError: it can't be read.
        """
        job_id, seen = self._address.job_id, self._observer.observe()
        relation = relation_of(seen.job, self._address.place)
        if relation is JobRelation.OTHER:
            raise NotThisTasksJobError(f"job {job_id} is not one of this DAG's tasks; PAI's console shows it")
        return WatchedJob(seen, self._hook.console_url(job_id), self._hook.output_pages(seen.job), relation)

    def stop(self, by: str) -> None:
        """Stop the job, once it is certain that it is the task's.

        Args:
            by: name of the user who wants it.

        Raises:
            NotThisTasksJobError: it is another task's.
            PAIError: it can't be stopped.
        """
        if self.observe().relation is not JobRelation.OWN:
            raise NotThisTasksJobError(f"job {self._address.job_id} is another task's, and can be stopped there")
        self._hook.stop(self._address.job_id, by=by)

    def close(self) -> None:
        """Close the connections."""
        self._hook.close()
