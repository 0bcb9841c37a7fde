"""What every task does that sees a job to its end: show its log, and make its end the task's result or error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_pai.base_operator import PAIBaseOperator, as_flag, as_seconds
from airflow_provider_pai.errors import JobError
from airflow_provider_pai.links import CONSOLE_URL_KEY, LINK_KEY, PAITrainingJobLink
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.attempt import refusal_of_airflow

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.client.logs.display import LogDisplay
    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.model.function.report import Report
    from airflow_provider_pai.model.training.diagnosis import Diagnosis
    from airflow_provider_pai.model.training.status import JobSnapshot


class PAIJobWatcher(PAIBaseOperator):
    """Watches one job, and ends as it does.

    Args:
        outage_limit: seconds that PAI may be unreachable before waiting is given up. Default 3600.
        deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
        fail_fast: fail without the retries that are left when the service's own words say that another attempt would
            end the same way: the command failed, there is no such image, a permission is missing. Default: only
            wrong arguments and refused credentials do so. From Airflow 3.3 on, ``retry_policy=PAIRetryPolicy()``
            does the same and lets a job that found no capacity wait longer.
        show_logs: whether the task's log shows the job's log lines, each with its level. Default True.
        log_level: the lowest level of lines that are shown: ``DEBUG`` (default, all), ``INFO``, ``WARNING`` or
            ``ERROR``. A line that names no level is INFO; a traceback is ERROR.
        skip_on_exit_code: exit code, or list of exit codes, of the job's command that skip the task in the place of
            failing it, for example when there was nothing new to train on. It counts only where PAI says which code
            the command ended with. Default: none.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.
    """

    operator_extra_links = (PAITrainingJobLink(),)
    flags: Sequence[str] = ("deferrable", "fail_fast", "show_logs")

    def __init__(
        self,
        *,
        outage_limit: float = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fail_fast: bool = False,
        show_logs: bool = True,
        log_level: str = "DEBUG",
        skip_on_exit_code: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outage_limit = as_seconds(outage_limit)
        self.deferrable = as_flag(deferrable)
        self.fail_fast = as_flag(fail_fast)
        self.show_logs = as_flag(show_logs)
        self.log_level = log_level.upper() if isinstance(log_level, str) else log_level
        self.skip_on_exit_code = skip_on_exit_code
        self._log_shown = False
        self._has_page = True
        self._report: Report | None = None
        self._is_over = False
        # What OpenLineage asks for.
        self._seen_job: JobSnapshot | None = None
        self._diagnosis: Diagnosis | None = None

    @cached_property
    def hook(self) -> PAITrainingHook:
        """Does what is done to the job."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.training import PAITrainingHook

        return PAITrainingHook(**self.connection_arguments)

    def _watch_problems(self) -> list[Problem]:
        """Return what is wrong with the arguments of this class."""
        from airflow_provider_pai.model.reading import seconds_problems
        from airflow_provider_pai.model.training.exit_code import exit_code_problems
        from airflow_provider_pai.model.training.log_level import LEVELS
        from airflow_provider_pai.model.values import shown

        problems = [*self._flag_problems(), *seconds_problems("outage_limit", self.outage_limit, zero=True)]
        if not isinstance(self.log_level, str) or self.log_level not in LEVELS:
            problems.append(Problem("log_level", f"must be one of {', '.join(LEVELS)}, not {shown(self.log_level)}"))
        return problems + exit_code_problems(self.skip_on_exit_code)

    def _wait_for_end(
        self, job_id: str, interval: float, *, try_number: int | None = None, shown: Mapping[str, Any] | None = None
    ) -> JobSnapshot:
        """Wait in this process; see :meth:`PAITrainingHook.wait`."""
        return self.hook.wait(
            job_id,
            interval=interval,
            show=self._show,
            outage_limit=self.outage_limit,
            try_number=try_number,
            shown=shown,
            show_logs=self.show_logs,
        )

    @cached_property
    def _display(self) -> LogDisplay:
        from airflow_provider_pai.client.logs.display import LogDisplay
        from airflow_provider_pai.model.training.log_level import DEBUG, LEVELS

        return LogDisplay(self.log, LEVELS.get(self.log_level, DEBUG))

    @property
    def _shows_all(self) -> bool:
        """Whether the task's log has what a person needs of the job's, so that no error says it again."""
        return self.show_logs and self.log_level in ("DEBUG", "INFO")

    def _show(self, lines: Iterable[str]) -> None:
        self._display.show(lines)
        self._log_shown = self._log_shown or (self._display.has_shown and self._shows_all)

    def _announce(self, context: Context, job: JobSnapshot, text: str) -> None:
        """Let a person see the job while it runs.

        Args:
            context: Airflow's.
            job: the job.
            text: what this task does with it.
        """
        self._seen_job = job
        url = self.hook.console_url(job.job_id)
        self.log.info("%s job %s (%s): %s", text, job.job_id, job.name, url)
        self.has_link = True
        self._push(context, {LINK_KEY: url, CONSOLE_URL_KEY: url, "job_id": job.job_id})

    def _push(self, context: Context, values: Mapping[str, Any]) -> None:
        """Push XComs; with ``do_xcom_push=False`` the link only.

        A push that Airflow refuses tells that the attempt has ended. One that fails otherwise costs no job.
        """
        from airflow_provider_pai.operators.xcom import push_xcom

        for key, value in values.items():
            if key != LINK_KEY and not self.do_xcom_push:
                continue
            try:
                push_xcom(context["ti"], key, value)
            except Exception as error:
                self._is_over = self._is_over or refusal_of_airflow(error)
                if self._is_over:
                    raise
                self.log.warning("XCom %r can't be pushed", key, exc_info=True)

    def _push_result(self, context: Context, value: dict[str, Any]) -> dict[str, Any]:
        """Push each member of the result under a key of its own, so that ``task.output["..."]`` reads it."""
        self._push(context, {key: member for key, member in value.items() if key not in (CONSOLE_URL_KEY, "job_id")})
        return value

    def _finish(self, context: Context, seen: JobSnapshot) -> dict[str, Any]:
        """Return the result of a task after its job has ended: waited for, deferred or adopted.

        Raises:
            JobError: the job ended badly.
            AirflowSkipException: it ended with an exit code that skips the task.
        """
        from airflow_provider_pai.hooks.job_end import finish

        try:
            job, value, self._report = finish(
                self.hook,
                seen,
                log_shown=self._log_shown,
                resumable=self._resumable,
                has_page=self._has_page,
                skip_on_exit_code=self.skip_on_exit_code,
            )
        except JobError as error:
            self._seen_job, self._diagnosis = error.snapshot, error.diagnosis
            raise
        self._seen_job = job
        self._report_model(job, value["model_uri"])
        return self._push_result(context, value)

    def _report_model(self, job: JobSnapshot, model_uri: str | None) -> None:
        """Say where the model lies, or that there is none."""
        from airflow_provider_pai.hooks.job_end import report_model

        report_model(self.hook, job, model_uri, self.log)

    @property
    def _resumable(self) -> bool:
        """Whether the next job of this task resumes where this one stopped."""
        return False
