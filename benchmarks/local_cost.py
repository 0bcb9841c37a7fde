"""What a request costs local PAI: time of one after the other, and processor time of the server."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import oss2

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import get_training_job, list_training_job_logs, list_training_jobs
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.local.home import Home
from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.local.jobs.store import LOCAL, JobStore
from airflow_provider_pai.model.training.ownership import KEY_LABEL
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobStatus
from benchmarks.report import Report
from benchmarks.spread import Spread
from benchmarks.usage import usage
from devtools.local_pai import LocalServer
from devtools.processes import Processes

SIZES = (1_000, 10_000)
"""Jobs there are."""
REQUESTS = 200
"""Requests of each kind."""
WHO = "local PAI"
_LINES = 2_000
_WAY = (JobStatus.CREATED, JobStatus.INITIALIZING, JobStatus.SUBMITTED, JobStatus.RUNNING, JobStatus.SUCCEED)
_DAY = timedelta(days=1)
_SMALL, _LARGE = 4 * 1024, 4 * 1024 * 1024


def run() -> Report:
    """Measure."""
    report = Report("local_cost", "A request to local PAI")
    for jobs in SIZES:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Processes() as processes:
            home = Path(folder) / "pai"
            job_id = fill(home, jobs)
            server = LocalServer(processes, home, log=Path(folder) / "pai.log")
            _ask(server, jobs, job_id, report)
            if jobs == SIZES[0]:
                _store(server, report)
            report.add(f"{jobs:,} jobs", "memory of the server", WHO, usage(server.child.pid).rss_mib, "MiB")
    report.notes.append(f"{REQUESTS} requests of each kind, one after the other, on one connection.")
    return report


def _ask(server: LocalServer, jobs: int, job_id: str, report: Report) -> None:
    ready = server.ready
    keys = KeyPair(ready["access_key_id"], ready["access_key_secret"])
    config = ClientConfig(ready["region_id"], ready["workspace_id"], keys, ready["api"], ready["oss"])
    client = PAIClient(config, keys=credentials_provider(keys))
    listed = partial(list_training_jobs, config.workspace_id, start_time=datetime.now(UTC) - _DAY, page_size=50)
    middle = jobs // 2 // 50
    kinds: dict[str, Call[Any]] = {
        "GetTrainingJob": get_training_job(job_id),
        "ListTrainingJobs, first 50": listed(),
        "ListTrainingJobs, 50 in the middle": listed(page=middle),
        "ListTrainingJobs, one label": listed(labels={KEY_LABEL: "7"}),
        "ListTrainingJobs, label of all": listed(labels={"team": "a"}, page=middle),
        "ListTrainingJobLogs, 100 lines": list_training_job_logs(job_id, page=5, page_size=100),
        "ListTrainingJobLogs, 1,000 lines": list_training_job_logs(job_id, page=2, page_size=1000),
    }
    for name, call in kinds.items():
        _time(server, f"{name} ({jobs:,} jobs)", partial(client.send, call, attempts=1), report)
    client.close()


def _store(server: LocalServer, report: Report) -> None:
    ready = server.ready
    bucket = oss2.Bucket(oss2.Auth(ready["access_key_id"], ready["access_key_secret"]), ready["oss"], ready["bucket"])
    for name, size in (("4 KiB", _SMALL), ("4 MiB", _LARGE)):
        content = b"x" * size
        _time(server, f"PutObject, {name}", lambda content=content: bucket.put_object("a", content), report)  # type: ignore[misc]
        _time(server, f"GetObject, {name}", lambda: bucket.get_object("a").read(), report)
        _time(server, f"HeadObject, {name}", lambda: bucket.head_object("a"), report)


def _time(server: LocalServer, case: str, ask: Callable[[], object], report: Report) -> None:
    ask()
    before = usage(server.child.pid)
    taken: list[float] = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begun)
    cpu = usage(server.child.pid).cpu_s - before.cpu_s
    report.add(case, "time, median", WHO, Spread.of(taken).p50 * 1000, "ms")
    report.add(case, "server's CPU a request", WHO, cpu / REQUESTS * 1000, "ms")


def fill(home: Path, jobs: int) -> str:
    """Write the folder of a server that has had so many jobs; return the id of the last, which has a log.

    Written as the server writes them, but not one by one through its disk: that would take minutes.
    """
    # A server takes no folder with files that were not a server's.
    Home(home).release()
    store = JobStore(home, lambda: datetime.now(UTC))
    labels = {KEY_LABEL: "0", "team": "a", "airflow.dag": "benchmark", "airflow.task": "train"}
    spec = TrainingJobSpec("true", "ecs.c6.large", image_uri="none:1", job_name="job", labels=labels)
    first = store.create({**create_body(spec, "1"), "UserId": "1"})["TrainingJobId"]
    for status in _WAY:
        store.change(first, partial(transitions.transition_members, status=status, now=datetime.now(UTC)))
    record = dict(store.existing(first))
    for number in range(2, jobs + 1):
        job_id = f"train{number:011d}"
        own = {
            "TrainingJobId": job_id,
            "Labels": [{"Key": key, "Value": value} for key, value in {**labels, KEY_LABEL: str(number)}.items()],
            "Instances": [{"Name": f"{job_id}-master-0", "Role": "master", "Status": "Succeeded"}],
            LOCAL: {**record[LOCAL], "Number": number},
        }
        folder = home / "jobs" / job_id
        folder.mkdir()
        (folder / "job.json").write_text(json.dumps({**record, **own}))
    for number in range(_LINES):
        store.files(job_id).log.append(
            f"line {number} of a log, as long as such lines are: loss=0.12345, accuracy=0.98", datetime.now(UTC)
        )
    store.close()
    return job_id
