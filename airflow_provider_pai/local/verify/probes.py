"""The probes: for each inferred behaviour that costs nothing to try, what is sent and what it must answer.

Only lists, objects that do not exist, and one experiment of its own, which is deleted again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.api.endpoints import AI_WORKSPACE, EAS, PAI_STUDIO, Service
from airflow_provider_pai.local.verify.endpoint import ProbeAnswer, Send

Verdict = bool | None
"""Whether an inferred behaviour is the endpoint's; None for one that could not be tried."""
_JOBS, _EXPERIMENTS = "/api/v1/trainingjobs", "/api/v1/experiments"
_ABSENT = "zzz0absent"
_TWO = 2


class Prober:
    """Sends what probes need, and remembers what must be deleted.

    Args:
        send: sends one request.
        region_id: the region.
        workspace_id: the workspace.

    Attributes:
        made: ids of the experiments that are still there.
        answers: the last answer of each probe, for the report.
    """

    def __init__(self, send: Send, region_id: str, workspace_id: str) -> None:
        self._send = send
        self.region_id = region_id
        self.workspace_id = workspace_id
        self.made: list[str] = []
        self.last: ProbeAnswer | None = None

    def ask(
        self, service: Service, action: str, path: str, method: str = "GET", body: Any = None, **query: str
    ) -> ProbeAnswer:
        """Send a request and return the answer."""
        self.last = self._send(service, action, method, path, query, body)
        return self.last

    def repeat(self) -> ProbeAnswer:
        """Send the same nonce twice and return the second answer."""
        nonce = secrets.token_hex(16)
        for _ in range(2):
            self.last = self._send(PAI_STUDIO, "ListTrainingJobs", "GET", _JOBS, {"PageSize": "1"}, None, nonce)
        return self.last or ProbeAnswer(0, {})

    def make_experiment(self, name: str) -> ProbeAnswer:
        """Create an experiment, and remember to delete it."""
        body = {"Name": name, "WorkspaceId": self.workspace_id, "ArtifactUri": "oss://pai-local-verify/experiment/"}
        answer = self.ask(AI_WORKSPACE, "CreateExperiment", _EXPERIMENTS, "POST", body)
        if answer.body.get("ExperimentId"):
            self.made.append(str(answer.body["ExperimentId"]))
        return answer

    def clean_up(self) -> list[str]:
        """Delete what was made, and return the ids of what could not be."""
        for experiment_id in list(self.made):
            try:
                answer = self._send(
                    AI_WORKSPACE, "DeleteExperiment", "DELETE", f"{_EXPERIMENTS}/{experiment_id}", {}, None
                )
            except OSError:
                continue
            if not answer.code:
                self.made.remove(experiment_id)
        return list(self.made)


@dataclass(frozen=True)
class Probe:
    """One inferred behaviour.

    Attributes:
        name: what is inferred, in words.
        run: tries it.
    """

    name: str
    run: Callable[[Prober], Verdict]


def _refuses(service: Service, action: str, path: str, **query: str) -> Callable[[Prober], Verdict]:
    def run(prober: Prober) -> Verdict:
        return prober.ask(service, action, path, WorkspaceId=prober.workspace_id, **query).code == "InvalidParameter"

    return run


def _absent(service: Service, action: str, path: str, status: int, code: str) -> Callable[[Prober], Verdict]:
    def run(prober: Prober) -> Verdict:
        answer = prober.ask(service, action, path.format(region=prober.region_id, absent=_ABSENT))
        return (answer.status, answer.code) == (status, code)

    return run


def _newest_job(prober: Prober, **query: str) -> Mapping[str, Any] | None:
    answer = prober.ask(PAI_STUDIO, "ListTrainingJobs", _JOBS, WorkspaceId=prober.workspace_id, PageSize="1", **query)
    jobs = answer.body.get("TrainingJobs") or ()
    return jobs[0] if jobs else None


def _name_is_matched_in_part(prober: Prober) -> Verdict:
    job = _newest_job(prober)
    if job is None or len(str(job.get("TrainingJobName", ""))) < 2:
        return None
    name = str(job["TrainingJobName"])
    return _newest_job(prober, TrainingJobName=name[1:].swapcase()) is not None


def _ended_job_is_not_stopped(prober: Prober) -> Verdict:
    job = _newest_job(prober, Status="Succeed")
    if job is None:
        return None
    return prober.ask(PAI_STUDIO, "StopTrainingJob", f"{_JOBS}/{job['TrainingJobId']}/stop", "PUT").status == 400


def _default_page_is_ten(prober: Prober) -> Verdict:
    answer = prober.ask(PAI_STUDIO, "ListTrainingJobs", _JOBS, WorkspaceId=prober.workspace_id)
    total, jobs = answer.body.get("TotalCount"), answer.body.get("TrainingJobs") or ()
    return len(jobs) == 10 if isinstance(total, int) and total > 10 else None


