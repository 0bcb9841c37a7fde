"""Waiting until PAI answers: what a task asks before its job is under way is asked again for as long as polling is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow_provider_pai.client.polling.interval import Backoff
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log

T = TypeVar("T")
_PAUSE = 5.0
"""Seconds between two questions at the beginning of an outage; a client has repeated each one already."""


def ask_through_outage(
    ask: Callable[[], T],
    *,
    log: Log,
    sleep: Callable[[float], None],
    limit: float,
    check: Callable[[], None] = lambda: None,
) -> T:
    """Return the answer to a question that may be asked more than once.

    Args:
        ask: asks.
        log: takes that an outage has begun, and that it is over.
        sleep: waits, in seconds.
        limit: seconds that an outage may last.
        check: called before each further question; raises when none makes sense any more.

    Raises:
        PAIError: asking on makes no sense, see :class:`OutagePolicy`.
    """
    policy, backoff = OutagePolicy(log.warning, limit), Backoff()
    while True:
        try:
            answer = ask()
        except PAIError as error:
            policy.record_error(error)
            backoff.record_error(error)
        else:
            policy.record_answer()
            return answer
        sleep(backoff.pause(_PAUSE))
        check()
