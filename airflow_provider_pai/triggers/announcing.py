"""The base of event triggers that announce things: each is written down as announced once Airflow has its event.

A triggerer hands events on to its supervisor, which stores them in Airflow's database some moments later. What is
written down before that is lost when the triggerer is killed in between; what is written down after it comes once more
when the triggerer is killed in between. The second is the rule here: nothing is lost.

Airflow 3.3.2 and newer confirm what they have stored (the ack mode of shared streams); older ones don't, and there some
seconds must do.
"""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from airflow.triggers.base import TriggerEvent

from airflow_provider_pai.triggers.base import PAIBaseTrigger
from airflow_provider_pai.triggers.event_base import EventTrigger

STORED_SECONDS = 5.0
"""Seconds after which an event counts as stored where Airflow confirms none: a triggerer hands events on each second,
and its supervisor stores them each second (read in Airflow 3.0 to 3.3)."""

_subscribers: WeakValueDictionary[Hashable, AnnouncingTrigger] = WeakValueDictionary()
"""Triggers of this process with confirmed events, by key: Airflow makes the other half of each from its arguments
only, and the asset's state store is an attribute that it sets."""


@dataclass(frozen=True)
class Announcement:
    """Something to announce.

    Attributes:
        payload: the event, plain JSON.
        thing: what is written down as announced.
    """

    payload: Mapping[str, Any]
    thing: Any


class AnnouncingTrigger(PAIBaseTrigger, EventTrigger):
    """Fires an event for each of its announcements, and writes each down when its event is stored."""

    @abstractmethod
    def announcements(self, store: Any) -> AsyncGenerator[Sequence[Announcement], None]:
        """Yield what is to be announced after each look at PAI; each thing once in the life of this object.

        Args:
            store: the state store of the asset, which Airflow gives to watchers from 3.3 on; None without one.
        """

    @abstractmethod
    async def note(self, thing: Any) -> None:
        """Write down that something was announced; a failure is logged."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each announcement, where Airflow does not confirm what it has stored."""
        async with aclosing(self.announcements(asset_store(self))) as looks:
            async for look in looks:
                for each in look:
                    yield TriggerEvent(dict(each.payload))  # type: ignore[no-untyped-call]
                if look:
                    await asyncio.sleep(STORED_SECONDS)
                for each in look:
                    await self.note(each.thing)

    def shared_stream_key(self) -> Hashable | None:
        """Return what tells this watcher from others; None where Airflow confirms nothing."""
        if not has_confirmations():
            return None
        key = _key(self)
        _subscribers[key] = self
        return key

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """Return what looks at PAI for a watcher of these arguments, and learns which events are stored."""
        from airflow.triggers.shared_stream import SharedStreamProducer

        class Producer(_Producer, SharedStreamProducer):
            """The producer that Airflow asks for; its base class is not there in Airflow 2."""

        return Producer(cls(**kwargs))

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Mapping[str, Any]]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each announcement of the producer."""
        async for payload in shared_stream:
            yield TriggerEvent(dict(payload))  # type: ignore[no-untyped-call]


class _Producer:
    """Looks at PAI for one watcher, and writes down what Airflow has stored.

    Args:
        trigger: knows how to look and to write down.
    """

    def __init__(self, trigger: AnnouncingTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[tuple[Mapping[str, Any], Any]]:
        """Yield each announcement's event, and the thing that is written down for it."""
        subscriber = _subscribers.get(_key(self._trigger))
        async with aclosing(self._trigger.announcements(asset_store(subscriber))) as looks:
            async for look in looks:
                for each in look:
                    yield each.payload, each.thing

    async def advance(self, batch: Sequence[Any]) -> None:
        """Write down those with stored events; the trigger of the others ends, and its next one looks again."""
        for item in batch:
            if item.outcome.is_clean:
                await self._trigger.note(item.broker_payload)


def has_confirmations() -> bool:
    """Whether this Airflow confirms which events it has stored."""
    try:
        from airflow.triggers import shared_stream
    except ImportError:
        return False
    return hasattr(shared_stream, "SharedStreamProducer")


def asset_store(trigger: AnnouncingTrigger | None) -> Any:
    """Return the state store of a watcher's asset, which Airflow gives to watchers from 3.3 on; None without one."""
    return getattr(trigger, "asset_state_store", None)


def _key(trigger: AnnouncingTrigger) -> str:
    return json.dumps(trigger.serialize(), sort_keys=True, default=str)
