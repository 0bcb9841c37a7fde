"""Why a page can't show a job, and what its reader can do: in sentences, never a raw error or a page that waits."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.providers.common.compat.sdk import redact

from airflow_provider_pai import configuration
from airflow_provider_pai.errors import (
    AuthError,
    NotFoundError,
    PAIError,
    ProtocolError,
    ServerError,
    SpecError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.model.masking import masked_text
from airflow_provider_pai.plugin.task_page import JobAddress

UNTOUCHED = "The task and its job do not depend on this page."
_AGAIN = "This page asks again by itself."
_MEND = """Mend {connection} under Admin, Connections, and press Test there. Airflow's API server, which asks PAI for \
this page, must have it, too: a variable or a secrets backend of the workers alone is not enough."""
_TEST = "Press Test at {connection} under Admin, Connections: it names what is missing."
_REACH = """Airflow's API server asks PAI for this page: check that it reaches this address (network, proxy, \
firewall), and the region, network and endpoint of {connection}."""
_WAIT = "Wait: PAI limits how often an account may ask."
_PROXY = """If that stays so, look at PAI's console. An answer that is not PAI's most often comes from a proxy on the \
way."""
_KINDS: tuple[tuple[type[PAIError] | tuple[type[PAIError], ...], str, str], ...] = (
    (SpecError, "The connection can't be used", _MEND),
    (AuthError, "PAI refuses the connection", _TEST),
    (TransportError, "PAI can't be reached", _REACH),
    (ThrottledError, "PAI is asked too often", _WAIT),
    ((ServerError, ProtocolError), "PAI does not answer as it should", _PROXY),
    (PAIError, "PAI refuses to show the job", _TEST),
)
"""Classes of errors, of which the first that fits counts; headline and advice."""


class NotThisTasksJobError(Exception):
    """A task's link leads to another task's job.

    Of a job of another DAG the page shows nothing; one of the same DAG can't be stopped there.
    """


@dataclass(frozen=True)
class Trouble:
    """Why a job can't be shown.

    Attributes:
        headline: the same in a few words.
        text: what is the matter.
        advice: what to do; empty when there is nothing to be done.
    """

    headline: str
    text: str
    advice: str = ""


def trouble_of(error: Exception, address: JobAddress) -> Trouble:
    """Return what a page says of an error that a look at a job ended with.

    Args:
        error: the error.
        address: the job.
    """
    connection = _connection(address)
    if isinstance(error, NotThisTasksJobError):
        text = _sentence(error)
        return Trouble("Another task's job", f"{text[:1].upper()}{text[1:]}")
    if isinstance(error, NotFoundError):
        text = (
            f"PAI has no job {address.job_id} where {connection} leads. It was deleted there, or the connection led to "
            "another region or workspace when the task ran."
        )
        return Trouble("The job is gone", text, "Look at the tab Logs: it keeps what the task has shown of this job.")
    for kind, headline, advice in _KINDS:
        if isinstance(error, kind):
            return Trouble(headline, _sentence(error), f"{advice.format(connection=connection)} {_AGAIN} {UNTOUCHED}")
    # Its text is not ours and may hold anything; the API server's log has it.
    text = f"Airflow's API server could not read {connection}, or the job over it ({type(error).__name__})."
    advice = "If that stays so, look for this error in the log of Airflow's API server."
    return Trouble("The job can't be shown", text, f"{advice} {_AGAIN} {UNTOUCHED}")


def unanswered(address: JobAddress, seconds: float) -> Trouble:
    """Return what a page says while PAI has not answered for the first time.

    Args:
        address: the job.
        seconds: for how long it has been waited for.
    """
    text = f"Airflow asked for job {address.job_id} over {_connection(address)} {seconds:.0f} s ago."
    return Trouble("PAI has not answered yet", text, f"Wait: this page shows the job, or what is wrong. {UNTOUCHED}")


def _connection(address: JobAddress) -> str:
    named = dict(address.connection).get("pai_conn_id")
    return f"connection {configuration.conn_id(named)!r}"


def _sentence(error: Exception) -> str:
    return f"{masked_text(str(redact(str(error)))).rstrip('. ')}."
