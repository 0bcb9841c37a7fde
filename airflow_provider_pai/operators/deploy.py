"""Operator that serves a model on EAS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import conf

from airflow_provider_pai.base_operator import (
    PAIBaseOperator,
    PollInterval,
    WithLineage,
    as_flag,
    as_seconds,
    rendered_as,
    templated,
)
from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.links import CONSOLE_URL_KEY, LINK_KEY, PAIServiceLink
from airflow_provider_pai.model.serving.spec import MODEL_MOUNT_PATH, SERVICE_ARGUMENTS
from airflow_provider_pai.operators.attempt import DEFER_PADDING, deployment_deadline
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.lifecycle.serving.deployment import Deployment, Step
    from airflow_provider_pai.lineage.facts import LineageFacts
    from airflow_provider_pai.model.registry.version import ModelVersion
    from airflow_provider_pai.model.serving.deployment_state import DeploymentState
    from airflow_provider_pai.model.serving.spec import ServiceSpec
    from airflow_provider_pai.model.serving.strategy import RolloutOptions
    from airflow_provider_pai.model.serving.wait import Observation


class PAIDeployServiceOperator(WithLineage, PAIBaseOperator):
    """Creates a service, or gives an existing one the next model, waits until it answers, and rolls back if it fails.

    The task's result (XCom ``return_value``) is a dict: ``service_name``, ``version``, ``endpoint``,
    ``intranet_endpoint``, ``group``, ``model_uri``, ``console_url``, ``changed`` (False when model and configuration
    were served already). The token is not among it: ``PAIServiceHook().token(service_name)`` returns it, masked in
    Airflow's logs.

    The same model and configuration again change nothing; that includes files that were overwritten below the same
    ``model_uri``, and a tag that was moved to another image: give each model a folder, and each image a tag, of its
    own. What was modified outside the task since is changed back. A retry continues where the attempt before stopped.
    While a service is updated, and when that fails, the previous version keeps answering.

    With ``execution_timeout`` the last fifth of that time, at most five minutes, is kept for a rollback: a version
    that does not answer before is given up. When the task is ended while a worker has it (it is marked or cleared, or
    interrupted with Ctrl-C in ``dag.test()``), the previous version comes back: a deployment that is not followed to
    its end must leave what was known to be good. The rollback is asked for then, but not waited for; a retry after it
    deploys again. When the task is ended while it is deferred nothing is asked: the new version comes up, untested,
    until the next deployment. With ``on_failure="leave"`` nothing is rolled back.

    Args:
        service_name: name of the service, unique in the region: 3 to 63 lower-case letters, digits and underscores, a
            letter first. With ``blue_green`` and ``canary`` the name of a group; its services are ``<name>_blue`` and
            ``<name>_green`` (a name above 57 characters is cut there, and gets a digest).
        model_uri: OSS folder of the model, for example a training task's ``model_uri``. A task that has given None is
            an error, here and for all arguments: a service without its model would start nevertheless.
        model: name of a model in the model registry, instead of ``model_uri``: a version of it is deployed. What the
            version says of how it is served (its inference spec) is the default of all other arguments of the service.
        version: name of the version, or ``approved`` (default) for the newest approved one; one that is Pending or
            Rejected is refused. The service's labels then carry model, version and job.
        model_mount_path: folder of the container that it is mounted at. Default ``/eas/workspace/model/``.
        processor: EAS's own program that serves the model, such as ``xgboost``, instead of image and command.
        image_uri: container image.
        command: what the container runs, in a shell; it must listen on ``port``.
        source_dir: local folder, which is uploaded once per content, or OSS folder; mounted read-only at
            ``/ml/usercode/``. Its files have no executable bit there: start a script as ``sh run.sh``, and write to
            ``/tmp``.
        port: port that the command listens on; 8080 and 9090 are EAS's own. Default 8000.
        environments: environment variables. EAS shows them in its console: no secrets.
        requirements: lines for pip, beside those of ``requirements.txt`` in a local ``source_dir``.
        instance_type: ECS instance type of public resources, for example ``ecs.c6.large``.
        resource_id: id of a dedicated resource group (``eas-r-...``), instead; with ``cpu`` and ``memory``.
        cpu: vCPUs of each instance in a resource group.
        memory: memory of each instance there, in GiB.
        gpu: GPUs of each instance there. Default: none.
        instance_count: number of instances. Default 1.
        group: service group that the service joins when it is created. Default: none.
        user_vpc_config: VPC to reach: ``vpc_id``, ``security_group_id``, and optionally ``switch_id``.
        labels: labels of the service.
        health_check: how EAS tells that an instance is well: ``path`` for an HTTP request (without it a connection is
            enough), ``initial_delay_seconds``, ``period_seconds``, ``timeout_seconds``, ``success_threshold``,
            ``failure_threshold``. Default: EAS's.
        extra_config: more of the service JSON, under EAS's names. Objects are merged, lists of objects item by item,
            entries of ``storage`` by their ``mount_path``.
        strategy: ``rolling`` (default): EAS replaces the instances of the one service. ``blue_green``: the model is
            served beside the old one, in the same group, and then gets all traffic. ``canary``: it gets it by steps.
        steps: percentages of traffic to stop at, for ``canary``. Default 10, 50, 100.
        step_pause: seconds between a step and its check: the service runs without trouble, and passes the smoke test.
            The worker waits, a deferrable task's too. Default 0.
        keep_old: with ``blue_green`` and ``canary``: whether the old service keeps running without traffic, so that
            a rollback is quick. Default True; False stops it.
        smoke_test: one request to the service, and what its answer must be: ``method``, ``path`` below the endpoint,
            ``json`` or ``data``, ``headers``, ``expect_status`` (default 200), ``expect_json`` (a part of the answer),
            ``expect_contains``, ``timeout`` (seconds, default 10). Default: none.
        on_failure: ``rollback`` (default) returns to the previous version; a service that this task has created is
            deleted, one that it has only started is stopped again. What was modified outside the task meanwhile is
            left, and so is traffic that no other service of the group can take. ``leave`` leaves everything as it is.
        startup_timeout: seconds that a version may take until it answers; then it counts as failed. Default 1800.
        poll_interval: seconds between two looks at the service. Default: ``[pai] poll_interval``, else 10.
        outage_limit: seconds that EAS may be unreachable before waiting is given up. Default 3600.
        deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.

    Raises:
        AirflowFailException: wrong arguments or wrong credentials; nothing was changed.
        ServiceError: the new version has failed; the message says why, what to do, and whether it was rolled back.
            The service's events and output are in the task's log.
    """

    template_fields: Sequence[str] = templated(
        *SERVICE_ARGUMENTS, "model", "version", "smoke_test", *PAIBaseOperator.template_fields
    )
    template_fields_renderers = rendered_as(
        {
            "command": "bash",
            **dict.fromkeys(("environments", "labels", "health_check", "extra_config", "smoke_test"), "json"),
        }
    )
    operator_extra_links = (PAIServiceLink(),)
    service_name: str
    flags: Sequence[str] = ("keep_old", "deferrable")
    poll_interval = PollInterval(10.0)

    def __init__(
        self,
        *,
        service_name: str,
        model_uri: str | None = None,
        model: str | None = None,
        version: str = "approved",
        model_mount_path: str = MODEL_MOUNT_PATH,
        processor: str | None = None,
        image_uri: str | None = None,
        command: str | None = None,
        source_dir: str | None = None,
        port: int | None = None,
        environments: Mapping[str, str] | None = None,
        requirements: Sequence[str] | None = None,
        instance_type: str | None = None,
        resource_id: str | None = None,
        cpu: float | None = None,
        memory: float | None = None,
        gpu: int | None = None,
        instance_count: int = 1,
        group: str | None = None,
        user_vpc_config: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        health_check: Mapping[str, Any] | None = None,
        extra_config: Mapping[str, Any] | None = None,
        strategy: Literal["rolling", "blue_green", "canary"] = "rolling",
        steps: Sequence[int] | None = None,
        step_pause: float = 0.0,
        keep_old: bool = True,
        smoke_test: Mapping[str, Any] | None = None,
        on_failure: Literal["rollback", "leave"] = "rollback",
        startup_timeout: float = 1800.0,
        poll_interval: float | None = None,
        outage_limit: float = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(SERVICE_ARGUMENTS, locals())
        self.model = model
        self.version = version
        self.strategy = strategy
        self.steps = steps
        self.step_pause = as_seconds(step_pause)
        self.keep_old = as_flag(keep_old)
        self.smoke_test = smoke_test
        self.on_failure = on_failure
        self.startup_timeout = as_seconds(startup_timeout)
        self.poll_interval = poll_interval
        self.outage_limit = as_seconds(outage_limit)
        self.deferrable = as_flag(deferrable)
        # The version of a registered model that this attempt deploys: a newer approval does not change it half-way.
        self._version_name: str | None = None
        # What OpenLineage asks for.
        self._known: Mapping[str, Any] = {}
        self.has_link = False
        # What a kill aborts.
        self._under_way: Deployment | None = None
        self._given = tuple(name for name in self.template_fields if getattr(self, name, None) is not None)

    @cached_property
    def hook(self) -> PAIServiceHook:
        """Makes the calls for the service."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.services import PAIServiceHook

        return PAIServiceHook(**self.connection_arguments)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the service, and bring it to its configuration."""
        return self._deploy(context)

    def _deploy(self, context: Context) -> dict[str, Any]:
        with airflow_errors():
            deployment = self._deployment(context, in_cloud=True)
            return self._run(context, deployment, deployment.begin)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Continue after the trigger's event."""
        from airflow_provider_pai.model.serving.deployment_state import DeploymentState
        from airflow_provider_pai.model.serving.status import ServiceSnapshot
        from airflow_provider_pai.model.serving.wait import Observation, WaitResult

        state = DeploymentState.from_json(event["state"])
        self._version_name = event["state"].get("model_version")
        with airflow_errors():
            deployment = self._deployment(context, in_cloud=False)
            if event["error"]:
                self.log.warning("The triggerer cannot watch %s (%s); watching it here", state.name, event["error"])
                return self._run(context, deployment, lambda: deployment.proceed(state, self._wait(context, state)))
            service = ServiceSnapshot.from_json(event["snapshot"]) if event["snapshot"] else None
            seen = Observation(service, WaitResult(event["verdict"]))
            return self._run(context, deployment, lambda: deployment.proceed(state, seen))

    def _run(self, context: Context, deployment: Deployment, begin: Callable[[], Step]) -> dict[str, Any]:
        """Take step after step, with the waits between them here or in the triggerer, and return the result."""
        from airflow_provider_pai.lifecycle.step import Waiting

        try:
            step = begin()
            while isinstance(step, Waiting):
                self._announce(context, step.state.name)
                if self.deferrable:
                    self._defer(context, step.state)
                step = deployment.proceed(step.state, self._wait(context, step.state))
        except (KeyboardInterrupt, SystemExit):
            # Ctrl-C in ``dag.test()``, ``airflow tasks test``: nothing calls on_kill there.
            self._abort("Interrupted")
            raise
        self._under_way = None
        self._known = {**step.result, "region_id": self.hook.config.region_id}
        self._announce(context, step.result["service_name"])
        self.log.info("Version %s of service %s answers", step.result["version"], step.result["service_name"])
        return step.result

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; when the deferral itself has failed, look at the service and continue here."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            if next_method == self.execute_complete.__name__:
                raise
            self.log.warning("The wait in the triggerer has failed (%s); watching the service here", error)
        self.deferrable = False
        # Not execute: Airflow takes a call of it from within for an operator inside of another.
        return self._deploy(context)

    def on_kill(self) -> None:
        """Ask for the rollback of what this task has begun, and log what that leaves behind: Airflow ends the task."""
        self._abort("The task is being ended")

    def _abort(self, why: str) -> None:
        deployment, self._under_way = self._under_way, None
        if deployment is None:
            return
        try:
            if outcome := deployment.abort(why):
                self.log.warning("%s", outcome)
        except PAIError as error:
            name = self.service_name
            self.log.warning("%s; service %s is left as it is: the rollback was not possible (%s)", why, name, error)

    def _read_arguments(self, *, in_cloud: bool) -> tuple[ServiceSpec, RolloutOptions]:
        """Return what the arguments describe.

        Raises:
            SpecError: listing every problem, with ``in_cloud`` those too that only the cloud knows.
        """
        from airflow_provider_pai.model.problem import Problem
        from airflow_provider_pai.model.reading import seconds_problems
        from airflow_provider_pai.model.registry.inference import registered_problems, with_registered
        from airflow_provider_pai.model.registry.version import NEWEST_APPROVED
        from airflow_provider_pai.model.serving.strategy import ROLLOUT_ARGUMENTS, read_rollout_options
        from airflow_provider_pai.model.serving.validation import missing_value_problems, pair_problems, read_service

        lost = list(missing_value_problems({name: getattr(self, name) for name in self._given}, self._given))
        arguments = {name: getattr(self, name) for name in SERVICE_ARGUMENTS}
        labels: dict[str, str] = {}
        if self.model is not None:
            if unreadable := [*lost, *registered_problems(self.model, self.version)]:
                raise SpecError(unreadable)
            version = self._registered_version()
            arguments, labels = with_registered(arguments, self.model, version)
        spec, problems = read_service(arguments)
        spec = replace(spec, labels={**spec.labels, **labels})
        named = {problem.argument for problem in lost}
        problems = [*lost, *(problem for problem in problems if problem.argument not in named)]
        options, wrong = read_rollout_options({name: getattr(self, name) for name in ROLLOUT_ARGUMENTS})
        problems += [*wrong, *self._flag_problems(), *seconds_problems("poll_interval", self.poll_interval)]
        if self.model is None and not (isinstance(self.version, str) and self.version == NEWEST_APPROVED):
            problems.append(Problem("version", "is that of a registered model; give model, too, or leave it out"))
        problems += seconds_problems("outage_limit", self.outage_limit, zero=True)
        if options.paired:
            problems += pair_problems(spec)
            spec = replace(spec, group=spec.service_name)
        if in_cloud:
            problems += self.hook.problems(spec, problems)
        if problems:
            raise SpecError(problems)
        return spec, options

    def _registered_version(self) -> ModelVersion:
        """Return the version of the registered model; the same one for the whole attempt."""
        from airflow_provider_pai.hooks.registry import PAIModelRegistryHook

        with closing(PAIModelRegistryHook(**self.connection_arguments)) as registry:
            version = registry.approved_version(str(self.model), self._version_name or str(self.version))
        if self._version_name is None:
            self.log.info("Deploying version %s of model %s", version.name, self.model)
        self._version_name = version.name
        return version

    def _deployment(self, context: Context, *, in_cloud: bool) -> Deployment:
        """Return the deployment that the arguments describe; it is what a kill aborts from now on."""
        from airflow_provider_pai.hooks.task_attempt import owner_of
        from airflow_provider_pai.lifecycle.serving.deployment import Deployment

        spec, options = self._read_arguments(in_cloud=in_cloud)
        # Without the generation: a task that was cleared continues with what it has left behind.
        owner = owner_of(context["ti"], self.retries or 0).key
        hook = self.hook
        self._under_way = Deployment(hook.eas, hook.preparation, spec, options, owner, context["ti"].start_date)
        return self._under_way

    def _announce(self, context: Context, name: str) -> None:
        """Let a person see the service while it comes up."""
        from airflow_provider_pai.operators.xcom import push_xcom

        url = self.hook.console_url(name)
        self.has_link = True
        push_xcom(context["ti"], LINK_KEY, url)
        if self.do_xcom_push:
            push_xcom(context["ti"], CONSOLE_URL_KEY, url)

    def _deadline(self, context: Context, state: DeploymentState) -> datetime:
        from airflow_provider_pai.model.serving.deployment_state import Phase

        rolls_back = state.phase == Phase.BACK
        return deployment_deadline(context["ti"], self.execution_timeout, self.startup_timeout, rolls_back=rolls_back)

    def _wait(self, context: Context, state: DeploymentState) -> Observation:
        left = self._deadline(context, state) - datetime.now(UTC)
        return self.hook.wait(
            state.name,
            state.condition,
            interval=self.poll_interval,
            limit=max(0.0, left.total_seconds()),
            outage_limit=self.outage_limit,
        )

    def _defer(self, context: Context, state: DeploymentState) -> None:
        from dataclasses import asdict

        from airflow_provider_pai.triggers.services import PAIServiceTrigger

        deadline = self._deadline(context, state)
        trigger = PAIServiceTrigger(
            service_name=state.name,
            awaited=asdict(state.condition),
            **self.connection_arguments,
            poll_interval=self.poll_interval,
            deadline=deadline.isoformat(),
            outage_limit=self.outage_limit,
            state={**state.to_json(), **({"model_version": self._version_name} if self._version_name else {})},
            rollback=self._under_way.rollback_arguments if self._under_way else None,
        )
        timeout = max(deadline - datetime.now(UTC), timedelta()) + DEFER_PADDING
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def _lineage_facts(self) -> LineageFacts:
        from airflow_provider_pai.lineage.tasks import deployment_facts

        return deployment_facts(self, self._known)
