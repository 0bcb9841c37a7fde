"""Links that Airflow's pages show beside a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

CONSOLE_URL_KEY = "console_url"


class PAITrainingJobLink(BaseOperatorLink):
    """From a task to its job in PAI's console; shown as soon as the job was submitted."""

    name = "PAI training job"
    xcom_key = CONSOLE_URL_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the console page of a task instance's job; empty before there is one."""
        return XCom.get_value(key=CONSOLE_URL_KEY, ti_key=ti_key) or ""
