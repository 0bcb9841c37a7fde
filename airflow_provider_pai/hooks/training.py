"""Training jobs: everything a task does to its job, each one method."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow_provider_pai.api import training as calls
from airflow_provider_pai.api.endpoints import console_url
from airflow_provider_pai.api.machines import list_ecs_specs
from airflow_provider_pai.client.http import is_passing, utc_now
from airflow_provider_pai.client.logs import LogReader, log_tail
from airflow_provider_pai.client.patience import OUTAGE_LIMIT, Patience
from airflow_provider_pai.client.source import source_problems, source_requirements
from airflow_provider_pai.client.waiting import wait_for_end
from airflow_provider_pai.errors import APIError, NotFoundError, PAIError, ProtocolError, SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.model.create_body import create_body
from airflow_provider_pai.model.identity import STOPPING_LABEL, TRY_LABEL, JobIdentity, held, number, plan
from airflow_provider_pai.model.image import Image, ImageQuery
from airflow_provider_pai.model.spec import CodeLocation, TrainingJobSpec
from airflow_provider_pai.model.status import JobSnapshot, JobStatus, moment
from airflow_provider_pai.model.uri import OssUri

LOOK_BACK = timedelta(days=30)
"""How far back a task looks for a job of its own."""
LIST_LAG_PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each further look after a lost answer: a list may lag behind a create [inferred]."""
_TAIL_LINES = 50