def _images_have_a_default_workspace(prober: Prober) -> Verdict:
    named = prober.ask(AI_WORKSPACE, "ListImages", "/api/v1/images", PageSize="1", WorkspaceId=prober.workspace_id)
    other = prober.ask(AI_WORKSPACE, "ListImages", "/api/v1/images", PageSize="1")
    return None if named.code else named.body.get("TotalCount") == other.body.get("TotalCount")


def _experiments_keep_logs_beside_artifacts(prober: Prober) -> Verdict:
    made = prober.make_experiment(f"verify-{secrets.token_hex(6)}")
    if made.code or not prober.made:
        return None
    found = prober.ask(AI_WORKSPACE, "GetExperiment", f"{_EXPERIMENTS}/{prober.made[-1]}").body
    return found.get("TensorboardLogUri") == "oss://pai-local-verify/experiment/tensorboard/"


def _experiment_names_are_taken_once(prober: Prober) -> Verdict:
    name = f"verify-{secrets.token_hex(6)}"
    if prober.make_experiment(name).code:
        return None
    answer = prober.make_experiment(name)
    return (answer.status, answer.code) == (409, "ExperimentAlreadyExists")


def _tokens_are_numbers_of_rows(prober: Prober) -> Verdict:
    query = {"WorkspaceId": prober.workspace_id, "MaxResults": "1"}
    answer = prober.ask(AI_WORKSPACE, "ListExperiment", _EXPERIMENTS, **query)
    total = answer.body.get("TotalCount")
    if answer.code or not isinstance(total, int) or total < _TWO:
        return None
    return str(answer.body.get("NextPageToken")) == query["MaxResults"]


def _nonces_are_used_once(prober: Prober) -> Verdict:
    answer = prober.repeat()
    return (answer.status, answer.code) == (400, "SignatureNonceUsed")


PROBES = (
    Probe(
        "ListTrainingJobs: the greatest PageSize is 100",
        _refuses(PAI_STUDIO, "ListTrainingJobs", _JOBS, PageSize="101"),
    ),
    Probe("ListTrainingJobs: a page has 10 jobs by default", _default_page_is_ten),
    Probe(
        "ListTrainingJobs: an unknown SortBy is refused", _refuses(PAI_STUDIO, "ListTrainingJobs", _JOBS, SortBy="Zzz")
    ),
    Probe("ListTrainingJobs: TrainingJobName is a part of the name in any case", _name_is_matched_in_part),
    Probe(
        "GetTrainingJob: an absent job is TRAINING_JOB_NOT_FOUND with 404",
        _absent(PAI_STUDIO, "GetTrainingJob", f"{_JOBS}/{{absent}}", 404, "TRAINING_JOB_NOT_FOUND"),
    ),
    Probe("StopTrainingJob: a job that has ended is refused with 400", _ended_job_is_not_stopped),
    Probe(
        "GetQuota: an absent quota is QuotaNotFound with 404",
        _absent(PAI_STUDIO, "GetQuota", "/api/v1/quotas/{absent}", 404, "QuotaNotFound"),
    ),
    Probe(
        "GetImage: an absent image is ImageNotFound with 404",
        _absent(AI_WORKSPACE, "GetImage", "/api/v1/images/image-{absent}", 404, "ImageNotFound"),
    ),
    Probe("ListImages: the default workspace is meant when none is named", _images_have_a_default_workspace),
    Probe(
        "GetDataset: an absent dataset is DatasetNotFound with 404",
        _absent(AI_WORKSPACE, "GetDataset", "/api/v1/datasets/d-{absent}", 404, "DatasetNotFound"),
    ),
    Probe(
        "GetWorkspace: an absent workspace is WorkspaceNotFound with 404",
        _absent(AI_WORKSPACE, "GetWorkspace", "/api/v1/workspaces/1", 404, "WorkspaceNotFound"),
    ),
    Probe(
        "GetExperiment: an absent experiment is ExperimentNotFound with 404",
        _absent(AI_WORKSPACE, "GetExperiment", f"{_EXPERIMENTS}/exp-{{absent}}", 404, "ExperimentNotFound"),
    ),
    Probe("CreateExperiment: TensorBoard logs lie in the artifacts' folder", _experiments_keep_logs_beside_artifacts),
    Probe("CreateExperiment: a name is taken once, ExperimentAlreadyExists with 409", _experiment_names_are_taken_once),
    Probe("ListExperiment: a token is the number of rows before the next page", _tokens_are_numbers_of_rows),
    Probe(
        "ListServices: the greatest PageSize is 1000",
        _refuses(EAS, "ListServices", "/api/v2/services", PageSize="1001"),
    ),
    Probe(
        "DescribeService: an absent service is InvalidService.NotFound with 404",
        _absent(EAS, "DescribeService", "/api/v2/services/{region}/{absent}", 404, "InvalidService.NotFound"),
    ),
    Probe("Signature: a nonce is used once, SignatureNonceUsed with 400", _nonces_are_used_once),
    Probe(
        "Gateway: an unknown operation is InvalidAction.NotFound with 404",
        _absent(PAI_STUDIO, "Zzz", "/api/v1/zzz", 404, "InvalidAction.NotFound"),
    ),
)
