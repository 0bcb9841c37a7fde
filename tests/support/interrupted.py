"""A client at whose calls something happens: a process dies, another copy of the task runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.hooks.base import PAIBaseHook

Hook = TypeVar("Hook", bound=PAIBaseHook)
Happening = Callable[[str], None]
"""Is given the operation's name."""


class Died(BaseException):
    """The process is gone: nothing of ours may catch this."""


def nothing(_: str) -> None:
    """Let a call pass."""


def unchanged(_: Call[Any], answer: Any) -> Any:
    """Let an answer be as it is."""
    return answer


class InterruptedClient(PAIClient):
    """Sends calls as its base does, and lets something happen before and after each request.

    Args:
        client: the client whose configuration is used.
        before: called before a request is sent.
        after: called when its answer has come, before anybody has seen it.
        change: makes another answer of an answer, before that.
        sleep: waits before a request is repeated, in seconds.
    """

    def __init__(
        self,
        client: PAIClient,
        *,
        before: Happening = nothing,
        after: Happening = nothing,
        change: Callable[[Call[Any], Any], Any] = unchanged,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(client.config, sleep=sleep)
        self._before = before
        self._after = after
        self._change = change

    def _send_once(self, call: Call[T]) -> T:
        self._before(call.action)
        answer: T = self._change(call, super()._send_once(call))
        self._after(call.action)
        return answer


def interrupted(hook: Hook, **happenings: Any) -> Hook:
    """Return the hook with a client at whose calls something happens."""
    hook.client = InterruptedClient(hook.client, **happenings)
    return hook


def once(action: str, happening: Callable[[], None]) -> Happening:
    """Return a happening that comes at the first call of an operation only."""
    left = [happening]

    def happen(name: str) -> None:
        if name == action and left:
            left.pop()()

    return happen
