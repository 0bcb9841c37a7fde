"""What runs the instances of jobs: the one seam between the life of a job and the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.model.training.container import RunPlan

LineSink = Callable[[str], None]
CODE_REQUIREMENTS = "usercode/requirements.txt"
"""Path of the requirement file of a job's source code, below its root."""

Identity = Sequence[int | str]
"""JSON values that find an instance again after a restart of the server; what they mean only its runtime knows."""


class ImageFailed(Exception):
    """A job's image can't be had; the text names it and says why."""


@dataclass(frozen=True)
class PreparedJob:
    """A job with its folder ready.

    Attributes:
        plan: what its first instance sees.
        image_uri: the image it asks for; empty for none.
        work: its folder, with its code and data.
        shown: files and folders of this machine that it sees read-only, by path below its root; empty where it has no
            ``/ml`` of its own.
    """

    plan: RunPlan
    image_uri: str
    work: WorkFolder
    shown: Mapping[str, Path] = field(default_factory=dict)

    @property
    def code_requirements(self) -> Path | None:
        """The ``requirements.txt`` of its source code, which is installed, too; None when there is none.

        The vendor's documents say so; one report of a real run says otherwise.
        """
        file = self.work.ml / CODE_REQUIREMENTS
        return file if file.is_file() and not file.is_symlink() else None


class RunningInstance(Protocol):
    """One instance of a job: all its processes."""

    @property
    def identity(self) -> Identity:
        """What finds it again after a restart of the server."""

    def exit_code(self) -> int | None:
        """Return the command's exit code as a shell reports it; None while it runs."""

    def terminate(self) -> None:
        """Ask all its processes to end (SIGTERM)."""

    def kill(self) -> None:
        """End all its processes at once (SIGKILL)."""

    def close(self) -> None:
        """Wait for the last log lines of an instance that has ended, and free what it held."""


class JobWorkspace(Protocol):
    """What the instances of one job run in, ready to start them."""

    def start(self, plan: RunPlan, line: LineSink) -> RunningInstance:
        """Start an instance.

        Args:
            plan: what it sees.
            line: gets each line of its output as it comes.

        Raises:
            OSError: it can't be started.
        """

    def close(self) -> None:
        """Free what was made for this job only; its instances have ended."""


class Runtime(Protocol):
    """Runs jobs."""

    @property
    def mode(self) -> str:
        """How jobs are kept apart."""

    @property
    def note(self) -> str:
        """What a job's author must know about this mode; empty when there is nothing."""

    def root(self, work: WorkFolder) -> str:
        """Return the path under which a job finds its root folder."""

    def prepare(self, job: PreparedJob, say: LineSink, cancelled: threading.Event) -> JobWorkspace | None:
        """Make ready what a job needs beside its folder: its image, its requirements.

        Args:
            job: the job.
            say: gets lines for the job's log.
            cancelled: gives up when it is set.

        Returns:
            Where its instances are started; None when the work was given up.

        Raises:
            ImageFailed: the image can't be had.
            EnvironmentFailed: the requirements can't be installed.
            OSError: anything else that is needed can't be had.
        """

    def end_survivors(self, job_id: str, recorded: Sequence[Identity]) -> int:
        """End at once whatever still runs of a job when its instances should have ended.

        Args:
            job_id: the job.
            recorded: its instances, as far as they were recorded.

        Returns:
            How many processes or containers were ended.
        """

    def sweep(self) -> None:
        """Remove what killed servers left, as far as no record tells of it; called before the first job."""

    def close(self) -> None:
        """Free what it held; no job runs any more."""
