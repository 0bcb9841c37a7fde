"""``pai-local verify``: estimate, probes, clean-up, report."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.verify.endpoint import NO_RIGHT, Target
from airflow_provider_pai.local.verify.interruption import Interruption
from airflow_provider_pai.local.verify.ledger import Ledger
from airflow_provider_pai.local.verify.member_names import MEMBER_NAMES
from airflow_provider_pai.local.verify.paid_jobs import JOB_COUNT, PaidJobs, PaidOptions
from airflow_provider_pai.local.verify.paid_probes import paid_probes
from airflow_provider_pai.local.verify.prober import PREFIX, Probe, Prober, Verdict
from airflow_provider_pai.local.verify.probes import PROBES
from airflow_provider_pai.local.verify.requests import Endpoint, ProbeAnswer

logger = logging.getLogger(__name__)
_WORDS: dict[Verdict, str] = {True: "true", False: "false", None: "untested"}
_DEPTH = 6
_UNREADABLE = (OSError, LookupError, TypeError, ValueError, AttributeError)
"""What a probe raises on no answer, or on one of another form."""


class TooExpensive(ValueError):
    """The estimate is above the maximum; nothing was sent."""


def verify(
    target: Target,
    say: Callable[[str], None],
    *,
    sender: Endpoint | None = None,
    probes: Sequence[Probe] = PROBES,
    paid: PaidOptions | None = None,
    only: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> list[dict[str, Any]]:
    """Try all probes and return what came of each; what was made is deleted, also when it is interrupted.

    Args:
        target: where to.
        say: gets each line.
        sender: sends requests; by default the target.
        probes: what is tried.
        only: keys of the probes that are wanted; all when there are none.
        paid: what jobs may cost, to try also what needs them; None for nothing that costs money.
        sleep: waits for some seconds.

    Raises:
        TooExpensive: the jobs may cost more than their maximum.
        LookupError: there is no probe of one of the keys; nothing was sent.
        NoAccess: the endpoint does not answer, or knows neither keys nor workspace; nothing was made.
        KeyboardInterrupt: it was interrupted; what was made is deleted nevertheless.
    """
    sender = sender or target
    ledger = Ledger(sender, target.workspace_id, sleep)
    prober = Prober(sender, target.region_id, target.workspace_id, ledger)
    all_probes = _wanted([*(paid_probes(PaidJobs(prober, paid, sleep)) if paid else ()), *probes], only)
    for line in _estimate(len(all_probes), paid):
        say(line)
    if code := target.check_access():
        say(f"GetWorkspace is refused ({code}): what your rights do not allow stays untested.")
    found: list[dict[str, Any]] = []
    with Interruption() as interruption:
        try:
            for probe in all_probes:
                verdict = _try(probe, prober)
                say(f"{_WORDS[verdict]:9} {probe.name}")
                found.append({"probe": probe.key, "verdict": _WORDS[verdict], "answer": _answer(prober)})
        finally:
            interruption.hold()
            for left in ledger.delete_all():
                say(f"could not delete the {left}; delete it by hand")
    say(", ".join(f"{count} {word}" for word, count in Counter(each["verdict"] for each in found).items()))
    return found


def write_report(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Write what came of each probe, with the shapes of answers and none of their values."""
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def shape(value: Any, depth: int = _DEPTH) -> Any:
    """Return the form of a JSON value: names of members and types, none of the values.

    A name that is no member of the vendor's models may itself be a value, as in an object of variables: it is hidden.
    """
    if isinstance(value, dict) and depth:
        shown = {(name if name in MEMBER_NAMES else "*"): inner for name, inner in value.items()}
        return {name: shape(inner, depth - 1) for name, inner in sorted(shown.items())}
    if isinstance(value, list) and depth:
        return [shape(value[0], depth - 1)] if value else []
    return type(value).__name__


def _wanted(probes: Sequence[Probe], only: Collection[str]) -> Sequence[Probe]:
    if unknown := sorted(set(only) - {probe.key for probe in probes}):
        raise LookupError(f"there is no probe {', '.join(unknown)}, or it needs --paid")
    return [probe for probe in probes if not only or probe.key in only]


def _estimate(count: int, paid: PaidOptions | None) -> list[str]:
    made = f"What is made begins with {PREFIX!r} and is deleted again: experiments, models, datasets, images, a bucket."
    if paid is None:
        return [f"{count} probes. Estimated cost: none; no job and no service is made.", made]
    text = (
        f"{count} probes, {JOB_COUNT} jobs at most on {paid.instance_type}, {paid.minutes} minutes each at most. "
        f"Estimated cost: at most {paid.estimate:.2f}, for {paid.price_per_hour:g} an hour; "
        f"the maximum is {paid.max_cost:g}."
    )
    if paid.estimate > paid.max_cost:
        raise TooExpensive(f"the jobs may cost {paid.estimate:.2f}, which is more than --max-cost {paid.max_cost:g}")
    return [text, made]


def _try(probe: Probe, prober: Prober) -> Verdict:
    prober.last = None
    try:
        verdict = probe.run(prober)
    except _UNREADABLE as error:
        # Its text may hold a part of the answer.
        logger.debug("%s: %s", probe.key, type(error).__name__)
        return None
    # A missing right says nothing about what PAI does for who has it.
    return None if verdict is False and _lacks_right(prober.last) else verdict


def _lacks_right(answer: ProbeAnswer | None) -> bool:
    return answer is not None and answer.code.startswith(NO_RIGHT)


def _answer(prober: Prober) -> dict[str, Any]:
    if prober.last is None:
        return {}
    return {"status": prober.last.status, "shape": shape(prober.last.body)}
