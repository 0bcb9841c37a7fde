"""Trains a model on PAI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_pai.errors import JobError, JobTimeoutError, PAIError, SpecError
from airflow_provider_pai.links import CONSOLE_URL_KEY, PAITrainingJobLink
from airflow_provider_pai.model.spec import ARGUMENTS, MODEL_CHANNEL
from airflow_provider_pai.model.status import JobSnapshot
from airflow_provider_pai.operators.attempt import (
    deadline_of,
    identity_of,
    interval_problems,
    run_time_limit,
    will_be_retried,
)
from airflow_provider_pai.operators.outcome import NO_RETRY, airflow_errors, job_error, result

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.model.identity import JobIdentity

_DEFER_PADDING = timedelta(minutes=5)


class PAITrainingOperator(BaseOperator):
    """Submits a PAI training job, waits for it and returns where its model lies.

    The task's result (XCom ``return_value``) is a dict: ``model_uri`` (OSS folder of the output channel ``model``),
    ``job_id``, ``job_name``, ``status``, ``outputs``, ``metrics``, ``console_url``, ``image_uri``, ``code_uri``,
    ``duration_s``. ``model_uri``, ``job_id`` and ``console_url`` are also pushed under keys of their own, the latter
    two as soon as the job is submitted.

    A retry of the task goes on with the job of the attempt before when that is still running or has succeeded.

    Args:
        command: what the job runs, in a POSIX shell, in the folder of its source code, for example
            ``python train.py $PAI_USER_ARGS``.
        source_dir: local folder with the source code, or an ``oss://`` folder or ``.tar.gz``. Default: none.
        image_uri: container image. Either this or ``image``.
        image: query of the image catalog: ``framework_name``, and optionally ``framework_version`` (default
            ``latest``) and ``accelerator_type`` (``CPU``, the default, or ``GPU``).
        instance_type: ECS instance type, for example ``ecs.c6.large``.
        instance_count: number of instances. Default 1.
        hyperparameters: texts, numbers or booleans by name; the job gets them all as texts.
        inputs: address of each input channel: OSS, NAS, CPFS, MaxCompute or a dataset id.
        outputs: OSS folder of output channels; each not named gets one below ``output_path``.
        output_path: OSS folder for outputs. Default: the workspace's default storage.
        checkpoints_path: OSS folder of the channel ``checkpoints``; give the same to go on where a job stopped.
        base_job_name: first part of the job's name ``{base_job_name}_{submitted-datetime}``. Default: the task's id.
        max_run_time: seconds after which PAI itself ends the job. Default: ``execution_timeout``, else no limit.
        environments: environment variables of the job. PAI shows them in its console and logs: no secrets.
        requirements: lines for pip, beside those of ``requirements.txt`` in a local ``source_dir``; one in OSS is not
            read.
        labels: labels of the job.
        metric_definitions: dicts with ``name`` and ``regex`` (one group); PAI reads such metrics from the log.
        description: free text.
        pai_conn_id: Airflow connection. Default ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        wait_for_completion: False returns as soon as the job is submitted, with ``status`` of that moment.
        poll_interval: seconds between two looks at the job. Default 10.
        deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.

    Raises:
        AirflowFailException: retrying can't help: wrong arguments, wrong credentials.
        JobError: the job failed, was stopped or did not end in time; the message ends with its last log lines.
    """

    template_fields: Sequence[str] = (*ARGUMENTS, "pai_conn_id", "region_id", "workspace_id")
    template_fields_renderers = {  # noqa: RUF012 - Airflow's own declaration
        "command": "bash",
        "hyperparameters": "json",
        "inputs": "json",
        "outputs": "json",
        "environments": "json",
        "image": "json",
        "labels": "json",
    }
    operator_extra_links = (PAITrainingJobLink(),)
    ui_color = "#ffe6cc"

    def __init__(
        self,
        *,
        command: str,
        instance_type: str,
        source_dir: str | None = None,
        image_uri: str | None = None,
        image: Mapping[str, str] | None = None,
        instance_count: int = 1,
        hyperparameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        output_path: str | None = None,
        checkpoints_path: str | None = None,
        base_job_name: str | None = None,
        max_run_time: int | None = None,
        environments: Mapping[str, str] | None = None,
        requirements: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        description: str | None = None,
        pai_conn_id: str = "pai_default",
        region_id: str | None = None,
        workspace_id: str | None = None,
        wait_for_completion: bool = True,
        poll_interval: float = 10.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.instance_type = instance_type
        self.source_dir = source_dir
        self.image_uri = image_uri
        self.image = image
        self.instance_count = instance_count
        self.hyperparameters = hyperparameters
        self.inputs = inputs
        self.outputs = outputs
        self.output_path = output_path
        self.checkpoints_path = checkpoints_path
        self.base_job_name = base_job_name
        self.max_run_time = max_run_time
        self.environments = environments
        self.requirements = requirements
        self.labels = labels
        self.metric_definitions = metric_definitions
        self.description = description
        self.pai_conn_id = pai_conn_id
        self.region_id = region_id
        self.workspace_id = workspace_id
        self.wait_for_completion = wait_for_completion
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self._job_id: str | None = None
        self._identity: JobIdentity | None = None

    @cached_property
    def hook(self) -> PAITrainingHook:
        """Does what is done to the job."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.training import PAITrainingHook

        return PAITrainingHook(self.pai_conn_id, region_id=self.region_id, workspace_id=self.workspace_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the job, or go on with the one of the attempt before, and see it to its end."""
        import pendulum

        from airflow_provider_pai.model.arguments import read_spec

        with airflow_errors():
            spec, problems = read_spec(self._arguments())
            problems += interval_problems(self.poll_interval)
            if problems:
                raise SpecError([*problems, *self.hook.problems(spec, problems)])
            spec = replace(spec, max_run_time=run_time_limit(spec.max_run_time, self.execution_timeout))
            name = f"{spec.base_job_name}_{pendulum.now('UTC').format('YYYYMMDD_HHmmss')}"
            self._identity = identity_of(context["ti"], self.retries or 0)
            job, existed = self.hook.submit_or_adopt(spec, self._identity, name)
            with self._responsible(context, job.job_id):
                self._announce(context, job, existed=existed)
                return self._see_through(context, job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after the trigger's event."""
        job_id = event["job_id"]
        self._identity = identity_of(context["ti"], self.retries or 0)
        with airflow_errors(), self._responsible(context, job_id):
            if event["timeout"]:
                return self._finish(context, self._timed_out(job_id))
            if event["error"]:
                self.log.warning("The triggerer can't watch job %s (%s); watching it here", job_id, event["error"])
                return self._wait(context, job_id)
            return self._finish(context, JobSnapshot.from_json(event["snapshot"]))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; when the deferral itself has failed, nobody else looks after the job."""
        self._identity = identity_of(context["ti"], self.retries or 0)
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            if next_method != self.execute_complete.__name__:
                self._abandon(context, None, error)
            raise

    def on_kill(self) -> None:
        """Stop the job: Airflow ends this task. A job that a later try has taken is left alone."""
        if self._identity is not None:
            self.log.warning("The task is being ended; stopping its job %s", self._job_id or "")
            self.hook.stop_own(self._identity, self._job_id)

    @contextmanager
    def _responsible(self, context: Context, job_id: str) -> Iterator[None]:
        """Whatever goes wrong in here, the job is not forgotten. A deferral is no error and passes."""
        self._job_id = job_id
        try:
            yield
        except JobError:
            raise
        except Exception as error:
            self._abandon(context, job_id, error)
            raise

    def _arguments(self) -> dict[str, Any]:
        arguments = {name: getattr(self, name) for name in ARGUMENTS}
        arguments["base_job_name"] = self.base_job_name or self.task_id
        return arguments

    def _announce(self, context: Context, job: JobSnapshot, *, existed: bool) -> None:
        """Let a person see the job while it runs."""
        url = self.hook.console_url(job.job_id)
        self.log.info("%s job %s (%s): %s", "Going on with" if existed else "Submitted", job.job_id, job.name, url)
        context["ti"].xcom_push(key=CONSOLE_URL_KEY, value=url)
        context["ti"].xcom_push(key="job_id", value=job.job_id)

    def _defer(self, context: Context, job: JobSnapshot) -> None:
        from airflow_provider_pai.triggers.training import PAITrainingTrigger

        deadline = deadline_of(context["ti"], self.execution_timeout)
        trigger = PAITrainingTrigger(
            job_id=job.job_id,
            pai_conn_id=self.pai_conn_id,
            region_id=self.region_id,
            workspace_id=self.workspace_id,
            poll_interval=self.poll_interval,
            deadline=deadline.isoformat() if deadline else None,
        )
        # The trigger's own deadline comes first, since it stops the job; this one is for a triggerer that is gone.
        timeout = deadline - datetime.now(UTC) + _DEFER_PADDING if deadline else None
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def _see_through(self, context: Context, job: JobSnapshot) -> dict[str, Any]:
        if not self.wait_for_completion:
            context["ti"].xcom_push(key="model_uri", value=job.outputs.get(MODEL_CHANNEL))
            return result(job, self.hook.console_url(job.job_id))
        if self.deferrable and not job.is_terminal:
            self._defer(context, job)
        return self._wait(context, job.job_id)

    def _wait(self, context: Context, job_id: str) -> dict[str, Any]:
        return self._finish(context, self.hook.wait(job_id, interval=self.poll_interval, show=self._show))

    def _show(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.log.info("%s", line)

    def _finish(self, context: Context, seen: JobSnapshot) -> dict[str, Any]:
        """The one end of a task whose job has ended: waited for, deferred or adopted."""
        job = self._complete(seen)
        url = self.hook.console_url(job.job_id)
        if not job.is_success:
            raise job_error(job, url, self.hook.log_tail(job.job_id))
        value = result(job, url)
        self.log.info("Job %s has succeeded; its model is at %s", job.job_id, value["model_uri"])
        context["ti"].xcom_push(key="model_uri", value=job.outputs.get(MODEL_CHANNEL))
        return value

    def _complete(self, seen: JobSnapshot) -> JobSnapshot:
        """Return the whole job: what a list told lacks image, metrics and duration."""
        try:
            job = self.hook.get(seen.job_id)
        except PAIError as error:
            self.log.warning("Details of job %s can't be read (%s)", seen.job_id, error)
            return seen
        return job if job.is_terminal else seen

    def _timed_out(self, job_id: str) -> JobSnapshot:
        """Stop the job, unless it has just ended."""
        job = self.hook.get(job_id)
        if job.is_terminal:
            return job
        self.hook.stop(job_id)
        message = f"training job {job_id} was {job.status} when execution_timeout passed; it was stopped"
        raise JobTimeoutError(message, job, self.hook.log_tail(job_id))

    def _abandon(self, context: Context, job_id: str | None, error: Exception) -> None:
        """Leave the job to the next attempt, or stop it when none comes or its time is over."""
        deadline = deadline_of(context["ti"], self.execution_timeout)
        in_time = deadline is None or datetime.now(UTC) < deadline
        if in_time and will_be_retried(context["ti"]) and not isinstance(error, NO_RETRY):
            self.log.warning("The next attempt goes on with job %s", job_id or "of this one")
            return
        try:
            self.hook.stop_own(identity_of(context["ti"], self.retries or 0), job_id)
        except PAIError as failure:
            self.log.warning("Job %s could not be stopped (%s)", job_id or "of this task", failure)
