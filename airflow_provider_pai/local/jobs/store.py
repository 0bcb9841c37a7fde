"""Training jobs on disk and in memory."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import string
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.disk_reserve import FULL, DiskReserve
from airflow_provider_pai.local.jobs import query, transitions
from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.model.training.status import JobStatus

logger = logging.getLogger(__name__)

Record = Mapping[str, Any]
LOCAL = "Local"
"""Member of a stored job that is ours: processes, exact times; never shown on the wire."""
_MEMBERS: Mapping[str, type] = {
    "TrainingJobName": str,
    "GmtCreateTime": str,
    "GmtModifiedTime": str,
    "IsTempAlgo": bool,
    "ComputeResource": dict,
    "StatusTransitions": list,
}
"""What every stored job has beside its id, its status and :data:`LOCAL`; none of them is empty."""
_STATUSES = frozenset(map(str, JobStatus))
_REMOVED = "removed-jobs-"
_ID_CHARACTERS = string.digits + string.ascii_lowercase


class JobStore:
    """Training jobs: one JSON file each, all of them in memory. Any thread may call it.

    One store at a time may have the folder: which one, :class:`airflow_provider_pai.local.home.Home` decides.

    A job's record is the body it was created with plus what became of it. Records are never changed in place: a reader
    keeps what it got, a change replaces file and record, the file by renaming.

    Args:
        home: folder of the server; jobs lie in ``home/jobs/<id>/``.
        now: the server's time, in UTC.

    Attributes:
        lag_seconds: jobs created within the last seconds are not listed yet (a fault to inject).
    """

    def __init__(self, home: Path, now: Callable[[], datetime]) -> None:
        self._folder = home / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._now = now
        self._lock = threading.RLock()
        self._files: dict[str, JobFiles] = {}
        self._records: dict[str, Record] = {}
        self._carriers: dict[tuple[str, str], dict[str, None]] = {}
        for record in load_records(home).values():
            self._hold(record)
        self._number = max(map(_number, self._records.values()), default=0)
        self.lag_seconds = 0.0
        self._reserve = DiskReserve(home / "reserve")
        self._remover: threading.Thread | None = None
        self._remove_in_background()

    def close(self) -> None:
        """Close the logs, and wait for folders that are being removed."""
        with self._lock:
            for files in self._files.values():
                files.close()
        if self._remover is not None:
            self._remover.join()

    def create(
        self,
        body: Mapping[str, Any],
        complete: Callable[[Mapping[str, Any], str], Mapping[str, Any]] = lambda body, _: body,
        **local: Any,
    ) -> Record:
        """Keep a new job, in status Creating.

        Args:
            body: the checked body of CreateTrainingJob.
            complete: gets the body and the job's id, returns the body as it is to be kept.
            local: members that are ours and never shown.
        """
        now = self._now()
        self._reserve.fill()
        with self._lock:
            job_id = self._free_id()
            self._number += 1
            record = {
                **complete(body, job_id),
                "TrainingJobId": job_id,
                "IsTempAlgo": True,
                "GmtCreateTime": wire_time(now),
                **transitions.initial_members(now),
                LOCAL: {**local, "CreatedAt": now.isoformat(), "Number": self._number},
            }
            return self._write(record, now)

    def get(self, job_id: str) -> Record | None:
        """Return a job as it is now; None when there is none of this id."""
        with self._lock:
            return self._records.get(job_id)

    def existing(self, job_id: str) -> Record:
        """Return a job that is known to be there.

        Raises:
            KeyError: it is not.
        """
        with self._lock:
            return self._records[job_id]

    def all(self) -> list[Record]:
        """Return all jobs, oldest first."""
        with self._lock:
            # A job keeps its place when it changes.
            return list(self._records.values())

    def change(self, job_id: str, change: Callable[[Record], Mapping[str, Any]]) -> Record:
        """Replace members of a job; no other change comes between reading and writing.

        Args:
            job_id: an existing job.
            change: gets the job, returns the members to set; a value of None removes one.

        Raises:
            KeyError: there is no such job.
        """
        with self._lock:
            old = self._records[job_id]
            new = {name: value for name, value in {**old, **change(old)}.items() if value is not None}
            return self._reserve.spend(lambda: self._write(new, self._now()))

    def change_local(self, job_id: str, **members: Any) -> Record:
        """Replace members of a job that are ours and never shown."""
        return self.change(job_id, lambda record: {LOCAL: {**record[LOCAL], **members}})

    def delete(self, job_id: str) -> None:
        """Forget a job, its logs and its folders; its outputs in OSS stay."""
        with self._lock:
            self._let_go(job_id)
            self._records.pop(job_id)
            if files := self._files.pop(job_id, None):
                files.close()
            # Without its record the folder is no job any more, even when the rest can't be removed.
            (self._folder / job_id / "job.json").unlink(missing_ok=True)
        shutil.rmtree(self._folder / job_id, ignore_errors=True)
        self._reserve.fill()

    def clear(self) -> None:
        """Forget all jobs, none of which may be active; their folders are removed in the background."""
        with self._lock:
            for files in self._files.values():
                files.close()
            self._files.clear()
            self._records.clear()
            self._carriers.clear()
            # One rename, so that a server that is killed has either all of them or none.
            self._folder.rename(self._folder.with_name(f"{_REMOVED}{secrets.token_hex(8)}"))
            self._folder.mkdir()
            self._remove_in_background()

    def _remove_in_background(self) -> None:
        """Remove the folders of forgotten jobs, those too that an earlier server had not removed when it ended."""
        folders = [entry.path for entry in os.scandir(self._folder.parent) if entry.name.startswith(_REMOVED)]
        if folders:
            remove = partial(shutil.rmtree, ignore_errors=True)
            self._remover = threading.Thread(target=lambda: [remove(folder) for folder in folders], daemon=True)
            self._remover.start()

    def files(self, job_id: str) -> JobFiles:
        """Return a job's logs, events, metrics and folders."""
        with self._lock:
            return self._files.setdefault(job_id, JobFiles(self._folder / job_id))

    def is_disk_full(self) -> bool:
        """Tell whether the disk that jobs lie on has no space left."""
        return shutil.disk_usage(self._folder).free < FULL

    def query(self, parameters: Mapping[str, str]) -> tuple[list[Record], int]:
        """Return one page of ListTrainingJobs and the number of all matches.

        Raises:
            ErrorResponse: 400 InvalidParameter.
        """
        now = self._now()
        visible = now - timedelta(seconds=self.lag_seconds)
        records = self._labelled(query.labels(parameters))
        if self.lag_seconds > 0:
            records = [r for r in records if datetime.fromisoformat(r[LOCAL]["CreatedAt"]) <= visible]
        return query.select_page(records, parameters, now)

    def _labelled(self, labels: Sequence[Mapping[str, str]]) -> list[Record]:
        """Return the jobs that may carry labels, oldest first: those of the rarest one; all without a label."""
        with self._lock:
            if not labels:
                return self.all()
            carriers = min((self._carriers.get(_label(each), {}) for each in labels), key=len)
            return sorted((self._records[job_id] for job_id in carriers), key=_number)

    def _write(self, record: dict[str, Any], now: datetime) -> Record:
        record["GmtModifiedTime"] = wire_time(now)
        folder = self._folder / record["TrainingJobId"]
        folder.mkdir(exist_ok=True)
        temporary = folder / "job.json.new"
        with temporary.open("w", encoding="utf-8") as opened:
            opened.write(json.dumps(record))
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(folder / "job.json")
        return self._hold(MappingProxyType(record))

    def _hold(self, record: Record) -> Record:
        job_id = record["TrainingJobId"]
        old = self._records.get(job_id)
        if old is None or old.get("Labels") != record.get("Labels"):
            self._let_go(job_id)
            for label in record.get("Labels", ()):
                self._carriers.setdefault(_label(label), {})[job_id] = None
        self._records[job_id] = record
        return record

    def _let_go(self, job_id: str) -> None:
        """Forget which labels a job carries."""
        for label in {_label(each) for each in self._records.get(job_id, {}).get("Labels", ())}:
            carriers = self._carriers[label]
            carriers.pop(job_id, None)
            if not carriers:
                del self._carriers[label]

    def _free_id(self) -> str:
        while True:
            job_id = "train" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(11))
            if not (self._folder / job_id).exists():
                return job_id


