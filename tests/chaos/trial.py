"""One trial: a task with retries, in which processes die, answers are lost, copies come back and people clear."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call, decode_answer
from airflow_provider_pai.errors import APIError, AuthError, PAIError, ProtocolError, ServerError, TransportError
from airflow_provider_pai.hooks.task_attempt import owner_of
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.training.arguments import checked_spec
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.operators.training import PAITrainingOperator
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.attempt import Attempt, executed, training
from tests.support.interrupted import Died, InterruptedClient

_COMMANDS = ("true", "true", "sleep 0.3", "sleep 0.3", "exit 3")
_LONG_COMMAND = "sleep 1.5"
"""For a copy that sleeps: its job must not be over before it has looked again."""
_LONGEST_PAUSE = 0.05
_LAG = 0.12
"""Seconds for which a list that lags does not show a job: less than an attempt's patience, each pause of which is cut
to ``_LONGEST_PAUSE``, and more than lies between two tries."""
_SHORT_LISTS = 3
"""So many lists of an attempt are short, at most; then PAI is well again."""
_MOST_CALLS = 14
"""An attempt makes about so many requests; an event later than its last one does not come."""


class Event(StrEnum):
    """What happens at one request of an attempt."""

    NOTHING = "nothing"
    KILLED_BEFORE = "killed before the request"
    KILLED_AFTER = "killed after the answer"
    TERMINATED = "SIGTERM after the answer"
    LOST_BEFORE = "the request is lost"
    LOST_AFTER = "the answer is lost"
    HTML = "the answer can't be read"
    EMPTY = "the answer is an empty object"
    NONCE = "the nonce was used"
    CTRL_C = "Ctrl-C after the answer"
    XCOMS_REFUSED = "Airflow refuses XComs"
    LABELS_REFUSED = "PAI refuses labels"
    STOPS_REFUSED = "PAI refuses stops"
    SHORT_LIST = "lists count more jobs than they show"
    COPY = "this copy sleeps; the next try runs to its end; this copy continues"
    COPY_REFUSED = "this copy sleeps; the next try runs to its end; Airflow refuses this copy's XComs"
    COPY_TERMINATED = "this copy sleeps; the next try runs to its end; this copy gets SIGTERM"


_BEFORE_OR_ALWAYS = (
    Event.NOTHING,
    Event.KILLED_BEFORE,
    Event.LOST_BEFORE,
    Event.XCOMS_REFUSED,
    Event.LABELS_REFUSED,
    Event.STOPS_REFUSED,
    Event.SHORT_LIST,
    Event.EMPTY,
)
_DEADLY = (Event.KILLED_BEFORE, Event.KILLED_AFTER, Event.TERMINATED)
_COPIES = (Event.COPY, Event.COPY_REFUSED, Event.COPY_TERMINATED)


class Circumstance(StrEnum):
    """What holds of a life as a whole."""

    RETRIES_EDITED = "retries are edited"
    ARGUMENTS_EDITED = "arguments are edited"
    ANOTHER_ENVIRONMENT = "another environment has a job under the same names"
    ANOTHER_PASS = "another pass of the loop has a job under the same names"
    LAGGING_LISTS = "lists lag"
    CLEARED = "a person clears the task"
    DEFERRED = "a try is deferred"
    TRIGGERER_KILLED = "a triggerer is killed"


@dataclass
class Trial:
    """A task's life, and what was seen of it.

    Attributes:
        seed: repeats it.
        history: what happened, in order, for people.
        value: the result of the task; None when it has failed.
        orphaned: whether the last try was killed, so that nothing was left to look after its job.
        calm: whether no two copies were alive at a time and none was told to end.
        lags: whether lists don't show jobs that were created a moment ago.
        foreign: jobs of another environment, or of another pass of a loop, whose names are all equal.
        seen: events that have come, and circumstances, with how often.
    """

    seed: str
    history: list[str] = field(default_factory=list)
    value: dict[str, Any] | None = None
    orphaned: bool = False
    calm: bool = True
    lags: bool = False
    foreign: list[str] = field(default_factory=list)
    seen: Counter[StrEnum] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.retries = self.chance.randint(0, 3)
        self._ended = self._unstoppable = False
        self.lags = self.chance.random() < 0.3
        self._created: dict[str, float] = {}
        self._command = ""
        if self.lags:
            self.seen[Circumstance.LAGGING_LISTS] += 1
        self.first = Attempt(run_id=f"chaos-{self.seed}", max_tries=self.retries)
        if self.chance.random() < 0.15:
            self.first.region_id, self.first.region_index = f"loop-{self.seed}", 1
        self.last = self.first

    def run(self) -> None:
        """Live the whole life."""
        if self.first.region_id or self.chance.random() < 0.3:
            self._submit_foreign()
        self._run_from(self.first)
        if self.chance.random() < 0.2:
            self.history.append("a person clears the task")
            self.seen[Circumstance.CLEARED] += 1
            self.value, self.orphaned = None, False
            self._run_from(self.last.cleared(self._edited_retries()))

    def _edited_retries(self) -> int:
        """Return the task's retries, as a person may have edited them in the DAG file meanwhile."""
        edited = self.chance.randint(0, 4) if self.chance.random() < 0.3 else self.retries
        if edited != self.retries:
            self.seen[Circumstance.RETRIES_EDITED] += 1
        return edited

    def _submit_foreign(self) -> None:
        owner = owner_of(self.first, self.retries)
        others = [replace(owner, deployment="another")]
        self.seen[Circumstance.ANOTHER_ENVIRONMENT] += 1
        if owner.region_id:
            others.append(replace(owner, region_index=0))
            self.seen[Circumstance.ANOTHER_PASS] += 1
        hook = PAITrainingHook(sleep=_short_sleep)
        spec = checked_spec({"command": "sleep 3", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"})
        for other in others:
            self.foreign.append(hook.submit_or_adopt(spec, other, "foreign")[0].job_id)

    def _run_from(self, attempt: Attempt) -> None:
        """Run a try and those after it, until one succeeds or none is left."""
        while True:
            self.last = attempt
            self.value, died = self._run_try(attempt)
            if self.last is not attempt:
                # A later try ran to its end while this one slept: Airflow takes nothing from this one any more.
                return
            self.orphaned = died or self._unstoppable
            if self.value is not None or attempt.try_number > attempt.max_tries or self._ended:
                return
            attempt = attempt.retried()

    def _run_try(self, attempt: Attempt) -> tuple[dict[str, Any] | None, bool]:
        happening = _Happening(self, attempt)
        operator = self._operator(happening)
        lag = ", lists lag" if self.lags else ""
        self.history.append(f"try {attempt.try_number}: {operator.command!r}, {happening}{lag}")
        try:
            value = self._executed(operator, attempt, happening)
        except Died:
            return self._of_last(attempt, None, died=True)
        except KeyboardInterrupt:
            # Of dag.test(): no other try comes.
            self._ended, self.calm = True, False
            return self._of_last(attempt, None, died=False)
        except _Refused:
            self.calm = False
            return self._of_last(attempt, None, died=False)
        except (PAIError, AirflowException) as error:
            self.history.append(f"  failed: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
            return self._of_last(attempt, None, died=False)
        finally:
            if happening.event is Event.STOPS_REFUSED:
                # What could not be stopped then runs on; a later attempt, or the janitor, ends it.
                self._unstoppable = True
        return self._of_last(attempt, value, died=False)

    def _of_last(self, attempt: Attempt, value: Any, *, died: bool) -> tuple[Any, bool]:
        return (value, died) if self.last is attempt else (self.value, self.orphaned)

    def _operator(self, happening: _Happening) -> PAITrainingOperator:
        command = _LONG_COMMAND if happening.is_copy else self.chance.choice(_COMMANDS)
        if self._command not in ("", command):
            self.seen[Circumstance.ARGUMENTS_EDITED] += 1
        self._command = command
        operator = training(
            command=command,
            retries=self._edited_retries(),
            deferrable=self.chance.random() < 0.3,
            poll_interval=0.05,
            image=None,
            image_uri="registry/image:1",
        )
        hook = PAITrainingHook(sleep=_short_sleep)
        operator.hook = hook
        hook.client = InterruptedClient(
            hook.client, before=happening.before, after=happening.after, change=happening.change, sleep=_short_sleep
        )
        happening.operator = operator
        return operator

    def _executed(self, operator: PAITrainingOperator, attempt: Attempt, happening: _Happening) -> Any:
        try:
            return executed(operator, happening.context)
        except TaskDeferred as deferred:
            trigger: Any = deferred.trigger
            begun = (deferred.kwargs or {}).get("begun")
        self.seen[Circumstance.DEFERRED] += 1
        if self.chance.random() < 0.3:
            self.history.append("  the triggerer is killed; another one takes over")
            self.seen[Circumstance.TRIGGERER_KILLED] += 1
            asyncio.run(_cut_short(_copy(trigger)))
        event = asyncio.run(_event_of(_copy(trigger)))
        resumed = self._operator(happening)
        return resumed.execute_complete(happening.context, event, begun)

    def shown(self, page: Page[JobSnapshot]) -> Page[JobSnapshot]:
        """Return a list as it is shown: without jobs that were created a moment ago, if it lags."""
        if not self.lags:
            return page
        now = time.monotonic()
        items = tuple(job for job in page.items if now - self._created.get(job.job_id, 0.0) > _LAG)
        return Page(items, page.total - len(page.items) + len(items))

    def note_created(self, job_id: str) -> None:
        """Take note of a job that PAI has just created."""
        self._created[job_id] = time.monotonic()

    def run_the_rest(self, attempt: Attempt) -> None:
        """Run the tries after one that is still alive, as Airflow does after it has heard nothing of it."""
        self.calm = False
        self.history.append(f"  try {attempt.try_number} sleeps")
        self._run_from(attempt.retried())
        self.history.append(f"  try {attempt.try_number} continues")


class _Happening:
    """The one event of a try."""

    def __init__(self, trial: Trial, attempt: Attempt) -> None:
        chance = trial.chance
        self.event = Event.NOTHING if chance.random() < 0.2 else chance.choice(list(Event))
        if self.is_copy and attempt.try_number > attempt.max_tries:
            self.event = Event.NOTHING
        self.operator: PAITrainingOperator | None = None
        self._left = chance.randrange(_MOST_CALLS)
        self._at = self._left
        self._short = chance.randint(1, _SHORT_LISTS) if self.event is Event.SHORT_LIST else 0
        self._trial = trial
        self._attempt = attempt
        self.refuses_xcoms = self.event is Event.XCOMS_REFUSED

    @property
    def context(self) -> Any:
        """What the attempt is executed with."""
        return {**self._attempt.context, "ti": _Refusing(self._attempt, self)}

    @property
    def is_copy(self) -> bool:
        """Whether this try will be alive beside a later one."""
        return self.event in _COPIES

    def note(self, event: Event, action: str) -> None:
        """Take note of an event that comes now."""
        self._trial.seen[event] += 1
        self._trial.history.append(f"  {event}: {action}")

    def __str__(self) -> str:
        return f"{self.event} (request {self._at})" if self.event is not Event.NOTHING else "undisturbed"

    def before(self, action: str) -> None:
        """Come before a request, if it is time."""
        if self.event is Event.LABELS_REFUSED and action == "UpdateTrainingJobLabels":
            self.note(self.event, action)
            raise AuthError(action, 403, "Forbidden.RAM", "no right")
        if self.event is Event.STOPS_REFUSED and action == "StopTrainingJob":
            self.note(self.event, action)
            raise ServerError(action, 503, "ServiceUnavailable", "later")
        if self._left == 0 and self.event in (Event.KILLED_BEFORE, Event.LOST_BEFORE):
            self._left -= 1
            self.note(self.event, action)
            self._die_or_lose()

    def change(self, call: Call[Any], answer: Any) -> Any:
        """Return what is seen of an answer."""
        if call.action == "CreateTrainingJob":
            self._trial.note_created(answer)
        if self.event is Event.EMPTY and self._left == 0:
            self._left -= 1
            self.note(self.event, call.action)
            return decode_answer(call, 200, {}, b"{}")
        if call.action != "ListTrainingJobs":
            return answer
        page = self._trial.shown(answer)
        if self._short and page.items and call.query["PageNumber"] == "1":
            self._short -= 1
            self.note(self.event, call.action)
            return Page(page.items[1:], page.total)
        return page

    def after(self, action: str) -> None:
        """Come after an answer, if it is time."""
        self._left -= 1
        if self._left == -1 and self.event not in _BEFORE_OR_ALWAYS:
            self.note(self.event, action)
            if self.is_copy:
                self._trial.run_the_rest(self._attempt)
            self.refuses_xcoms = self.event is Event.COPY_REFUSED
            if self.event in (Event.TERMINATED, Event.COPY_TERMINATED):
                self._trial.calm = False
                assert self.operator is not None
                self.operator.on_kill()
            self._die_or_lose(action)

    def _die_or_lose(self, action: str = "") -> None:
        if self.event is Event.HTML:
            raise ProtocolError(f"{action}: the answer is not JSON", "<html>")
        if self.event is Event.NONCE:
            raise APIError(action, 400, "SignatureNonceUsed", "used before")
        if self.event is Event.CTRL_C:
            raise KeyboardInterrupt
        if self.event in (*_DEADLY, Event.COPY_TERMINATED):
            raise Died
        if self.event in (Event.LOST_BEFORE, Event.LOST_AFTER):
            raise TransportError("lost", sent=True)


class _Refused(Exception):
    """Airflow refuses a request of an attempt."""


class _Refusing:
    """A task instance whose XComs Airflow may refuse."""

    def __init__(self, attempt: Attempt, happening: _Happening) -> None:
        self._attempt = attempt
        self._happening = happening

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attempt, name)

    def xcom_push(self, key: str, value: Any) -> None:
        if self._happening.refuses_xcoms:
            self._happening.note(self._happening.event, f"XCom {key}")
            raise _Refused
        self._attempt.xcom_push(key, value)


def _copy(trigger: Any) -> PAITrainingTrigger:
    """The trigger as another triggerer makes it from its row; without logs, which wait for late lines."""
    _, arguments = trigger.serialize()
    return PAITrainingTrigger(**{**arguments, "show_logs": False})


async def _event_of(trigger: PAITrainingTrigger) -> dict[str, Any]:
    (payload,) = [event.payload async for event in trigger.run()]
    return dict(payload)


async def _cut_short(trigger: PAITrainingTrigger) -> None:
    running = asyncio.create_task(_event_of(trigger))
    await asyncio.wait([running], timeout=0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _short_sleep(seconds: float) -> None:
    time.sleep(min(seconds, _LONGEST_PAUSE))
