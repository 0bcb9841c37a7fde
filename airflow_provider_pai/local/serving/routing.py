"""Which of a group's services a request goes to, and which instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from airflow_provider_pai.local.eas.record import GROUPING, ServiceRecord

Name = TypeVar("Name")


def chosen(weights: Mapping[Name, int], point: float) -> Name | None:
    """Choose in proportion to weights.

    Args:
        weights: what to choose from; one without a positive weight is never chosen.
        point: a number from 0 up to 1, evenly distributed.

    Returns:
        The choice; None when nothing can be chosen.
    """
    left = point * sum(weight for weight in weights.values() if weight > 0)
    last = None
    for name, weight in weights.items():
        if weight > 0:
            if left < weight:
                return name
            left -= weight
            last = name
    # A point so near to 1 that rounding makes the sum of it.
    return last


def shares(services: Sequence[ServiceRecord], ready: Callable[[str], int], *, by_weight: bool) -> dict[str, int]:
    """Return the shares of those services of a group that take part in its traffic.

    Args:
        services: the services of the group.
        ready: returns how many instances of a service answer.
        by_weight: whether shares are the weights (``customized``) or the numbers of instances that answer (``auto``);
            of weights, the latter leaves out only what has left the group's traffic [inferred].
    """
    taking_part = {
        service.name: (service.wanted.weight, count)
        for service in services
        if service.wanted.traffic == GROUPING and (count := ready(service.name)) > 0
    }
    if by_weight:
        return {name: weight for name, (weight, _) in taking_part.items() if weight > 0}
    return {name: count for name, (weight, count) in taking_part.items() if weight >= 0}
