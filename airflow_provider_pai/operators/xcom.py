"""XComs of this provider's operators: what Airflow can store."""

from __future__ import annotations

from typing import Any

_VERSIONS_WITHOUT_NONE = ((3, 0),)
"""Their execution API takes the value None for a missing one, and refuses it: the task would fail after its job."""


def push_xcom(ti: Any, key: str, value: Any, *, airflow: tuple[int, int] | None = None) -> None:
    """Push an XCom; on Airflow 3.0 a value of None is left out, and ``xcom_pull`` then returns None.

    Args:
        ti: the task instance of the context.
        key: of the XCom.
        value: what can be JSON.
        airflow: major and minor version; this Airflow's by default.
    """
    if value is None and (airflow or _airflow_version()) in _VERSIONS_WITHOUT_NONE:
        return
    ti.xcom_push(key=key, value=value)


def _airflow_version() -> tuple[int, int]:
    from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple

    major, minor, _ = get_base_airflow_version_tuple()
    return major, minor
