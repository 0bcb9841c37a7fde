"""Start a DAG when a training job has ended, for ``AssetWatcher`` of Airflow 3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.configuration import conn_id
from airflow_provider_pai.triggers.announcing import Announcement, AnnouncingTrigger
from airflow_provider_pai.triggers.beginning import Beginning

if TYPE_CHECKING:
    from airflow_provider_pai.client.polling.job_watch import JobWatch
    from airflow_provider_pai.model.training.status import JobSnapshot


class PAITrainingJobEndedTrigger(AnnouncingTrigger):
    """Fires an event for each training job with certain labels that has ended, no matter who submitted it.

    The rules, so that no end is lost over a restart of the triggerer, however it ends:

    - What was announced is a label on the job, so a triggerer that was away announces what has ended meanwhile. The
      label is written when Airflow has stored the event. A triggerer that is killed between the two, which is a second
      or two, announces that job once more: the event's ``job_id`` says so.
    - Of jobs that ended before the watcher's first start the last one is announced. From Airflow 3.3 on the asset's
      state store keeps when that was; before, the label on the last announced job says it. There, what ends while the
      triggerer is away before anything was announced counts as before the first start.
    - Jobs are seen for 30 days after they were created.

    The looks share the poller, and its limit of calls, with all deferred training tasks of the connection. The event is
    plain JSON: ``job_id``, ``job_name``, ``status``, ``reason_code``, ``ended_at``, ``labels``, ``model_uri`` and
    ``metrics``.

    ::

        trained = Asset("pai://jobs/churn", watchers=[
            AssetWatcher(name="churn_trained", trigger=PAITrainingJobEndedTrigger({"project": "churn"}, ["Succeed"])),
        ])

    Args:
        labels: labels that a job must all have; at least one.
        statuses: ends that fire an event: some of ``Succeed``, ``Failed``, ``Terminated`` and PAI's other final
            statuses. Default: each of them.
        pai_conn_id: id of the Airflow connection; looked up in the triggerer, never stored resolved. Default:
            ``[pai] default_conn_id``, else ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        poll_interval: seconds between two looks. Default 10.
        newer: arguments of a newer version, ignored.

    Raises:
        ValueError: there are no labels: each job of the workspace would fire.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        statuses: Sequence[str] | None = None,
        pai_conn_id: str | None = None,
        region_id: str | None = None,
        workspace_id: str | None = None,
        poll_interval: float = 10.0,
        **newer: Any,  # noqa: ARG002 - a trigger row may come from a newer version
    ) -> None:
        super().__init__(conn_id(pai_conn_id), region_id, workspace_id)
        if not labels:
            raise ValueError("labels must name at least one label; each job of the workspace would fire otherwise")
        self.labels = {str(name): str(value) for name, value in labels.items()}
        self.statuses = None if statuses is None else [str(each) for each in statuses]
        self.poll_interval = poll_interval
        self._mark: Callable[[JobSnapshot], Awaitable[None]]

    async def announcements(self, store: Any) -> AsyncGenerator[Sequence[Announcement], None]:
        """Yield the jobs that have ended after each look."""
        environments, hooks, intervals, watching, plans, labelling = await asyncio.to_thread(_load)
        environment = await asyncio.to_thread(environments.environment)
        watcher = (sorted(self.labels.items()), self.statuses, self.pai_conn_id, self.region_id, self.workspace_id)
        label = labelling.announcement_label(environment.name, watcher)
        statuses = self.statuses or plans.TERMINAL_STATUSES
        beginning, announced, backoff = Beginning(store, label, self.log.warning), set[str](), intervals.Backoff()
        since = floor = await beginning.read()
        hook = hooks.PAITrainingHook(**self.connection_arguments)
        with closing(hook):
            config = await hook.aconfig()
            async with watching.watch_jobs(config, self.labels, hook.keys) as watch:
                self._mark = partial(watch.label, labels={label: "true"})
                while True:
                    if (jobs := await self._look(watch, floor, backoff)) is not None:
                        now = datetime.now(UTC)
                        plan = plans.plan_end_announcements(jobs, label, announced, now, statuses=statuses, since=since)
                        for job in plan.skip:
                            await self.note(job)
                        if since is None:
                            since = plan.since
                            await beginning.keep(plan.since)
                        announced |= {each.job_id for each in (*plan.skip, *plan.fire)}
                        yield [Announcement(await self._payload(watch, each), each) for each in plan.fire]
                        floor = max([plan.since, *(plans.end_of(each) - plans.SLACK for each in plan.fire)])
                    await asyncio.sleep(backoff.pause(self.poll_interval))

    async def _look(self, watch: JobWatch, since: datetime | None, backoff: Any) -> list[JobSnapshot] | None:
        from airflow_provider_pai.errors import PAIError

        try:
            jobs = await watch.look(since)
        except PAIError as error:
            self.log.warning("Jobs with labels %s can't be looked at now (%s)", self.labels, error)
            backoff.record_error(error)
            return None
        backoff.reset()
        return jobs

    async def note(self, thing: JobSnapshot) -> None:
        """Label a job as announced."""
        from airflow_provider_pai.errors import PAIError

        try:
            await self._mark(thing)
        except PAIError as error:
            self.log.warning(
                "Job %s can't be labelled (%s); after a restart of the triggerer it may be announced again",
                *(thing.job_id, error),
            )

    async def _payload(self, watch: JobWatch, listed: JobSnapshot) -> dict[str, Any]:
        from airflow_provider_pai.model.names import MODEL_CHANNEL
        from airflow_provider_pai.model.training.job_ends import end_of

        job = await watch.whole(listed)
        return {
            "job_id": job.job_id,
            "job_name": job.name,
            "status": str(job.status),
            "reason_code": job.reason_code or None,
            "ended_at": end_of(job).isoformat(),
            "labels": dict(job.labels),
            "model_uri": job.outputs.get(MODEL_CHANNEL),
            "metrics": dict(job.metrics),
        }


def _load() -> tuple[Any, ...]:
    from airflow_provider_pai.client.polling import interval, job_watch
    from airflow_provider_pai.hooks import environment, training
    from airflow_provider_pai.model.training import announcement_label, job_ends

    return environment, training, interval, job_watch, job_ends, announcement_label
