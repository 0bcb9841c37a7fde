"""Operator that lets a model pass only when it is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, BaseBranchOperator

from airflow_provider_pai.base_operator import PAIBaseOperator, rendered_as, templated
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.gate.gate import GATE_ARGUMENTS, METRICS_FILE
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.outcome import airflow_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.model.gate.arguments import GateArguments, ModelMetrics
    from airflow_provider_pai.model.gate.gate import Champion, GateVerdict

_RETURN_KEY = "return_value"
"""Airflow's key of a task's result; its own constant would load its database models."""


class PAIModelGateOperator(PAIBaseOperator, BaseBranchOperator):
    """Judges a model by its metrics: against bars, and against the model that a service serves now, the champion.

    A metric has no value when it is missing, or its last value is no finite number (a diverged loss), and a model that
    lacks the value of a metric of ``bars`` or ``compare`` is not good enough.

    The result is a dict: ``passed``, ``decided_by`` (the metric that decided: the one with the smallest margin in
    proportion to its limit), ``margin`` (by how much), ``reason``, ``values``, ``champion`` (``service``,
    ``model_uri``, ``version``), ``champion_values`` and ``model_uri``. It is pushed before the task fails, too.

    Args:
        metrics: the model's metrics by name, for example ``train.output["metrics"]``. With ``model_uri`` they are
            also written into the model's folder, so that they are there when it has become the champion. Default: they
            are read from there.
        model_uri: OSS folder of the model.
        metrics_file: name of the JSON file in a model's folder that holds its metrics. Default ``metrics.json``.
        bars: by metric ``{"min": 0.9}``, ``{"max": 0.3}`` or both; a number alone is the least value.
        champion_service: name of the service that serves the champion. When it serves nothing yet, or this very
            model, there is nothing to compare with, and the bars alone decide.
        champion_model: name of a model in the model registry, instead of ``champion_service``: the champion is its
            newest approved version, with the metrics that it was registered with.
        compare: by metric ``direction`` (``higher``, the default, or ``lower`` is better) and ``min_improvement``:
            how much better than the champion the model must be. Default 0: as good is enough; below 0 it may be worse.
        missing_champion: what a metric of ``compare`` that is not known of the champion means: ``fail`` (default) or
            ``pass``.
        on_fail: what a model that is not good enough means: ``fail`` (default) fails the task, without retry;
            ``skip`` skips the tasks right behind this one; ``branch`` follows ``follow_task_ids_if_false``.
        follow_task_ids_if_true: with ``branch``: task ids, or one, to continue with when the model is good enough.
        follow_task_ids_if_false: the same for a model that is not.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.

    Raises:
        AirflowFailException: the model is not good enough and ``on_fail`` is ``fail``; or arguments are wrong.
    """

    template_fields: Sequence[str] = templated(
        "metrics", "model_uri", "metrics_file", "bars", "champion_service", "champion_model", "compare",
        *PAIBaseOperator.template_fields,
    )  # fmt: skip
    template_fields_renderers = rendered_as(dict.fromkeys(("metrics", "bars", "compare"), "json"))

    def __init__(
        self,
        *,
        metrics: Mapping[str, Any] | None = None,
        model_uri: str | None = None,
        metrics_file: str = METRICS_FILE,
        bars: Mapping[str, Any] | None = None,
        champion_service: str | None = None,
        champion_model: str | None = None,
        compare: Mapping[str, Mapping[str, Any]] | None = None,
        missing_champion: Literal["fail", "pass"] = "fail",
        on_fail: Literal["fail", "skip", "branch"] = "fail",
        follow_task_ids_if_true: str | Sequence[str] = (),
        follow_task_ids_if_false: str | Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metrics = metrics
        self.model_uri = model_uri
        self.metrics_file = metrics_file
        self.bars = bars
        self.champion_service = champion_service
        self.champion_model = champion_model
        self.compare = compare
        self.missing_champion = missing_champion
        self.on_fail = on_fail
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false

    def execute(self, context: Context) -> dict[str, Any]:
        """Judge the model, and continue as the verdict wants it."""
        from airflow_provider_pai.operators.xcom import push_xcom

        with airflow_errors():
            verdict = self._verdict()
        result = {**verdict.to_json(), "model_uri": self.model_uri}
        say = self.log.info if verdict.passed else self.log.warning
        say("The model is %s: %s", "good enough" if verdict.passed else "not good enough", verdict.reason)
        # A task that skips others, or fails, returns nothing.
        if self.do_xcom_push:
            push_xcom(context["ti"], _RETURN_KEY, result)
        if self.on_fail == "branch":
            self.do_branch(context, self.follow_task_ids_if_true if verdict.passed else self.follow_task_ids_if_false)
        elif not verdict.passed and self.on_fail == "skip":
            self.do_branch(context, None)
        elif not verdict.passed:
            raise AirflowFailException(f"The model is not good enough: {verdict.reason}")
        return result

    def _verdict(self) -> GateVerdict:
        """Return what is thought of the model.

        Raises:
            SpecError: arguments are wrong, or there are no metrics.
        """
        from airflow_provider_pai.hooks.services import PAIServiceHook
        from airflow_provider_pai.model.gate.arguments import read_gate
        from airflow_provider_pai.model.gate.gate import judge, names_of

        given, problems = read_gate({name: getattr(self, name) for name in GATE_ARGUMENTS})
        if problems:
            raise SpecError(problems)
        with closing(PAIServiceHook(**self.connection_arguments)) as hook:
            self._require_folder(hook)
            metrics = self._metrics(hook, given, names_of(given.bars, given.comparisons))
            champion = self._champion(hook, given) if given.comparisons else None
        return judge(
            metrics.values,
            given.bars,
            given.comparisons,
            champion,
            without_value=metrics.without_value,
            model_uri=str(given.folder or ""),
            unknown_passes=given.unknown_passes,
        )

    def _require_folder(self, hook: PAIServiceHook) -> None:
        """Raise SpecError when the model's address is that of a file: beside it, no metrics are looked for or kept."""
        from airflow_provider_pai.client.oss.files import file_problems

        if self.model_uri and (problems := file_problems(lambda: hook.oss, "model_uri", self.model_uri)):
            raise SpecError(problems)

    def _metrics(self, hook: PAIServiceHook, given: GateArguments, names: Sequence[str]) -> ModelMetrics:
        """Return the model's metrics; those that were given are kept beside it."""
        from airflow_provider_pai.client.metrics.file import keep_metrics, read_metrics_file
        from airflow_provider_pai.model.gate.arguments import is_undefined, read_metrics

        file = given.folder and given.folder.child(given.metrics_file)
        found: Any = given.metrics
        if found is None and file and (found := read_metrics_file(hook.oss, file)) is None:
            text = f": there is no {file}; let the training script write it, or give metrics"
            raise SpecError([Problem("model_uri", text)])
        metrics = read_metrics(found, names, "metrics" if given.metrics is not None else str(file))
        if file and given.metrics is not None:
            stale = [str(name) for name, value in given.metrics.items() if is_undefined(value)]
            keep_metrics(hook.oss, file, metrics.values, stale)
        return metrics

    def _champion(self, hook: PAIServiceHook, given: GateArguments) -> Champion | None:
        """Return the model to compare with; None when there is none yet."""
        if given.champion_model:
            return self._approved(given.champion_model)
        return self._served(hook, given.champion_service, given.metrics_file)

    def _served(self, hook: PAIServiceHook, service: str, metrics_file: str) -> Champion | None:
        """Return the model that is served now; None when nothing is."""
        from airflow_provider_pai.model.gate.arguments import normal_folder, numbers_in
        from airflow_provider_pai.model.gate.gate import Champion

        served = hook.served_model(service, metrics_file=metrics_file)
        if served is None:
            return None
        uri = normal_folder(served["model_uri"])
        return Champion(service, uri, served["version"], numbers_in(served["metrics"]))

    def _approved(self, name: str) -> Champion | None:
        """Return the newest approved version of the registered model; None when there is none."""
        from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
        from airflow_provider_pai.model.gate.arguments import normal_folder, numbers_in
        from airflow_provider_pai.model.gate.gate import Champion

        with closing(PAIModelRegistryHook(**self.connection_arguments)) as registry:
            version = registry.newest(name, "Approved")
        if version is None:
            return None
        return Champion("", normal_folder(version.uri), version.name, numbers_in(version.metrics), name)
