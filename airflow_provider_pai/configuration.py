"""The section ``[pai]`` of Airflow's configuration: which options there are, and what they say.

An argument of a task wins over an option. An option that can't be read is an error that names it, when a task needs it.
"""

from __future__ import annotations

from typing import Any

DEFAULT_CONN_ID = "pai_default"
"""The connection of a task that names none, where no option names another."""

_LONGEST_SETTLE_TIME = 600


def _option(description: str, example: str) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": example,
        "default": "",
    }


OPTIONS = {
    "deployment_name": _option(
        "Name of this Airflow in the labels of its jobs. It must differ between environments that use one PAI "
        "workspace; by default it is an id that is made once and kept in the Airflow Variable pai_environment.",
        "production",
    ),
    "default_conn_id": _option(
        "Connection of operators, sensors and hooks that are given no pai_conn_id; by default pai_default.",
        "pai_production",
    ),
    "poll_interval": _option(
        "Seconds between two looks at a job, a service or a model version, for tasks that are given no poll_interval; "
        "by default what the operator's documentation says.",
        "30",
    ),
    "deferral_settle_time": _option(
        "Seconds that a deferral lasts at least; by default 5. Airflow 3.3 may fail a task when its trigger fires "
        "right after it was deferred (apache/airflow issue 72716).",
        "10",
    ),
    "max_run_time": _option(
        "Seconds after which PAI ends a training job without a max_run_time of its task; by default 30 days. A shorter "
        "execution_timeout counts, too.",
        "86400",
    ),
    "labels": _option(
        "Labels that each training job gets, for example to tell costs apart: name=value, with commas between them. A "
        "task's own label of the same name wins.",
        "team=search,cost_center=4711",
    ),
}
"""The options, as Airflow asks a provider for them."""


def deployment_name() -> str:
    """Return ``deployment_name``; empty when it is not set."""
    return _text("deployment_name")


def conn_id(given: str | None = None) -> str:
    """Return the id of the connection to use.

    Args:
        given: the one that a task names; None for ``default_conn_id``.
    """
    return (_text("default_conn_id") or DEFAULT_CONN_ID) if given is None else given


def poll_interval(default: float) -> float:
    """Return ``poll_interval`` in seconds.

    Args:
        default: what holds when the option is not set.

    Raises:
        SpecError: the option is no number above 0.
    """
    from airflow_provider_pai.model.values import is_number, number, shown

    if not (text := _text("poll_interval")):
        return default
    read = number(text)
    if not is_number(read) or read <= 0:
        raise _refused("poll_interval", f"must be a number of seconds above 0, not {shown(text)}")
    return float(read)


def deferral_settle_time(default: float) -> float:
    """Return ``deferral_settle_time`` in seconds.

    Args:
        default: what holds when the option is not set.

    Raises:
        SpecError: the option is no number from 0 to 600.
    """
    from airflow_provider_pai.model.values import is_number, number, shown

    if not (text := _text("deferral_settle_time")):
        return default
    read = number(text)
    if not is_number(read) or not 0 <= read <= _LONGEST_SETTLE_TIME:
        text = f"must be a number of seconds from 0 to {_LONGEST_SETTLE_TIME}, not {shown(text)}"
        raise _refused("deferral_settle_time", text)
    return float(read)


def max_run_time() -> int | None:
    """Return ``max_run_time`` in seconds; None when it is not set.

    Raises:
        SpecError: the option is no whole number above 0.
    """
    if not (text := _text("max_run_time")):
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 12) or not int(text):
        from airflow_provider_pai.model.values import shown

        raise _refused("max_run_time", f"must be a whole number of seconds above 0, not {shown(text)}")
    return int(text)


def labels() -> dict[str, str]:
    """Return ``labels``.

    Raises:
        SpecError: the option is no list of labels, or one of them can't be put on a job.
    """
    from airflow_provider_pai.model.training.owner_labels import label_problem

    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in _text("labels").split(","))):
        name, is_pair, value = (each.strip() for each in part.partition("="))
        if not is_pair or "=" in value:
            from airflow_provider_pai.model.values import shown

            raise _refused("labels", f"must be name=value, with commas between them, not {shown(part)}")
        if problem := label_problem(name, value):
            raise _refused("labels", f": {problem}")
        if name in found:
            raise _refused("labels", f": {name!r} is there twice; give it one value")
        found[name] = value
    return found


def _text(option: str) -> str:
    from airflow.providers.common.compat.sdk import conf

    return str(conf.get("pai", option, fallback="") or "").strip()


def _refused(option: str, text: str) -> Exception:
    from airflow_provider_pai.errors import SpecError
    from airflow_provider_pai.model.problem import Problem

    return SpecError([Problem(f"[pai] {option}", text)])
