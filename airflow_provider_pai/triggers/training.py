"""Waits in the triggerer for a training job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, closing, suppress
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_pai.hooks.process_end import watch_trigger
from airflow_provider_pai.triggers.base import PAIBaseTrigger, seconds_until
from airflow_provider_pai.triggers.loading import load
from airflow_provider_pai.triggers.settling import is_interrupted, settle

if TYPE_CHECKING:
    from airflow_provider_pai.client.logs.checkpoint import Checkpoint
    from airflow_provider_pai.hooks.training import PAITrainingHook

_KEEPING_SECONDS = 8.0
_stopping: set[asyncio.Task[None]] = set()
"""Stops under way; the event loop itself keeps no hold on its tasks."""


class PAITrainingTrigger(PAIBaseTrigger):
    """Fires one event when a training job has ended, or when waiting makes no sense any more.

    The event is plain JSON: ``job_id``, ``status`` (None when the job could not be seen), ``error`` (text, None when
    all is well), ``timeout`` (whether the deadline passed) and ``shown`` (what the task's log shows of the job,
    None when this trigger has not seen it). The worker reads the job itself, and what its log still holds: of lines
    that a triggerer writes right before its trigger ends some get lost (seen on Airflow 3.3.2).

    What the log shows is kept with the job, so that a restarted triggerer continues there: at each end of the trigger
    without an event, and every minute while there is news, for a triggerer that is killed.

    Args:
        job_id: the job.
        pai_conn_id: id of the Airflow connection; looked up in the triggerer, never stored resolved.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        poll_interval: the longest pause between two looks at the job while PAI answers, in seconds; there are more
            looks where they cost few calls.
        deadline: ISO 8601 time at which to give up; None for never.
        outage_limit: seconds that PAI may be unreachable; None for the client's default.
        show_logs: whether the job's log lines go to the task's log.
        log_level: the lowest level of lines that are shown.
        stop_on_kill: whether the job is stopped when a person marks or clears its task.
        try_number: the task's try that shows the log; None for a log that always begins at the beginning.
        newer: arguments of a newer version, ignored.
    """

    def __init__(
        self,
        job_id: str,
        pai_conn_id: str = "pai_default",
        region_id: str | None = None,
        workspace_id: str | None = None,
        poll_interval: float = 10.0,
        deadline: str | None = None,
        outage_limit: float | None = None,
        show_logs: bool = True,
        stop_on_kill: bool = True,
        try_number: int | None = None,
        log_level: str = "DEBUG",
        **newer: Any,  # noqa: ARG002 - a trigger row may come from a newer version
    ) -> None:
        super().__init__(pai_conn_id, region_id, workspace_id)
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.outage_limit = outage_limit
        self.show_logs = show_logs
        self.stop_on_kill = stop_on_kill
        self.try_number = try_number
        self.log_level = log_level
        self._checkpoint: Checkpoint | None = None
        self._keeper: PAITrainingHook | None = None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event."""
        begun = asyncio.get_running_loop().time()
        watch_trigger()
        try:
            outcome = await self._outcome()
            await settle(begun)
        except asyncio.CancelledError:
            if is_interrupted():
                await self._stop_interrupted()
            raise
        # The worker continues with what the event says.
        self._keeper = None
        yield TriggerEvent(outcome)  # type: ignore[no-untyped-call]

    async def cleanup(self) -> None:
        """Keep the place in the log when the trigger ends without an event, as at a triggerer's restart.

        Airflow waits for this: a triggerer of 3.3 that is to stop has 20 s for all its triggers, one of 2.11 has
        30 s. It answers no look-up of a connection any more, so the one of before is used.
        """
        if self._keeper is None or self._checkpoint is None or not self._checkpoint.has_changed:
            return
        with suppress(TimeoutError), closing(self._keeper):
            async with asyncio.timeout(_KEEPING_SECONDS):
                await asyncio.to_thread(self._checkpoint.save, self._keeper.client)

    async def on_kill(self) -> None:
        """Stop the job of a task that a person has marked or cleared.

        Airflow 3.3.0 to 3.3.2 also call this when the trigger only moves to another triggerer; the task's state tells
        the difference. When the state can't be learnt the job keeps running: PAI's own time limit, or the next attempt,
        ends it.
        """
        if not self.stop_on_kill:
            self.log.info("Job %s keeps running: this trigger was told to leave it", self.job_id)
            return
        # Seen on 3.3.2: a triggerer's first look at a task's state takes 7 s, and meanwhile this call is cancelled a
        # second time. The stop continues nevertheless.
        stopping = asyncio.create_task(self._stop_unless_deferred(), name=f"stop-{self.job_id}")
        _stopping.add(stopping)
        stopping.add_done_callback(_stopping.discard)
        await asyncio.shield(stopping)

    async def _stop_unless_deferred(self) -> None:
        from airflow_provider_pai.triggers.task_state import DEFERRED, task_state

        state = await task_state(self.task_instance)
        if state == DEFERRED:
            self.log.info("Job %s keeps running: its task is still deferred, only this trigger ends", self.job_id)
            return
        self.log.warning("Stopping job %s: its task is %s now", self.job_id, state or "cleared")
        await self._stop()

    async def _outcome(self) -> dict[str, Any]:
        limit = asyncio.timeout(seconds_until(self.deadline))
        try:
            async with limit:
                return await self._ended()
        except Exception as error:
            # Whatever happened, the worker must hear of it: a trigger that ends without an event says nothing.
            if limit.expired():
                return await self._timed_out()
            self.log.exception("Waiting for job %s failed", self.job_id)
            return self._event(error=f"{type(error).__name__}: {error}")

    async def _timed_out(self) -> dict[str, Any]:
        """Stop the job here: on Airflow 2.11 the worker's part is not even begun after ``execution_timeout``."""
        self.log.warning("Stopping job %s: it has not ended in time", self.job_id)
        try:
            await self._stop()
        except Exception:
            self.log.exception("Job %s could not be stopped", self.job_id)
        return self._event(timeout=True)

    async def _stop_interrupted(self) -> None:
        """Stop the job at Ctrl-C in ``dag.test()``, where nothing calls ``on_kill``."""
        if not self.stop_on_kill:
            self.log.warning("The task is being ended; its job %s keeps running", self.job_id)
            return
        self.log.warning("The task is being ended; stopping its job %s", self.job_id)
        try:
            await self._stop()
        except Exception:
            self.log.exception("Job %s could not be stopped and keeps running", self.job_id)

    async def _stop(self) -> None:
        hook = self._hook()
        await hook.aconfig()
        await asyncio.to_thread(hook.stop, self.job_id)

    async def _ended(self) -> dict[str, Any]:
        for name in ("airflow_provider_pai.hooks.training", "airflow_provider_pai.client.polling.registry"):
            await load(name)
        from airflow_provider_pai.client.logs.checkpoint import Checkpoint
        from airflow_provider_pai.client.logs.display import LogDisplay
        from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
        from airflow_provider_pai.client.polling.registry import subscribe
        from airflow_provider_pai.model.training.log_level import DEBUG, LEVELS

        hook = self._hook()
        config = await hook.aconfig()
        self._checkpoint, self._keeper = Checkpoint(self.try_number), hook
        # Made with the first line: most of very many show none, and the garbage collector walks over all objects.
        display: LogDisplay | None = None
        updates = subscribe(
            config,
            self.job_id,
            keys=hook.keys,
            interval=self.poll_interval,
            warn=self.log.warning,
            outage_limit=OUTAGE_LIMIT if self.outage_limit is None else self.outage_limit,
            logs=self.show_logs,
            checkpoint=self._checkpoint,
        )
        # Airflow 3 makes a new logger each time that one is asked for its method.
        info = self.log.info
        async with aclosing(updates):
            async for progress in updates:
                if progress.snapshot.is_terminal:
                    # The worker shows the rest.
                    break
                for note in progress.lines[: progress.notes]:
                    info("%s", note)
                if lines := progress.lines[progress.notes :]:
                    display = display or LogDisplay(self.log, LEVELS.get(self.log_level, DEBUG))
                    display.show(lines)
        return self._event(status=str(progress.snapshot.status))

    def _hook(self) -> PAITrainingHook:
        from airflow_provider_pai.hooks.training import PAITrainingHook

        return PAITrainingHook(**self.connection_arguments)

    def _event(self, *, status: str | None = None, error: str | None = None, timeout: bool = False) -> dict[str, Any]:
        cursor = self._checkpoint.cursor if self._checkpoint else None
        shown = None if cursor is None else cursor.to_json()
        return {"job_id": self.job_id, "status": status, "error": error, "timeout": timeout, "shown": shown}


class PAITrainingSensorTrigger(PAITrainingTrigger):
    """Fires one event when a job has ended that is not the task's own: it is never stopped.

    The arguments and the event are those of :class:`PAITrainingTrigger`.
    """

    async def on_kill(self) -> None:
        """Leave the job as it is."""
        self.log.info("Job %s keeps running: the task only watched it", self.job_id)

    async def _timed_out(self) -> dict[str, Any]:
        return self._event(timeout=True)
