"""Links that Airflow's pages show beside a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

CONSOLE_URL_KEY = "console_url"
"""XCom that other tasks read."""
LINK_KEY = "_pai_link"
"""XCom that Airflow's pages read, the same as in ``model/names.py``, which reading a DAG file need not load. After the
task Airflow writes the link over it, raw, and a backend that encrypts can't read that any more: other tasks have a key
of their own."""


class _ConsoleLink(BaseOperatorLink):
    """From a task to a page of PAI's console; the task pushes its address as soon as it knows it."""

    xcom_key = LINK_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page that belongs to a task instance; empty before there is one."""
        # Airflow 3 asks in the task's own process when the task ends, and logs a look-up in vain as an error.
        return (XCom.get_value(key=LINK_KEY, ti_key=ti_key) or "") if getattr(operator, "has_link", True) else ""


class PAITrainingJobLink(_ConsoleLink):
    """From a task to its job in PAI's console; shown as soon as the job was submitted."""

    name = "PAI training job"


class PAIServiceLink(_ConsoleLink):
    """From a task to its service in PAI's console."""

    name = "PAI service"


class PAIModelLink(_ConsoleLink):
    """From a task to its model in PAI's console."""

    name = "PAI model"
