"""Finds orphans: jobs that have outlived their task."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.base_operator import PAIBaseOperator, as_flag, as_seconds
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.errors import PAIError
    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.model.training.orphans import Orphan


class PAIJanitorOperator(PAIBaseOperator):
    """Lists, and on request stops, this Airflow's active jobs that have outlived their task instance.

    There are none unless something was killed that nothing could be done after: a triggerer right before its task was
    marked failed, for instance. Run it every few minutes in a DAG of its own.

    Jobs of other Airflows that use the workspace are left out: see the option ``[pai] deployment_name``. Where this
    Airflow can't be told from another one, as after a copy of its database, ``stop=True`` is refused. Jobs under the id
    that this Airflow had before it was given a name are listed; they are stopped where no copy can have the same id.

    The result is a list of dicts: ``job_id``, ``job_name``, ``status``, ``dag_id``, ``run_id``, ``task_id``,
    ``map_index``, ``state`` (of the task instance, or ``gone``), ``console_url``, ``stopped``.

    Args:
        stop: True stops them. Default False: they are only listed.
        min_age: jobs younger than this are left out: a ``timedelta``, or seconds. Default 10 minutes.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.
    """

    flags: Sequence[str] = ("stop",)

    def __init__(
        self,
        *,
        stop: bool = False,
        min_age: timedelta | float = timedelta(minutes=10),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stop = as_flag(stop)
        self.min_age = as_seconds(min_age)

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        """Find the orphans."""
        from airflow_provider_pai.hooks.environment import environment
        from airflow_provider_pai.hooks.training import PAITrainingHook
        from airflow_provider_pai.model.reading import seconds_problems

        hook = PAITrainingHook(**self.connection_arguments)
        with airflow_errors(), closing(hook):
            if problems := [*self._flag_problems(), *seconds_problems("min_age", self.min_age, zero=True)]:
                raise SpecError(problems)
            if self.stop and (doubt := environment().doubt):
                raise SpecError([Problem("stop", f": no job is stopped, since {doubt}")])
            found = self.find(hook)
            for orphan in found:
                self.log.warning(
                    "Job %s (%s) is %s, but its task %s of %s in %s is %s%s",
                    *(orphan.job.job_id, orphan.job.name, orphan.job.status, orphan.owner.task_id),
                    *(orphan.owner.dag_id, orphan.owner.run_id, orphan.state, self._intent(orphan)),
                )
            failures = [self._stopped(hook, each.job.job_id) for each in found if self._is_stopped(each)]
            self.log.info("%d orphaned jobs", len(found))
            for failure in filter(None, failures):
                # Only now, so that one job that can't be stopped does not keep the others running.
                raise failure
            return [
                {
                    "job_id": orphan.job.job_id,
                    "job_name": orphan.job.name,
                    "status": str(orphan.job.status),
                    "dag_id": orphan.owner.dag_id,
                    "run_id": orphan.owner.run_id,
                    "task_id": orphan.owner.task_id,
                    "map_index": orphan.owner.map_index,
                    "state": orphan.state,
                    "console_url": hook.console_url(orphan.job.job_id),
                    "stopped": self._is_stopped(orphan),
                }
                for orphan in found
            ]

    def find(self, hook: PAITrainingHook) -> list[Orphan]:
        """Return the jobs that have outlived their task.

        Args:
            hook: reads the jobs.
        """
        return hook.orphans(min_age=timedelta(seconds=self.min_age))

    def _is_stopped(self, orphan: Orphan) -> bool:
        return self.stop and not orphan.doubt

    def _intent(self, orphan: Orphan) -> str:
        """Say what is done about a job."""
        if not self.stop:
            return ""
        return f"; it is left, since {orphan.doubt}: stop it in PAI's console" if orphan.doubt else "; stopping it"

    def _stopped(self, hook: PAITrainingHook, job_id: str) -> PAIError | None:
        """Stop a job; return why it could not be."""
        from airflow_provider_pai.errors import PAIError

        try:
            hook.stop(job_id)
        except PAIError as error:
            self.log.warning("Job %s could not be stopped (%s)", job_id, error)
            return error
        return None
