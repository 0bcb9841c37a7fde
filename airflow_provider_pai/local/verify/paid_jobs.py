"""The small jobs that some probes need: what they are, what they cost at most, and what they say about themselves.

Each prints ``pai-verify NAME=VALUE`` lines; nothing else of its log is read. Each has the shortest limit of its running
time that does, so that the estimate holds also when nothing is left that could stop it.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.api.endpoints import PAI_STUDIO
from airflow_provider_pai.local.verify.ledger import JOBS
from airflow_provider_pai.local.verify.prober import Prober
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES

JOB_COUNT = 5
"""How many jobs the probes make at most: one of them only where a name that should be too long is taken."""
_FACT = re.compile(r"pai-verify (\w+)=(.*)")
_END = "end"
_LOG_PATIENCE = 20.0


@dataclass(frozen=True)
class PaidOptions:
    """What jobs run on, and what they may cost.

    Attributes:
        image: URI of an image with Python and pip.
        instance_type: a small machine.
        price_per_hour: what it costs an hour, in any currency.
        max_cost: the most that all jobs together may cost.
        minutes: limit of the running time of each job.
        limit_s: limit of the running time of the one that is to break it, in seconds.
        polling_s: seconds between two looks at a job.
    """

    image: str
    instance_type: str
    price_per_hour: float
    max_cost: float
    minutes: int = 10
    limit_s: int = 60
    polling_s: float = 5.0

    @property
    def estimate(self) -> float:
        """What all jobs cost at most, preparation included."""
        return JOB_COUNT * self.minutes / 60 * self.price_per_hour


@dataclass(frozen=True)
class EndedJob:
    """A job of a probe, after its end.

    Attributes:
        job_id: its id.
        shown: what GetTrainingJob answered last.
        facts: what it printed.
    """

    job_id: str
    shown: Mapping[str, Any]
    facts: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Whether it succeeded."""
        return self.shown.get("Status") == "Succeed"

    @property
    def reason(self) -> tuple[str, str]:
        """Its status and the code of its reason."""
        return str(self.shown.get("Status")), str(self.shown.get("ReasonCode"))


class PaidJobs:
    """Makes each job when it is first asked for, once.

    Args:
        prober: sends requests.
        options: what jobs run on.
        sleep: waits for some seconds.
        clock: a monotonic time in seconds.
    """

    def __init__(
        self,
        prober: Prober,
        options: PaidOptions,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.prober = prober
        self.options = options
        self._sleep = sleep
        self._clock = clock
        self._ended: dict[str, EndedJob | None] = {}

    def body(self, command: list[str], **members: Any) -> dict[str, Any]:
        """Return a body of CreateTrainingJob."""
        algorithm = {"Command": command, "Image": self.options.image, "JobType": "PyTorchJob"}
        return {
            "WorkspaceId": self.prober.workspace_id,
            "TrainingJobName": self.prober.new_name(),
            "ComputeResource": {"EcsSpec": self.options.instance_type, "EcsCount": 1},
            "Scheduler": {"MaxRunningTimeInSeconds": self.options.minutes * 60},
            **members,
            "AlgorithmSpec": {**algorithm, **members.get("AlgorithmSpec", {})},
        }

    def create(self, body: Mapping[str, Any]) -> str:
        """Create a job and return its id; empty when it was refused."""
        name = str(body["TrainingJobName"])
        return str(self.prober.make("job", name, "CreateTrainingJob", body).body.get("TrainingJobId") or "")

    def ended(self, key: str, body: Callable[[], Mapping[str, Any] | None]) -> EndedJob | None:
        """Return the job of this key after its end; None when it could not be made or did not end in time."""
        if key not in self._ended:
            self._ended[key] = None
            wanted = body()
            job_id = self.create(wanted) if wanted else ""
            self._ended[key] = self.wait(job_id) if job_id else None
        return self._ended[key]

    def pause(self, seconds: float) -> None:
        """Wait for some seconds."""
        self._sleep(seconds)

    def remember(self, key: str, job_id: str) -> None:
        """Let a job that was made already be the one of this key, after its end."""
        self._ended[key] = self.wait(job_id)

    def shown(self, job_id: str) -> Mapping[str, Any]:
        """Return a job as GetTrainingJob shows it."""
        return self.prober.ask(PAI_STUDIO, "GetTrainingJob", f"{JOBS}/{job_id}").body

    def wait(self, job_id: str, statuses: frozenset[str] = frozenset()) -> EndedJob | None:
        """Wait for the end of a job, or for one of these statuses; None when it takes longer than it may."""
        deadline = self._clock() + 2 * self.options.minutes * 60
        while self._clock() < deadline:
            job = self.shown(job_id)
            if job.get("Status") in statuses:
                return EndedJob(job_id, job, {})
            if job.get("Status") in TERMINAL_STATUSES:
                return EndedJob(job_id, job, self._facts(job_id))
            self._sleep(self.options.polling_s)
        return None

    def _facts(self, job_id: str) -> Mapping[str, str]:
        """Read what the job printed; lines may come some seconds after its end."""
        deadline = self._clock() + _LOG_PATIENCE
        while True:
            answer = self.prober.ask(PAI_STUDIO, "ListTrainingJobLogs", f"{JOBS}/{job_id}/logs", PageSize="500")
            lines = answer.body.get("Logs")
            found = [_FACT.search(str(line)) for line in lines] if isinstance(lines, list) else []
            facts = {match[1]: match[2].strip() for match in found if match}
            if _END in facts or self._clock() >= deadline:
                return facts
            self._sleep(self.options.polling_s)


def archive(members: Mapping[str, str], *, of_parts: int = 1) -> bytes:
    """Return a ``.tar.gz`` of text files.

    Args:
        members: texts by name.
        of_parts: how many gzip members the file consists of, cut between files.
    """
    names = sorted(members)
    size = -(-len(names) // of_parts)
    pieces = [names[start : start + size] for start in range(0, len(names), size)]
    return b"".join(
        gzip.compress(_tar({name: members[name] for name in piece}, is_last=piece is pieces[-1]), mtime=0)
        for piece in pieces
    )


def _tar(members: Mapping[str, str], *, is_last: bool) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
        end = tar.offset
    # The two empty blocks that end an archive, and what fills up its last record, come once.
    return written.getvalue() if is_last else written.getvalue()[:end]
