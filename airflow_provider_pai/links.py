"""Links that Airflow's pages show beside a task."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, TaskInstanceKey, XCom

CONSOLE_URL_KEY = "console_url"


class PAITrainingJobLink(BaseOperatorLink):
    """From a task to its job in PAI's console; shown as soon as the job was submitted."""

    name = "PAI training job"
    xcom_key = CONSOLE_URL_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the console page of a task instance's job; empty before there is one."""
        return XCom.get_value(key=CONSOLE_URL_KEY, ti_key=ti_key) or ""


class PAIServiceLink(BaseOperatorLink):
    """From a task to its service in PAI's console."""

    name = "PAI service"
    xcom_key = CONSOLE_URL_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the console page of the service; empty before the task knows it."""
        return XCom.get_value(key=CONSOLE_URL_KEY, ti_key=ti_key) or ""
