"""Trains a model on PAI."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.base_operator import WithLineage, as_flag, rendered_as, templated
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.job import PAIJobOperator
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset, Context

    from airflow_provider_pai.lineage.facts import LineageFacts
    from airflow_provider_pai.model.training.additions import JobAdditions
    from airflow_provider_pai.model.training.spec import TrainingJobSpec
    from airflow_provider_pai.model.training.status import JobSnapshot

_LOCAL_POLL_SECONDS = 1.0


class PAITrainingOperator(WithLineage, PAIJobOperator):
    """Submits a PAI training job, waits for it and returns where its model lies.

    The task's result (XCom ``return_value``) is a dict: ``model_uri`` (OSS folder of the output channel ``model``),
    ``job_id``, ``job_name``, ``status``, ``outputs``, ``metrics``, ``console_url``, ``image_uri``, ``code_uri``,
    ``duration_s``, ``bundle_name`` and ``bundle_version`` (the DAG bundle that the job was submitted from, on
    Airflow 3). ``model_uri``, ``metrics``, ``job_id`` and ``console_url`` are also pushed under keys of their own,
    the latter two as soon as the job is submitted.

    A retry of the task adopts the job of the attempt before when that is still running or has succeeded.

    Args:
        command: what the job runs, in a POSIX shell, in the folder of its source code, for example
            ``python train.py $PAI_USER_ARGS``.
        source_dir: local folder with the source code, or an ``oss://`` folder or ``.tar.gz``. Default: none.
        image_uri: container image. Either this or ``image``.
        image: query of the image catalog: ``framework_name``, and optionally ``framework_version`` (default
            ``latest``), ``accelerator_type`` (``CPU``, the default, or ``GPU``), ``image_scope`` (``training``, the
            default, ``inference`` or ``develop``) and ``include_workspace`` (True also looks at the workspace's own
            images). A retry keeps the image.
        algorithm_name: registered algorithm, which takes the place of ``command`` and image.
        algorithm_version: its version. Default: PAI's choice.
        algorithm_provider: who registered it, for example ``pai``. Default: the account itself.
        job_type: ``PyTorchJob`` (default), ``TFJob``, ``XGBoostJob`` or ``MPIJob``; it decides what instances of a
            distributed job know about each other.
        instance_type: ECS instance type, for example ``ecs.c6.large``. ``local`` runs the job on this worker instead,
            in a container of ``image_uri`` where a Docker engine answers, else as a process; ``local_gpu`` with all of
            its GPUs. Then image and connection are needed only for what is in the cloud, local inputs are shown
            read-only, all outputs are local folders, and the job ends with the task.
        instance_count: number of instances. Default 1.
        instance_spec: what each instance takes of the quota ``resource_id``, instead of ``instance_type``: ``cpu``
            (vCPUs), ``memory`` (GiB), and optionally ``gpu``, ``gpu_type``, ``shared_memory`` (GiB).
        resource_id: id of the resource quota.
        resource_type: ``General`` (default) or ``Lingjun``.
        spot_spec: spot instances: ``spot_strategy`` (``SpotAsPriceGo`` or ``SpotWithPriceLimit``) and with the latter
            ``spot_discount_limit``, the highest part of the full price, for example 0.5. Default: none.
        priority: from 1 to 9 in the queue of a quota. Default: PAI's.
        user_vpc_config: VPC to reach: ``vpc_id``, ``security_group_id``, and optionally ``switch_id``,
            ``extended_cidrs`` (list), ``default_route`` (``eth0`` or ``eth1``). Default: none.
        experiment_config: ``experiment_id`` of the experiment the job belongs to; its artifact path is then the default
            ``output_path``.
        settings: further settings under PAI's names, for example ``{"EnableRDMA": True}``.
        role_arn: RAM role of the job's instances.
        credential_config: how credentials of RAM roles get into the instances, under PAI's names.
        assign_node_spec: nodes of a quota to run on, or to keep away from, under PAI's names, for example
            ``{"EnableAssignNode": True, "AntiAffinityNodeNames": "node-1,node-2"}``.
        hyperparameters: texts, numbers or booleans by name; the job gets them all as texts.
        inputs: address of each input channel: a local file or folder, which is uploaded once per content, or OSS, NAS,
            CPFS, MaxCompute or a dataset id (``d-...`` or ``d-.../v1``).
        outputs: folder of output channels; each of ``model``, ``checkpoints`` and ``tensorboard`` that is not named
            gets one below ``output_path``.
        output_path: OSS folder for outputs. Default: the workspace's default storage; for a local job
            ``pai-local/outputs`` in Airflow's home.
        checkpoints_path: OSS folder of the channel ``checkpoints``; give the same to resume where a job stopped.
        base_job_name: first part of the job's name ``{base_job_name}_{submitted-datetime}``. Default: the task's id.
        max_run_time: seconds after which PAI itself ends the job. Default: ``[pai] max_run_time`` or
            ``execution_timeout``, whichever is shorter, else 30 days.
        environments: environment variables of the job. PAI shows them in its console and logs: no secrets.
        requirements: lines for pip, beside those of ``requirements.txt`` in a local ``source_dir``; one in OSS is not
            read.
        labels: labels of the job, beside those of ``[pai] labels``.
        metric_definitions: dicts with ``name`` and ``regex`` (one group); PAI reads such metrics from the log.
        model_asset: the asset that other DAGs wait for, or its URI or name as text. It stands for all the models of
            this task, so it is the same in each run, for example ``oss://models/churn``, whether or not there is such
            a folder. When the job has succeeded, its event says in ``extra`` where this model lies: ``model_uri``,
            ``job_id``, ``metrics``, ``image_uri``, ``code_uri``, ``code_digest`` and ``console_url``. A local job and
            a dry run make no event, a mapped task one for each of its jobs. Default: none.
        reports: True lets the job report back by ``pai_report.py``, which is put beside the source code: its
            ``result(...)`` is in the task's result, its metrics are among ``metrics``, its progress is in the log.
            Default False.
        description: free text.
        dry_run: True submits and uploads nothing: the task logs and returns the request it would send (``action``,
            ``method``, ``url``, ``body``), secrets masked. Default False.
        kwargs: those of :class:`~airflow_provider_pai.operators.job.PAIJobOperator` and
            :class:`~airflow_provider_pai.operators.watcher.PAIJobWatcher`, and of every operator.

    Raises:
        AirflowSkipException: the command ended with an exit code of ``skip_on_exit_code``.
        AirflowFailException: retrying can't help: wrong arguments, wrong credentials, and with ``fail_fast`` more.
        JobError: the job failed, was stopped or did not end in time; its class tells why, its message what to do and
            the last log lines.
    """

    flags: Sequence[str] = (*PAIJobOperator.flags, "dry_run", "reports")
    source_dir: str | None
    reports: bool
    instance_type: str | None
    outputs: Mapping[str, str] | None
    checkpoints_path: str | None
    base_job_name: str | None

    def __init__(
        self,
        *,
        command: str | None = None,
        source_dir: str | None = None,
        image_uri: str | None = None,
        image: Mapping[str, Any] | None = None,
        algorithm_name: str | None = None,
        algorithm_version: str | None = None,
        algorithm_provider: str | None = None,
        job_type: str | None = None,
        instance_type: str | None = None,
        instance_count: int = 1,
        instance_spec: Mapping[str, Any] | None = None,
        resource_id: str | None = None,
        resource_type: str | None = None,
        spot_spec: Mapping[str, Any] | None = None,
        priority: int | None = None,
        user_vpc_config: Mapping[str, Any] | None = None,
        experiment_config: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        role_arn: str | None = None,
        credential_config: Mapping[str, Any] | None = None,
        assign_node_spec: Mapping[str, Any] | None = None,
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
        model_asset: Asset | str | None = None,
        reports: bool = False,
        description: str | None = None,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(self.spec_arguments, locals())
        self.reports = as_flag(reports)
        # The name without an underscore is a method of Airflow's.
        self._dry_run = as_flag(dry_run)
        self.model_asset = self._register_outlet(model_asset)
        self.has_link = False

    spec_arguments = tuple(name for name in __init__.__kwdefaults__ or () if name not in ("model_asset", "dry_run"))
    """What is said of the job itself: the members of its spec."""
    template_fields: Sequence[str] = templated(*spec_arguments, *PAIJobOperator.template_fields)
    _as_json = ("hyperparameters", "inputs", "outputs", "environments", "image", "labels", "settings", "instance_spec")
    template_fields_renderers = rendered_as({"command": "bash", **dict.fromkeys(_as_json, "json")})

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the job, or adopt the one of the attempt before, and see it to its end."""
        import pendulum

        from airflow_provider_pai.hooks.additions import job_additions
        from airflow_provider_pai.model.training.job_name import job_name

        with airflow_errors(fail_fast=self.fail_fast), self._packaged(context) as packaged:
            spec = self._checked_spec(packaged)
            name, added = job_name(spec.base_job_name, pendulum.now("UTC")), job_additions(context["ti"])
            if spec.is_local:
                return self._train_here(context, spec, name, added)
            if self._dry_run:
                self._remove_outlet()
                return self._previewed(self.hook.preview(spec, name, self._owner_in(context), added=added))
            more: dict[str, Any] = {"outage_limit": self.outage_limit, "added": added}
            return self._submit(context, lambda owner: self.hook.submit_or_adopt(spec, owner, name, **more))

    @property
    def _resumable(self) -> bool:
        """Whether the next job finds the checkpoints of this one; by default each has a folder of its own."""
        # Loaded where it is first used: reading a DAG file needs no channels.
        from airflow_provider_pai.model.names import CHECKPOINTS_CHANNEL

        return bool(self.checkpoints_path) or CHECKPOINTS_CHANNEL in (self.outputs or {})

    _asset_problems: Sequence[Problem] = ()

    @contextmanager
    def _packaged(self, context: Context) -> Iterator[Mapping[str, Any]]:  # noqa: ARG002 - a function needs it
        """Put beside the source code what the author did not write; yield what the arguments are then.

        Raises:
            SpecError: the source code can't be read.
        """
        reports = as_flag(self.reports) is True
        source = self._local_source() if reports else None
        if not reports or (source and source.startswith("oss://")):
            yield {}
            return
        from airflow_provider_pai.client.packaging.overlay import overlaid
        from airflow_provider_pai.model.function.package import report_files

        with overlaid(source, report_files()) as folder:
            yield {"source_dir": folder}

    def _local_source(self) -> str | None:
        """Return where the source code is; None when there is none.

        Raises:
            SpecError: it is no text and no path.
        """
        from airflow_provider_pai.model.values import shown

        given: Any = self.source_dir
        if given is not None and not isinstance(given, str | os.PathLike):
            text = f"must be a local folder or file, or an address in OSS, not {shown(given)}"
            raise SpecError([Problem("source_dir", text)])
        return str(given) if given else None

    def _checked_spec(self, packaged: Mapping[str, Any]) -> TrainingJobSpec:
        """Return what the arguments describe.

        Args:
            packaged: arguments that are others than the author's, see :meth:`_packaged`.

        Raises:
            SpecError: listing every problem, those too that only the cloud knows.
        """
        from airflow_provider_pai.hooks.task_attempt import run_time_limit
        from airflow_provider_pai.model.monitor.explanation import duration
        from airflow_provider_pai.model.training.arguments import read_spec
        from airflow_provider_pai.model.training.job_name import cut_name, name_problems
        from airflow_provider_pai.model.training.ownership import DETACHED_LABEL

        arguments = {**{name: getattr(self, name) for name in self.spec_arguments}, **packaged}
        base = self.base_job_name
        is_named = base is not None and not (isinstance(base, str) and not base.strip())
        spec, problems = read_spec({**arguments, "base_job_name": base if is_named else cut_name(self.task_id)})
        problems += name_problems(spec.base_job_name)
        problems += self._watch_problems()
        if self.model_asset is not None and not self.wait_for_completion:
            text = "needs wait_for_completion=True: there is no model before the job has ended"
            problems.append(Problem("model_asset", text))
        problems += self._asset_problems
        if problems:
            raise SpecError([*problems, *self.hook.problems(spec, problems)])
        detached = not self.wait_for_completion or self._on_kill == "leave"
        labels = {**spec.labels, DETACHED_LABEL: "true"} if detached else spec.labels
        limit, source = run_time_limit(spec.max_run_time, self.execution_timeout)
        self.log.info("PAI ends the job after %s at the latest (%s)", duration(limit), source)
        return replace(spec, labels=labels, max_run_time=limit)

    def _train_here(self, context: Context, spec: TrainingJobSpec, name: str, added: JobAdditions) -> dict[str, Any]:
        """Run the job on this worker; it ends with this task, however that ends."""
        from airflow_provider_pai.operators.local_run import local_problems

        waits = {"wait_for_completion": self.wait_for_completion, "on_kill": self._on_kill}
        if problems := local_problems(spec.instance_type, **waits, dry_run=self._dry_run):
            raise SpecError(problems)
        if self.deferrable:
            self.log.info("deferrable has no effect: a job with instance_type %r runs in this task", self.instance_type)
        # Loaded here: only such a task needs a server.
        from airflow_provider_pai.hooks.local_mode import local_mode
        from airflow_provider_pai.hooks.task_attempt import local_owner_of

        self._remove_outlet()
        owner = local_owner_of(context["ti"])
        with local_mode(self.hook, spec, name, owner.key) as here:
            self.hook, self._owner, self._has_page = here.hook, owner, False
            job, _ = here.hook.submit_or_adopt(here.spec, owner, name, added=added)
            self._job_id = job.job_id
            # A look costs nothing here.
            self.poll_interval = min(self.poll_interval, _LOCAL_POLL_SECONDS)
            self._push(context, {"job_id": job.job_id})
            self.log.info("Job %s runs on this worker (%s)", job.job_id, here.mode)
            try:
                return self._finish(context, self._wait(context, job.job_id))
            finally:
                self._owner = None

    def _finish(self, context: Context, seen: JobSnapshot) -> dict[str, Any]:
        value = super()._finish(context, seen)
        if self.model_asset is not None and self.model_asset in self.outlets:
            from airflow_provider_pai.assets.model import asset_extra

            context["outlet_events"][self.model_asset].extra = asset_extra(value)
        return value

    def _report_model(self, job: JobSnapshot, model_uri: str | None) -> None:
        """Fail when others wait for a model and there is none."""
        waits = self.model_asset is not None and self.model_asset in self.outlets
        if waits and (not model_uri or self.hook.is_empty(job, model_uri)):
            from airflow_provider_pai.model.training.diagnosis import without_model
            from airflow_provider_pai.model.training.outcome import job_error

            diagnosis = without_model(job, model_uri)
            raise job_error(diagnosis, self.hook.console_url(job.job_id), log_shown=self._log_shown)
        super()._report_model(job, model_uri)

    def _register_outlet(self, given: Asset | str | None) -> Asset | None:
        """Return the asset that gets an event when the task succeeds; Airflow must know it when it reads the DAG."""
        if given is None:
            return None
        from airflow_provider_pai.assets.model import read_model_asset

        asset = read_model_asset(given)
        if isinstance(asset, Problem):
            # Told when the task runs: an error here would take all DAGs of the file away.
            self._asset_problems = (asset,)
            return None
        if asset not in self.outlets:
            self.outlets = [*self.outlets, asset]
        return asset

    def _remove_outlet(self) -> None:
        """Let the task's success be no event: a model on this worker, or none, is nothing other DAGs can use."""
        self.outlets = [outlet for outlet in self.outlets if outlet != self.model_asset]

    def _previewed(self, request: dict[str, Any]) -> dict[str, Any]:
        self.log.info("Dry run; this would be sent:\n%s", json.dumps(request, indent=2, ensure_ascii=False))
        return request

    def _lineage_facts(self) -> LineageFacts:
        from airflow_provider_pai.lineage.tasks import training_facts

        job = self._seen_job
        url = self.hook.console_url(job.job_id) if job and self._has_page else None
        return training_facts(self, job, url, self._diagnosis)
