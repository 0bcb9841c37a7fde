"""Registers a model, and waits until a person has approved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException, conf

from airflow_provider_pai.base_operator import (
    PAIBaseOperator,
    PollInterval,
    WithLineage,
    as_flag,
    as_seconds,
    rendered_as,
    templated,
)
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.links import CONSOLE_URL_KEY, LINK_KEY, PAIModelLink
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import shown
from airflow_provider_pai.operators.attempt import DEFER_PADDING
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
    from airflow_provider_pai.lineage.facts import LineageFacts
    from airflow_provider_pai.model.registry.spec import RegistrationSpec

_ARGUMENTS = (
    *("model_name", "model_uri", "job_id", "metrics", "format_type", "framework_type", "inference_spec"),
    *("approval_status", "version_name", "labels", "description", "model_description"),
)
_FROM_TRAINING = ("model_uri", "job_id", "metrics")
_KEYS = ("model_name", "version_name", "model_id", "model_uri", "approval_status")


class PAIRegisterModelOperator(WithLineage, PAIBaseOperator):
    """Makes the model of a training job a version in PAI's model registry; exactly one version per job.

    A retry, a clear, and two live copies of the task find the version that is there. The task's result (XCom
    ``return_value``) is a dict: ``model_name``, ``version_name``, ``model_id``, ``model_uri``, ``approval_status`` and
    ``console_url``; each is also pushed under a key of its own. Where the model comes from is kept beside it as
    ``lineage.json``.

    Args:
        model_name: the model; it is created when the workspace has none of this name.
        model_uri: where the model lies, for example ``train.output["model_uri"]``. Default: that of the one upstream
            task with a ``model_uri`` in its result, its ``job_id`` and ``metrics``; with ``job_id`` alone the job's.
        job_id: the training job that made it. Default: none, and the address stands for the job.
        metrics: metrics by name, at most 8,192 bytes as JSON. Default: those of the job.
        format_type: format of the files, such as ``SavedModel`` or ``ONNX``. Default: none.
        framework_type: framework, such as ``Pytorch`` or ``XGBoost``. Default: none.
        inference_spec: how the model is served: arguments of ``PAIDeployServiceOperator`` such as ``image_uri``,
            ``command``, ``source_dir`` and ``instance_type``, or a service JSON under EAS's names. A deployment of the
            version takes them as defaults. Default: none.
        approval_status: ``Pending`` (default), or ``Approved``: the version may serve at once.
        version_name: such as ``1.2.0``. Default: the next one, as PAI counts.
        labels: labels of the version.
        description: free text about the version.
        model_description: free text about the model, for when it is created.
        wait_for_approval: wait until a person, or another task, has approved or rejected the version. Default False.
        approval_timeout: seconds to wait for that. Default 604800, a week.
        on_rejected: what a rejection means: ``fail`` (default) fails the task, without retry; ``skip`` skips it.
        poll_interval: seconds between two looks. Default: ``[pai] poll_interval``, else 10.
        outage_limit: seconds that PAI may be unreachable while the task waits. Default 3600.
        deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.

    Raises:
        AirflowFailException: wrong arguments, or the version was rejected.
        AirflowException: the version was not decided on in time.
        PAIError: the registry can't be asked, or refuses.
    """

    template_fields: Sequence[str] = templated(*_ARGUMENTS, *PAIBaseOperator.template_fields)
    flags: Sequence[str] = ("wait_for_approval", "deferrable")
    poll_interval = PollInterval(10.0)
    template_fields_renderers = rendered_as(dict.fromkeys(("metrics", "inference_spec", "labels"), "json"))
    operator_extra_links = (PAIModelLink(),)
    model_name: str
    model_uri: str | None
    job_id: str | None

    def __init__(
        self,
        *,
        model_name: str,
        model_uri: str | None = None,
        job_id: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        format_type: str | None = None,
        framework_type: str | None = None,
        inference_spec: Mapping[str, Any] | None = None,
        approval_status: str = "Pending",
        version_name: str | None = None,
        labels: Mapping[str, str] | None = None,
        description: str | None = None,
        model_description: str | None = None,
        wait_for_approval: bool = False,
        approval_timeout: float = 7 * 24 * 3600.0,
        on_rejected: Literal["fail", "skip"] = "fail",
        poll_interval: float | None = None,
        outage_limit: float = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(_ARGUMENTS, locals())
        self.wait_for_approval = as_flag(wait_for_approval)
        self.approval_timeout = as_seconds(approval_timeout)
        self.on_rejected = on_rejected
        self.poll_interval = poll_interval
        self.outage_limit = as_seconds(outage_limit)
        self.deferrable = as_flag(deferrable)
        self._known: Mapping[str, Any] = {}
        self.has_link = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Register the model, or find its version, and wait for its approval if that is wanted."""
        with airflow_errors(), closing(self._hook()) as hook:
            registered = hook.register(self._checked_spec(context), _airflow_facts(context))
            version = registered.version
            done = "is there already" if registered.existed else "is registered"
            self.log.info("Version %s of model %s %s (%s)", version.name, registered.model.name, done, version.uri)
            value = hook.version_result(registered.model, version)
            self._keep_known(hook, value)
            self._push(context, value)
            if not self.wait_for_approval or version.is_decided:
                return self._decided(value)
            if self.deferrable:
                self._defer(value)
            found = hook.wait_for_decision(
                registered.model.name,
                version.name,
                interval=self.poll_interval,
                timeout=self.approval_timeout,
                outage_limit=self.outage_limit,
            )
            if found is None:
                raise self._undecided(version.name)
            return self._finish(context, {**value, "approval_status": found.approval_status})

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Continue after the trigger's event."""
        if event["timeout"]:
            raise self._undecided(event.get("version_name") or "")
        if event["error"]:
            raise AirflowException(f"the approval of model {event['model_name']} can't be awaited: {event['error']}")
        with airflow_errors(), closing(self._hook()) as hook:
            model = hook.model(event["model_name"])
            value = hook.version_result(model, hook.version(model.name, event["version_name"]))
            self._keep_known(hook, value)
        return self._finish(context, value)

    def _keep_known(self, hook: PAIModelRegistryHook, value: Mapping[str, Any]) -> None:
        """Keep what OpenLineage asks for."""
        config = hook.config
        self._known = {**value, "region_id": config.region_id, "workspace_id": config.workspace_id}

    def _lineage_facts(self) -> LineageFacts:
        from airflow_provider_pai.lineage.tasks import registration_facts

        return registration_facts(self, self._known)

    def _hook(self) -> PAIModelRegistryHook:
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.registry import PAIModelRegistryHook

        return PAIModelRegistryHook(**self.connection_arguments)

    def _checked_spec(self, context: Context) -> RegistrationSpec:
        """Return what the arguments describe.

        Raises:
            SpecError: listing every problem.
        """
        from airflow_provider_pai.model.reading import seconds_problems
        from airflow_provider_pai.model.registry.spec import read_registration

        arguments = {name: getattr(self, name) for name in _ARGUMENTS}
        if self.model_uri is None and self.job_id is None:
            arguments |= {name: value for name, value in self._upstream(context).items() if arguments[name] is None}
        spec, problems = read_registration(arguments)
        problems += [
            *self._flag_problems(),
            *seconds_problems("poll_interval", self.poll_interval),
            *seconds_problems("outage_limit", self.outage_limit, zero=True),
            *seconds_problems("approval_timeout", self.approval_timeout),
        ]
        if not isinstance(self.on_rejected, str) or self.on_rejected not in ("fail", "skip"):
            problems.append(Problem("on_rejected", f"must be 'fail' or 'skip', not {shown(self.on_rejected)}"))
        if problems:
            raise SpecError(problems)
        return spec

    def _upstream(self, context: Context) -> dict[str, Any]:
        """Return model, job and metrics of the one upstream task that made a model."""
        pull = context["ti"].xcom_pull
        found = [task for task in sorted(self.upstream_task_ids) if pull(task_ids=task, key="model_uri")]
        if len(found) != 1:
            many = f"upstream tasks {', '.join(found)} each have one" if found else "no upstream task has one"
            raise SpecError([Problem("model_uri", f"must be given: {many}")])
        return {name: pull(task_ids=found[0], key=name) for name in _FROM_TRAINING}

    def _push(self, context: Context, value: Mapping[str, Any]) -> None:
        from airflow_provider_pai.operators.xcom import push_xcom

        self.has_link = True
        push_xcom(context["ti"], LINK_KEY, value[CONSOLE_URL_KEY])
        if self.do_xcom_push:
            push_xcom(context["ti"], CONSOLE_URL_KEY, value[CONSOLE_URL_KEY])
            for name in _KEYS:
                push_xcom(context["ti"], name, value[name])

    def _defer(self, value: Mapping[str, Any]) -> None:
        from airflow_provider_pai.model.registry.version import FINAL_STATUSES
        from airflow_provider_pai.triggers.registry import PAIModelVersionTrigger

        limit = timedelta(seconds=self.approval_timeout)
        trigger = PAIModelVersionTrigger(
            model_name=value["model_name"],
            version_name=value["version_name"],
            statuses=list(FINAL_STATUSES),
            **self.connection_arguments,
            poll_interval=self.poll_interval,
            deadline=(datetime.now(UTC) + limit).isoformat(),
            outage_limit=self.outage_limit,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=limit + DEFER_PADDING)

    def _finish(self, context: Context, value: dict[str, Any]) -> dict[str, Any]:
        self._push(context, value)
        return self._decided(value)

    def _decided(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the result, unless a rejection means something else."""
        status, name = value["approval_status"], f"version {value['version_name']} of model {value['model_name']}"
        self.log.info("%s is %s", name.capitalize(), status)
        if not self.wait_for_approval or status != "Rejected":
            return value
        if self.on_rejected == "skip":
            raise AirflowSkipException(f"{name} was rejected")
        raise AirflowFailException(f"{name} was rejected; train a better one, or set on_rejected='skip'")

    def _undecided(self, version_name: str) -> AirflowException:
        version = f"version {version_name} of model {self.model_name}" if version_name else f"model {self.model_name}"
        return AirflowException(
            f"{version} was neither approved nor rejected within {self.approval_timeout:.0f} s; decide on it in PAI's "
            "console or by PAIModelRegistryHook, then clear this task: it continues with the same version"
        )


def _airflow_facts(context: Context) -> dict[str, str]:
    """Return who registers, for the lineage of a model that no job of Airflow's made."""
    ti = context["ti"]
    return {"registered_by": f"{ti.dag_id}.{ti.task_id}", "registered_run_id": str(ti.run_id)}
