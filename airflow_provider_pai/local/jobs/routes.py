"""The routes of training jobs in local PAI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.api.training import JOBS
from airflow_provider_pai.local.http.page import descending
from airflow_provider_pai.local.http.parameters import one_of
from airflow_provider_pai.local.http.response import json_response
from airflow_provider_pai.local.http.schema import checked_body, json_body
from airflow_provider_pai.local.jobs import errors, labels, views
from airflow_provider_pai.local.jobs.checks import CreateJobValidator
from airflow_provider_pai.local.jobs.labels import Label
from airflow_provider_pai.local.jobs.query import MAX_LOG_PAGE_SIZE, read_page, read_time_range, read_times
from airflow_provider_pai.local.jobs.store import JobStore, Record
from airflow_provider_pai.local.jobs.transitions import is_terminal
from airflow_provider_pai.model.training.container import instance_name

_DEFAULT_PAGE_SIZE = 100
_ERROR_LINES = 20
_MEASURED = (
    *("GpuCoreUsage", "GpuMemoryUsage", "CpuCoreUsage", "MemoryUsage"),
    *("NetworkInputRate", "NetworkOutputRate", "DiskReadRate", "DiskWriteRate"),
)
_TIME_STEPS = ("1h", "30m", "5m", "10s")
_PAGE = "{api_url}/pages/jobs/{{job}}"


class JobRunner(Protocol):
    """What runs jobs; :class:`~airflow_provider_pai.local.running.runner.Runner` does."""

    def submit(self, job_id: str) -> None:
        """Take a job that was stored."""
        ...

    def stop(self, job_id: str) -> bool:
        """Stop a job; return False when it has ended already."""
        ...


def routes(
    store: JobStore,
    runner: JobRunner,
    checks: CreateJobValidator,
    now: Callable[[], datetime],
    *,
    api_url: str,
    user_id: str,
) -> list[Route]:
    """Return the routes of all operations on training jobs that local PAI has.

    Args:
        store: where jobs are kept.
        runner: what runs them.
        checks: decides what may be created.
        now: the server's time, in UTC.
        api_url: URL that the server answers at, without a trailing slash.
        user_id: the account that jobs are created by.
    """
    jobs = _Jobs(store, runner, checks, now, _PAGE.format(api_url=api_url), user_id)
    job = f"{JOBS}/{{TrainingJobId}}"
    return [
        Route(JOBS, jobs.create, methods=["POST"]),
        Route(JOBS, jobs.list, methods=["GET"]),
        Route(job, jobs.get, methods=["GET"]),
        Route(job, jobs.delete, methods=["DELETE"]),
        Route(f"{job}/stop", jobs.stop, methods=["PUT"]),
        Route(f"{job}/logs", jobs.logs, methods=["GET"]),
        Route(f"{job}/events", jobs.events, methods=["GET"]),
        Route(f"{job}/instances/{{InstanceId}}/events", jobs.instance_events, methods=["GET"]),
        Route(f"{job}/metrics", jobs.metrics, methods=["GET"]),
        Route(f"{job}/latestmetrics", jobs.latest_metrics, methods=["GET"]),
        Route(f"{job}/instancemetrics", jobs.instance_metrics, methods=["GET"]),
        Route(f"{job}/errorinfo", jobs.error_info, methods=["GET"]),
        Route(f"{job}/outputmodels", jobs.output_models, methods=["GET"]),
        Route(f"{job}/labels", jobs.update_labels, methods=["POST"]),
        Route(f"{job}/labels", jobs.delete_labels, methods=["DELETE"]),
    ]


@dataclass(frozen=True)
class _Jobs:
    """One method per operation. They run in worker threads, because all of them read or write files."""

    store: JobStore
    runner: JobRunner
    checks: CreateJobValidator
    now: Callable[[], datetime]
    console: str
    user_id: str

    def create(self, request: Request) -> Response:
        body, resolver = self.checks.validate(json_body(request)), self.checks.resolver
        places = resolver.channel_uris(body)
        record = self.store.create({**body, "UserId": self.user_id}, resolver.complete, Places=places)
        job_id = record["TrainingJobId"]
        self.runner.submit(job_id)
        return json_response({"TrainingJobId": job_id})

    def list(self, request: Request) -> Response:
        records, total = self.store.query(request.query_params)
        return json_response({"TrainingJobs": [views.job_list_item(record) for record in records], "TotalCount": total})

    def get(self, request: Request) -> Response:
        record = self._find_job(request)
        files = self.store.files(record["TrainingJobId"])
        latest, progress = files.metrics.latest(), files.progress.latest()
        return json_response(views.job_detail(record, latest, progress, self.now(), self.console))

    def delete(self, request: Request) -> Response:
        record = self._find_job(request)
        if not is_terminal(record):
            raise errors.not_ended(record["TrainingJobId"], record["Status"])
        self.store.delete(record["TrainingJobId"])
        return json_response({})

    def stop(self, request: Request) -> Response:
        job_id = self._find_job(request)["TrainingJobId"]
        if not self.runner.stop(job_id):
            raise errors.already_ended(job_id, self._find_job(request)["Status"])
        return json_response({})

    def logs(self, request: Request) -> Response:
        record, query = self._find_job(request), request.query_params
        page = read_page(query, _DEFAULT_PAGE_SIZE, MAX_LOG_PAGE_SIZE)
        job_id, instance = record["TrainingJobId"], _asked_instance(query)
        _check_instance(record, instance)
        since, until = read_times(query)
        files = self.store.files(job_id)
        several = len(record["Instances"]) > 1
        log = files.instance_log(instance) if instance and several else files.log
        lines, total = log.page((page.number - 1) * page.size, page.size, since, until)
        return json_response({"Logs": lines, "TotalCount": str(total)})

    def events(self, request: Request) -> Response:
        return self._events(request, self._find_job(request), "")

    def instance_events(self, request: Request) -> Response:
        record, instance = self._find_job(request), request.path_params["InstanceId"]
        _check_instance(record, instance)
        return self._events(request, record, instance)

    def metrics(self, request: Request) -> Response:
        record, query = self._find_job(request), request.query_params
        page, name = read_page(query, _DEFAULT_PAGE_SIZE), query.get("Name")
        start, end = read_time_range(query)
        points = [
            point
            for point in self.store.files(record["TrainingJobId"]).metrics.all()
            if (not name or point["Name"] == name) and start <= point["Timestamp"] <= (end or "~")
        ]
        if descending(query):
            points.reverse()
        return json_response({"Metrics": list(page.of(points)), "TotalCount": len(points)})

    def latest_metrics(self, request: Request) -> Response:
        record = self._find_job(request)
        # [inferred] that the names are separated by commas.
        names = {name for name in request.query_params.get("Names", "").split(",") if name}
        latest = self.store.files(record["TrainingJobId"]).metrics.latest()
        return json_response({"Metrics": [point for point in latest if not names or point["Name"] in names]})

    def instance_metrics(self, request: Request) -> Response:
        record = self._find_job(request)
        query = request.query_params
        if not query.get("MetricType"):
            raise errors.missing("MetricType")
        one_of(query, "MetricType", _MEASURED)
        one_of(query, "TimeStep", _TIME_STEPS)
        read_time_range(query)
        instance = query.get("InstanceId", "")
        _check_instance(record, instance)
        # Local PAI measures nothing; a client that draws the points has none to draw.
        names = [each["Name"] for each in record["Instances"] if instance in ("", each["Name"])]
        rows = [{"InstanceId": name, "Metrics": []} for name in names]
        return json_response({"InstanceMetrics": rows})

    def error_info(self, request: Request) -> Response:
        record = self._find_job(request)
        tail = self.store.files(record["TrainingJobId"]).log.tail(_ERROR_LINES)
        return json_response({"ErrorInfo": views.error_info(record, tail)})

    def output_models(self, request: Request) -> Response:
        record = self._find_job(request)
        model = views.output_model(record)
        source = {"SourceType": "TrainingJob", "SourceId": record["TrainingJobId"]}
        return json_response({"OutputModels": [{**model, **source}] if model else []})

    def update_labels(self, request: Request) -> Response:
        record = self._find_job(request)
        body = checked_body(request, labels.FORM)
        if "Labels" not in body:
            raise errors.missing("Labels")
        for problem in labels.label_problems(body["Labels"]):
            raise errors.invalid(problem + ".")
        self._change_labels(record, lambda current: labels.merge_labels(current, body["Labels"]))
        return json_response({})

    def delete_labels(self, request: Request) -> Response:
        record = self._find_job(request)
        keys = {key for key in request.query_params.get("Keys", "").split(",") if key}
        if not keys:
            raise errors.missing("Keys")
        self._change_labels(record, lambda current: labels.remove_labels(current, keys))
        return json_response({})

    def _change_labels(self, record: Record, change: Callable[[Sequence[Label]], Sequence[Label]]) -> None:
        self.store.change(record["TrainingJobId"], lambda job: {"Labels": [*change(job.get("Labels", ()))]})

    def _events(self, request: Request, record: Record, instance: str) -> Response:
        page = read_page(request.query_params, _DEFAULT_PAGE_SIZE)
        start, end = read_time_range(request.query_params)
        events = self.store.files(record["TrainingJobId"]).events(instance)
        texts = [f"{time} {text}" for time, text in events if start <= time <= (end or "~")]
        return json_response({"Events": list(page.of(texts)), "TotalCount": str(len(texts))})

    def _find_job(self, request: Request) -> Record:
        job_id = request.path_params["TrainingJobId"]
        record = self.store.get(job_id)
        if record is None:
            raise errors.no_such_job(job_id)
        return record


def _asked_instance(query: Mapping[str, str]) -> str:
    """Read which instance is asked for: ``WorkerId`` is the older name of ``InstanceId``."""
    names = {name for name in (query.get("InstanceId"), query.get("WorkerId")) if name}
    if len(names) > 1:
        raise errors.invalid("The parameters InstanceId and WorkerId contradict each other.")
    return next(iter(names), "")


def _check_instance(record: Record, instance: str) -> None:
    job_id = record["TrainingJobId"]
    if "Instances" not in record:
        raise errors.no_such_instance(job_id)
    if instance and instance not in [instance_name(job_id, rank) for rank in range(len(record["Instances"]))]:
        raise errors.no_such_instance(job_id, instance)
