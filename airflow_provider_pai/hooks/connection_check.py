"""What Test Connection asks: each thing that a job needs, so that the answer names the one that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_provider_pai.api.images import list_images
from airflow_provider_pai.api.training import update_training_job_labels
from airflow_provider_pai.api.workspaces import get_workspace
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import AuthError, NotFoundError, PAIError
from airflow_provider_pai.lifecycle.default_storage import default_storage

_NO_JOB = "train0000000000"
"""Id of no job: with the right to label jobs, the answer is that there is none [inferred]."""
_LABELS = (
    "without it a job can't be told to be a task's own again: an attempt that is killed may stop a later one's job"
)


def tried(client: Sender, oss: Callable[[], ObjectStorage], config: ClientConfig) -> tuple[bool, str]:
    """Ask everything, and return whether all of it answers and what it has said.

    Args:
        client: sends calls.
        oss: opens the storage.
        config: the connection.
    """
    said = list(_answers(client, oss, config))
    return all(good for good, _ in said), "; ".join(text for _, text in said)


def _answers(client: Sender, oss: Callable[[], ObjectStorage], config: ClientConfig) -> Iterator[tuple[bool, str]]:
    try:
        name = client.send(get_workspace(config.workspace_id), attempts=1)
        yield True, f"Workspace {name or config.workspace_id} answers"
    except PAIError as error:
        # Where the workspace can't be reached, nothing else can.
        yield False, _refused("Workspace", error)
        return
    try:
        storage = default_storage(client, config)
        oss().exists(storage.child("pai", ""))
        yield True, f"Storage {storage} answers"
    except PAIError as error:
        yield False, _refused("Storage", error)
    try:
        client.send(list_images(page_size=1), attempts=1)
        yield True, "Image catalog answers"
    except PAIError as error:
        yield False, _refused("Image catalog", error)
    yield _may_label(client)


def _may_label(client: Sender) -> tuple[bool, str]:
    try:
        client.send(update_training_job_labels(_NO_JOB, {"airflow.test": "true"}), attempts=1)
    except NotFoundError:
        return True, "Jobs can be labelled"
    except AuthError as error:
        return False, f"{_refused('Labels', error)} ({_LABELS})"
    except PAIError as error:
        return False, _refused("Labels", error)
    return True, "Jobs can be labelled"


def _refused(what: str, error: PAIError) -> str:
    right = ""
    if isinstance(error, AuthError) and error.status == 403:
        right = f" (the RAM user lacks the right to {error.operation})"
    return f"{what} does not answer{right}: {error}"
