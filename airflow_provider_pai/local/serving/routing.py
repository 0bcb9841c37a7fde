"""Which of a group's services a request goes to, and which instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from airflow_provider_pai.local.eas.record import GROUPING, Service

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


def shares(services: Sequence[Service], answers: Callable[[str], bool]) -> dict[str, int]:
    """Return the weights of those services of a group that take part in its traffic.

    Args:
        services: the services of the group.
        answers: tells whether anything of a service is ready.
    """
    return {
        service.name: service.wanted.weight
        for service in services
        if service.wanted.traffic == GROUPING and service.wanted.weight > 0 and answers(service.name)
    }
