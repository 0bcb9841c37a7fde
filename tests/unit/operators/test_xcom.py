"""What is pushed as an XCom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import airflow_provider_pai.operators
from airflow_provider_pai.operators.xcom import push_xcom


class TaskInstance:
    """Keeps what is pushed."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.mark.parametrize("value", ["", 0, {}, [], False, {"code_uri": None}, None])
@pytest.mark.parametrize("airflow", [(2, 11), (3, 1), (3, 4), None])
def test_every_value_is_pushed(value: Any, airflow: tuple[int, int] | None) -> None:
    ti = TaskInstance()
    push_xcom(ti, "key", value, airflow=airflow)
    assert ti.pushed == {"key": value}


def test_airflow_3_0_is_given_everything_but_none_which_it_refuses() -> None:
    ti = TaskInstance()
    for key, value in {"code_uri": None, "metrics": {}, "job_id": ""}.items():
        push_xcom(ti, key, value, airflow=(3, 0))
    assert ti.pushed == {"metrics": {}, "job_id": ""}


def test_no_operator_pushes_past_it() -> None:
    folder = Path(airflow_provider_pai.operators.__file__).parent
    direct = [path.name for path in folder.glob("*.py") if ".xcom_push(" in path.read_text()]
    assert direct == ["xcom.py"]
