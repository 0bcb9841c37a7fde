"""Members of CreateTrainingJob that are taken, and change nothing on this machine.

The same DAG is to work on a laptop and in the cloud, so they are not refused; the job's log names those that a job
has. This is the one list of them: the checks, the log and the table of what local PAI serves all read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_pai.local.http.schema import means_something

WITHOUT_EFFECT: Mapping[str, str] = {
    "RoleArn": "jobs of this machine have no RAM role",
    "CredentialConfig": "jobs of this machine get no credentials injected",
    "UserVpc": "this machine has no VPC: jobs use its network",
    "AssignNodeSpec": "this machine is the only node",
    "Settings": "they choose and watch the cloud's nodes",
    "Priority": "only jobs of a resource quota wait by priority",
    "AlgorithmSpec.ComputeResource": "all jobs run on this machine",
    "AlgorithmSpec.ResourceRequirements": "all jobs run on this machine",
    "ComputeResource.UseSpotInstance": "this machine is not reclaimed",
    "ComputeResource.SpotSpec": "this machine has no price",
    "InputChannels[].Options": "inputs are read from this machine's disk",
    "InputChannels[].RoleArn": "jobs of this machine have no RAM role",
    "OutputChannels[].RoleArn": "jobs of this machine have no RAM role",
}
"""Why each has no effect, by path; ``[]`` stands for the items of a list."""


def lines_without_effect(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for a job's log about each member that it has and that changes nothing here.

    Args:
        job: a checked body of CreateTrainingJob, or a stored job.
    """
    for path, why in WITHOUT_EFFECT.items():
        if path == "Priority" and job["ComputeResource"].get("ResourceId"):
            continue
        if means_something(_values(job, path.split("."))):
            yield f"{path.replace('[]', '')} is taken without effect: {why}"


def as_run_here(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job without the network of the cloud; its members need not be complete when it is not used."""
    return {name: value for name, value in job.items() if name != "UserVpc"}


def _values(value: Any, names: list[str]) -> Any:
    """Return a member, or the members of all items of a list; None when there is none."""
    if not names:
        return value
    if not isinstance(value, Mapping):
        return None
    name, rest = names[0], names[1:]
    if name.endswith("[]"):
        return [_values(item, rest) for item in value.get(name[:-2], ())]
    return _values(value.get(name), rest)
