"""``@task.pai_training``: a plain Python function runs as a PAI training job, and its value comes back."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DecoratedOperator, task_decorator_factory

from airflow_provider_pai.base_operator import rendered_as, templated
from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.training import PAITrainingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from airflow_provider_pai.model.training.status import JobSnapshot

_TAKEN = ("command", "algorithm_name", "algorithm_version", "algorithm_provider", "reports")
"""Arguments of the operator that the decorator gives itself."""


class PAITrainingDecoratedOperator(DecoratedOperator, PAITrainingOperator):
    """Runs a function as a training job.

    Args:
        python_callable: the function.
        op_args: its positional arguments.
        op_kwargs: its arguments by name.
        include: functions of the same module that travel along.
        kwargs: those of :class:`~airflow_provider_pai.operators.training.PAITrainingOperator`.
    """

    custom_operator_name = "@task.pai_training"
    template_fields: Sequence[str] = templated("op_args", "op_kwargs", *PAITrainingOperator.template_fields)
    template_fields_renderers = rendered_as(
        {**PAITrainingOperator.template_fields_renderers, "op_args": "py", "op_kwargs": "py"}
    )
    shallow_copy_attrs: Sequence[str] = ("python_callable", "_include")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        include: Sequence[Callable[..., Any]] = (),
        **kwargs: Any,
    ) -> None:
        if given := [name for name in _TAKEN if kwargs.get(name) is not None]:
            raise TypeError(f"@task.pai_training takes no {given[0]}: the function is what the job runs")
        self._include = tuple(include)
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)

    @contextmanager
    def _packaged(self, context: Context) -> Iterator[Mapping[str, Any]]:
        """Put the function's files beside the source code."""
        from airflow_provider_pai.client.packaging.overlay import overlaid
        from airflow_provider_pai.model.function.package import COMMAND

        with overlaid(self._local_source(), self._files(context)) as folder:
            yield {"source_dir": folder, "command": COMMAND, "reports": True}

    def _finish(self, context: Context, seen: JobSnapshot) -> Any:
        """Return what the function returned; all else of the task's result has a key of its own."""
        value = super()._finish(context, seen)
        if not self._report or not self._report.has_result:
            raise PAIError(
                f"job {value['job_id']} has succeeded, but the value of {self.python_callable.__name__} did not come "
                "back; a retry reads it again, and a function that ends its process by itself returns none"
            )
        result = value["result"]
        if self.multiple_outputs and isinstance(result, dict) and (hidden := sorted(set(result) & set(value))):
            text = "multiple_outputs: members of the function's value take the place of the job's own XComs %s"
            self.log.warning(text, ", ".join(hidden))
        return result

    def _files(self, context: Context) -> dict[str, str]:
        """Return the files that the function travels as.

        Raises:
            SpecError: an argument is no JSON value, or is missing; the function can't travel.
        """
        from airflow_provider_pai.model.function.captures import function_problems
        from airflow_provider_pai.model.function.package import function_files

        # Again: its module was not read to its end then, and ``override(include=...)`` may have named others.
        if problems := function_problems(self.python_callable, self._include):
            raise SpecError([Problem("the function", f" can't run as a job: {'; '.join(problems)}")])
        try:
            arguments = {**self._context_arguments(context), **self.op_kwargs}
            return function_files(self.python_callable, self._include, list(self.op_args), arguments)
        except ValueError as error:
            raise SpecError([Problem("op_kwargs", f": {error}")]) from error

    def _context_arguments(self, context: Context) -> dict[str, Any]:
        """Return what the function asks of Airflow's context by a parameter's name, such as ``ds``."""
        given = set(list(inspect.signature(self.python_callable).parameters)[: len(self.op_args)]) | set(self.op_kwargs)
        found: dict[str, Any] = {}
        for name, parameter in inspect.signature(self.python_callable).parameters.items():
            if name in given or name not in context or parameter.default not in (None, parameter.empty):
                continue
            value = context[name]  # type: ignore[literal-required]
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError):
                raise ValueError(
                    f"parameter {name} is Airflow's {type(value).__name__}, which can't travel; use another name, or "
                    "pass what you need of it as a text"
                ) from None
            found[name] = value
        return found


def pai_training_task(
    python_callable: Callable[..., Any] | None = None,
    *,
    include: Sequence[Callable[..., Any]] = (),
    multiple_outputs: bool | None = None,
    **kwargs: Any,
) -> TaskDecorator:
    """Make a task of a function that runs as a PAI training job.

    The function's source and its JSON arguments become the code package; nothing of the worker's memory travels. It
    imports what it needs inside, from the image, from ``requirements`` or from modules of ``source_dir``. The value it
    returns (JSON, at most 64 KiB) is the task's XCom; ``model_uri``, ``job_id`` and all else of a training task's
    result have keys of their own.

    Args:
        python_callable: the function.
        include: functions of the same module that it calls.
        multiple_outputs: whether a returned dict's members become XComs of their own, also in the place of the job's,
            such as ``metrics``. Default: as ``@task`` decides.
        kwargs: arguments of :class:`~airflow_provider_pai.operators.training.PAITrainingOperator`.

    Raises:
        TypeError: the function needs what can't travel (a global name, a closure, a default that is no JSON), or is a
            generator, a coroutine or a lambda; the message names the line.
    """

    def checked(function: Callable[..., Any]) -> Any:
        from airflow_provider_pai.model.function.captures import function_problems

        if problems := function_problems(function, include):
            raise TypeError("@task.pai_training: " + "; ".join(problems))
        return task_decorator_factory(
            function,
            multiple_outputs=multiple_outputs,
            decorated_operator_class=PAITrainingDecoratedOperator,
            include=include,
            **kwargs,
        )

    return checked(python_callable) if python_callable is not None else checked  # type: ignore[return-value]
