"""Training jobs on disk and in memory."""

from __future__ import annotations

import fcntl
import json
import logging
import secrets
import shutil
import string
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from airflow_provider_pai.local.jobs import query, transitions
from airflow_provider_pai.local.jobs.files import JobFiles
from airflow_provider_pai.local.jobs.transitions import wire_time

logger = logging.getLogger(__name__)

Record = Mapping[str, Any]
LOCAL = "Local"
"""Member of a stored job that is ours: processes, exact times; never shown on the wire."""
_ID_CHARACTERS = string.digits + string.ascii_lowercase


class JobStore:
    """Training jobs: one JSON file each, all of them in memory. Any thread may call it.

    A job's record is the body it was created with plus what became of it. Records are never changed in place: a reader
    keeps what it got, a change replaces file and record, the file by renaming.

    Args:
        home: folder of the server; jobs lie in ``home/jobs/<id>/``.
        now: the server's time, in UTC.

    Attributes:
        lag_seconds: jobs created within the last seconds are not listed yet (a fault to inject).

    Raises:
        RuntimeError: another process, or another store of this one, has the folder open.
    """

    def __init__(self, home: Path, now: Callable[[], datetime]) -> None:
        self._folder = home / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _locked(self._folder / "lock")
        self._now = now
        self._lock = threading.RLock()
        self._files: dict[str, JobFiles] = {}
        self._records = _load(self._folder)
        self._number = max((int(record[LOCAL]["Number"]) for record in self._records.values()), default=0)
        self.lag_seconds = 0.0

    def close(self) -> None:
        """Let another store open the folder."""
        self._lock_file.close()

    def create(self, body: Mapping[str, Any]) -> Record:
        """Keep a new job, in status Creating.

        Args:
            body: the checked body of CreateTrainingJob.
        """
        now = self._now()
        with self._lock:
            job_id = self._free_id()
            self._number += 1
            record = {
                **body,
                "TrainingJobId": job_id,
                "IsTempAlgo": True,
                "GmtCreateTime": wire_time(now),
                **transitions.first_entry(now),
                LOCAL: {"CreatedAt": now.isoformat(), "Number": self._number},
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
            return sorted(self._records.values(), key=lambda record: int(record[LOCAL]["Number"]))

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
            new = {**old, **change(old)}
            return self._write({name: value for name, value in new.items() if value is not None}, self._now())

    def change_local(self, job_id: str, **members: Any) -> Record:
        """Replace members of a job that are ours and never shown."""
        return self.change(job_id, lambda record: {LOCAL: {**record[LOCAL], **members}})

    def delete(self, job_id: str) -> None:
        """Forget a job, its logs and its folders; its outputs in OSS stay."""
        with self._lock:
            self._records.pop(job_id)
            if files := self._files.pop(job_id, None):
                files.close()
            # Without its record the folder is no job any more, even when the rest can't be removed.
            (self._folder / job_id / "job.json").unlink(missing_ok=True)
        shutil.rmtree(self._folder / job_id, ignore_errors=True)

    def clear(self) -> None:
        """Forget all jobs; none of them may be active."""
        for record in self.all():
            self.delete(record["TrainingJobId"])

    def files(self, job_id: str) -> JobFiles:
        """Return a job's logs, events, metrics and folders."""
        with self._lock:
            return self._files.setdefault(job_id, JobFiles(self._folder / job_id))

    def query(self, parameters: Mapping[str, str]) -> tuple[list[Record], int]:
        """Return one page of ListTrainingJobs and the number of all matches.

        Raises:
            Refusal: 400 InvalidParameter.
        """
        now = self._now()
        visible = now - timedelta(seconds=self.lag_seconds)
        with self._lock:
            records = list(self._records.values())
        if self.lag_seconds > 0:
            records = [r for r in records if datetime.fromisoformat(r[LOCAL]["CreatedAt"]) <= visible]
        return query.page_of(records, parameters, now)

    def _write(self, record: dict[str, Any], now: datetime) -> Record:
        record["GmtModifiedTime"] = wire_time(now)
        folder = self._folder / record["TrainingJobId"]
        folder.mkdir(exist_ok=True)
        temporary = folder / "job.json.new"
        temporary.write_text(json.dumps(record), encoding="utf-8")
        temporary.replace(folder / "job.json")
        self._records[record["TrainingJobId"]] = MappingProxyType(record)
        return self._records[record["TrainingJobId"]]

    def _free_id(self) -> str:
        while True:
            job_id = "train" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(11))
            if not (self._folder / job_id).exists():
                return job_id


def _load(folder: Path) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for path in folder.glob("train*/job.json"):
        try:
            record = json.loads(path.read_bytes())
        except ValueError:
            logger.warning("%s can't be read; this training job is left out", path)
            continue
        records[record["TrainingJobId"]] = MappingProxyType(record)
    return records


def _locked(path: Path) -> BinaryIO:
    lock = path.open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise RuntimeError(f"{path.parent} is in use by another local PAI; stop it or choose another folder") from error
    return lock
