"""One poller per event loop and identity, and waiting with its help."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable
from functools import partial
from weakref import WeakKeyDictionary

from airflow_provider_pai.client.credentials.provider import CredentialsProvider
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.poller import StatusPoller
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.client.polling.turnstile import take_turn
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import PAIError

_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ClientConfig, StatusPoller]] = WeakKeyDictionary()


async def subscribe(
    config: ClientConfig,
    job_id: str,
    *,
    interval: float,
    warn: Callable[..., None],
    outage_limit: float,
    logs: bool = True,
    keys: CredentialsProvider | None = None,
    checkpoint: Checkpoint | None = None,
) -> AsyncGenerator[JobUpdate, None]:
    """Yield a job's progress until it has ended, sharing a poller with all subscriptions of this loop and identity.

    A look that finds nothing new yields nothing. The last item is the job's end; what its log still holds then is left
    to the worker, which has more time.

    Args:
        config: who asks, and where.
        job_id: the job.
        interval: seconds between two looks, at most, while PAI answers; there are more while the job changes.
        warn: called as a logger's ``warning``.
        outage_limit: seconds that PAI may be unreachable.
        logs: whether to read the job's log.
        keys: what the poller signs with when this subscription is its first; default are the configuration's.
        checkpoint: knows where the task's log stopped, and is moved on. Default: begin at the beginning.

    Raises:
        PAIError: asking on makes no sense, see :class:`OutagePolicy`.
    """
    warn = partial(_in_context_of_caller, contextvars.copy_context(), warn)
    checkpoint = checkpoint or Checkpoint()
    await take_turn()
    poller = shared_poller(config, keys)
    reader = LogReader(poller.sender, job_id, warn, pages=poller.log_pages) if logs else None
    log = TaskLog(reader, checkpoint, config.log_delay)
    subscription = Subscription(job_id, interval, OutagePolicy(warn, outage_limit), log)
    poller.add(subscription)
    try:
        is_over = False
        while not is_over:
            progress = await subscription.updates.get()
            if isinstance(progress, PAIError):
                raise progress
            is_over = progress.snapshot.is_terminal
            yield progress
            # A caller that asks for more has shown this.
            checkpoint.move(progress.snapshot, progress.cursor)
            if not is_over and checkpoint.claim_save():
                poller.save_later(checkpoint)
    finally:
        if poller.remove(subscription):
            await close_poller(config, poller)


def shared_poller(config: ClientConfig, keys: CredentialsProvider | None = None) -> StatusPoller:
    """Return the poller of this loop and identity; made when it is the first to be asked for.

    Args:
        config: who asks, and where.
        keys: what a new poller signs with; default are the configuration's.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    return pollers.get(config) or pollers.setdefault(config, StatusPoller(PAIClient(config, keys=keys)))


async def close_poller(config: ClientConfig, poller: StatusPoller) -> None:
    """Close a poller that nothing needs any more."""
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    if pollers.get(config) is poller:
        del pollers[config]
    await poller.close()


def _in_context_of_caller(context: contextvars.Context, warn: Callable[..., None], *arguments: object) -> None:
    """Warn in the watcher's own context, which names the task to Airflow; a copy, since two threads may warn."""
    context.copy().run(warn, *arguments)
