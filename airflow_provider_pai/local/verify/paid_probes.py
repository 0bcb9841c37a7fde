"""Probes that need jobs: each of them small, five at most, and run only when they are paid for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow_provider_pai.api.endpoints import AI_WORKSPACE, PAI_STUDIO
from airflow_provider_pai.local.jobs.transitions import ReasonCode
from airflow_provider_pai.local.verify.ledger import JOBS
from airflow_provider_pai.local.verify.paid_jobs import EndedJob, PaidJobs, archive
from airflow_provider_pai.local.verify.prober import Probe, Verdict, is_error
from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES

LONGEST_NAME = 256
_A_SECOND = 1.1
"""Seconds after which a time in whole seconds is another one."""
_CODE, _PARTS = "code/", "parts.tar.gz"
_FACTS = """
echo "pai-verify default=$PAI_HPS_LR"
echo "pai-verify rows=$(ls "$PAI_INPUT_ROWS" | tr '\\n' ' ')"
show='from importlib.metadata import version; print(version("iniconfig"))'
echo "pai-verify requirement=$(python3 -c "$show" 2>&1 | tail -n 1)"
echo "pai-verify unbuffered=$PYTHONUNBUFFERED"
eval "set -- $PAI_USER_ARGS"
while [ "$#" -gt 1 ] && [ "$1" != --text ]; do shift; done
echo "pai-verify quoted=$2"
echo kept > "$PAI_OUTPUT_KEPT/kept"
echo "pai-verify end=1"
"""
_METRICS = ("accuracy", "broken", "loss")
_TEXT = """it's "two" words"""
_SHOW = """\
import pathlib, sys, time
print("pai-verify word=" + sys.argv[1])
print("pai-verify first=" + pathlib.Path("first.txt").read_text())
print("pai-verify second=" + pathlib.Path("zz-second.txt").read_text())
print("loss=0.5 accuracy=0.5 broken=nan", flush=True)
time.sleep(1.1)
print("loss=0.4")
print("pai-verify end=1", flush=True)
"""
_REQUIREMENT, _OLD_VERSION = "iniconfig", "1.1.1"
"""A package of one small file, in a version that no image has: where it is found, it was installed."""


def _code(prober_bucket: str, key: str, region_id: str) -> dict[str, Any]:
    endpoint = f"oss-{region_id}-internal.aliyuncs.com"
    return {"LocationType": "oss", "LocationValue": {"Bucket": prober_bucket, "Key": key, "Endpoint": endpoint}}


def _contract(jobs: PaidJobs) -> Mapping[str, Any] | None:
    """Return the job that shows what a job gets, with what it needs made first."""
    prober = jobs.prober
    if not prober.bucket:
        return None
    name, place = prober.new_name(), f"oss://{prober.bucket}/"
    for key in ("a/first-version", "b/second-version"):
        prober.object("PUT", key, b"row")
    prober.object("PUT", f"{_CODE}requirements.txt", f"{_REQUIREMENT}=={_OLD_VERSION}\n".encode())
    data = {"Uri": f"{place}a/", "Property": "DIRECTORY", "DataSourceType": "OSS"}
    dataset = prober.make("dataset", name, "CreateDataset", {"Name": name, "WorkspaceId": prober.workspace_id, **data})
    dataset_id = dataset.body.get("DatasetId")
    later = {**data, "Uri": f"{place}b/"}
    prober.ask(AI_WORKSPACE, "CreateDatasetVersion", f"/api/v1/datasets/{dataset_id}/versions", "POST", later)
    made = {"Name": name, "WorkspaceId": prober.workspace_id, "ArtifactUri": f"{place}experiment/"}
    experiment = prober.make("experiment", name, "CreateExperiment", made).body.get("ExperimentId")
    return jobs.body(
        ["sh", "-c", _FACTS],
        AlgorithmSpec={
            "CodeDir": _code(prober.bucket, _CODE, prober.region_id),
            "HyperParameters": [{"Name": "lr", "Type": "Float", "DefaultValue": "0.5"}],
            "InputChannels": [{"Name": "rows"}],
            "OutputChannels": [{"Name": "kept"}, {"Name": "tensorboard"}],
        },
        ExperimentConfig={"ExperimentId": experiment},
        HyperParameters=[{"Name": "text", "Value": _TEXT}],
        Environments={"PYTHONUNBUFFERED": "1"},
        InputChannels=[{"Name": "rows", "DatasetId": dataset_id}],
        OutputChannels=[{"Name": "kept"}, {"Name": "tensorboard", "OutputUri": f"{place}elsewhere/"}],
    )


def _parts(jobs: PaidJobs) -> Mapping[str, Any] | None:
    """Return the job with code in a gzip of several members, and a command that is no shell's."""
    prober = jobs.prober
    members = {"first.txt": "1", "show.py": _SHOW, "zz-second.txt": "2"}
    if not prober.bucket or not prober.object("PUT", _PARTS, archive(members, of_parts=3)).is_done:
        return None
    return jobs.body(
        ["python3", "show.py", "$HOME"],
        AlgorithmSpec={
            "CodeDir": _code(prober.bucket, _PARTS, prober.region_id),
            "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([0-9.]+|nan)"} for name in _METRICS],
        },
    )


