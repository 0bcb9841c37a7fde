"""The name of this Airflow environment in the labels of its jobs: one that no other has by accident."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_pai.configuration import deployment_name
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.agreement import Store, agree
from airflow_provider_pai.model.problem import Problem

log = logging.getLogger(__name__)

VARIABLE = "pai_environment"
"""Airflow Variable that keeps the id where no name is configured."""
_DESCRIPTION = "Id of this Airflow in the labels of its PAI jobs; see [pai] deployment_name. Do not copy or change it."


@dataclass(frozen=True)
class Environment:
    """What tells this Airflow from others that use the same PAI workspace.

    Attributes:
        name: its name.
        former: names under which it may still have jobs: those it had by other rules, or in earlier versions.
        doubt: why the name may be that of another Airflow, too; empty when there is no doubt.
        former_id: the id it had before it was given a name; empty for none, or when it wasn't asked for.
        former_id_doubt: why that id may be another Airflow's, too; empty when there is no doubt.
    """

    name: str
    former: tuple[str, ...] = ()
    doubt: str = ""
    former_id: str = ""
    former_id_doubt: str = ""


def environment(*, with_former: bool = False, store: Store | None = None) -> Environment:
    """Return the name of this Airflow.

    The option ``[pai] deployment_name``, else an id that is made once and kept in an Airflow Variable, so that all
    workers have the same, and another database another one. Not the base URL: it is unset by default, equal in two
    environments made from one chart, and changes with a move.

    Args:
        with_former: whether the former names are needed, too; where a name is configured, they take a look-up.
        store: keeps the id. Default: this Airflow's database, over the execution API where a task has no other way.
    """
    store = store or _store()
    given, url = deployment_name(), _base_url()
    earlier = url or "airflow"
    if given:
        former = (_former_value(store) if with_former else None) or {"id": "", "base_url": ""}
        return Environment(
            given,
            _without(given, [former["id"], earlier]),
            former_id="" if former["id"] == given else former["id"],
            former_id_doubt=_former_doubt(former["base_url"], url),
        )
    kept = kept_value(store, url)
    return Environment(kept["id"], _without(kept["id"], [earlier]), _doubt(kept["base_url"], url))


def kept_value(store: Store, base_url: str, **waiting: Any) -> dict[str, str]:
    """Return what is kept of this Airflow; make it when there is nothing.

    Several workers may find nothing at the same time; all of them end with the same.

    Args:
        store: keeps the value.
        base_url: address of this Airflow, kept beside the id; it tells a copied database.
        waiting: ``sleep`` and ``chance`` of :func:`~airflow_provider_pai.hooks.agreement.agree`.

    Raises:
        SpecError: the Variable holds no id.
        TimeoutError: the workers did not agree.
    """
    made = {"id": f"airflow-{uuid.uuid4().hex}", "base_url": base_url}
    if kept := _read(agree(store, VARIABLE, json.dumps(made), **waiting)):
        return kept
    text = "holds no id of this Airflow; write one into it, or set [pai] deployment_name"
    raise SpecError([Problem(f"Airflow Variable {VARIABLE!r}", text)])


def _former_value(store: Store) -> dict[str, str] | None:
    """Return what is kept from before this Airflow was given a name; None when there is nothing."""
    try:
        return _read(store.read(VARIABLE))
    except Exception as error:  # noqa: BLE001 - of SQLAlchemy or of Airflow's SDK, whichever keeps it
        # Only jobs from before the name was given could be missed.
        log.warning("The Airflow Variable %r can't be read (%s)", VARIABLE, type(error).__name__)
        return None


def _read(text: str | None) -> dict[str, str] | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        # A person has given an id of their own.
        value = text.strip()
    if isinstance(value, dict) and value.get("id"):
        return {"id": str(value["id"]), "base_url": str(value.get("base_url") or "")}
    return {"id": str(value), "base_url": ""} if value and not isinstance(value, dict) else None


def _doubt(kept: str, url: str) -> str:
    if not kept or kept == url:
        return ""
    return (
        f"this Airflow's address was {kept} when its id was made and is {url or 'not set'} now, so its database may be "
        "a copy of another one's; set [pai] deployment_name, or correct base_url in the Airflow Variable "
        f"{VARIABLE!r}"
    )


def _former_doubt(kept: str, url: str) -> str:
    """A copy of a database is given a name to tell it from the original one, and holds the original one's id."""
    if kept and kept == url:
        return ""
    return f"a copy of this Airflow's database has the former id, too (its address was {kept or 'not set'} then)"


def _without(name: str, others: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(other for other in others if other and other != name))


def _base_url() -> str:
    return str(conf.get("api" if AIRFLOW_V_3_0_PLUS else "webserver", "base_url", fallback="") or "")


def _store() -> Store:
    return _VariableOfApi() if _has_supervisor() else _VariableOfDatabase()


def _has_supervisor() -> bool:
    """Whether this process asks the execution API: a task on Airflow 3."""
    if not AIRFLOW_V_3_0_PLUS:
        return False
    from airflow.sdk.execution_time import task_runner

    return getattr(task_runner, "SUPERVISOR_COMMS", None) is not None


class _VariableOfApi:
    """Variables as a task on Airflow 3 reaches them; the API can't create one without overwriting another."""

    def read(self, key: str) -> str | None:
        from airflow.sdk import Variable

        value: Any = Variable.get(key, default=None)
        return None if value is None else str(value)

    def write(self, key: str, value: str) -> None:
        from airflow.sdk import Variable

        Variable.set(key, value, description=_DESCRIPTION)


class _VariableOfDatabase:
    """Variables in the database itself."""

    def read(self, key: str) -> str | None:
        from airflow.models import Variable
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            row = session.scalar(select(Variable).where(Variable.key == key))
            return None if row is None else row.get_val()

    def write(self, key: str, value: str) -> None:
        from sqlalchemy.exc import IntegrityError

        try:
            self._put(key, value)
        except IntegrityError:
            # Another process has just made it.
            self._put(key, value)

    def _put(self, key: str, value: str) -> None:
        from airflow.models import Variable
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            row = session.scalar(select(Variable).where(Variable.key == key))
            if row is None:
                session.add(Variable(key=key, val=value, description=_DESCRIPTION))  # type: ignore[no-untyped-call]
            else:
                row.set_val(value)
