"""``pai-local verify``: estimate, probes, clean-up, report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.verify.endpoint import Send, Target
from airflow_provider_pai.local.verify.probes import PROBES, Probe, Prober, Verdict

_WORDS: dict[Verdict, str] = {True: "true", False: "false", None: "untested"}
_DEPTH = 6


def verify(
    target: Target, say: Callable[[str], None], send: Send | None = None, probes: Sequence[Probe] = PROBES
) -> list[dict[str, Any]]:
    """Try all probes and return what came of each; what was made is deleted, also when it is interrupted.

    Args:
        target: where to.
        say: gets each line.
        send: sends one request; by default to the target.
        probes: what is tried.
    """
    say(f"{len(probes)} probes, about {3 * len(probes)} requests. Estimated cost: none; no job and no service is made,")
    say("only two experiments, which are deleted again.")
    prober = Prober(send or target.send, target.region_id, target.workspace_id)
    found = []
    try:
        for probe in probes:
            verdict = _try(probe, prober)
            say(f"{_WORDS[verdict]:9} {probe.name}")
            found.append({"probe": probe.name, "verdict": _WORDS[verdict], "answer": _answer(prober)})
    finally:
        for left in prober.clean_up():
            say(f"The experiment {left} could not be deleted; delete it by hand")
    return found


def write_report(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Write what came of each probe, with the shapes of answers and none of their values."""
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _try(probe: Probe, prober: Prober) -> Verdict:
    prober.last = None
    try:
        return probe.run(prober)
    except OSError:
        return None


def _answer(prober: Prober) -> dict[str, Any]:
    if prober.last is None:
        return {}
    return {"status": prober.last.status, "shape": shape(prober.last.body)}


def shape(value: Any, depth: int = _DEPTH) -> Any:
    """Return the form of a JSON value: names of members and types, none of the values."""
    if isinstance(value, dict) and depth:
        return {name: shape(inner, depth - 1) for name, inner in sorted(value.items())}
    if isinstance(value, list) and depth:
        return [shape(value[0], depth - 1)] if value else []
    return type(value).__name__
