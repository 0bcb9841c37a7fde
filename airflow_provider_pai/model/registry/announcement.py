"""Which approved versions start a DAG: each one once, whatever happens to the triggerer.

What was announced is a label on the version itself, so a triggerer that was away finds what was approved meanwhile. A
store of Airflow's is needed for one thing only: to know that there was a first look which found nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airflow_provider_pai.model.registry.version import ModelVersion, newest


@dataclass(frozen=True)
class Announcements:
    """What a look at a model's versions leads to.

    Attributes:
        fire: versions to announce, the oldest first.
        skip: versions that count as announced: the older ones, when the watcher sees the model for the first time.
    """

    fire: tuple[ModelVersion, ...] = ()
    skip: tuple[ModelVersion, ...] = ()


def plan_announcements(
    versions: Sequence[ModelVersion], label: str, announced: Collection[str], *, has_begun: bool = False
) -> Announcements:
    """Decide which versions to announce.

    At its first look at a model with approved versions a watcher announces the newest of them only: that is the one to
    serve. From then on it announces each.

    Args:
        versions: the model's versions.
        label: on those that were announced.
        announced: names of those that this process has announced, should a label not have been accepted.
        has_begun: whether the watcher had its first look before; False when that is not known.
    """
    approved = [each for each in versions if each.is_approved]
    done = [each for each in approved if label in each.labels or each.name in announced]
    new = sorted((each for each in approved if each not in done), key=lambda each: (each.created, each.name))
    if has_begun or done or not new:
        return Announcements(tuple(new))
    last = newest(new)
    return Announcements((last,) if last else (), tuple(each for each in new if each is not last))
