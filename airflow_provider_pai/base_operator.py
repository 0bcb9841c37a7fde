"""What all operators and sensors share: the connection's arguments, and how arguments become attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_pai import configuration
from airflow_provider_pai.model.problem import Problem

if TYPE_CHECKING:
    from airflow_provider_pai.lineage.facts import LineageFacts

CONNECTION_ARGUMENTS = ("pai_conn_id", "region_id", "workspace_id")
"""Which connection a task uses, and what takes the place of its region and workspace."""


class _GivenFields:
    """Template fields: of the class all of them, of a task those that have a value, also one that came later.

    Airflow writes them with each task of a serialized DAG, where names without a value would be half of it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __get__(self, task: object | None, owner: type | None = None) -> tuple[str, ...]:
        """Return the names."""
        return self._names if task is None else tuple(_given(task, self._names))


class _GivenRenderers:
    """How Airflow's pages show template fields, of a task those that have a value."""

    def __init__(self, renderers: Mapping[str, str]) -> None:
        self._renderers = dict(renderers)

    def __get__(self, task: object | None, owner: type | None = None) -> dict[str, str]:
        """Return the renderer of each field."""
        every = self._renderers
        return every if task is None else {name: every[name] for name in _given(task, every)}


def templated(*names: str) -> Sequence[str]:
    """Return what to assign to ``template_fields``: of a task it is those of these arguments that were given."""
    return cast("Sequence[str]", _GivenFields(names))


def rendered_as(renderers: Mapping[str, str]) -> dict[str, str]:
    """Return what to assign to ``template_fields_renderers``: of a task it is those of arguments that were given.

    Args:
        renderers: how Airflow's pages show each argument, such as ``json``.
    """
    return cast("dict[str, str]", _GivenRenderers(renderers))


def _given(task: object, names: Iterable[str]) -> list[str]:
    """Return the arguments with a value that may be a template; a flag that is down is none."""
    return [name for name in names if (value := getattr(task, name, None)) is not None and value is not False]


class PAIBaseOperator(BaseOperator):
    """A task that talks to PAI over an Airflow connection.

    Args:
        pai_conn_id: Airflow connection. Default: ``[pai] default_conn_id``, else ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        kwargs: those of every operator.
    """

    template_fields: Sequence[str] = templated(*CONNECTION_ARGUMENTS)
    ui_color = "#ffe6cc"
    has_link = True
    """Whether there may be a link to show: not before this process has pushed one, unless it resumes what has."""
    flags: Sequence[str] = ()
    """Names of the arguments that are true or false."""

    def __init__(
        self,
        *,
        pai_conn_id: str | None = None,
        region_id: str | None = None,
        workspace_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pai_conn_id = configuration.conn_id(pai_conn_id)
        self.region_id = region_id
        self.workspace_id = workspace_id

    def pre_execute(self, context: Any) -> None:
        """Let what this task begins end with the process, where that is ``dag.test()``'s."""
        from airflow_provider_pai.hooks.process_end import watch_signals

        super().pre_execute(context)
        if type(self).on_kill is not BaseOperator.on_kill:
            watch_signals(self._end_interrupted)

    def _end_interrupted(self) -> None:
        """End what this task has begun: an interrupt ends the process."""
        self.on_kill()

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Resume after a deferral, before which the link was pushed."""
        self.has_link = True
        return super().resume_execution(next_method, next_kwargs, context)

    @property
    def connection_arguments(self) -> dict[str, Any]:
        """Return the arguments of the hook that this task uses."""
        return {name: getattr(self, name) for name in CONNECTION_ARGUMENTS}

    def _keep(self, names: Sequence[str], given: Mapping[str, Any]) -> None:
        """Make attributes of arguments, as they were given: templates are rendered later.

        Args:
            names: the arguments.
            given: values by name, such as the ``locals()`` of ``__init__``.
        """
        for name in names:
            setattr(self, name, given[name])

    def _flag_problems(self) -> list[Problem]:
        """Return which flags are neither true nor false."""
        from airflow_provider_pai.model.values import kind

        # A flag that is called like a method of Airflow's has an underscore before its name.
        values = {name: getattr(self, name if name in vars(self) else f"_{name}") for name in self.flags}
        wrong = {name: value for name, value in values.items() if not isinstance(value, bool)}
        return [Problem(name, f"must be True or False, not {kind(value)}") for name, value in wrong.items()]


class PollInterval:
    """Attribute of an operator: the argument ``poll_interval``, else ``[pai] poll_interval``, else its own default.

    Read when it is needed, since an error in the configuration must not keep a DAG file from being read.

    Args:
        default: seconds.
    """

    def __init__(self, default: float) -> None:
        self._default = default

    def __get__(self, operator: object, owner: type | None = None) -> float:
        """Return the seconds between two looks.

        Raises:
            SpecError: the option is no number of seconds.
        """
        given: float | None = vars(operator).get("_poll_interval")
        return configuration.poll_interval(self._default) if given is None else given

    def __set__(self, operator: object, given: float | None) -> None:
        """Keep the argument; None for none."""
        vars(operator)["_poll_interval"] = given if given is None else as_seconds(given)


class WithLineage:
    """Answers the questions of OpenLineage's provider, which asks in the task's own process."""

    def get_openlineage_facets_on_start(self) -> Any:
        """Return what the arguments tell of inputs and outputs."""
        return self._lineage()

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Any:  # noqa: ARG002 - OpenLineage's interface
        """Return what the task has read and made."""
        return self._lineage()

    def get_openlineage_facets_on_failure(self, task_instance: object) -> Any:  # noqa: ARG002
        """Return how far the task has come, and why it failed."""
        return self._lineage()

    def _lineage(self) -> Any:
        # Loaded where it is first used: without OpenLineage there is none of its classes.
        from airflow_provider_pai.lineage.facets import operator_lineage

        return operator_lineage(self._lineage_facts())

    def _lineage_facts(self) -> LineageFacts:
        raise NotImplementedError


def as_flag(value: object) -> bool:
    """Return a flag that may have been written as a text; one that can't be read stays, and is refused later.

    Such a text comes from a variable or the environment, where ``"False"`` must not count as true for being a text.
    """
    if isinstance(value, bool):
        return value
    # Loaded where it is first used: most DAG files have flags as they should be.
    from airflow_provider_pai.model.values import truth

    return cast("bool", value) if (read := truth(value)) is None else read


def as_seconds(value: object) -> float:
    """Return seconds, of a ``timedelta`` or of a number that may have been written as a text.

    What can't be read stays, and is refused later.
    """
    if isinstance(value, int | float):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    from airflow_provider_pai.model.values import number

    return cast("float", value) if (read := number(value)) is None else read
