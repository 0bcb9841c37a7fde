"""A second server for each inferred behaviour: local PAI in everything but that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airflow_provider_pai.local.verify.requests import Endpoint, ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall

Flip = Callable[["Flipped", ProbeCall], ProbeAnswer | None]
ObjectFlip = Callable[["Flipped", ObjectCall], ObjectAnswer | None]
OTHER = "Other.Code"


class Flipped:
    """Answers as the server behind it does, but for one behaviour.

    Args:
        server: the server behind it.
        flip: what it does otherwise to requests of PAI's services.
        object_flip: what it does otherwise to those of OSS.
    """

    def __init__(self, server: Endpoint, flip: Flip | None, object_flip: ObjectFlip | None = None) -> None:
        self.server = server
        self.seen: dict[str, Any] = {}
        self._flip = flip
        self._object_flip = object_flip

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        answer = self._flip(self, ask) if self._flip else None
        return answer or self.server.send(ask)

    def send_object(self, ask: ObjectCall) -> ObjectAnswer:
        answer = self._object_flip(self, ask) if self._object_flip else None
        return answer or self.server.send_object(ask)


def asked(action: str, change: Callable[[ProbeCall], ProbeCall]) -> Flip:
    """Let an operation get another request."""
    return lambda flipped, ask: flipped.server.send(change(ask)) if ask.action == action else None


def answered(action: str, change: Callable[[ProbeCall, ProbeAnswer], ProbeAnswer]) -> Flip:
    """Let an operation give another answer."""
    return lambda flipped, ask: change(ask, flipped.server.send(ask)) if ask.action == action else None


def coded(action: str) -> Flip:
    """Let an operation refuse with another code."""

    def change(_: ProbeCall, answer: ProbeAnswer) -> ProbeAnswer:
        return replace(answer, body={**answer.body, "Code": OTHER}) if answer.code else answer

    return answered(action, change)


def taken(action: str, member: str) -> Flip:
    """Let a name be taken again."""
    return answered(action, lambda _, answer: ProbeAnswer(200, {member: "x-other"}) if answer.status == 409 else answer)


def clamped(action: str, most: int) -> Flip:
    """Let a page be of any size."""

    def change(ask: ProbeCall) -> ProbeCall:
        size = min(int(ask.query.get("PageSize", most)), most)
        return replace(ask, query={**ask.query, "PageSize": str(size)}) if "PageSize" in ask.query else ask

    return asked(action, change)


def without(ask: ProbeCall, *names: str) -> ProbeCall:
    return replace(ask, query={name: value for name, value in ask.query.items() if name not in names})


def rows(action: str, name: str, change: Callable[[ProbeCall, list[Any]], list[Any]]) -> Flip:
    """Let a list have other rows."""

    def changed(ask: ProbeCall, answer: ProbeAnswer) -> ProbeAnswer:
        if not answer.is_done:
            return answer
        listed = change(ask, list(answer.body.get(name) or ()))
        return replace(answer, body={**answer.body, name: listed})

    return answered(action, changed)


def each_row(action: str, name: str, **members: Callable[[Any], Any]) -> Flip:
    """Let members of each row be something else."""

    def change(_: ProbeCall, found: list[Any]) -> list[Any]:
        return [{**row, **{member: to(row.get(member)) for member, to in members.items()}} for row in found]

    return rows(action, name, change)


def member(action: str, **members: Callable[[Any], Any]) -> Flip:
    """Let members of an answer be something else."""

    def change(_: ProbeCall, answer: ProbeAnswer) -> ProbeAnswer:
        if not answer.is_done:
            return answer
        return replace(
            answer, body={**answer.body, **{name: to(answer.body.get(name)) for name, to in members.items()}}
        )

    return answered(action, change)


def refused(action: str, when: Callable[[ProbeCall], bool], code: str = OTHER) -> Flip:
    """Let an operation refuse some requests."""
    return lambda _, ask: ProbeAnswer(400, {"Code": code}) if ask.action == action and when(ask) else None


def created(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Flip:
    """Let a job be another one than was asked for."""
    return asked("CreateTrainingJob", lambda ask: replace(ask, body=change(ask.body)))
