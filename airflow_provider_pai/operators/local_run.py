"""What a task can't do when its job runs on its own worker."""

from __future__ import annotations

import importlib.util

from airflow_provider_pai.model.problem import Problem

_NEEDED = ("starlette", "uvicorn")
_PROMISES = {"wait_for_completion": True, "on_kill": "stop", "dry_run": False}
"""Arguments that only a job with a life of its own could do otherwise."""


def local_problems(instance_type: str, **arguments: object) -> list[Problem]:
    """Return why a job can't run on the worker as it is asked for.

    Args:
        instance_type: ``local`` or ``local_gpu``.
        arguments: ``wait_for_completion``, ``on_kill`` and ``dry_run`` of the operator.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    needed = Problem("instance_type", f"{instance_type!r} needs: pip install 'airflow-provider-pai[local]'")
    found = [needed] if missing else []
    return found + [
        Problem(name, f"{given!r} has no meaning with instance_type {instance_type!r}; leave it out")
        for name, given in arguments.items()
        if given != _PROMISES[name]
    ]
