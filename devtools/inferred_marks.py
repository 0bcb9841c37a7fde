"""Each ``[inferred]`` of the package: the probes of ``pai-local verify`` that try it, or why none does.

By file, in the order of the marks in it. A test finds every mark here, and every probe.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).parents[1] / "airflow_provider_pai"
_MARK = re.compile(r"\[inferred\b")


class Why(Enum):
    """Why a mark has no probe."""

    LEGEND = "explains the mark"
    OURS = "our own decision: any endpoint would do"
    PATIENCE = "how late PAI may be: one look proves nothing"
    SERVICE = "needs a service of its own, on a machine that is paid by the hour"
    QUOTA = "needs a resource quota that is bought by the month"
    FAULT = "needs a failure of PAI's own"
    RATE = "a rate limit: to find it would get in the way of others of the account"
    CONSOLE = "a page of the console, or the name of a right: no operation tells it"
    DATA = "rows in PAI's form that are made up"


Mark = tuple[str, ...] | Why
MARKS: Mapping[str, tuple[Mark, ...]] = {
    "api/endpoints.py": (Why.CONSOLE, Why.CONSOLE),
    "api/quotas.py": (Why.QUOTA,),
    "api/registry.py": (("models.page",), ("models.filter.whole",), ("models.delete",), ("versions.files",)),
    "api/services.py": (Why.SERVICE, Why.SERVICE),
    "api/signing.py": (Why.LEGEND, ("signature.body",), ("signature.headers",)),
    "api/training.py": (
        ("jobs.page.greatest",),
        ("logs.page.greatest",),
        ("jobs.name",),
        ("jobs.delete.outputs",),
    ),
    "client/logs/checkpoint.py": (("labels.merged",),),
    "client/logs/instance_log.py": (("logs.page.greatest",),),
    "client/metrics/feed.py": (("metrics.order",),),
    "client/oss/errors.py": (("objects.digest",),),
    "client/packaging/members.py": (("code.parts",),),
    "client/polling/feed_position.py": (Why.PATIENCE,),
    "client/polling/job_watch.py": (("jobs.sort.labels",),),
    "client/polling/log_queue.py": (Why.RATE,),
    "client/polling/outage.py": (Why.PATIENCE,),
    "client/polling/rate_limit.py": (Why.RATE,),
    "client/polling/service.py": (Why.PATIENCE,),
    "client/transport/config.py": (Why.PATIENCE, ("code.parts",)),
    "client/transport/growing_list.py": (("jobs.page.greatest", "models.page"),),
    "hooks/connection_check.py": (("jobs.absent.labels",),),
    "hooks/connection_credentials.py": (Why.OURS,),
    "lifecycle/registry/registration.py": (Why.PATIENCE, ("versions.taken",)),
    "lifecycle/serving/apply.py": (Why.SERVICE, Why.SERVICE),
    "lifecycle/serving/deployment.py": (Why.SERVICE,),
    "lifecycle/serving/failure_details.py": (("services.events",),),
    "lifecycle/serving/traffic.py": (Why.SERVICE, Why.PATIENCE),
    "lifecycle/training/failure_details.py": (("events.order",),),
    "lifecycle/training/job_finder.py": (Why.PATIENCE,),
    "lifecycle/training/jobs.py": (Why.CONSOLE, ("jobs.stop.ended", "jobs.stop.code")),
    "local/catalogs/catalog.py": (Why.DATA, Why.DATA),
    "local/catalogs/dataset_rows.py": (("datasets.version",),),
    "local/catalogs/datasets.py": (("datasets.absent", "datasets.taken", "datasets.version.absent"),),
    "local/catalogs/experiments.py": (
        ("experiments.absent", "experiments.taken", "experiments.place", "experiments.logs"),
        ("experiments.token",),
    ),
    "local/catalogs/images.py": (("images.absent", "images.taken"), ("images.workspace",)),
    "local/catalogs/machines.py": (("machines.types", "machines.gpus", "machines.drivers"),),
    "local/catalogs/model_rows.py": (("models.name", "versions.status", "models.filter"),),
    "local/catalogs/models.py": (("models.absent", "models.taken", "versions.absent"),),
    "local/catalogs/quotas.py": (("quotas.status",), ("quotas.memory",)),
    "local/catalogs/sts.py": (("roles.policy", "roles.external_id"),),
    "local/catalogs/workloads.py": (("workloads.id", "workloads.place"),),
    "local/catalogs/workspaces.py": (("workspaces.absent",),),
    "local/eas/changes.py": (Why.SERVICE, Why.SERVICE, Why.SERVICE),
    "local/eas/errors.py": (("services.absent", "groups.absent"),),
    "local/eas/group_routes.py": (Why.SERVICE,),
    "local/eas/groups.py": (Why.SERVICE, Why.SERVICE),
    "local/eas/machine_routes.py": (("services.types",),),
    "local/eas/names.py": (Why.SERVICE,),
    "local/eas/query.py": (("services.page.greatest",),),
    "local/eas/report_routes.py": (("services.versions",), ("services.events",), Why.SERVICE),
    "local/eas/schema.py": (Why.SERVICE,),
    "local/eas/views.py": (Why.SERVICE, ("services.tokens",), ("services.diagnosis",)),
    "local/http/gateway.py": (("gateway.action", "gateway.version", "gateway.body", "signature.nonce"),),
    "local/http/roa.py": (("signature.older",),),
    "local/http/rpc.py": (("signature.rpc",),),
    "local/jobs/algorithm_checks.py": (("hyperparameters.default",),),
    "local/jobs/checks.py": (("jobs.name.longest",),),
    "local/jobs/errors.py": (("jobs.absent", "quotas.absent"), ("jobs.stop.ended",), ("jobs.delete.active",)),
    "local/jobs/query.py": (("jobs.page.greatest",), ("logs.page.greatest",), ("jobs.page.default",), ("jobs.name",)),
    "local/jobs/reference_resolver.py": (("experiments.outputs",), ("experiments.tensorboard",)),
    "local/jobs/routes.py": (("metrics.names",),),
    "local/jobs/transitions.py": (("reasons.limit", "reasons.command"),),
    "local/oss/appending.py": (("objects.append",),),
    "local/oss/attributes.py": (("objects.acl.time",),),
    "local/oss/buckets.py": (("buckets.class",),),
    "local/oss/copy_routes.py": (("copies.range",), ("copies.acl",)),
    "local/oss/multipart.py": (("objects.parts",),),
    "local/oss/tagging.py": (("objects.tags",),),
    "local/oss/user_metadata.py": (("objects.metadata",),),
    "local/serving/health.py": (Why.SERVICE,),
    "local/serving/host_resources.py": (Why.OURS,),
    "local/serving/preparation.py": (Why.SERVICE,),
    "local/serving/replica_spec.py": (Why.SERVICE,),
    "local/serving/reverse_proxy.py": (Why.SERVICE,),
    "local/serving/routing.py": (Why.SERVICE,),
    "model/images/row.py": (Why.OURS,),
    "model/monitor/progress.py": (Why.OURS,),
    "model/registry/registration.py": (("models.taken",),),
    "model/serving/names.py": (Why.SERVICE,),
    "model/serving/status.py": (Why.SERVICE, Why.SERVICE),
    "model/serving/wait.py": (Why.PATIENCE,),
    "model/training/container.py": (Why.LEGEND, ("environment.platform",), ("environment.quotes",)),
    "model/training/diagnosis.py": (Why.QUOTA,),
    "model/training/failure_details.py": (Why.FAULT,),
    "model/training/failure_reasons.py": (
        Why.LEGEND,
        Why.FAULT,
        Why.FAULT,
        Why.FAULT,
        Why.FAULT,
        Why.FAULT,
        ("reasons.limit",),
        Why.FAULT,
        ("reasons.limit",),
    ),
    "model/training/job_ends.py": (("jobs.list.lag",),),
    "model/training/job_name.py": (("jobs.name.longest",),),
    "model/training/owner_labels.py": (("labels.longest",),),
    "model/training/queue_place.py": (("workloads.id",),),
    "model/training/request.py": (("command.words",),),
    "model/training/resource_validation.py": (Why.QUOTA,),
    "model/training/response.py": (("instances.failed",), ("labels.modified",), ("metrics.nan",)),
}
DECISIONS = ("code.requirements", "jobs.sort")
"""Probes of what is decided between sources that differ, and of what has no mark of its own."""


def marks_in_source() -> dict[str, int]:
    """Return how many marks each file has."""
    counted = {
        str(path.relative_to(ROOT)): len(_MARK.findall(path.read_text(encoding="utf-8"))) for path in ROOT.rglob("*.py")
    }
    return {name: count for name, count in counted.items() if count}


def summary(free: Mapping[str, str], paid: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the page about what is inferred.

    Args:
        free: texts of the probes that cost nothing, by key.
        paid: texts of those that need jobs, by key.
    """
    marks = [mark for marks in MARKS.values() for mark in marks if mark is not Why.LEGEND]
    probed = [mark for mark in marks if not isinstance(mark, Why)]
    yield "\n## What is inferred, and how it is tried\n\n"
    yield f"{len(marks)} places of the source rest on an assumption about PAI and are marked `[inferred]`. "
    yield f"`pai-local verify` tries {len(probed)} of them with {len(free) + len(paid)} probes: {len(free)} cost "
    yield f"nothing, {len(paid)} need a few small jobs (`--paid`). Of the other {len(marks) - len(probed)}:\n\n"
    yield "| Why there is no probe | Marks |\n|---|---|\n"
    for why, count in Counter(mark for mark in marks if isinstance(mark, Why)).most_common():
        yield f"| {why.value} | {count} |\n"
    yield "\n| Probe | What is inferred | Needs |\n|---|---|---|\n"
    for probes, needs in ((free, "nothing"), (paid, "a job")):
        for key, text in probes.items():
            yield f"| `{key}` | {text} | {needs} |\n"