def _failing(jobs: PaidJobs) -> Mapping[str, Any]:
    """Return the job that fails, and has the longest name there may be."""
    longest = jobs.prober.new_name().ljust(LONGEST_NAME, "x")
    return jobs.body(["sh", "-c", "echo pai-verify end=1; exit 3"], TrainingJobName=longest)


def _fact(name: str, expected: str) -> Callable[[PaidJobs], Verdict]:
    """Return a probe of what the contract's job printed."""

    def run(jobs: PaidJobs) -> Verdict:
        job = jobs.ended("contract", partial(_contract, jobs))
        return None if job is None or not job.facts else job.facts.get(name) == expected

    return run


def _several_members_are_unpacked(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("parts", partial(_parts, jobs))
    if job is None:
        return None
    return job.is_success and (job.facts.get("first"), job.facts.get("second")) == ("1", "2")


def _no_shell_expands_a_command(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("parts", partial(_parts, jobs))
    return None if job is None or "word" not in job.facts else job.facts["word"] == "$HOME"


def _outputs_go_below_the_experiment(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("contract", partial(_contract, jobs))
    if job is None or not job.is_success:
        return None
    return jobs.prober.object("GET", f"experiment/{job.job_id}/kept/kept").is_done


def _logs_go_below_the_experiment(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("contract", partial(_contract, jobs))
    channels = job.shown.get("OutputChannels") if job else None
    if not isinstance(channels, list):
        return None
    uris = [str(each.get("OutputUri")) for each in channels if each.get("Name") == "tensorboard"]
    return any("/experiment/tensorboard/" in uri for uri in uris)


def _a_list_shows_an_end_in_time(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("failing", partial(_failing, jobs))
    if job is None:
        return None
    name = str(job.shown.get("TrainingJobName"))
    found = jobs.prober.newest_job(TrainingJobName=name)
    return found is not None and found.get("Status") == job.shown.get("Status")


def _reason(key: str, body: Callable[[PaidJobs], Mapping[str, Any]], code: str) -> Callable[[PaidJobs], Verdict]:
    def run(jobs: PaidJobs) -> Verdict:
        job: EndedJob | None = jobs.ended(key, partial(body, jobs))
        return None if job is None else job.reason == ("Failed", code)

    return run


def _limited(jobs: PaidJobs) -> Mapping[str, Any]:
    limit = {"MaxRunningTimeInSeconds": jobs.options.limit_s}
    return jobs.body(["sh", "-c", "sleep 3600"], Scheduler=limit)


def _a_job_under_way_is_not_deleted(jobs: PaidJobs) -> Verdict:
    """Try to delete a job before it ends; it is the one that then breaks its limit."""
    job_id = jobs.create(_limited(jobs))
    if not job_id:
        return None
    refused = jobs.prober.ask(PAI_STUDIO, "DeleteTrainingJob", f"{JOBS}/{job_id}", "DELETE")
    jobs.remember("limited", job_id)
    return is_error(refused, 400, "BadRequest")


def _labels_have_a_greatest_length(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("failing", partial(_failing, jobs))
    if job is None:
        return None
    path = f"{JOBS}/{job.job_id}/labels"
    answers = [
        jobs.prober.ask(
            PAI_STUDIO, "UpdateTrainingJobLabels", path, "POST", {"Labels": [{"Key": "a", "Value": "x" * length}]}
        )
        for length in (LABEL_BYTES, LABEL_BYTES + 1)
    ]
    return answers[0].is_done and not answers[1].is_done


def _labels_move_the_time_of_change(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("failing", partial(_failing, jobs))
    if job is None:
        return None
    before = jobs.shown(job.job_id).get("GmtModifiedTime")
    jobs.pause(_A_SECOND)
    path = f"{JOBS}/{job.job_id}/labels"
    body = {"Labels": [{"Key": "b", "Value": "c"}]}
    if not jobs.prober.ask(PAI_STUDIO, "UpdateTrainingJobLabels", path, "POST", body).is_done:
        return None
    return jobs.shown(job.job_id).get("GmtModifiedTime") != before


def _labels_are_merged(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("failing", partial(_failing, jobs))
    if job is None:
        return None
    for key in ("merged-1", "merged-2"):
        body = {"Labels": [{"Key": key, "Value": "x"}]}
        jobs.prober.ask(PAI_STUDIO, "UpdateTrainingJobLabels", f"{JOBS}/{job.job_id}/labels", "POST", body)
    labels = jobs.shown(job.job_id).get("Labels")
    return {"merged-1", "merged-2"} <= {each.get("Key") for each in labels} if isinstance(labels, list) else None


def _a_metric_that_is_no_number_is_listed(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("parts", partial(_parts, jobs))
    if job is None or not job.is_success:
        return None
    path, query = f"{JOBS}/{job.job_id}/metrics", {"Name": "broken"}
    return bool(jobs.prober.ask(PAI_STUDIO, "ListTrainingJobMetrics", path, **query).rows("Metrics"))


def _a_failed_instance_is_called_so(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("failing", partial(_failing, jobs))
    instances = job.shown.get("Instances") if job else None
    if not isinstance(instances, list) or not instances:
        return None
    return [each.get("Status") for each in instances] == ["Failed"]


def _names_have_a_greatest_length(jobs: PaidJobs) -> Verdict:
    if jobs.ended("failing", partial(_failing, jobs)) is None:
        return False if jobs.prober.last and jobs.prober.last.code == "InvalidParameter" else None
    too_long = jobs.body(["true"], TrainingJobName=jobs.prober.new_name().ljust(LONGEST_NAME + 1, "x"))
    return not jobs.create(too_long)


def _an_ended_job_is_not_stopped(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("failing", partial(_failing, jobs))
    if job is None:
        return None
    return is_error(
        jobs.prober.ask(PAI_STUDIO, "StopTrainingJob", f"{JOBS}/{job.job_id}/stop", "PUT"), 400, "BadRequest"
    )


def _outputs_stay_when_a_job_is_deleted(jobs: PaidJobs) -> Verdict:
    job = jobs.ended("contract", partial(_contract, jobs))
    key = f"experiment/{job.job_id}/kept/kept" if job else ""
    if job is None or not jobs.prober.object("GET", key).is_done:
        return None
    if not jobs.prober.ask(PAI_STUDIO, "DeleteTrainingJob", f"{JOBS}/{job.job_id}", "DELETE").is_done:
        return None
    return jobs.prober.object("GET", key).is_done


_RUNS: tuple[tuple[str, str, Callable[[PaidJobs], Verdict]], ...] = (
    ("code.parts", "CodeDir: a .tar.gz of several gzip members is unpacked whole", _several_members_are_unpacked),
    ("command.words", "Command: several words are run as they are, without a shell", _no_shell_expands_a_command),
    (
        "code.requirements",
        "CodeDir: requirements.txt in its folder is installed",
        _fact("requirement", _OLD_VERSION),
    ),
    ("environment.platform", "Environments: a variable of the platform can be set", _fact("unbuffered", "1")),
    ("environment.quotes", "PAI_USER_ARGS: eval gets any value unchanged", _fact("quoted", _TEXT)),
    ("labels.merged", "UpdateTrainingJobLabels: other labels stay", _labels_are_merged),
    (
        "metrics.nan",
        "ListTrainingJobMetrics: a point that is no number is listed",
        _a_metric_that_is_no_number_is_listed,
    ),
    ("labels.modified", "UpdateTrainingJobLabels: moves GmtModifiedTime", _labels_move_the_time_of_change),
    (
        "instances.failed",
        "GetTrainingJob: an instance is Failed when its command failed",
        _a_failed_instance_is_called_so,
    ),
    ("hyperparameters.default", "HyperParameters: one that is not given has its default", _fact("default", "0.5")),
    (
        "datasets.version",
        "InputChannels: a dataset without VersionName is its first version",
        _fact("rows", "first-version"),
    ),
    (
        "experiments.outputs",
        "OutputChannels: one without OutputUri lies below the experiment",
        _outputs_go_below_the_experiment,
    ),
    (
        "experiments.tensorboard",
        "OutputChannels: TensorBoard logs lie below the experiment",
        _logs_go_below_the_experiment,
    ),
    (
        "jobs.delete.active",
        "DeleteTrainingJob: a job under way is BadRequest with 400",
        _a_job_under_way_is_not_deleted,
    ),
    (
        "reasons.limit",
        "MaxRunningTimeInSeconds: the job is Failed, MaxRunningTimeExceeded",
        _reason("limited", _limited, ReasonCode.TIMEOUT),
    ),
    (
        "reasons.command",
        "Command: a failing one is Failed, UserCommandFailed",
        _reason("failing", _failing, ReasonCode.COMMAND_FAILED),
    ),
    ("jobs.list.lag", "ListTrainingJobs: shows an end as soon as GetTrainingJob does", _a_list_shows_an_end_in_time),
    (
        "jobs.name.longest",
        f"CreateTrainingJob: a name has {LONGEST_NAME} characters at most",
        _names_have_a_greatest_length,
    ),
    (
        "labels.longest",
        f"UpdateTrainingJobLabels: a value has {LABEL_BYTES} bytes at most",
        _labels_have_a_greatest_length,
    ),
    (
        "jobs.stop.code",
        "StopTrainingJob: of a job that has ended it is BadRequest with 400",
        _an_ended_job_is_not_stopped,
    ),
    ("jobs.delete.outputs", "DeleteTrainingJob: what the job wrote to OSS stays", _outputs_stay_when_a_job_is_deleted),
)


PAID: Mapping[str, str] = {key: name for key, name, _ in _RUNS}
"""What each of them tries, by its key."""


def paid_probes(jobs: PaidJobs) -> tuple[Probe, ...]:
    """Return the probes, bound to the jobs that they share."""
    return tuple(Probe(key, name, lambda _, run=run: run(jobs)) for key, name, run in _RUNS)  # type: ignore[misc]