class PAITrainingHook(PAIBaseHook):
    """Submits, adopts, watches and stops training jobs.

    Args:
        pai_conn_id: id of the Airflow connection. Default ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        pai_conn_id: str = PAIBaseHook.default_conn_name,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(pai_conn_id, region_id=region_id, workspace_id=workspace_id)
        self._sleep = sleep
        self._images: dict[ImageQuery, Image] = {}

    def prepared(self, spec: TrainingJobSpec, job_name: str, key: str) -> TrainingJobSpec:
        """Fill in what only the cloud can tell: image, place of the code, outputs. Uploads the source code.

        Everything is checked before the first byte is uploaded.

        Args:
            spec: the job.
            job_name: its name.
            key: keeps its outputs apart from those of other jobs of the name.

        Raises:
            SpecError: the source folder, the instance type or the image query can't work.
        """
        if found := self.problems(spec):
            raise SpecError(found)
        image_uri = spec.image_uri or self._image_of(spec.image).uri
        self.log.info("Image: %s", image_uri)
        located = replace(spec, image_uri=image_uri).located(job_name, self._output_storage(spec), key)
        requirements = (*source_requirements(spec.source_dir), *spec.requirements)
        return replace(located, code=self._code(spec), requirements=tuple(dict.fromkeys(requirements)))

    def problems(self, spec: TrainingJobSpec, known: Sequence[str] = ()) -> list[str]:
        """Return what is wrong with a job beyond its spec: connection, source folder, instance type, image query.

        Args:
            spec: the job.
            known: problems of the spec itself; what they name isn't looked at again.
        """
        found = source_problems(spec.source_dir)
        named = {problem.split()[0].rstrip(":").partition("[")[0] for problem in known}
        try:
            if "instance_type" not in named:
                found += self._machine_problems(spec.instance_type)
            if spec.image and not spec.image_uri and "image" not in named:
                self._image_of(spec.image)
        except SpecError as error:
            found += error.problems
        return found

    def submit_or_adopt(self, spec: TrainingJobSpec, identity: JobIdentity, job_name: str) -> tuple[JobSnapshot, bool]:
        """Make sure that exactly one job of this task attempt exists.

        Args:
            spec: the job.
            identity: the attempt; its labels are put on the job.
            job_name: name of the job, if one must be submitted.

        Returns:
            The job, and whether it existed already.

        Raises:
            SpecError: the job can't work; nothing was submitted.
        """
        if adopted := self.adopt(identity):
            return adopted, True
        prepared = self.prepared(spec, job_name, identity.key)
        return self._create(replace(prepared, labels={**spec.labels, **identity.labels()}), identity), False

    def adopt(self, identity: JobIdentity) -> JobSnapshot | None:
        """Return the job of this attempt when there is one, and stop jobs that older generations left behind."""
        decision = plan(identity, self._jobs_of(identity))
        for job_id in decision.stop:
            self.log.warning("Stopping job %s, which an earlier attempt of this task left behind", job_id)
            self.stop(job_id)
        if newer := decision.superseded_by:
            raise PAIError(f"this attempt is over: the task was cleared since, and job {newer.job_id} is the new one's")
        if decision.adopt and number(decision.adopt, TRY_LABEL) < identity.try_number:
            # From now on an earlier try that is still alive leaves the job alone.
            self._label(decision.adopt.job_id, {TRY_LABEL: str(identity.try_number)})
        return decision.adopt

    def stop_own(self, identity: JobIdentity, job_id: str | None = None) -> None:
        """Stop what an attempt has running, but for a job that a later try has taken.

        Args:
            identity: the attempt.
            job_id: its job, when it is known; a list may lag behind its creation.
        """
        jobs = self._jobs_of(identity)
        if job_id is not None and job_id not in {job.job_id for job in jobs}:
            jobs.append(self.get(job_id))
        for job in held(identity, jobs):
            self.stop(job.job_id)

    def get(self, job_id: str) -> JobSnapshot:
        """Return a job as it is now.

        Raises:
            NotFoundError: there is no such job.
        """
        return self.client.send(calls.get_training_job(job_id))

    def stop(self, job_id: str) -> None:
        """Stop a job; one that has ended, or is gone, is left as it is."""
        self._label(job_id, {STOPPING_LABEL: "true"})
        try:
            self.client.send(calls.stop_training_job(job_id))
        except NotFoundError:
            self.log.info("Job %s is gone; there is nothing to stop", job_id)
        except APIError as error:
            # What PAI answers when the job has ended already is not documented, so its status decides [inferred].
            if is_passing(error) or not self.get(job_id).is_terminal:
                raise

    def wait(
        self,
        job_id: str,
        *,
        interval: float,
        show: Callable[[Iterable[str]], None],
        outage_limit: float = OUTAGE_LIMIT,
    ) -> JobSnapshot:
        """Wait in this process until a job has ended.

        Args:
            job_id: the job.
            interval: seconds between two looks.
            show: is given the job's log lines as they come.
            outage_limit: seconds that PAI may be unreachable.
        """
        return wait_for_end(
            self.client,
            job_id,
            interval=interval,
            patience=Patience(self.log.warning, outage_limit),
            logs=LogReader(self.client, job_id, self.log.warning),
            show=show,
            changed=lambda job: self.log.info("Job %s is %s", job_id, describe(job)),
            sleep=self._sleep,
        )

    def log_tail(self, job_id: str, count: int = _TAIL_LINES) -> tuple[str, ...]:
        """Return a job's last log lines, oldest first; empty when they can't be read."""
        return log_tail(self.client, job_id, count)

    def console_url(self, job_id: str) -> str:
        """Return the page of a job in PAI's console."""
        return console_url(self.config.region_id, self.config.workspace_id, job_id)

    def preview(self, spec: TrainingJobSpec) -> dict[str, Any]:
        """Return the body that would be sent for a prepared job."""
        return create_body(spec, self.config.workspace_id)

    def _jobs_of(self, identity: JobIdentity) -> list[JobSnapshot]:
        since = utc_now() - LOOK_BACK
        found: list[JobSnapshot] = []
        page = 1
        while True:
            call = calls.list_training_jobs(
                self.config.workspace_id, start_time=since, labels=identity.filter(), page=page
            )
            answer = self.client.send(call)
            found += answer.jobs
            if not answer.jobs or len(found) >= answer.total:
                return found
            page += 1

    def _label(self, job_id: str, labels: Mapping[str, str]) -> None:
        """Put labels on a job; they make races rarer, so a failure is told and nothing more."""
        try:
            self.client.send(calls.update_training_job_labels(job_id, labels), attempts=2)
        except PAIError as error:
            self.log.info("Job %s could not be labelled (%s)", job_id, error)

    def _machine_problems(self, instance_type: str) -> list[str]:
        try:
            if any(item.instance_type == instance_type for item in self.client.send(list_ecs_specs([instance_type]))):
                return []
            known = [machine.instance_type for machine in self.client.send(list_ecs_specs())]
        except PAIError as error:
            # Listing machines needs a permission and a host of its own; without them, PAI judges the type at create.
            self.log.warning("instance_type can't be checked beforehand (%s)", error)
            return []
        if not known:
            return []
        near = difflib.get_close_matches(instance_type, known, n=5, cutoff=0.0)
        region = self.config.region_id
        return [f"instance_type {instance_type!r} is unknown in {region}; there are, for example, {', '.join(near)}"]

    def _image_of(self, query: ImageQuery | None) -> Image:
        if query is None:
            raise SpecError(["image_uri is missing"])
        if query not in self._images:
            hook = PAIImageHook(self.pai_conn_id, region_id=self._region_id, workspace_id=self._workspace_id)
            with closing(hook):
                name, version, accelerator = query.framework_name, query.framework_version, query.accelerator_type
                self._images[query] = hook.retrieve(name, version, accelerator)
        return self._images[query]

    def _output_storage(self, spec: TrainingJobSpec) -> OssUri:
        return OssUri.parse(spec.output_path) if spec.output_path else self.storage

    def _code(self, spec: TrainingJobSpec) -> CodeLocation | None:
        if not spec.source_dir:
            return None
        if spec.source_dir.startswith("oss://"):
            uri = OssUri.parse(spec.source_dir)
            return CodeLocation(uri.bucket, uri.key, uri.endpoint or self.config.code_endpoint)
        return self.oss.upload_source(spec.source_dir, self.storage, self.log.info)

    def _create(self, spec: TrainingJobSpec, identity: JobIdentity) -> JobSnapshot:
        try:
            job_id = self.client.send(calls.create_training_job(self.preview(spec)))
        except PAIError as error:
            return self._after_lost_answer(error, identity, spec.job_name)
        return JobSnapshot(
            job_id,
            JobStatus.CREATING,
            name=spec.job_name,
            workspace_id=self.config.workspace_id,
            labels=spec.labels,
            outputs=spec.outputs,
            image_uri=spec.image_uri or "",
            code_uri=spec.code.uri if spec.code else "",
        )

    def _after_lost_answer(self, error: PAIError, identity: JobIdentity, job_name: str) -> JobSnapshot:
        """The create may have happened although no good answer came: look, with patience, before saying so.

        The name holds the moment of the submission, so it tells this job from those of other tries.
        """
        if not _may_have_happened(error):
            raise error
        self.log.warning("No usable answer to CreateTrainingJob (%s); looking whether the job exists", error)
        for pause in LIST_LAG_PAUSES:
            self._sleep(pause)
            if created := next((job for job in self._jobs_of(identity) if job.name == job_name), None):
                return created
        raise error


def describe(job: JobSnapshot) -> str:
    """Return a job's status with its reason and, for a new status, since when."""
    since = moment(job.transitions[-1].start) if job.transitions else None
    details = [part for part in (job.reason, f"since {since:%H:%M:%S} UTC" if since else "") if part]
    return f"{job.status} ({', '.join(details)})" if details else job.status


def _may_have_happened(error: PAIError) -> bool:
    return getattr(error, "sent", True) and (is_passing(error) or isinstance(error, ProtocolError))
