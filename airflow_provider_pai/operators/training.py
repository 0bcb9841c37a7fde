"""Trains a model on PAI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_pai.errors import JobTimeoutError, PAIError, SpecError
from airflow_provider_pai.links import CONSOLE_URL_KEY, PAITrainingJobLink
from airflow_provider_pai.model.spec import MODEL_CHANNEL
from airflow_provider_pai.model.status import JobSnapshot
from airflow_provider_pai.operators.attempt import deadline_of, identity_of, run_time_limit, will_be_retried
from airflow_provider_pai.operators.outcome import airflow_errors, job_error, result

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.training import PAITrainingHook

_DEFER_PADDING = timedelta(minutes=5)
_SPEC_ARGUMENTS = (
    "command",
    "source_dir",
    "image_uri",
    "image",
    "instance_type",
    "instance_count",
    "hyperparameters",
    "inputs",
    "outputs",
    "output_path",
    "checkpoints_path",
    "base_job_name",
    "max_run_time",
    "environments",
    "requirements",
    "labels",
    "metric_definitions",
    "description",
)


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
        requirements: lines for pip, beside those of ``source_dir/requirements.txt``.
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

    template_fields: Sequence[str] = (*_SPEC_ARGUMENTS, "pai_conn_id", "region_id", "workspace_id")
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
            if problems:
                raise SpecError([*problems, *self.hook.problems(spec, problems)])
            spec = replace(spec, max_run_time=run_time_limit(spec.max_run_time, self.execution_timeout))
            name = f"{spec.base_job_name}_{pendulum.now('UTC').format('YYYYMMDD_HHmmss')}"
            job, existed = self.hook.submit_or_adopt(spec, identity_of(context["ti"], self.retries or 0), name)
            self._announce(context, job, existed=existed)
            if not self.wait_for_completion:
                return result(job, self.hook.console_url(job.job_id))
            if self.deferrable and not job.is_terminal:
                self._defer(context, job)
            return self._wait(context, job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after the trigger's event."""
        self._job_id = event["job_id"]
        with airflow_errors():
            if event["error"]:
                self._abandon(context, event["job_id"])
                raise PAIError(f"waiting for job {event['job_id']} failed: {event['error']}")
            ended = self._timed_out(event["job_id"]) if event["timeout"] else JobSnapshot.from_json(event["snapshot"])
            return self._finish(context, ended)

    def on_kill(self) -> None:
        """Stop the job: Airflow ends this task."""
        if self._job_id is not None:
            self.log.warning("The task is being ended; stopping job %s", self._job_id)
            self.hook.stop(self._job_id)

    def _arguments(self) -> dict[str, Any]:
        arguments = {name: getattr(self, name) for name in _SPEC_ARGUMENTS}
        arguments["base_job_name"] = self.base_job_name or self.task_id
        return arguments

    def _announce(self, context: Context, job: JobSnapshot, *, existed: bool) -> None:
        """Let a person see the job while it runs."""
        self._job_id = job.job_id
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
        # The trigger's own deadline comes first: only it can look at the job and stop it.
        timeout = deadline - datetime.now(UTC) + _DEFER_PADDING if deadline else None
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def _wait(self, context: Context, job: JobSnapshot) -> dict[str, Any]:
        try:
            ended = self.hook.wait(job.job_id, interval=self.poll_interval, show=self._show)
        except PAIError:
            self._abandon(context, job.job_id)
            raise
        return self._finish(context, ended)

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
            return self.hook.get(seen.job_id)
        except PAIError as error:
            self.log.warning("Details of job %s can't be read (%s)", seen.job_id, error)
            return seen

    def _timed_out(self, job_id: str) -> JobSnapshot:
        """Stop the job, unless it has just ended."""
        job = self.hook.get(job_id)
        if job.is_terminal:
            return job
        self.hook.stop(job_id)
        message = f"training job {job_id} was {job.status} when execution_timeout passed; it was stopped"
        raise JobTimeoutError(message, job, self.hook.log_tail(job_id))

    def _abandon(self, context: Context, job_id: str) -> None:
        """Leave the job to the next attempt, or stop it when there is none."""
        if will_be_retried(context["ti"]):
            self.log.warning("The next attempt goes on with job %s", job_id)
            return
        self.hook.stop(job_id)