def load_records(home: Path) -> dict[str, Record]:
    """Read the jobs of a folder, oldest first, by id; damaged ones are left out. A server may be writing meanwhile.

    Args:
        home: folder of the server.
    """
    records: list[Record] = []
    for job_id, file in _job_files(home / "jobs"):
        try:
            with open(file, "rb") as opened:  # noqa: PTH123 - a Path costs more than what is read
                record = json.loads(opened.read())
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):
            record = None
        if _is_record(record, job_id):
            records.append(MappingProxyType(record))
        else:
            logger.warning("%s can't be read; this training job is left out", file)
    return {record["TrainingJobId"]: record for record in sorted(records, key=_number)}


def _job_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield id and file of each job in a folder, which may be missing."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from ((entry.name, f"{entry.path}/job.json") for entry in entries if entry.name.startswith("train"))


def _is_record(value: Any, job_id: str) -> bool:
    """Tell whether a JSON value has what every job has."""
    local = value.get(LOCAL) if isinstance(value, dict) else None
    return (
        isinstance(local, dict)
        and isinstance(local.get("Number"), int)
        and _is_time(local.get("CreatedAt"))
        and value.get("TrainingJobId") == job_id
        and str(value.get("Status")) in _STATUSES
        and all(isinstance(value.get(name), kind) and value[name] for name, kind in _MEMBERS.items())
    )


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _label(label: Mapping[str, str]) -> tuple[str, str]:
    return label["Key"], label.get("Value", "")


def _number(record: Record) -> int:
    return int(record[LOCAL]["Number"])
