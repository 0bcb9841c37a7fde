"""What probes make, written down before it is made, and deleted at the end: also what no answer told of.

A create may have made something although its answer was lost. So it is written down by its name, which is one of ours,
before the request goes out, and looked for by that name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from airflow_provider_pai.api.endpoints import AI_WORKSPACE, PAI_STUDIO, Service
from airflow_provider_pai.local.verify.requests import Endpoint, ObjectCall, ProbeAnswer, ProbeCall
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES

_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between looks at what can't be found or deleted yet: a list may lag, a job needs its time to end."""
_NOT_FOUND = 404
_REFUSED = range(400, 500)
JOBS = "/api/v1/trainingjobs"


@dataclass(frozen=True)
class Kind:
    """A kind of what can be made.

    Attributes:
        word: what it is called.
        service: the product.
        path: of all of them.
        listing: operation that lists them.
        named: its parameter that filters by name.
        rows: its member that has the rows.
        name: their member that has the name.
        key: their member that has the id.
        delete: operation that deletes one.
    """

    word: str
    service: Service
    path: str
    listing: str
    named: str
    rows: str
    name: str
    key: str
    delete: str


KINDS: Mapping[str, Kind] = {
    kind.word: kind
    for kind in (
        Kind("experiment", AI_WORKSPACE, "/api/v1/experiments", "ListExperiment", "Name", "Experiments", "Name",
             "ExperimentId", "DeleteExperiment"),
        Kind("dataset", AI_WORKSPACE, "/api/v1/datasets", "ListDatasets", "Name", "Datasets", "Name", "DatasetId",
             "DeleteDataset"),
        Kind("model", AI_WORKSPACE, "/api/v1/models", "ListModels", "ModelName", "Models", "ModelName", "ModelId",
             "DeleteModel"),
        Kind("image", AI_WORKSPACE, "/api/v1/images", "ListImages", "Name", "Images", "Name", "ImageId", "RemoveImage"),
        Kind("job", PAI_STUDIO, JOBS, "ListTrainingJobs", "TrainingJobName", "TrainingJobs", "TrainingJobName",
             "TrainingJobId", "DeleteTrainingJob"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """One thing that is or may be there.

    Attributes:
        kind: a word of :data:`KINDS`, or ``bucket``.
        name: its name.
        ids: what answers said about its ids; more than one when a name can be taken twice.
    """

    kind: str
    name: str
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Ledger:
    """Remembers what was made, and deletes it.

    Args:
        sender: sends requests.
        workspace_id: the workspace things are made in.
        sleep: waits for some seconds.
    """

    def __init__(self, sender: Endpoint, workspace_id: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sender = sender
        self._workspace_id = workspace_id
        self._sleep = sleep
        self._made: dict[tuple[str, str], Made] = {}

    def make(self, kind: str, name: str, ask: ProbeCall) -> ProbeAnswer:
        """Send a request that makes something of this name.

        Raises:
            OSError: there was no answer; it is looked for at the end.
        """
        entry = (kind, name)
        before = self._made.get(entry)
        self._made[entry] = before or Made(kind, name)
        answer = self._sender.send(ask)
        made = str(answer.body.get(KINDS[kind].key) or "")
        if made:
            self._made[entry] = replace(self._made[entry], ids=(*self._made[entry].ids, made))
        elif before is None and answer.status in _REFUSED:
            del self._made[entry]
        return answer

    def will_make_bucket(self, name: str) -> None:
        """Remember a bucket of this name and all that will be in it."""
        self._made["bucket", name] = Made("bucket", name)

    def made_no_bucket(self, name: str) -> None:
        """Forget a bucket that was refused."""
        self._made.pop(("bucket", name), None)

    def delete_all(self) -> list[str]:
        """Delete what was made, the newest first, and return what could not be, in words."""
        left = [made for made in reversed(self._made.values()) if not self._delete(made)]
        self._made = {(made.kind, made.name): made for made in reversed(left)}
        return [str(made) for made in left]

    def _delete(self, made: Made) -> bool:
        for wait in (0.0, *_WAITS):
            self._sleep(wait)
            try:
                if self._empty_bucket(made.name) if made.kind == "bucket" else self._delete_rows(made):
                    return True
            except OSError:
                # There was no answer: another look tells.
                continue
        # What no answer told of and no list has shown for so long was never made.
        return made.kind != "bucket" and not made.ids and self._is_absent(made)

    def _is_absent(self, made: Made) -> bool:
        try:
            found = self._found(made)
        except OSError:
            return False
        return found == ()

    def _found(self, made: Made) -> tuple[str, ...] | None:
        """Return the ids that a list shows for the name; None when it was no list."""
        kind = KINDS[made.kind]
        # Without a size of the page: the greatest one is itself inferred, and no two names of ours are alike.
        query = {"WorkspaceId": self._workspace_id, kind.named: made.name}
        answer = self._sender.send(ProbeCall(kind.service, kind.listing, kind.path, query=query))
        if not answer.is_done or not isinstance(answer.body.get("TotalCount"), int):
            return None
        return tuple(str(row[kind.key]) for row in answer.rows(kind.rows) if _has(row, kind, made.name))

    def _delete_rows(self, made: Made) -> bool:
        """Delete by the ids that are known and by those that a list shows; tell whether all are gone."""
        found = self._found(made)
        if found is None:
            return False
        gone = [self._delete_row(KINDS[made.kind], each) for each in sorted({*made.ids, *found})]
        return bool(gone) and all(gone)

    def _delete_row(self, kind: Kind, key: str) -> bool:
        if kind.word == "job":
            self._stop(key)
        elif kind.word == "model":
            self._delete_versions(key)
        path = f"{kind.path}/{key}"
        answer = self._sender.send(ProbeCall(kind.service, kind.delete, path, "DELETE"))
        return answer.is_done or answer.status == _NOT_FOUND

    def _stop(self, job_id: str) -> None:
        answer = self._sender.send(ProbeCall(PAI_STUDIO, "GetTrainingJob", f"{JOBS}/{job_id}"))
        if answer.is_done and answer.body.get("Status") not in TERMINAL_STATUSES:
            self._sender.send(ProbeCall(PAI_STUDIO, "StopTrainingJob", f"{JOBS}/{job_id}/stop", "PUT"))

    def _delete_versions(self, model_id: str) -> None:
        versions = f"/api/v1/models/{model_id}/versions"
        listed = self._sender.send(ProbeCall(AI_WORKSPACE, "ListModelVersions", versions))
        for row in listed.rows("Versions"):
            path = f"{versions}/{row.get('VersionName')}"
            self._sender.send(ProbeCall(AI_WORKSPACE, "DeleteModelVersion", path, "DELETE"))

    def _empty_bucket(self, bucket: str) -> bool:
        send = self._sender.send_object
        uploads = send(ObjectCall("GET", bucket, query={"uploads": ""}))
        if uploads.status == _NOT_FOUND:
            return True
        if upload := uploads.text("UploadId"):
            send(ObjectCall("DELETE", bucket, uploads.text("Key").partition("<")[0], {"uploadId": upload}))
        listed = send(ObjectCall("GET", bucket, query={"list-type": "2", "max-keys": "1000"}))
        for key in _texts(listed.content.decode("utf-8", "replace"), "Key"):
            send(ObjectCall("DELETE", bucket, key))
        return send(ObjectCall("DELETE", bucket)).status in (200, 204, _NOT_FOUND)


def _has(row: Mapping[str, object], kind: Kind, name: str) -> bool:
    # Lists match a part of a name: nothing of another name is ever deleted.
    return row.get(kind.name) == name and bool(row.get(kind.key))


def _texts(xml: str, name: str) -> list[str]:
    return [rest.partition(f"</{name}>")[0] for rest in xml.split(f"<{name}>")[1:]]
